//! Unix sockets that keep messages apart (SOCK_SEQPACKET), as PID 1 and its clients use them. Invariants:
//! sending and receiving never wait (callers poll) and never raise SIGPIPE; every descriptor made here is
//! close-on-exec; descriptors that a peer sends along unasked are never installed.

use std::io::IoSlice;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, accept4, bind,
    getsockopt, listen, recv, send, sendmsg, setsockopt, socket, socketpair, sockopt,
};
use nix::sys::stat::{Mode, fchmod};
use nix::sys::time::TimeVal;

use super::call::seam;

/// How many connections may wait to be accepted. For one more, connect(2) waits: a long queue that
/// somebody keeps full costs everybody more than that.
const BACKLOG: i32 = 64;

/// The most descriptors that are taken with one message.
const MOST: u32 = 16;

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
    // The file gets the socket's own mode. The umask would be every thread's.
    fchmod(&socket, Mode::S_IRUSR | Mode::S_IWUSR)?;
    seam("bind", || bind(socket.as_raw_fd(), &address))?;
    let backlog = Backlog::new(BACKLOG)?;
    seam("listen", || listen(&socket, backlog))?;
    Ok(socket)
}

/// Like [`pair`], between PID 1 and a child that it is about to fork: what says there is no pipe for it.
pub fn channel() -> Result<(OwnedFd, OwnedFd), Errno> {
    let (unix, flags) = (AddressFamily::Unix, SockFlag::SOCK_CLOEXEC);
    seam("pipe", || {
        socketpair(unix, SockType::SeqPacket, None, flags)
    })
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
    let message = look_at_message(socket, longest)?;
    take_message(socket, false).map(|_| message)
}

/// The same, but the message stays: [`take_message`] takes it.
pub fn look_at_message(socket: BorrowedFd<'_>, longest: usize) -> Result<Option<Vec<u8>>, Errno> {
    let fd = socket.as_raw_fd();
    let look = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_PEEK;
    let length = seam("recv", || recv(fd, &mut [], look | MsgFlags::MSG_TRUNC))?;
    if length > longest {
        return Err(Errno::EMSGSIZE);
    }
    let mut message = vec![0; length];
    let received = seam("recv", || recv(fd, &mut message, look))?;
    message.truncate(received);
    Ok(Some(message).filter(|message| !message.is_empty()))
}

/// Takes the message that was looked at out of the socket, and descriptors that come with it, 16 at most,
/// where some are `wanted`.
pub fn take_message(socket: BorrowedFd<'_>, wanted: bool) -> Result<Vec<OwnedFd>, Errno> {
    let fd = socket.as_raw_fd();
    if !wanted {
        return seam("recv", || recv(fd, &mut [], MsgFlags::MSG_DONTWAIT)).map(|_| Vec::new());
    }
    receive_with(socket, &mut []).map(|(_, descriptors)| descriptors)
}

/// recvmsg(2) with room for 16 descriptors. Those that did come are never lost, also where not all of them
/// did (`MSG_CTRUNC`: more than 16, or no room in this process).
fn receive_with(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<(usize, Vec<OwnedFd>), Errno> {
    // SAFETY: only computes a length.
    let room = unsafe { libc::CMSG_SPACE(MOST * size_of::<RawFd>() as u32) } as usize;
    let mut control = [0_u64; 16];
    debug_assert!(room <= size_of_val(&control));
    let mut part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: msghdr is plain data for which zero is a valid value.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = room as _;
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    let length = seam("recvmsg", || {
        // SAFETY: the header, the part and the control buffer outlive the call and have these lengths.
        Errno::result(unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) })
    })?;
    let mut all = Vec::new();
    // SAFETY: the kernel has filled the control buffer in; CMSG_* stay within what it says. The
    // descriptors were just installed for us, so nobody else owns them.
    unsafe {
        let mut next = libc::CMSG_FIRSTHDR(&raw const header);
        while let Some(along) = next.as_ref() {
            if (along.cmsg_level, along.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
                let data = libc::CMSG_DATA(along).cast::<RawFd>();
                #[allow(clippy::unnecessary_cast)] // musl has 32 bits there
                let bytes = along.cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                for at in 0..bytes / size_of::<RawFd>() {
                    all.push(OwnedFd::from_raw_fd(data.add(at).read_unaligned()));
                }
            }
            next = libc::CMSG_NXTHDR(&raw const header, along);
        }
    }
    Ok((length.unsigned_abs(), all))
}

/// Sends one message with descriptors. Errors: as [`send_message`]; EBADF.
pub fn send_with(
    socket: BorrowedFd<'_>,
    message: &[u8],
    descriptors: &[RawFd],
) -> Result<(), Errno> {
    let message = [IoSlice::new(message)];
    let along = [ControlMessage::ScmRights(descriptors)];
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    sendmsg::<()>(socket.as_raw_fd(), &message, &along, flags, None).map(drop)
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
    let (length, descriptors) = receive_with(socket, &mut byte)?;
    // More than one is one too many: they are closed.
    Ok(match descriptors.into_iter().last() {
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
        // Too many for one message are not kept. Other tests have descriptors, too: only these count.
        let link = |fd: i32| std::fs::read_link(format!("/proc/self/fd/{fd}")).ok();
        let same = || {
            let own = link(d.as_raw_fd());
            (0..2000).filter(|fd| link(*fd) == own).count()
        };
        let before = same();
        let many = [d.as_raw_fd(); 40];
        for _ in 0..10 {
            send_with(a.as_fd(), b"many", &many).unwrap();
            assert_eq!(take_message(b.as_fd(), true).unwrap().len(), 16);
            send_with(a.as_fd(), b"unasked", &many).unwrap();
            assert_eq!(receive_message(b.as_fd(), 9).unwrap().unwrap(), b"unasked");
        }
        assert_eq!(same(), before);
        drop(a);
        let closed = receive_descriptor(b.as_fd()).unwrap();
        assert!(matches!(closed, Handed::Closed), "{closed:?}");
    }
}
