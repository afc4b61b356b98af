//! Terminal requests that `nix` has no function for. See ioctl_tty(2).

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::sys::termios::{FlushArg, tcflush};

nix::ioctl_write_int_bad!(
    /// TIOCSCTTY: makes the terminal the controlling one of this session.
    set_controlling,
    libc::TIOCSCTTY
);
nix::ioctl_read_bad!(
    /// TIOCGWINSZ: reads the size.
    get_size,
    libc::TIOCGWINSZ,
    libc::winsize
);
nix::ioctl_write_ptr_bad!(
    /// TIOCSWINSZ: sets the size and tells the foreground group with SIGWINCH.
    set_size,
    libc::TIOCSWINSZ,
    libc::winsize
);

nix::ioctl_read!(
    /// TIOCGDEV: reads the device number of the terminal behind `/dev/console`.
    get_device,
    b'T',
    0x32,
    libc::c_uint
);

/// The size of a terminal in characters; 0 where nobody has told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}

/// Makes `terminal` the controlling terminal of this session, whose leader this process must be. A
/// session that has it already loses it (needs CAP_SYS_ADMIN; the shell that died before this one).
///
/// Errors: EPERM (not a session leader, or it belongs to another session), ENOTTY.
pub fn take_control(terminal: &impl AsFd) -> Result<(), Errno> {
    let fd = terminal.as_fd().as_raw_fd();
    // SAFETY: the request takes an integer; the descriptor is open.
    unsafe { set_controlling(fd, 0).or_else(|_| set_controlling(fd, 1)) }.map(drop)
}

/// Like [`take_control`], but only of a terminal that is no session's.
pub fn acquire_control(terminal: &impl AsFd) -> Result<(), Errno> {
    // SAFETY: the request takes an integer; the descriptor is open.
    unsafe { set_controlling(terminal.as_fd().as_raw_fd(), 0) }.map(drop)
}

/// Makes `terminal` the controlling terminal of this session, whose leader this process must be, unless
/// another session has it.
///
/// Errors: EPERM (it has a session already), ENOTTY.
pub fn claim(terminal: &impl AsFd) -> Result<(), Errno> {
    let fd = terminal.as_fd().as_raw_fd();
    // SAFETY: the request takes an integer; the descriptor is open.
    unsafe { set_controlling(fd, 0) }.map(drop)
}

/// The terminal's size. Errors: ENOTTY.
pub fn size(terminal: &impl AsFd) -> Result<Size, Errno> {
    let mut raw = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: `raw` is a winsize that outlives the call.
    unsafe { get_size(terminal.as_fd().as_raw_fd(), &raw mut raw) }?;
    Ok(Size {
        rows: raw.ws_row,
        columns: raw.ws_col,
    })
}

/// Tells the kernel the terminal's size. Errors: ENOTTY.
pub fn resize(terminal: &impl AsFd, size: Size) -> Result<(), Errno> {
    let raw = libc::winsize {
        ws_row: size.rows,
        ws_col: size.columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: `raw` is a winsize that outlives the call.
    unsafe { set_size(terminal.as_fd().as_raw_fd(), &raw const raw) }.map(drop)
}

/// The device number of a terminal, which `/dev/console` has none of its own of; `None` for what is no
/// terminal.
pub fn number(terminal: &impl AsFd) -> Option<u32> {
    let mut number = 0;
    // SAFETY: `number` is an unsigned int that outlives the call.
    let read = unsafe { get_device(terminal.as_fd().as_raw_fd(), &raw mut number) };
    read.ok().map(|_| number)
}

/// Throws away what was written and not sent yet. Errors: ENOTTY.
pub fn discard_output(terminal: &impl AsFd) -> Result<(), Errno> {
    tcflush(terminal, FlushArg::TCOFLUSH)
}
