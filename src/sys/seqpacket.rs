//! Unix sockets that keep messages apart (SOCK_SEQPACKET), as PID 1 and its clients use them. Invariants:
//! sending and receiving never wait (callers poll) and never raise SIGPIPE; every descriptor made here is
//! close-on-exec; descriptors that a peer sends along unasked are never installed.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType,
    UnixAddr, accept4, bind, getsockopt, listen, recv, recvmsg, send, sendmsg, setsockopt, socket,
    socketpair, sockopt,
};
use nix::sys::stat::{Mode, umask};
use nix::sys::time::TimeVal;

use super::call::seam;

/// How many connections may wait to be accepted. The kernel cuts it (`net.core.somaxconn`).
const BACKLOG: i32 = 1024;

fn new(more: SockFlag) -> Result<OwnedFd, Errno> {
    let flags = SockFlag::SOCK_CLOEXEC | more;
    let unix = AddressFamily::Unix;
    seam("socket", || socket(unix, SockType::SeqPacket, flags, None))
}

/// Connects to the socket at `path`; waits `seconds` at most for a place in its queue.
pub fn connect(path: &Path, seconds: u32) -> Result<OwnedFd, Errno> {
    let socket = new(SockFlag::empty())?;
    let limit = TimeVal::new(i64::from(seconds) as _, 0);
    setsockopt(&socket, sockopt::SendTimeout, &limit)?;
    nix::sys::socket::connect(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(socket)
}

/// Whether somebody listens at `path`. Does not wait.
pub fn is_served(path: &Path) -> bool {
    let tried = new(SockFlag::SOCK_NONBLOCK).and_then(|socket| {
        let address = UnixAddr::new(path)?;
        nix::sys::socket::connect(socket.as_raw_fd(), &address)
    });
    // EAGAIN: there is a queue, and it is full. EACCES: another user's.
    matches!(tried, Ok(()) | Err(Errno::EAGAIN | Errno::EACCES))
}

/// Makes a socket at `path`, mode 0600, on which to accept connections.
pub fn listen_at(path: &Path) -> Result<OwnedFd, Errno> {
    let address = UnixAddr::new(path)?;
    let socket = new(SockFlag::SOCK_NONBLOCK)?;
    let before = umask(Mode::from_bits_truncate(0o177));
    let bound = seam("bind", || bind(socket.as_raw_fd(), &address));
    umask(before);
    bound?;
    let backlog = Backlog::new(BACKLOG)?;
    seam("listen", || listen(&socket, backlog))?;
    Ok(socket)
}

/// Two ends that are connected to each other.
pub fn pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let unix = AddressFamily::Unix;
    seam("socketpair", || {
        socketpair(unix, SockType::SeqPacket, None, flags)
    })
}

/// Takes a connection from a socket of [`listen_at`]. Errors: EAGAIN (there is none), EMFILE.
pub fn accept(listener: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let fd = seam("accept", || accept4(listener.as_raw_fd(), flags))?;
    // SAFETY: accept4 has just made this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The user id and the process id of whoever made the connection (`SO_PEERCRED`); the process is 0 where
/// it is not in this PID namespace.
pub fn peer(socket: BorrowedFd<'_>) -> Result<(u32, i32), Errno> {
    let peer = seam("getsockopt", || {
        getsockopt(&socket, sockopt::PeerCredentials)
    })?;
    Ok((peer.uid(), peer.pid()))
}

/// Sends one message. Errors: EAGAIN (the peer does not read), EPIPE, EMSGSIZE.
pub fn send_message(socket: BorrowedFd<'_>, message: &[u8]) -> Result<(), Errno> {
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    seam("send", || send(socket.as_raw_fd(), message, flags)).map(drop)
}

/// Receives one message; `None` where the peer has closed (or sent nothing, which is no message).
///
/// Errors: EAGAIN; EMSGSIZE where it is longer than `longest` (it stays in the socket).
pub fn receive_message(socket: BorrowedFd<'_>, longest: usize) -> Result<Option<Vec<u8>>, Errno> {
    let fd = socket.as_raw_fd();
    let look = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_PEEK | MsgFlags::MSG_TRUNC;
    let length = seam("recv", || recv(fd, &mut [], look))?;
    if length > longest {
        return Err(Errno::EMSGSIZE);
    }
    let mut message = vec![0; length];
    let received = seam("recv", || recv(fd, &mut message, MsgFlags::MSG_DONTWAIT))?;
    message.truncate(received);
    Ok(Some(message).filter(|message| !message.is_empty()))
}

/// Sends a one-byte message with a descriptor.
pub fn send_descriptor(
    socket: BorrowedFd<'_>,
    byte: u8,
    descriptor: BorrowedFd<'_>,
) -> Result<(), Errno> {
    let message = [IoSlice::new(std::slice::from_ref(&byte))];
    let descriptors = [descriptor.as_raw_fd()];
    let along = [ControlMessage::ScmRights(&descriptors)];
    let flags = MsgFlags::MSG_NOSIGNAL;
    sendmsg::<()>(socket.as_raw_fd(), &message, &along, flags, None).map(drop)
}

/// What came with a message of [`send_descriptor`].
#[derive(Debug)]
pub enum Handed {
    /// A descriptor.
    Descriptor(u8, OwnedFd),
    /// A message without one (or there was no room for it in this process).
    Nothing,
    /// The peer has closed.
    Closed,
}

/// Receives a message of [`send_descriptor`]. Errors: EAGAIN.
pub fn receive_descriptor(socket: BorrowedFd<'_>) -> Result<Handed, Errno> {
    let mut byte = [0];
    let mut message = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!([RawFd; 1]);
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let fd = socket.as_raw_fd();
    let received = seam("recvmsg", || {
        recvmsg::<()>(fd, &mut message, Some(&mut space), flags)
    })?;
    let length = received.bytes;
    let mut found = None;
    for along in received.cmsgs()? {
        if let ControlMessageOwned::ScmRights(descriptors) = along {
            for fd in descriptors {
                // SAFETY: the kernel has just installed this descriptor for us. One that replaces
                // another here closes it.
                found = Some(unsafe { OwnedFd::from_raw_fd(fd) });
            }
        }
    }
    Ok(match found {
        Some(descriptor) => Handed::Descriptor(byte[0], descriptor),
        None if length == 0 => Handed::Closed,
        None => Handed::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn messages_stay_apart_and_long_ones_are_refused() {
        let (a, b) = pair().unwrap();
        assert_eq!(receive_message(b.as_fd(), 9), Err(Errno::EAGAIN));
        send_message(a.as_fd(), b"one").unwrap();
        send_message(a.as_fd(), b"two").unwrap();
        assert_eq!(receive_message(b.as_fd(), 9).unwrap().unwrap(), b"one");
        assert_eq!(receive_message(b.as_fd(), 2), Err(Errno::EMSGSIZE));
        drop(a);
        assert_eq!(receive_message(b.as_fd(), 9).unwrap().unwrap(), b"two");
        assert_eq!(receive_message(b.as_fd(), 9), Ok(None));
    }

    #[test]
    fn a_descriptor_is_handed_over() {
        let (a, b) = pair().unwrap();
        let (c, d) = pair().unwrap();
        send_descriptor(a.as_fd(), 1, c.as_fd()).unwrap();
        drop(c);
        let Handed::Descriptor(1, c) = receive_descriptor(b.as_fd()).unwrap() else {
            panic!("no descriptor");
        };
        send_message(d.as_fd(), b"hello").unwrap();
        assert_eq!(receive_message(c.as_fd(), 9).unwrap().unwrap(), b"hello");
        drop(a);
        let closed = receive_descriptor(b.as_fd()).unwrap();
        assert!(matches!(closed, Handed::Closed), "{closed:?}");
    }
}
