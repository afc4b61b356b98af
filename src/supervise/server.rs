//! PID 1's side of the control socket: connections, requests in, replies out. Invariants: nothing here
//! waits; a client has at most one request under way and one reply not yet taken, so what it costs is
//! bounded; a client that breaks a rule is closed and nobody else notices.

mod kept;
mod places;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use self::places::Place;
use super::listener::Listener;
use super::machine::is_shortage;
use super::protocol::{MAX_MESSAGE, Reply, Request, VERSION};
use super::waits::Waiting;
use crate::sys::call::open;
use crate::sys::child::Exit;
use crate::sys::seqpacket::{self, Handed};
use crate::time::Instant;

/// How many clients may be connected; for one more, see [`places`].
pub const CLIENTS: usize = 256;

/// How many connections are taken in one turn, so that a flood of them does not keep others waiting.
const A_TURN: usize = 64;

/// How many requests of one process are heard in one turn, however many connections it has.
const HEARD: usize = 4;

/// How much there may be of replies that nobody takes, in bytes.
const UNSENT: usize = 512 * 1024;

/// How long a reply may lie there before its client is given up.
const SLOW: Duration = Duration::from_secs(5);

/// A client's number; never used twice.
pub type ClientId = u32;

#[derive(Debug)]
struct Peer {
    id: ClientId,
    pid: i32,
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
    spoke: Vec<i32>,
    turned_away: bool,
    handed: Vec<OwnedFd>,
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
            spoke: Vec::new(),
            turned_away: false,
            handed: Vec::new(),
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
                Ok(socket) => self.add(socket, now),
                Err(Errno::EMFILE | Errno::ENFILE) => {
                    self.accept_last(now);
                    return;
                }
                Err(Errno::ECONNABORTED) => {}
                Err(_) => return,
            }
        }
    }

    /// Takes a connection with the descriptor that was kept for it: it would else stay in the queue and
    /// wake us for ever. Somebody has to go for the next one.
    fn accept_last(&mut self, now: Instant) {
        self.spare = None;
        if let Some(Ok(socket)) = self.listener.socket().map(seqpacket::accept) {
            self.add(socket, now);
        }
        self.spare = self.spare.take().or_else(spare);
        if self.spare.is_none() {
            self.make_room(0);
            self.spare = spare();
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
                Err(errno) if may_pass(errno) => return,
                Err(_) => self.doorbell = None,
            }
        }
    }

    fn add(&mut self, socket: OwnedFd, now: Instant) {
        if self.spare.is_none() {
            self.spare = spare();
        }
        let pid = match seqpacket::peer(socket.as_fd()) {
            Ok((user, pid)) if user == 0 || user == self.owner => pid,
            _ => return,
        };
        if self.peers.len() >= CLIENTS && !self.make_room(pid) {
            self.turned_away = true;
            return;
        }
        self.next = self.next.wrapping_add(1);
        self.peers.push(Peer {
            id: self.next,
            pid,
            socket,
            heard: now,
            waiting: None,
            unsent: None,
            sum: 0,
        });
    }

    /// Closes whoever has to go for another one of this process; whether there is anybody.
    fn make_room(&mut self, newcomer: i32) -> bool {
        let place = |peer: &Peer| {
            let waits = peer.waiting.as_ref().is_some_and(|wait| !wait.is_idle());
            Place {
                pid: peer.pid,
                busy: waits || peer.unsent.is_some(),
                heard: peer.heard,
            }
        };
        let all: Vec<_> = self.peers.iter().map(place).collect();
        let found = places::victim(&all, newcomer);
        let found = found.and_then(|at| self.peers.get(at)).map(|peer| peer.id);
        found.into_iter().for_each(|id| self.close(id));
        found.is_some()
    }

    /// Whether somebody was sent away since the last call, because every place is taken by those who wait.
    pub fn take_turned_away(&mut self) -> bool {
        std::mem::take(&mut self.turned_away)
    }

    /// A turn of the loop begins: every process may be heard again.
    pub fn begin_turn(&mut self) {
        self.spoke.clear();
    }

    /// Whether a process has had its share of this turn.
    fn has_had_its_turn(&self, pid: i32) -> bool {
        self.spoke.iter().filter(|&&other| other == pid).count() >= HEARD
    }

    /// Reads a client's request, if it has made one. A client that sends anything else is closed.
    pub fn read(&mut self, id: ClientId, now: Instant) -> Option<Request> {
        let peer = self.peers.iter().find(|peer| peer.id == id)?;
        let owed = peer.waiting.is_some() || peer.unsent.is_some();
        if owed || self.has_had_its_turn(peer.pid) {
            return None;
        }
        let peer = self.peers.iter_mut().find(|peer| peer.id == id)?;
        let socket = peer.socket.as_fd();
        let message = match seqpacket::look_at_message(socket, MAX_MESSAGE) {
            // It stays there for the next turn.
            Err(errno) if may_pass(errno) => return None,
            other => other.ok().flatten(),
        };
        peer.heard = now;
        // Processes that are not known have no share.
        self.spoke.extend(Some(peer.pid).filter(|&pid| pid > 0));
        let request = message.and_then(|message| Request::decode(&message).ok());
        // Descriptors that were not announced are never installed.
        let announced = request.as_ref().is_some_and(Request::has_descriptors);
        match seqpacket::take_message(socket, announced) {
            Err(errno) if is_shortage(errno) => return None,
            taken => self.handed = taken.unwrap_or_default(),
        }
        if request.is_none() {
            self.close(id);
        }
        request
    }

    /// The descriptors that came with the request that was read last.
    pub fn take_handed(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.handed)
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
            Err(errno) if may_pass(errno) => self.bound_unsent(),
            Err(_) => self.close(id),
        }
    }

    /// Closes whoever has not taken its reply for longest where there is too much of them.
    fn bound_unsent(&mut self) {
        let unsent = |peer: &Peer| Some((peer.unsent.as_ref()?.1, peer.id));
        let sizes = self.peers.iter().filter_map(|peer| peer.unsent.as_ref());
        if sizes.map(|(message, _)| message.len()).sum::<usize>() > UNSENT {
            let oldest = self.peers.iter().filter_map(unsent).min();
            oldest.into_iter().for_each(|(_, id)| self.close(id));
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
        self.remove(|_| true);
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

/// Whether an error says something about the machine rather than about the client.
fn may_pass(errno: Errno) -> bool {
    is_shortage(errno) || matches!(errno, Errno::EIO | Errno::ENOSPC)
}

fn spare() -> Option<OwnedFd> {
    open(c"/", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).ok()
}

#[cfg(test)]
mod tests;
