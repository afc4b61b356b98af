//! The poll loop that drives any number of protocol clients. Invariant: it sleeps only in ppoll(2), and
//! Ctrl-C or the stop descriptor end the sleep at once.

use std::os::fd::BorrowedFd;

use nix::poll::{PollFd, PollFlags};

use crate::failure::Failure;
use crate::sys::signal::poll_until;
use crate::time::Instant;

/// A protocol client: a machine with its sockets.
pub trait Session {
    /// Adds the descriptors whose readability it waits for.
    fn watch<'a>(&'a self, fds: &mut Vec<PollFd<'a>>);

    /// When it wants to be woken although nothing came in.
    fn deadline(&self) -> Option<Instant>;

    /// Something may have come in, or the deadline may have passed. Must not block.
    fn wake(&mut self, now: Instant);
}

impl<S: Session + ?Sized> Session for Box<S> {
    fn watch<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        (**self).watch(fds);
    }

    fn deadline(&self) -> Option<Instant> {
        (**self).deadline()
    }

    fn wake(&mut self, now: Instant) {
        (**self).wake(now);
    }
}

/// Why [`turn`] came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Some session was woken.
    Woken,
    /// `stop` is readable.
    Stopped,
    /// `until` has passed.
    Over,
}

/// Waits until something happens and wakes the sessions that it concerns.
///
/// Errors: Ctrl-C ([`Failure::interrupted`]); poll(2) itself failed.
pub fn turn<S: Session>(
    sessions: &mut [S],
    stop: Option<BorrowedFd<'_>>,
    until: Option<Instant>,
) -> Result<Turn, Failure> {
    let deadlines = sessions.iter().filter_map(S::deadline).chain(until);
    let next = deadlines.min();
    let ready = wait(sessions, stop, next)?;
    let now = Instant::now();
    let mut woken = false;
    for (session, ready) in sessions.iter_mut().zip(&ready.sessions) {
        if *ready || session.deadline().is_some_and(|at| at <= now) {
            session.wake(now);
            woken = true;
        }
    }
    Ok(match until {
        _ if ready.stop => Turn::Stopped,
        Some(until) if until <= now && !woken => Turn::Over,
        _ => Turn::Woken,
    })
}

struct Ready {
    sessions: Vec<bool>,
    stop: bool,
}

fn wait<S: Session>(
    sessions: &[S],
    stop: Option<BorrowedFd<'_>>,
    next: Option<Instant>,
) -> Result<Ready, Failure> {
    let mut fds = Vec::with_capacity(sessions.len() * 3 + 1);
    fds.extend(stop.map(|stop| PollFd::new(stop, PollFlags::POLLIN)));
    let mut ends = Vec::with_capacity(sessions.len());
    for session in sessions {
        session.watch(&mut fds);
        ends.push(fds.len());
    }
    let is_ready: fn(&PollFd<'_>) -> bool = match poll_until(&mut fds, next)? {
        true => |fd| fd.any().unwrap_or(true),
        false => |_| false,
    };
    let mut begin = fds.len().min(stop.iter().len());
    let stop = fds[..begin].iter().any(is_ready);
    let sessions = ends.into_iter().map(|end| {
        let ready = fds[begin..end].iter().any(is_ready);
        begin = end;
        ready
    });
    Ok(Ready {
        sessions: sessions.collect(),
        stop,
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use super::*;

    struct Counter {
        socket: UnixStream,
        deadline: Option<Instant>,
        woken: u32,
    }

    impl Session for Counter {
        fn watch<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
            fds.push(PollFd::new(self.socket.as_fd(), PollFlags::POLLIN));
        }

        fn deadline(&self) -> Option<Instant> {
            self.deadline
        }

        fn wake(&mut self, now: Instant) {
            self.woken += 1;
            self.deadline = self.deadline.filter(|&at| at > now);
            let _ = self.socket.read(&mut [0; 8]);
        }
    }

    fn counter(deadline: Option<Instant>) -> (Counter, UnixStream) {
        let (socket, other) = UnixStream::pair().unwrap();
        socket.set_nonblocking(true).unwrap();
        let counter = Counter {
            socket,
            deadline,
            woken: 0,
        };
        (counter, other)
    }

    #[test]
    fn wakes_whom_it_concerns_and_stops_when_told() {
        let soon = Instant::now() + Duration::from_millis(300);
        let (first, mut to_first) = counter(None);
        let (second, _to_second) = counter(Some(soon));
        let (stop, mut to_stop) = UnixStream::pair().unwrap();
        let stop = Some(stop.as_fd());
        let mut sessions = [first, second];
        let woken = |sessions: &[Counter; 2]| (sessions[0].woken, sessions[1].woken);

        to_first.write_all(b"x").unwrap();
        assert_eq!(turn(&mut sessions, stop, None), Ok(Turn::Woken));
        assert_eq!(woken(&sessions), (1, 0));
        assert_eq!(turn(&mut sessions, stop, None), Ok(Turn::Woken));
        assert_eq!(woken(&sessions), (1, 1));
        assert!(Instant::now() >= soon);
        let over = turn(&mut sessions, stop, Some(Instant::now()));
        assert_eq!(over, Ok(Turn::Over));
        to_stop.write_all(b"x").unwrap();
        assert_eq!(turn(&mut sessions, stop, None), Ok(Turn::Stopped));
        assert_eq!(woken(&sessions), (1, 1));
    }
}
