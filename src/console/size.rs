//! How large the terminal at the other end of a serial line is. The line itself does not know (0×0), so
//! the terminal is asked where the cursor stops. Invariant: a reply that comes too late cannot reach
//! the shell as input.
//!
//! The first question goes no farther than column 79 and row 79: rustyline swallows a position of at
//! most two digits each as an unknown escape sequence, but leaves the rest of a longer one in the
//! line. Only a terminal that has answered in time is asked for the whole width.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::cmd::call::write_all;
use crate::sys::tty::Size;
use crate::time::Instant;

/// How long the terminal has to answer; a person does not notice it, a slow line manages it.
const PATIENCE: Duration = Duration::from_millis(400);

/// The largest position that is safe to answer late.
const SAFE: u16 = 79;

/// What came in while the terminal was asked.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The size, if it said so in time.
    pub size: Option<Size>,
    /// What was typed in the meantime.
    pub typed: Vec<u8>,
}

/// How long a pasted text pauses at most between two of its bytes.
const PASTE_GAP: u8 = 40;

/// Whether nothing more is coming in. The editor may have read ahead of a pasted text: what is read
/// beside it then would overtake what it holds, so nobody may ask before the text has ended.
pub fn is_quiet(input: &impl AsFd) -> bool {
    let mut fds = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
    matches!(poll(&mut fds, PollTimeout::from(PASTE_GAP)), Ok(0))
}

/// Asks the terminal, which must be in raw mode, for its size.
pub fn ask(input: &impl AsFd, output: &impl AsFd) -> Answer {
    let mut answer = ask_up_to(input, output, SAFE);
    let Some(size) = answer.size else {
        return answer;
    };
    if size.rows >= SAFE || size.columns >= SAFE {
        let wide = ask_up_to(input, output, 999);
        answer.typed.extend(wide.typed);
        answer.size = wide.size.or(answer.size);
    }
    answer
}

fn ask_up_to(input: &impl AsFd, output: &impl AsFd, most: u16) -> Answer {
    // Save the cursor, whole screen as scroll region, far corner, report, restore.
    let question = format!("\x1b7\x1b[r\x1b[{most};{most}H\x1b[6n\x1b8");
    if write_all(output, question.as_bytes()).is_err() {
        return Answer::default();
    }
    let deadline = Instant::now() + PATIENCE;
    let mut come = Vec::new();
    loop {
        let left = deadline.since(Instant::now());
        let answer = find_reply(&come);
        if answer.size.is_some() || left.is_zero() {
            return answer;
        }
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        let mut fds = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout) {
            Ok(0) => return answer,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return answer,
        }
        let mut chunk = [0; 64];
        match nix::unistd::read(input, &mut chunk) {
            Ok(0) => return answer,
            Ok(count) => come.extend_from_slice(&chunk[..count]),
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(_) => return answer,
        }
    }
}

/// Finds `ESC [ ROWS ; COLUMNS R` in what came in; everything else was typed.
pub fn find_reply(input: &[u8]) -> Answer {
    for start in 0..input.len() {
        if let Some((size, length)) = reply(&input[start..]) {
            let mut typed = input[..start].to_vec();
            typed.extend_from_slice(&input[start + length..]);
            return Answer {
                size: Some(size),
                typed,
            };
        }
    }
    Answer {
        size: None,
        typed: input.to_vec(),
    }
}

fn reply(input: &[u8]) -> Option<(Size, usize)> {
    let rest = input.strip_prefix(b"\x1b[")?;
    let (rows, rest) = number(rest)?;
    let (columns, rest) = number(rest.strip_prefix(b";")?)?;
    let rest = rest.strip_prefix(b"R")?;
    // A terminal of less than that is a misunderstanding.
    let plausible = rows >= 2 && columns >= 10;
    plausible.then_some((Size { rows, columns }, input.len() - rest.len()))
}

fn number(input: &[u8]) -> Option<(u16, &[u8])> {
    let digits = input.iter().take_while(|b| b.is_ascii_digit()).count();
    let (number, rest) = input.split_at(digits);
    Some((std::str::from_utf8(number).ok()?.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(input: &[u8]) -> (Option<(u16, u16)>, Vec<u8>) {
        let answer = find_reply(input);
        (answer.size.map(|s| (s.rows, s.columns)), answer.typed)
    }

    #[test]
    fn a_reply_is_taken_out_of_what_was_typed() {
        assert_eq!(found(b"\x1b[24;80R"), (Some((24, 80)), vec![]));
        assert_eq!(
            found(b"ls\x1b[50;132R -l\r"),
            (Some((50, 132)), b"ls -l\r".to_vec())
        );
    }

    #[test]
    fn other_sequences_are_input() {
        for typed in [
            &b"\x1b[A"[..],
            b"\x1b[24;80",
            b"\x1b[;R",
            b"\x1b[1;5R",
            b"\x1b[99999999;1R",
            b"\x1b[24;80H",
            b"R",
            b"",
        ] {
            assert_eq!(found(typed), (None, typed.to_vec()));
        }
    }
}
