//! One rtnetlink socket: a request, its acknowledgement, reply or dump, and a deadline. Invariant:
//! every wait is bounded ([`ANSWER`]), Ctrl-C ends it, and an answer to an earlier request is never
//! taken for one to this.

use std::os::fd::AsFd;
use std::time::Duration;

use netlink_sys::protocols::NETLINK_ROUTE;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::wire::{Message, Request, messages, verdict};
use crate::failure::{Doing, Failure};
use crate::sys::signal;
use crate::time::Instant;

/// How long the kernel may take to answer. It answers before sendto(2) returns, unless another
/// process holds its configuration lock for long.
const ANSWER: Duration = Duration::from_secs(5);
/// How often a dump is begun again because the kernel's tables changed under it.
const DUMPS: u32 = 8;
/// The kernel fills at most this much at once (netlink_dump in af_netlink.c).
const DATAGRAM: usize = 32 * 1024;

/// An rtnetlink socket in this process's network namespace.
#[derive(Debug)]
pub struct Socket {
    inner: netlink_sys::Socket,
    buffer: Vec<u8>,
    sequence: u32,
}

/// Why the kernel did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The errno; EINTR means that Ctrl-C came.
    pub errno: Errno,
    /// The kernel's own words (extended acknowledgement); empty where it gave none.
    pub words: String,
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        let words = String::new();
        Self { errno, words }
    }
}

impl Refusal {
    /// The failure of what was being done: `set eth0: Invalid MTU: EINVAL (Invalid argument)`.
    pub fn failure(self, what: impl Into<String>) -> Failure {
        if self.errno == Errno::EINTR {
            return Failure::interrupted();
        }
        let mut what = what.into();
        let words = self.words.trim_end_matches('.');
        if !words.is_empty() {
            what.push_str(": ");
            what.push_str(words);
        }
        let failure = Failure::errno(what, self.errno);
        match self.errno {
            Errno::EPERM | Errno::EACCES => {
                failure.with_hint("changing the network needs root (CAP_NET_ADMIN)")
            }
            Errno::ETIMEDOUT => failure.with_hint("the kernel did not answer within 5 seconds"),
            _ => failure,
        }
    }
}

impl Socket {
    /// Opens one. Errors: EAFNOSUPPORT or EPROTONOSUPPORT where the kernel has no networking.
    pub fn open() -> Result<Self, Failure> {
        let inner = netlink_sys::Socket::new(NETLINK_ROUTE).doing(|| "open an rtnetlink socket")?;
        // Before Linux 4.12 there are no extended acknowledgements; errors are then mere numbers.
        let _ = inner.set_ext_ack(true);
        Ok(Self {
            inner,
            // Not zeroed: what the kernel does not fill costs no memory.
            buffer: Vec::with_capacity(DATAGRAM),
            sequence: 0,
        })
    }

    /// Whether the kernel looks at what a dump's header says and sends no more than that (since 4.20;
    /// before, and where it does not, whoever asks leaves the rest out).
    pub(super) fn set_strict(&self, strict: bool) {
        let _ = self.inner.set_netlink_get_strict_chk(strict);
    }

    /// Sends a request that changes something and waits for its acknowledgement; the request must
    /// carry NLM_F_ACK.
    pub fn acknowledged(&mut self, request: Request) -> Result<(), Refusal> {
        self.exchange(request, &mut |_| {}).map(drop)
    }

    /// Sends a request for one object (without NLM_F_ACK) and returns what `parse` makes of the reply.
    ///
    /// Errors: EBADMSG where there was no reply or `parse` understood none of it.
    pub fn get<T>(
        &mut self,
        request: Request,
        parse: fn(&[u8], &mut Vec<T>),
    ) -> Result<T, Refusal> {
        let mut found = Vec::new();
        self.exchange(request, &mut |body| parse(body, &mut found))?;
        found.into_iter().next().ok_or(Errno::EBADMSG.into())
    }

    /// Sends a request for a whole table (NLM_F_DUMP) and returns what `parse` makes of each reply;
    /// one that it does not understand is skipped. Begins again while the table changes under it,
    /// at most [`DUMPS`] times; then takes the last as it is.
    pub fn dump<T>(
        &mut self,
        request: &Request,
        parse: fn(&[u8], &mut Vec<T>),
    ) -> Result<Vec<T>, Refusal> {
        let mut found = Vec::new();
        for _ in 0..DUMPS {
            found.clear();
            match self.exchange(request.clone(), &mut |body| parse(body, &mut found)) {
                Ok(whole) if whole => break,
                // ENOBUFS: the receive buffer overflowed and part of the dump is lost.
                Ok(_)
                | Err(Refusal {
                    errno: Errno::ENOBUFS,
                    ..
                }) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(found)
    }

    /// Sends, then hands each reply's body to `each` until the kernel says that it is done. Returns
    /// whether the replies are one consistent view (no NLM_F_DUMP_INTR).
    fn exchange(
        &mut self,
        mut request: Request,
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, Refusal> {
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = self.sequence;
        let deadline = Instant::now() + ANSWER;
        self.send(request.finish(sequence))?;
        let mut whole = true;
        loop {
            let length = self.receive(deadline)?;
            for message in messages(&self.buffer[..length]) {
                if message.sequence != sequence {
                    continue;
                }
                whole &= i32::from(message.flags) & libc::NLM_F_DUMP_INTR == 0;
                if done(&message, each)? {
                    return Ok(whole);
                }
            }
        }
    }

    fn send(&self, bytes: &[u8]) -> Result<(), Errno> {
        let kernel = netlink_sys::SocketAddr::new(0, 0);
        loop {
            match self.inner.send_to(bytes, &kernel, 0).map_err(errno_of) {
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) if !signal::interrupted() => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    /// The next datagram that the kernel itself sent. Errors: ETIMEDOUT, EMSGSIZE.
    fn receive(&mut self, deadline: Instant) -> Result<usize, Errno> {
        loop {
            let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
            self.buffer.clear();
            let received = self.inner.recv_from(&mut self.buffer, flags);
            match received.map_err(errno_of) {
                Ok((_, sender)) if sender.port_number() != 0 => {}
                Ok((length, _)) if length > self.buffer.len() => return Err(Errno::EMSGSIZE),
                Ok((length, _)) => return Ok(length),
                Err(Errno::EAGAIN) => self.wait(deadline)?,
                Err(Errno::EINTR) if !signal::interrupted() => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    fn wait(&self, deadline: Instant) -> Result<(), Errno> {
        let left = deadline.since(Instant::now());
        if left.is_zero() {
            return Err(Errno::ETIMEDOUT);
        }
        let timeout = PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(self.inner.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout) {
            Ok(_) => Ok(()),
            Err(Errno::EINTR) if !signal::interrupted() => Ok(()),
            Err(errno) => Err(errno),
        }
    }
}

/// Takes one message of a reply; whether it was the last.
fn done(message: &Message<'_>, each: &mut dyn FnMut(&[u8])) -> Result<bool, Refusal> {
    match i32::from(message.kind) {
        libc::NLMSG_ERROR | libc::NLMSG_DONE => {
            let (code, words) = verdict(message).unwrap_or((libc::EBADMSG, String::new()));
            match code {
                0 => Ok(true),
                _ => Err(Refusal {
                    errno: Errno::from_raw(code),
                    words,
                }),
            }
        }
        libc::NLMSG_NOOP => Ok(false),
        libc::NLMSG_OVERRUN => Err(Errno::ENOBUFS.into()),
        _ => {
            each(message.body);
            // One object alone (no NLM_F_MULTI) has no NLMSG_DONE behind it.
            Ok(i32::from(message.flags) & libc::NLM_F_MULTI == 0)
        }
    }
}

fn errno_of(error: std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}

#[cfg(test)]
mod tests {
    use netlink_packet_route::link::LinkHeader;

    use super::*;
    use crate::net::netlink::link;

    fn ask_for_all() -> Request {
        Request::new(libc::RTM_GETLINK, libc::NLM_F_DUMP, &LinkHeader::default())
    }

    #[test]
    fn silence_ends_at_the_deadline() {
        let mut socket = Socket::open().unwrap();
        let begun = Instant::now();
        let limit = Duration::from_millis(60);
        assert_eq!(socket.receive(begun + limit), Err(Errno::ETIMEDOUT));
        let waited = Instant::now().since(begun);
        assert!(waited >= limit, "{waited:?}");
        assert!(waited < Duration::from_secs(3), "{waited:?}");
    }

    #[test]
    fn an_answer_that_nobody_waited_for_is_not_taken_for_another() {
        let mut socket = Socket::open().unwrap();
        // Its answers lie in the queue when the next request is made.
        socket.send(ask_for_all().finish(1000)).unwrap();
        let missing = link::by_name(&mut socket, "no-such-link").unwrap_err();
        assert_eq!(missing.cause(), Some(Errno::ENODEV));
        assert_eq!(link::by_name(&mut socket, "lo").unwrap().name, "lo");
    }

    #[test]
    fn a_reply_too_long_for_the_buffer_is_an_error_not_a_part() {
        let mut socket = Socket::open().unwrap();
        socket.buffer = Vec::with_capacity(100);
        socket.send(ask_for_all().finish(1000)).unwrap();
        let received = socket.receive(Instant::now() + ANSWER);
        assert_eq!(received, Err(Errno::EMSGSIZE));
    }
}
