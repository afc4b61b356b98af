//! Whether a TCP port of this machine is served: attempts to connect, further and further apart.
//! Invariant: an attempt costs PID 1 two system calls and no waiting.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use crate::sys::notify;
use crate::time::Instant;

/// The pauses between attempts.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_millis(500);

/// After this an attempt that is not answered is given up.
const UNANSWERED: Duration = Duration::from_secs(2);

/// The attempts to reach one port.
#[derive(Debug)]
pub struct Attempts {
    port: u16,
    next: Instant,
    pause: Duration,
    /// One that is not answered yet, and when it was made.
    begun: Option<(OwnedFd, Instant)>,
}

impl Attempts {
    /// The first one is due at once.
    pub fn new(port: u16, now: Instant) -> Self {
        Self {
            port,
            next: now,
            pause: SHORTEST,
            begun: None,
        }
    }

    /// When the next one is due.
    pub fn deadline(&self) -> Instant {
        self.next
    }

    /// Makes the attempt that is due; whether the port is served.
    pub fn attempt(&mut self, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        self.next = now + self.pause;
        self.pause = (self.pause * 3 / 2).min(LONGEST);
        if let Some((file, since)) = &self.begun {
            match notify::is_reached(file.as_fd()) {
                Some(true) => return true,
                None if now.since(*since) < UNANSWERED => return false,
                _ => self.begun = None,
            }
        }
        for version_6 in [false, true] {
            match notify::reach(self.port, version_6) {
                Ok((_, true)) => return true,
                Ok((file, false)) => self.begun = Some((file, now)),
                Err(_) => {}
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::str::FromStr;

    use nix::sys::socket::{
        AddressFamily, Backlog, SockFlag, SockType, SockaddrIn6, bind, getsockname, listen, socket,
    };

    use super::*;

    #[test]
    fn attempts_come_further_and_further_apart() {
        // Bound, but not listening: nobody else gets the port.
        let (family, flags) = (AddressFamily::Inet6, SockFlag::SOCK_CLOEXEC);
        let holder = socket(family, SockType::Stream, flags, None).unwrap();
        bind(
            holder.as_raw_fd(),
            &SockaddrIn6::from_str("[::1]:0").unwrap(),
        )
        .unwrap();
        let port = getsockname::<SockaddrIn6>(holder.as_raw_fd())
            .unwrap()
            .port();
        let mut attempts = Attempts::new(port, Instant::BOOT);
        let mut now = Instant::BOOT;
        let mut count = 0;
        while now.since(Instant::BOOT) < Duration::from_secs(10) {
            assert!(!attempts.attempt(now));
            assert!(attempts.deadline() > now);
            now = attempts.deadline();
            count += 1;
        }
        assert!((20..40).contains(&count), "{count} attempts in 10 s");
        listen(&holder, Backlog::new(5).unwrap()).unwrap();
        // A busy machine answers a moment later.
        let reached = (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            now = attempts.deadline();
            attempts.attempt(now)
        });
        assert!(reached);
    }
}
