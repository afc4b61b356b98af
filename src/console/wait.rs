//! The edge of [`countdown`](super::countdown): shows it, reads the keys, sleeps in between. Invariant:
//! input that came before it began does not count, and an input that has ended is not read again.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use nix::sys::termios::{FlushArg, tcflush};

use super::countdown::{Countdown, Outcome};
use super::tty::{Terminal, make_blocking};
use crate::cmd::call::write_all;
use crate::sys::signal;
use crate::time::Instant;

/// How often the text is written where it cannot be updated in place.
enum Display<'a> {
    /// Once a second, over itself. `{}` stands for the seconds.
    Updating(&'a str),
    /// Once.
    Still(&'a str),
}

/// Runs the countdown on standard input. In `text`, `{}` stands for the seconds left. Earlier input is
/// thrown away if it came from a terminal. The time is over, too, where there is no limit and the input
/// has ended. `None`: Ctrl-C (only with `signals`).
pub fn run(mut countdown: Countdown, text: &str, signals: bool) -> Option<Outcome> {
    let terminal = Terminal::standard();
    let _ = make_blocking(&std::io::stdin());
    // The window opens before the text is there: whoever reads it and types is heard.
    let raw = terminal.raw(signals);
    if terminal.is_present() {
        let _ = tcflush(std::io::stdin(), FlushArg::TCIFLUSH);
    }
    let display = if text.contains("{}") && terminal.is_present() {
        Display::Updating(text)
    } else {
        Display::Still(text)
    };
    let outcome = wait(&mut countdown, &display);
    if outcome == Some(Outcome::Pressed) && countdown.ended_by_escape() && terminal.is_present() {
        swallow_sequence();
    }
    drop(raw);
    outcome
}

fn wait(countdown: &mut Countdown, display: &Display<'_>) -> Option<Outcome> {
    let mut open = true;
    let mut shown = None;
    let outcome = loop {
        let now = Instant::now();
        if let Some(outcome) = countdown.outcome(now) {
            break Some(outcome);
        }
        if signal::interrupted() {
            break None;
        }
        let left = countdown.seconds_left(now);
        if !open && left.is_none() {
            // The key can no longer come, and there is no end to wait for.
            break Some(Outcome::TimeOver);
        }
        if shown != Some(left) {
            show(display, shown.is_none(), left);
            shown = Some(left);
        }
        // A millisecond late rather than early, so that the text has changed.
        let change = countdown.next_change(now);
        let until = change.map(|after| now + after + Duration::from_millis(1));
        if !open {
            let _ = signal::sleep_until(until);
            continue;
        }
        match next_byte(until) {
            Ok(Some(byte)) => countdown.input(&[byte]),
            Ok(None) => {}
            Err(_) => open = false,
        }
    };
    if shown.is_some() {
        end(display);
    }
    outcome
}

/// A byte of standard input; `None` where none came until then, or Ctrl-C did. Only one: what follows
/// the key belongs to the shell, or to whoever reads the pipe next. Errors: there will be no more.
fn next_byte(until: Option<Instant>) -> Result<Option<u8>, Errno> {
    let stdin = std::io::stdin();
    let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    match signal::poll_until(&mut fds, until) {
        Ok(true) => {}
        Ok(false) => return Ok(None),
        Err(failure) => return failure.cause().map_or(Ok(None), Err),
    }
    let mut byte = [0];
    match nix::unistd::read(&stdin, &mut byte) {
        Ok(0) => Err(Errno::ENODATA),
        Ok(_) => Ok(Some(byte[0])),
        Err(Errno::EINTR | Errno::EAGAIN) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// An arrow key is ESC and more; the rest of it is not for the shell.
fn swallow_sequence() {
    let soon = || Some(Instant::now() + Duration::from_millis(30));
    let Ok(Some(b'[' | b'O')) = next_byte(soon()) else {
        return;
    };
    for _ in 0..8 {
        match next_byte(soon()) {
            Ok(Some(byte)) if !(0x40..=0x7e).contains(&byte) => {}
            _ => return,
        }
    }
}

fn show(display: &Display<'_>, first: bool, seconds: Option<u64>) {
    let (text, back) = match display {
        Display::Updating(text) => (text, "\r"),
        Display::Still(text) if first => (text, ""),
        Display::Still(_) => return,
    };
    if text.is_empty() {
        return;
    }
    let line = match seconds {
        Some(seconds) => text.replace("{}", &seconds.to_string()),
        None => (*text).to_owned(),
    };
    // The number gets shorter; a blank wipes its last digit.
    let back = if first { "" } else { back };
    let wipe = if first { "" } else { " \x08" };
    write(format!("{back}{line}{wipe}").as_bytes());
}

fn end(display: &Display<'_>) {
    let (Display::Updating(text) | Display::Still(text)) = display;
    if !text.is_empty() {
        write(b"\n");
    }
}

fn write(bytes: &[u8]) {
    // A countdown that nobody sees runs all the same.
    let _ = write_all(&std::io::stdout(), bytes);
}
