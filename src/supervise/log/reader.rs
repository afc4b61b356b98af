//! A service's log as a client reads it: piece by piece, from the oldest line that is kept. Invariant:
//! lines that were overwritten before they could be read are counted.

use std::time::Duration;

use crate::failure::Failure;
use crate::supervise::client::Client;
use crate::supervise::log::PIECE;
use crate::supervise::protocol::LogChunk;
use crate::sys::signal::sleep_until;
use crate::time::Instant;

/// The pause before another connection is made.
const AGAIN: Duration = Duration::from_millis(500);

/// Where a reader of a service's log stands.
#[derive(Debug)]
pub struct Reader {
    client: Client,
    name: String,
    place: Place,
}

/// The next bytes of a log.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    /// How many lines are lost between the piece before and this one.
    pub missed: u64,
    /// None where nothing came in time.
    pub bytes: Vec<u8>,
    /// Whether there may be more already.
    pub more: bool,
}

#[derive(Debug, Default)]
struct Place {
    at: u64,
    /// How many lines are before it.
    lines: u64,
}

impl Reader {
    /// At the beginning of the log of `name`. Errors: there is no PID 1 to ask.
    pub fn open(name: &str) -> Result<Self, Failure> {
        Ok(Self::with(Client::required()?, name))
    }

    /// The same with a connection that there is.
    pub fn with(client: Client, name: &str) -> Self {
        Self {
            client,
            name: name.to_owned(),
            place: Place::default(),
        }
    }

    /// The next piece; waits this long for one at most. Goes on with a new connection where PID 1 has
    /// given up the one that it had.
    ///
    /// Errors: no such service; it has no log; Ctrl-C.
    pub fn next(&mut self, wait: Duration) -> Result<Piece, Failure> {
        let at = self.place.at;
        let chunk = match self.client.log(&self.name, at, wait) {
            Err(_) if self.client.is_closed() => {
                // Not at once: there may be more readers than PID 1 has places.
                sleep_until(Some(Instant::now() + AGAIN))?;
                self.client = Client::required()?;
                self.client.log(&self.name, at, wait)
            }
            other => other,
        };
        chunk.map(|chunk| self.place.go_on(chunk))
    }
}

impl Place {
    fn go_on(&mut self, chunk: LogChunk) -> Piece {
        let missed = match chunk.from {
            from if from == self.at => 0,
            from if from > self.at => chunk.lost.saturating_sub(self.lines),
            // It is another log: the service was declared anew.
            _ => chunk.lost,
        };
        if chunk.from != self.at {
            self.lines = chunk.lost;
        }
        self.at = chunk.from + chunk.bytes.len() as u64;
        let newlines = chunk.bytes.iter().filter(|&&byte| byte == b'\n');
        self.lines += newlines.count() as u64;
        Piece {
            missed,
            more: chunk.bytes.len() >= PIECE,
            bytes: chunk.bytes,
        }
    }
}

/// The last lines of a text, this many at most; one without a newline at its end counts.
pub fn last_lines(text: &[u8], count: usize) -> &[u8] {
    let Some(newest) = count.checked_sub(1) else {
        return &[];
    };
    let body = text.strip_suffix(b"\n").unwrap_or(text);
    let newlines = body.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let from = newlines.rev().nth(newest).map_or(0, |(at, _)| at + 1);
    &text[from..]
}

/// What a log's bytes look like on a terminal: nothing in them acts on it. Control characters but tabs
/// and newlines, and what is no UTF-8, become `\xNN`.
pub fn harmless(bytes: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(bytes.len());
    let escape = |shown: &mut Vec<u8>, bytes: &[u8]| {
        for byte in bytes {
            shown.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
        }
    };
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            let mut text = [0; 4];
            let text = c.encode_utf8(&mut text).as_bytes();
            match c.is_control() && c != '\n' && c != '\t' {
                true => escape(&mut shown, text),
                false => shown.extend_from_slice(text),
            }
        }
        escape(&mut shown, chunk.invalid());
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(from: u64, lost: u64, bytes: &[u8]) -> LogChunk {
        let bytes = bytes.to_vec();
        LogChunk { from, lost, bytes }
    }

    #[test]
    fn what_is_missed_is_counted_once() {
        let mut place = Place::default();
        assert_eq!(place.go_on(chunk(40, 4, b"five\nsix\n")).missed, 4);
        assert_eq!(place.go_on(chunk(49, 5, b"seven\n")).missed, 0);
        // Seven were read, nine are lost: two of them never seen.
        assert_eq!(place.go_on(chunk(80, 9, b"ten\n")).missed, 2);
        assert_eq!(place.go_on(chunk(84, 9, b"")).missed, 0);
        assert_eq!(place.go_on(chunk(0, 0, b"new\n")).missed, 0);
        assert_eq!((place.at, place.lines), (4, 1));
    }

    #[test]
    fn the_last_lines() {
        for (text, count, last) in [
            ("a\nb\nc\n", 2, "b\nc\n"),
            ("a\nb\nc", 2, "b\nc"),
            ("a\n", 5, "a\n"),
            ("a\n", 0, ""),
            ("\n\n", 1, "\n"),
            ("", 3, ""),
        ] {
            assert_eq!(last_lines(text.as_bytes(), count), last.as_bytes());
        }
    }

    #[test]
    fn nothing_acts_on_a_terminal() {
        let shown = harmless("a\tä\x1b[2J\u{9b}\r\n".as_bytes());
        assert_eq!(shown, "a\tä\\x1b[2J\\xc2\\x9b\\x0d\n".as_bytes());
        assert_eq!(harmless(b"\xff\n"), b"\\xff\n");
    }
}
