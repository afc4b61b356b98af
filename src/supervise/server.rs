//! PID 1's side of the control socket: connections, requests in, replies out. Invariants: nothing here
//! waits; a client has at most one request under way and one reply not yet taken, so what it costs is
//! bounded; a client that breaks a rule is closed and nobody else notices.

mod kept;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use super::listener::Listener;
use super::protocol::{MAX_MESSAGE, Reply, Request, VERSION};
use super::waits::Waiting;
use crate::sys::call::open;
use crate::sys::child::Exit;
use crate::sys::seqpacket::{self, Handed};
use crate::time::Instant;

/// How many clients may be connected. One more closes the one that has been silent for longest.
pub const CLIENTS: usize = 64;

/// How many connections are taken in one turn, so that a flood of them does not keep others waiting.
const A_TURN: usize = 16;

/// How long a reply may lie there before its client is given up.
const SLOW: Duration = Duration::from_secs(5);

/// A client's number; never used twice.
pub type ClientId = u32;

#[derive(Debug)]
struct Peer {
    id: ClientId,
    socket: OwnedFd,
    heard: Instant,
    waiting: Option<Waiting>,
    unsent: Option<(Vec<u8>, Instant)>,
    /// What the journal has of it.
    sum: u64,
}

/// What the loop is to wait for on a client's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// A request.
    Read,
    /// Room for the reply.
    Write,
    /// Only that it goes away.
    HangUp,
}

/// Every connection, and where new ones come from.
#[derive(Debug)]
pub struct Server {
    /// The control socket.
    pub listener: Listener,
    /// The end of the socketpair through which the boot role hands over connections.
    pub doorbell: Option<OwnedFd>,
    peers: Vec<Peer>,
    /// Those that the journal still has.
    gone: Vec<ClientId>,
    spare: Option<OwnedFd>,
    /// The last number that was given.
    pub next: ClientId,
    owner: u32,
}

impl Server {
    /// A server whose socket is going to be in `directory`. `owner`: the user besides root that may
    /// connect.
    pub fn new(directory: PathBuf, owner: u32, now: Instant) -> Self {
        Self {
            listener: Listener::new(directory, now),
            doorbell: None,
            peers: Vec::new(),
            gone: Vec::new(),
            spare: spare(),
            next: 0,
            owner,
        }
    }

    /// Replaces the end of the socketpair through which the boot role hands over connections.
    pub fn set_doorbell(&mut self, doorbell: Option<OwnedFd>) {
        self.doorbell = doorbell;
    }

    /// The doorbell, if there is one.
    pub fn doorbell(&self) -> Option<BorrowedFd<'_>> {
        self.doorbell.as_ref().map(AsFd::as_fd)
    }

    /// Every client's socket with what to wait for.
    pub fn interests(&self) -> impl Iterator<Item = (ClientId, BorrowedFd<'_>, Interest)> {
        self.peers.iter().map(|peer| {
            let interest = match (&peer.unsent, &peer.waiting) {
                (Some(_), _) => Interest::Write,
                (None, Some(_)) => Interest::HangUp,
                (None, None) => Interest::Read,
            };
            (peer.id, peer.socket.as_fd(), interest)
        })
    }

    /// Takes new connections from the control socket.
    pub fn accept(&mut self, now: Instant) {
        for _ in 0..A_TURN {
            let Some(listener) = self.listener.socket() else {
                return;
            };
            match seqpacket::accept(listener) {
                Ok(socket) => {
                    let user = seqpacket::peer_uid(socket.as_fd());
                    if user.is_ok_and(|user| user == 0 || user == self.owner) {
                        self.add(socket, now);
                    }
                }
                // Without a descriptor to spare the connection would stay there and wake us for ever.
                Err(Errno::EMFILE | Errno::ENFILE) if self.spare.is_some() => {
                    self.spare = None;
                    let _ = self.listener.socket().map(seqpacket::accept);
                    self.spare = spare();
                }
                Err(_) => return,
            }
        }
    }

    /// Takes connections that the boot role hands over.
    pub fn answer_the_door(&mut self, now: Instant) {
        for _ in 0..A_TURN {
            let Some(doorbell) = self.doorbell() else {
                return;
            };
            match seqpacket::receive_descriptor(doorbell) {
                Ok(Handed::Descriptor(VERSION, socket)) => self.add(socket, now),
                Ok(Handed::Descriptor(..) | Handed::Nothing) => {}
                Ok(Handed::Closed) => self.doorbell = None,
                Err(Errno::EAGAIN | Errno::EINTR) => return,
                Err(_) => self.doorbell = None,
            }
        }
    }

    fn add(&mut self, socket: OwnedFd, now: Instant) {
        if self.spare.is_none() {
            self.spare = spare();
        }
        if self.peers.len() >= CLIENTS {
            let idle = |peer: &&Peer| peer.waiting.as_ref().is_none_or(Waiting::is_idle);
            let silent = self.peers.iter().filter(idle);
            // Nobody to send away: the new one has to go.
            let Some(longest) = silent.min_by_key(|peer| peer.heard).map(|peer| peer.id) else {
                return;
            };
            self.close(longest);
        }
        self.next = self.next.wrapping_add(1);
        self.peers.push(Peer {
            id: self.next,
            socket,
            heard: now,
            waiting: None,
            unsent: None,
            sum: 0,
        });
    }

    /// Reads a client's request, if it has made one. A client that sends anything else is closed.
    pub fn read(&mut self, id: ClientId, now: Instant) -> Option<Request> {
        let peer = self.peers.iter_mut().find(|peer| peer.id == id)?;
        if peer.waiting.is_some() || peer.unsent.is_some() {
            return None;
        }
        peer.heard = now;
        let message = match seqpacket::receive_message(peer.socket.as_fd(), MAX_MESSAGE) {
            Err(Errno::EAGAIN | Errno::EINTR) => return None,
            other => other.ok().flatten(),
        };
        let request = message.and_then(|message| Request::decode(&message).ok());
        if request.is_none() {
            self.close(id);
        }
        request
    }

    /// Sends a reply, now or when the client has room for it.
    pub fn reply(&mut self, id: ClientId, reply: &Reply, now: Instant) {
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == id) else {
            return;
        };
        peer.waiting = None;
        peer.unsent = Some((reply.encode(), now + SLOW));
        self.flush(id);
    }

    /// Sends what is left of a reply.
    pub fn flush(&mut self, id: ClientId) {
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == id) else {
            return;
        };
        let Some((message, _)) = &peer.unsent else {
            return;
        };
        match seqpacket::send_message(peer.socket.as_fd(), message) {
            Ok(()) => peer.unsent = None,
            Err(Errno::EAGAIN | Errno::EINTR | Errno::ENOBUFS | Errno::ENOMEM) => {}
            Err(_) => self.close(id),
        }
    }

    /// Has a client wait.
    pub fn wait(&mut self, id: ClientId, waiting: Waiting) {
        if let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == id) {
            peer.waiting = Some(waiting);
        }
    }

    /// Every client that waits.
    pub fn waiting(&self) -> impl Iterator<Item = (ClientId, &Waiting)> {
        let waiting = |peer: &'_ Peer| peer.waiting.is_some();
        self.peers
            .iter()
            .filter(move |peer| waiting(peer))
            .filter_map(|peer| peer.waiting.as_ref().map(|waiting| (peer.id, waiting)))
    }

    /// Tells those who wait for a process that it has ended.
    pub fn note_exit(&mut self, pid: i32, exit: Exit) {
        for peer in &mut self.peers {
            if let Some(waiting) = &mut peer.waiting {
                waiting.note_exit(pid, exit);
            }
        }
    }

    /// Forgets a client.
    pub fn close(&mut self, id: ClientId) {
        self.remove(|peer| peer.id == id);
    }

    fn remove(&mut self, whom: impl Fn(&Peer) -> bool) {
        let gone = &mut self.gone;
        self.peers.retain(|peer| {
            let remove = whom(peer);
            if remove {
                gone.push(peer.id);
            }
            !remove
        });
    }

    /// Forgets every client.
    pub fn close_all(&mut self) {
        self.peers.clear();
    }

    /// Closes whoever does not take a reply.
    pub fn close_slow(&mut self, now: Instant) {
        let slow = |peer: &Peer| peer.unsent.as_ref().is_some_and(|(_, until)| *until <= now);
        self.remove(slow);
    }

    /// When the next wait is over or the next slow client is closed.
    pub fn deadline(&self) -> Option<Instant> {
        let unsent = self
            .peers
            .iter()
            .filter_map(|peer| Some(peer.unsent.as_ref()?.1));
        let waiting = self.waiting().filter_map(|(_, waiting)| waiting.deadline());
        unsent.chain(waiting).min()
    }

    /// How many clients are connected.
    pub fn len(&self) -> usize {
        self.peers.len()
    }

    /// Whether nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }
}

fn spare() -> Option<OwnedFd> {
    open(c"/", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).ok()
}

#[cfg(test)]
mod tests;
