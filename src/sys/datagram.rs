//! One datagram with its sender and its control messages (recvmsg(2), cmsg(3)), for the sockets that `nix` does
//! not know. Invariant: nothing is read of a control message beyond what the kernel has written of it.

use std::mem::{size_of, size_of_val, zeroed};
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;

use nix::errno::Errno;

/// Control messages of any socket here, in units of their alignment.
const CONTROL: usize = 16;

/// A C structure.
///
/// # Safety
/// All bytes of its size, zeros too, are a value of it.
pub(super) unsafe trait Plain: Copy {}

// SAFETY: numbers, and arrays of numbers.
unsafe impl Plain for libc::sockaddr_in6 {}
// SAFETY: numbers, and an array of numbers.
unsafe impl Plain for libc::sockaddr_ll {}
// SAFETY: numbers.
unsafe impl Plain for libc::tpacket_auxdata {}
// SAFETY: a number.
unsafe impl Plain for i32 {}

/// What came with a datagram.
pub(super) struct Datagram<A> {
    /// Its length, also where the buffer was shorter.
    pub(super) length: usize,
    /// Its sender.
    pub(super) from: A,
    control: [u64; CONTROL],
    filled: u64,
}

impl<A: Plain> Datagram<A> {
    /// Reads one into `buffer`; `None` where none is waiting.
    pub(super) fn receive(fd: &OwnedFd, buffer: &mut [u8]) -> Result<Option<Self>, Errno> {
        // SAFETY: all-zero bytes are a valid msghdr, and a valid address as it is plain.
        let (mut from, mut message): (A, libc::msghdr) = unsafe { (zeroed(), zeroed()) };
        let mut control = [0_u64; CONTROL];
        let mut parts = libc::iovec {
            iov_base: buffer.as_mut_ptr().cast(),
            iov_len: buffer.len(),
        };
        message.msg_name = ptr::from_mut(&mut from).cast();
        message.msg_namelen = size_of_val(&from) as libc::socklen_t;
        message.msg_iov = &mut parts;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control) as _;
        // SAFETY: every pointer in the header points to a live buffer of the length beside it.
        let read = unsafe { libc::recvmsg(fd.as_raw_fd(), &mut message, libc::MSG_TRUNC) };
        match Errno::result(read) {
            Ok(length) => Ok(Some(Self {
                length: length as usize,
                from,
                control,
                filled: message.msg_controllen as _,
            })),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// The payload of its control message of that level and type; `None` where there is none so long.
    pub(super) fn control<T: Plain>(&self, level: i32, kind: i32) -> Option<T> {
        // SAFETY: all-zero bytes are a valid msghdr.
        let mut message: libc::msghdr = unsafe { zeroed() };
        message.msg_control = self.control.as_ptr().cast_mut().cast();
        message.msg_controllen = self.filled as _;
        // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR stay within what recvmsg(2) has filled of the buffer, which
        // lives as long as `self`, and only read it. The payload is read unaligned, its length checked.
        unsafe {
            let mut header = libc::CMSG_FIRSTHDR(&message);
            while !header.is_null() {
                let wanted = libc::CMSG_LEN(size_of::<T>() as u32) as usize;
                let is = ((*header).cmsg_level, (*header).cmsg_type);
                if is == (level, kind) && (*header).cmsg_len as usize >= wanted {
                    return Some(ptr::read_unaligned(libc::CMSG_DATA(header).cast()));
                }
                header = libc::CMSG_NXTHDR(&message, header);
            }
        }
        None
    }
}
