//! `read`: read a line into variables.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};

use super::call::write_all;
use super::{Call, Command, Flow, Group, Operand, Opt, Parse};
use crate::failure::Failure;
use crate::script::fields::read_fields;
use crate::script::vars::is_name;
use crate::sys::signal;
use crate::time::Instant;

pub(super) const COMMAND: Command = Command {
    name: "read",
    group: Group::Language,
    summary: "read a line into variables",
    usage: "[-r] [-p PROMPT] [-t SECONDS] NAME…",
    details: "The line is split at the characters of IFS; the last name gets what is left. Status 1 at the end\n\
              of the input and when the time is over.",
    parse: Parse::Posix,
    options: &[
        Opt::letter('r', "a backslash is an ordinary character"),
        Opt::letter_value('p', "PROMPT", "shown on standard error first"),
        Opt::letter_value('t', "SECONDS", "how long to wait"),
    ],
    see: &["prompt"],
    terms: &["input", "line"],
    examples: &[
        ("while IFS== read -r key value; do echo \"$key\"; done < FILE", "line by line"),
        ("read -p 'disk? ' -t 10 disk", "asks, ten seconds"),
    ],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let names: Vec<_> = call.args.iter().map(|word| call.text(word).map(str::to_owned)).collect::<Result<_, _>>()?;
    if names.is_empty() {
        return Err(Failure::usage("missing name of a variable"));
    }
    if let Some(bad) = names.iter().find(|name| !is_name(name)) {
        return Err(Failure::usage(format!("'{bad}' is not a variable's name")));
    }
    if let Some(prompt) = call.given.value("p") {
        write_all(&std::io::stderr(), prompt.as_encoded_bytes())?;
    }
    let limit: Option<Duration> = call.given.duration("t")?;
    let deadline = limit.map(|limit| Instant::now() + limit);
    let (line, whole) = read_line(call.given.flag("r"), deadline)?;
    let values = read_fields(&line, call.shell.vars.ifs(), names.len());
    for (index, name) in names.iter().enumerate() {
        let value = values.get(index).cloned().unwrap_or_default();
        call.shell.assign(name, value)?;
    }
    Ok(Flow::Status(u8::from(!whole)))
}

/// One line, each byte with whether a backslash quoted it, and whether its newline came. Read byte by
/// byte: what follows is for whoever reads next.
fn read_line(raw: bool, deadline: Option<Instant>) -> Result<(Vec<(u8, bool)>, bool), Failure> {
    let mut line = Vec::new();
    let mut escaped = false;
    loop {
        let Some(byte) = read_byte(deadline)? else {
            return Ok((line, false));
        };
        match byte {
            // A line that goes on: both are dropped.
            b'\n' if escaped => {}
            b'\n' => return Ok((line, true)),
            b'\\' if !raw && !escaped => {
                escaped = true;
                continue;
            }
            0 => {}
            byte => line.push((byte, escaped)),
        }
        escaped = false;
    }
}

/// The next byte; `None` at the end of the input and when the time is over.
fn read_byte(deadline: Option<Instant>) -> Result<Option<u8>, Failure> {
    let input = std::io::stdin();
    let mut byte = [0];
    loop {
        if deadline.is_some() {
            let mut fds = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
            if !signal::poll_until(&mut fds, deadline)? {
                return Ok(None);
            }
        }
        match nix::unistd::read(&input, &mut byte) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(Some(byte[0])),
            Err(Errno::EINTR) => signal::check_interrupt()?,
            Err(Errno::EAGAIN) => {
                let mut fds = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
                signal::poll_until(&mut fds, deadline)?;
            }
            Err(errno) => return Err(Failure::errno("read standard input", errno)),
        }
    }
}
