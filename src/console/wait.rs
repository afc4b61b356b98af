//! The edge of [`countdown`](super::countdown): shows it, reads the keys, sleeps in between. Invariant:
//! input that came before it began does not count, and an input that has ended is not read again.

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
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
    let outcome = wait(&mut countdown, &display, terminal.is_present());
    drop(raw);
    if !text.is_empty() {
        write(b"\n");
    }
    outcome
}

fn wait(countdown: &mut Countdown, display: &Display<'_>, all: bool) -> Option<Outcome> {
    let mut open = true;
    let mut shown = None;
    loop {
        let now = Instant::now();
        if let Some(outcome) = countdown.outcome(now) {
            return Some(outcome);
        }
        if signal::interrupted() {
            return None;
        }
        let left = countdown.seconds_left(now);
        if !open && left.is_none() {
            // The key can no longer come, and there is no end to wait for.
            return Some(Outcome::TimeOver);
        }
        if shown != Some(left) {
            show(display, shown.is_none(), left);
            shown = Some(left);
        }
        let timeout = countdown
            .next_change(now)
            .map_or(PollTimeout::NONE, |until| {
                // A millisecond late rather than early, so that the text has changed.
                PollTimeout::try_from(until + std::time::Duration::from_millis(1))
                    .unwrap_or(PollTimeout::MAX)
            });
        if open {
            open = input(countdown, timeout, all);
        } else {
            sleep(timeout);
        }
    }
}

/// Waits for input and takes it; whether there may be more. A pipe is read byte by byte: what follows
/// the key belongs to somebody else.
fn input(countdown: &mut Countdown, timeout: PollTimeout, all: bool) -> bool {
    let stdin = std::io::stdin();
    let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    match poll(&mut fds, timeout) {
        Ok(0) | Err(Errno::EINTR) => return true,
        Ok(_) => {}
        Err(_) => return false,
    }
    let mut chunk = [0; 64];
    let size = if all { chunk.len() } else { 1 };
    match nix::unistd::read(&stdin, &mut chunk[..size]) {
        Ok(0) => false,
        Ok(count) => {
            countdown.input(&chunk[..count]);
            true
        }
        Err(Errno::EINTR | Errno::EAGAIN) => true,
        Err(_) => false,
    }
}

/// Nobody can press a key any more.
fn sleep(timeout: PollTimeout) {
    let _ = poll(&mut [], timeout);
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

fn write(bytes: &[u8]) {
    // A countdown that nobody sees runs all the same.
    let _ = write_all(&std::io::stdout(), bytes);
}
