//! The socket on which services say how they are, and the attempt to reach a TCP port of this machine.
//! Invariants: nothing here waits; a datagram's sender is the process that the kernel names.

use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, SockaddrStorage, UnixAddr,
    UnixCredentials, bind, connect, getpeername, getsockname, getsockopt, recvmsg, setsockopt,
    socket, sockopt,
};
use std::io::IoSliceMut;

use super::call::seam;

const FLAGS: SockFlag = SockFlag::SOCK_CLOEXEC.union(SockFlag::SOCK_NONBLOCK);

/// A datagram socket with an abstract address that the kernel has chosen (unix(7), "Autobind feature"). It
/// needs no directory.
pub fn open() -> Result<OwnedFd, Errno> {
    let (family, kind) = (AddressFamily::Unix, SockType::Datagram);
    let file = seam("socket", || socket(family, kind, FLAGS, None))?;
    setsockopt(&file, sockopt::PassCred, &true)?;
    bind(file.as_raw_fd(), &UnixAddr::new_unnamed())?;
    Ok(file)
}

/// The address of such a socket as sd_notify(3) spells it in `NOTIFY_SOCKET`: `@` and its name.
pub fn address(file: BorrowedFd<'_>) -> OsString {
    let address = getsockname::<UnixAddr>(file.as_raw_fd()).ok();
    let name = address.as_ref().and_then(UnixAddr::as_abstract);
    OsString::from_vec([b"@", name.unwrap_or_default()].concat())
}

/// A datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// The process that sent it (0: one of no PID namespace of ours).
    pub from: i32,
    /// How much of the buffer it fills; nothing where it is longer than the buffer.
    pub length: usize,
}

/// The next datagram. Descriptors that come along are closed, which is all that `BARRIER=1` asks for.
///
/// Errors: EAGAIN where there is none.
pub fn receive(file: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Heard, Errno> {
    let mut space = nix::cmsg_space!(UnixCredentials);
    let mut parts = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let received = seam("receive", || {
        recvmsg::<()>(file.as_raw_fd(), &mut parts, Some(&mut space), flags)
    })?;
    let mut from = 0;
    // What did not fit is a descriptor, and closed already.
    for along in received.cmsgs().into_iter().flatten() {
        match along {
            ControlMessageOwned::ScmCredentials(sender) => from = sender.pid(),
            ControlMessageOwned::ScmRights(descriptors) => close_all(descriptors),
            _ => {}
        }
    }
    let whole = !received.flags.contains(MsgFlags::MSG_TRUNC);
    let length = if whole { received.bytes } else { 0 };
    Ok(Heard { from, length })
}

fn close_all(descriptors: Vec<RawFd>) {
    for fd in descriptors {
        // SAFETY: the kernel has just installed this descriptor for us.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
}

/// Begins to connect to a TCP port of the loopback address; the socket with whether that has succeeded
/// already.
///
/// Errors: ECONNREFUSED (nobody listens), ENETUNREACH, EADDRNOTAVAIL, EMFILE.
pub fn reach(port: u16, version_6: bool) -> Result<(OwnedFd, bool), Errno> {
    let (family, host) = match version_6 {
        false => (AddressFamily::Inet, IpAddr::V4(Ipv4Addr::LOCALHOST)),
        true => (AddressFamily::Inet6, IpAddr::V6(Ipv6Addr::LOCALHOST)),
    };
    let address = |port| SockaddrStorage::from(SocketAddr::from((host, port)));
    let file = seam("socket", || socket(family, SockType::Stream, FLAGS, None))?;
    bind(file.as_raw_fd(), &address(0))?;
    // TCP lets a socket connect to itself (RFC 9293 §3.5, simultaneous open).
    if getsockname::<SockaddrStorage>(file.as_raw_fd())? == address(port) {
        return Err(Errno::EADDRINUSE);
    }
    match seam("connect", || connect(file.as_raw_fd(), &address(port))) {
        Ok(()) => Ok((file, true)),
        // Over loopback the answer is mostly there by now.
        Err(Errno::EINPROGRESS) => match is_reached(file.as_fd()) {
            Some(false) => Err(Errno::ECONNREFUSED),
            reached => Ok((file, reached.is_some())),
        },
        Err(errno) => Err(errno),
    }
}

/// Whether a connection that was begun has been accepted by now; `None` while nothing is known.
pub fn is_reached(file: BorrowedFd<'_>) -> Option<bool> {
    match getsockopt(&file, sockopt::SocketError) {
        Ok(0) => {}
        _ => return Some(false),
    }
    // Only a socket that is connected has somebody at its other end.
    let peer = getpeername::<SockaddrStorage>(file.as_raw_fd());
    peer.is_ok().then_some(true)
}

/// Sends a datagram to such an address.
pub fn send(address: &OsStr, message: &[u8]) -> Result<(), Errno> {
    let name = address.as_bytes().strip_prefix(b"@").ok_or(Errno::EINVAL)?;
    let (family, kind) = (AddressFamily::Unix, SockType::Datagram);
    let file = socket(family, kind, SockFlag::SOCK_CLOEXEC, None)?;
    let to = UnixAddr::new_abstract(name)?;
    let flags = MsgFlags::MSG_NOSIGNAL;
    nix::sys::socket::sendto(file.as_raw_fd(), message, &to, flags).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_names_its_sender() {
        let file = open().unwrap();
        let address = address(file.as_fd());
        let mut buffer = [0; 16];
        let none = receive(file.as_fd(), &mut buffer);
        assert_eq!(none, Err(Errno::EAGAIN));
        send(&address, b"READY=1").unwrap();
        send(&address, &[b'x'; 17]).unwrap();
        let from = std::process::id().cast_signed();
        let first = receive(file.as_fd(), &mut buffer).unwrap();
        assert_eq!(first, Heard { from, length: 7 });
        assert_eq!(&buffer[..7], b"READY=1");
        let cut = receive(file.as_fd(), &mut buffer).unwrap();
        assert_eq!(cut.length, 0);
    }

    #[test]
    fn a_port_is_reached_once_somebody_listens() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // A busy machine answers a moment later.
        let known = |file: &OwnedFd| {
            (0..1000).find_map(|_| {
                std::thread::sleep(std::time::Duration::from_millis(10));
                is_reached(file.as_fd())
            })
        };
        let (file, reached) = reach(port, false).unwrap();
        assert!(!reached || is_reached(file.as_fd()) == Some(true));
        assert_eq!(known(&file), Some(true));
        drop(listener);
        match reach(port, false) {
            Err(errno) => assert_eq!(errno, Errno::ECONNREFUSED),
            Ok((file, reached)) => assert!(!reached && known(&file) == Some(false)),
        }
    }
}
