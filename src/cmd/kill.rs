//! `kill`: send a signal to processes.

use std::ffi::OsString;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Call, Command, Flow, Group, Operand, Parse};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "kill",
    group: Group::Services,
    summary: "send a signal to processes",
    usage: "[-SIGNAL | -s SIGNAL] PID|%JOB… | -l [NUMBER]",
    details: "SIGNAL is a name with or without SIG, or a number; TERM if none is given, 0 only looks whether
the process is there. A negative PID (after --) is a process group. -l lists the signals.",
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
    let mut signal = Some(Signal::SIGTERM);
    let first = args.first().and_then(|word| word.to_str()).unwrap_or_default().to_owned();
    match first.as_str() {
        "-l" | "-L" => return list(call, &args[1..]),
        "-s" | "-n" => {
            let name = args.get(1).ok_or_else(|| Failure::usage(format!("{first} needs a SIGNAL")))?;
            signal = parse_signal(call.text(name)?)?;
            args.drain(..2);
        }
        "--" => {}
        word if word.len() > 1 && word.starts_with('-') => {
            signal = parse_signal(&word[1..])?;
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
    call.for_each(&args, |call, word| send(call, word, signal))
}

fn send(call: &Call<'_>, word: &OsString, signal: Option<Signal>) -> Result<(), Failure> {
    let text = call.text(word)?;
    let job = text.starts_with('%');
    for pid in targets(call, text)? {
        let name = signal.map_or("signal 0", Signal::as_str);
        kill(pid, signal).map_err(|errno| {
            let failure = Failure::errno(format!("send {name} to {text}"), errno);
            match errno {
                Errno::ESRCH => failure.with_hint("no such process ('ps' lists them)"),
                Errno::EPERM => failure.with_hint("it belongs to another user"),
                _ => failure,
            }
        })?;
        // A stopped job would not hear of its end before it goes on.
        if job && matches!(signal, Some(Signal::SIGTERM | Signal::SIGHUP)) {
            let _ = kill(pid, Signal::SIGCONT);
        }
    }
    Ok(())
}

fn targets(call: &Call<'_>, text: &str) -> Result<Vec<Pid>, Failure> {
    if text.starts_with('%') {
        let job = call.shell.jobs.find(text);
        let job = job.ok_or_else(|| Failure::new(format!("no job {text}")).with_hint("'jobs' lists them"))?;
        return Ok(match job.group {
            Some(group) => vec![Pid::from_raw(-group.as_raw())],
            None => job.processes.iter().map(|(pid, _)| *pid).collect(),
        });
    }
    let pid = text.parse().map_err(|_| Failure::usage(format!("'{text}' is not a PID")))?;
    Ok(vec![Pid::from_raw(pid)])
}

/// `TERM`, `SIGTERM`, `term`, `15`; `None` is signal 0.
fn parse_signal(text: &str) -> Result<Option<Signal>, Failure> {
    if text == "0" {
        return Ok(None);
    }
    let upper = text.to_ascii_uppercase();
    let short = upper.strip_prefix("SIG").unwrap_or(&upper);
    let number: Option<i32> = text.parse().ok();
    let found = Signal::iterator().find(|signal| short_name(*signal) == short || number == Some(*signal as i32));
    found
        .map(Some)
        .ok_or_else(|| Failure::usage(format!("'{text}' is not a signal")).with_hint("'kill -l' lists them"))
}

fn short_name(signal: Signal) -> &'static str {
    signal.as_str().strip_prefix("SIG").unwrap_or(signal.as_str())
}

fn list(call: &mut Call<'_>, numbers: &[OsString]) -> Result<Flow, Failure> {
    if numbers.is_empty() {
        for signal in Signal::iterator() {
            call.print(format_args!("{:>2} {}\n", signal as i32, short_name(signal)));
        }
        return Ok(Flow::OK);
    }
    for word in numbers {
        let text = call.text(word)?;
        let answer = match text.parse::<i32>() {
            // A status above 128 tells which signal ended a command.
            Ok(number) => parse_signal(&(number % 128).to_string())?.map_or("0", short_name).to_owned(),
            Err(_) => parse_signal(text)?.map_or(0, |signal| signal as i32).to_string(),
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
            assert_eq!(parse_signal(text).unwrap(), Some(Signal::SIGTERM), "{text}");
        }
        assert_eq!(parse_signal("0").unwrap(), None);
        for text in ["", "SIG", "NOPE", "99", "-1"] {
            assert!(parse_signal(text).is_err(), "{text}");
        }
    }
}
