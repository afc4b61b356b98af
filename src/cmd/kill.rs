//! `kill`: send a signal to processes.

use std::ffi::OsString;

use nix::errno::Errno;
use nix::sys::signal::Signal;

use super::{Call, Command, Flow, Group, Operand, Parse};
use crate::failure::Failure;
use crate::script::traps::signal_name;
use crate::supervise::describe;
use crate::sys::{child::Exit, signal};

const HUP: u8 = 1;
const TERM: u8 = 15;

pub(super) const COMMAND: Command = Command {
    name: "kill",
    group: Group::Services,
    summary: "send a signal to processes",
    usage: "[-SIGNAL | -s SIGNAL] PID|%JOB… | -l [NUMBER]",
    details: "SIGNAL is a name with or without SIG, or a number; TERM if none is given, 0 only looks whether
the process is there. RTMIN+3 is a real-time signal; 'kill -RTMIN+4 1' powers off. A negative PID
(after --) is a process group. -l lists the signals that have names.",
    parse: Parse::Raw,
    examples: &[
        ("kill 42", "ask a process to end"),
        ("kill -9 42", "end it"),
        ("kill -HUP %1", "a background job"),
        ("kill -- -42", "a process group"),
    ],
    see: &["ps", "stop", "jobs"],
    terms: &["signal", "end", "terminate"],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let mut args = std::mem::take(&mut call.args);
    let mut number = TERM;
    let first = args.first().and_then(|word| word.to_str()).unwrap_or_default().to_owned();
    match first.as_str() {
        "-l" | "-L" => return list(call, &args[1..]),
        "-s" | "-n" => {
            let name = args.get(1).ok_or_else(|| Failure::usage(format!("{first} needs a SIGNAL")))?;
            number = parse_signal(call.text(name)?)?;
            args.drain(..2);
        }
        "--" => {}
        word if word.len() > 1 && word.starts_with('-') => {
            number = parse_signal(&word[1..])?;
            args.remove(0);
        }
        _ => {}
    }
    if args.first().is_some_and(|word| word == "--") {
        args.remove(0);
    }
    if args.is_empty() {
        return Err(Failure::usage("missing PID"));
    }
    call.for_each(&args, |call, word| send(call, word, number))
}

fn send(call: &Call<'_>, word: &OsString, number: u8) -> Result<(), Failure> {
    let text = call.text(word)?;
    let job = text.starts_with('%');
    for pid in targets(call, text)? {
        signal::send(pid, i32::from(number)).map_err(|errno| {
            let failure = Failure::errno(format!("send {} to {text}", Exit::Signal(number)), errno);
            match errno {
                Errno::ESRCH => failure.with_hint("no such process ('ps' lists them)"),
                Errno::EPERM => failure.with_hint("it belongs to another user"),
                _ => failure,
            }
        })?;
        // A stopped job would not hear of its end before it goes on.
        if job && matches!(number, TERM | HUP) {
            let _ = signal::send(pid, libc::SIGCONT);
        }
    }
    Ok(())
}

fn targets(call: &Call<'_>, text: &str) -> Result<Vec<i32>, Failure> {
    if text.starts_with('%') {
        let job = call.shell.jobs.find(text);
        let job = job.ok_or_else(|| Failure::new(format!("no job {text}")).with_hint("'jobs' lists them"))?;
        return Ok(match job.group {
            Some(group) => vec![-group.as_raw()],
            None => job.processes.iter().map(|(pid, _)| pid.as_raw()).collect(),
        });
    }
    let pid = text.parse().map_err(|_| Failure::usage(format!("'{text}' is not a PID")))?;
    Ok(vec![pid])
}

/// `TERM`, `SIGTERM`, `term`, `15`, `RTMIN+3`, and 0.
fn parse_signal(text: &str) -> Result<u8, Failure> {
    if text == "0" {
        return Ok(0);
    }
    describe::signal(text).map_err(|failure| failure.with_hint("'kill -l' lists them"))
}

fn list(call: &mut Call<'_>, numbers: &[OsString]) -> Result<Flow, Failure> {
    if numbers.is_empty() {
        for signal in Signal::iterator() {
            call.print(format_args!("{:>2} {}\n", signal as i32, signal_name(signal as i32)));
        }
        return Ok(Flow::OK);
    }
    for word in numbers {
        let text = call.text(word)?;
        let answer = match text.parse::<i32>() {
            // A status above 128 tells which signal ended a command.
            Ok(number) if number % 128 == 0 => "0".to_owned(),
            Ok(number) => signal_name(i32::from(parse_signal(&(number % 128).to_string())?)),
            Err(_) => parse_signal(text)?.to_string(),
        };
        call.print(format_args!("{answer}\n"));
    }
    Ok(Flow::OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_by_any_name() {
        for text in ["TERM", "SIGTERM", "term", "sigterm", "15"] {
            assert_eq!(parse_signal(text).unwrap(), TERM, "{text}");
        }
        assert_eq!(parse_signal("0").unwrap(), 0);
        assert_eq!(parse_signal("SIGRTMIN+3").unwrap(), 37);
        for text in ["", "SIG", "NOPE", "99", "-1"] {
            assert!(parse_signal(text).is_err(), "{text}");
        }
    }
}
