//! What PID 1 does when it faults itself: it executes its own program anew. Invariants: the handler makes
//! async-signal-safe calls only and reads nothing but this module's own statics, whatever the heap and
//! the stack are like; it acts for the process that has installed it and for no child of it.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fmt::Write as _;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering::Relaxed};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};

use super::call::{pread, pwrite};

/// The signals that a program raises by its own faults.
pub const FAULTS: [Signal; 5] = [
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGILL,
    Signal::SIGFPE,
    Signal::SIGABRT,
];

/// How many crashes are remembered.
pub const REMEMBERED: usize = 8;

/// How many requests that are being carried out are remembered: of more in one turn, the rest gets no
/// answer.
pub const SERVED: usize = 16;

/// Where the note of the last crash stands in the journal.
const NOTE_AT: libc::off_t = 64;

/// The stack of the handler; enough for the registers of any processor (AT_MINSIGSTKSZ) and for us.
const STACK: usize = 64 * 1024;

/// What is known of the crashes of this process, as it stands in the journal: plain numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Note {
    /// When the last crashes were, in milliseconds since boot; the crash of number N at N modulo
    /// [`REMEMBERED`].
    pub times: [u64; REMEMBERED],
    /// How many crashes there were.
    pub count: u64,
    /// The address that was used, or that of the instruction.
    pub address: u64,
    /// The signal of the last one.
    pub signal: u32,
    /// The clients whose requests were being carried out, in no order; 0: none.
    pub clients: [u32; SERVED],
    /// Whether PID 1 only reaps and ends the machine from now on.
    pub rescue: u32,
    /// Whether the last crash has not been looked at yet.
    pub fresh: u32,
}

const NOTE: usize = size_of::<Note>();

static OWNER: AtomicI32 = AtomicI32::new(0);
static JOURNAL: AtomicI32 = AtomicI32::new(-1);
static PROGRAM: AtomicI32 = AtomicI32::new(-1);
static HIGHEST: AtomicI32 = AtomicI32::new(2);
static CLIENTS: [AtomicU32; SERVED] = [const { AtomicU32::new(0) }; SERVED];
/// A signal in the low byte, its sender's pid above it.
static SENT: AtomicU64 = AtomicU64::new(0);
static ENVIRONMENT: AtomicPtr<*const c_char> = AtomicPtr::new(ptr::null_mut());
static ARGUMENTS: AtomicPtr<*const c_char> = AtomicPtr::new(ptr::null_mut());
static mut NOTE_KEPT: Note = Note {
    times: [0; REMEMBERED],
    count: 0,
    address: 0,
    signal: 0,
    clients: [0; SERVED],
    rescue: 0,
    fresh: 0,
};

unsafe extern "C" {
    static environ: *const *const c_char;
}

/// The signals that PID 1 blocks and reads from its descriptor: all but [`FAULTS`], which would be
/// fatal if they came while blocked.
pub fn blocked() -> SigSet {
    let mut set = SigSet::all();
    FAULTS.into_iter().for_each(|signal| set.remove(signal));
    set
}

/// Prepares for this process's own faults. `name`: its first argument from then on.
pub fn install(name: &CStr) -> Result<(), Errno> {
    OWNER.store(std::process::id().cast_signed(), Relaxed);
    // SAFETY: the C library's variable, read while there is one thread.
    ENVIRONMENT.store(unsafe { environ }.cast_mut(), Relaxed);
    prepare_arguments(name);
    take_stack()?;
    for signal in FAULTS {
        // SAFETY: zero is a valid sigaction.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = on_fault as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // SAFETY: both are valid; the handler keeps to async-signal-safe calls.
        unsafe {
            libc::sigfillset(&mut action.sa_mask);
            Errno::result(libc::sigaction(signal as c_int, &action, ptr::null_mut()))?;
        }
    }
    std::panic::set_hook(Box::new(|panic| {
        // Before anything is unwound: no descriptor may be closed on the way.
        let mut line = Line::default();
        let _ = write!(line, "\ninitsh: PID 1: {panic}\n");
        line.put();
        // SAFETY: abort has no preconditions.
        unsafe { libc::abort() }
    }));
    Ok(())
}

/// Gives the handler a stack: memory that costs nothing before it is used.
fn take_stack() -> Result<(), Errno> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping, at a place of the kernel's choice, that is never given back.
    let place = unsafe { libc::mmap(ptr::null_mut(), STACK, protection, kind, -1, 0) };
    if place == libc::MAP_FAILED {
        return Err(Errno::last());
    }
    let stack = libc::stack_t {
        ss_sp: place,
        ss_flags: 0,
        ss_size: STACK,
    };
    // SAFETY: the mapping has that size and nobody else uses it.
    Errno::result(unsafe { libc::sigaltstack(&stack, ptr::null_mut()) }).map(drop)
}

/// Which journal and which program the next crash is recovered with.
pub fn recover_with(journal: BorrowedFd<'_>, program: Option<BorrowedFd<'_>>) {
    let program = program.map_or(-1, |fd| fd.as_raw_fd());
    JOURNAL.store(journal.as_raw_fd(), Relaxed);
    PROGRAM.store(program, Relaxed);
    cover([journal.as_raw_fd(), program]);
}

/// Takes note of descriptors that are to survive a crash.
pub fn cover(fds: impl IntoIterator<Item = RawFd>) {
    let highest = fds.into_iter().max().unwrap_or(-1);
    HIGHEST.fetch_max(highest, Relaxed);
}

/// A client's request begins to be carried out: were it not for [`served`] or [`all_recorded`], nothing
/// would be left of it after a crash.
pub fn serving(client: u32) {
    if let Some(free) = CLIENTS.iter().find(|place| place.load(Relaxed) == 0) {
        free.store(client, Relaxed);
    }
}

/// A client has its answer.
pub fn served(client: u32) {
    let its = |place: &&AtomicU32| place.load(Relaxed) == client;
    if let Some(place) = CLIENTS.iter().find(its) {
        place.store(0, Relaxed);
    }
}

/// Everything that clients have asked for is in the journal.
pub fn all_recorded() {
    CLIENTS.iter().for_each(|place| place.store(0, Relaxed));
}

/// A fault signal that another process has sent, and its pid, since the last call: it says nothing about
/// this process.
pub fn take_sent() -> Option<(c_int, i32)> {
    match SENT.load(Relaxed) {
        0 => None,
        _ => {
            let sent = SENT.swap(0, Relaxed);
            let signal = c_int::from((sent & 0xff) as u8);
            Some((signal, ((sent >> 8) as u32).cast_signed()))
        }
    }
}

/// What the journal says about crashes; also what the handler adds to from now on.
pub fn load_note(journal: BorrowedFd<'_>) -> Note {
    let mut bytes = [0; NOTE];
    let _ = pread(journal, &mut bytes, NOTE_AT);
    // SAFETY: a note is plain numbers, for which any bytes are valid.
    let note = unsafe { std::mem::transmute::<[u8; NOTE], Note>(bytes) };
    keep(note);
    note
}

/// Writes the note back.
///
/// Errors: ENOMEM, ENOSPC.
pub fn store_note(journal: BorrowedFd<'_>, note: Note) -> Result<(), Errno> {
    keep(note);
    // SAFETY: a note is plain numbers without gaps between them.
    let bytes = unsafe { std::mem::transmute::<Note, [u8; NOTE]>(note) };
    pwrite(journal, &bytes, NOTE_AT).map(drop)
}

fn keep(note: Note) {
    // SAFETY: one thread; the handler, which also writes it, does not return when it has.
    unsafe { (&raw mut NOTE_KEPT).write(note) }
}

/// The arguments of the recovered program: made now, because nothing can be allocated later. They live
/// as long as the process.
fn prepare_arguments(name: &CStr) {
    // The numbers are put in by the handler.
    let words = [name.to_owned(), RECOVER.to_owned()].map(CString::into_raw);
    let list = Box::leak(Box::new([ptr::null_mut(); 3]));
    list[..2].copy_from_slice(&words);
    ARGUMENTS.store(list.as_mut_ptr().cast(), Relaxed);
}

/// The digits are replaced: journal and program.
const RECOVER: &CStr = c"--recover=0000000000:0000000000";

/// Where the first number begins, and how many digits it has.
const DIGITS: (usize, usize) = (10, 10);

extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, _context: *mut c_void) {
    // SAFETY: async-signal-safe: getpid(2) and a read of our own static.
    let own = unsafe { libc::getpid() };
    if own != OWNER.load(Relaxed) {
        return die_of(signal);
    }
    // SAFETY: the kernel hands a valid siginfo_t to an SA_SIGINFO handler; the fields that are read
    // are those of this kind of signal.
    let (code, sender, address) = unsafe {
        let info = &*info;
        (info.si_code, info.si_pid(), info.si_addr() as u64)
    };
    let raised = matches!(code, libc::SI_USER | libc::SI_TKILL) && sender == own;
    if code <= 0 && !raised {
        let sender = u64::from(sender.cast_unsigned());
        return SENT.store(sender << 8 | signal.unsigned_abs() as u64, Relaxed);
    }
    take_note(signal, if raised { 0 } else { address });
    loop {
        execute();
        // SAFETY: async-signal-safe calls. Not even that works: children are reaped, and it is tried again.
        unsafe {
            while libc::waitpid(-1, ptr::null_mut(), libc::WNOHANG) > 0 {}
            let second = libc::timespec {
                tv_sec: 1,
                tv_nsec: 0,
            };
            libc::nanosleep(&second, ptr::null_mut());
        }
    }
}

/// In a child that has not executed its own program yet: what the signal does by default.
fn die_of(signal: c_int) {
    // SAFETY: async-signal-safe calls; the signal is delivered when the handler returns.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

fn take_note(signal: c_int, address: u64) {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: async-signal-safe calls on our own memory; the handler's mask keeps it from running twice.
    unsafe {
        libc::clock_gettime(libc::CLOCK_BOOTTIME, &mut now);
        let kept = &raw mut NOTE_KEPT;
        let mut note = kept.read();
        let millis = (now.tv_sec as u64) * 1000 + (now.tv_nsec as u64) / 1_000_000;
        note.times[(note.count % REMEMBERED as u64) as usize] = millis;
        note.count = note.count.wrapping_add(1);
        note.address = address;
        note.signal = signal.unsigned_abs();
        note.clients = CLIENTS.each_ref().map(|client| client.load(Relaxed));
        note.fresh = 1;
        kept.write(note);
        let bytes = (&raw const note).cast();
        libc::pwrite(JOURNAL.load(Relaxed), bytes, NOTE, NOTE_AT);
    }
}

/// Executes the own program with every descriptor that may be in the journal. Returns where that fails.
fn execute() {
    let (journal, program) = (JOURNAL.load(Relaxed), PROGRAM.load(Relaxed));
    let arguments = ARGUMENTS.load(Relaxed);
    // SAFETY: async-signal-safe calls; the arguments were made by `prepare_arguments` and have room for
    // the digits; arguments and environment end with NULL.
    unsafe {
        let (first, count) = DIGITS;
        let text = (*arguments.add(1)).cast_mut();
        put_digits(text.add(first), count, journal);
        put_digits(text.add(first + count + 1), count, program);
        for fd in 3..=HIGHEST.load(Relaxed) {
            libc::fcntl(fd, libc::F_SETFD, 0);
        }
        let environment = ENVIRONMENT.load(Relaxed);
        let path = c"".as_ptr();
        let flags = libc::AT_EMPTY_PATH;
        libc::syscall(
            libc::SYS_execveat,
            program,
            path,
            arguments,
            environment,
            flags,
        );
        libc::execve(c"/proc/self/exe".as_ptr(), arguments, environment);
    }
}

/// # Safety
/// `count` bytes at `to` are ours.
unsafe fn put_digits(to: *mut c_char, count: usize, number: c_int) {
    // No descriptor: a number that is never open.
    let mut left = if number < 0 { c_int::MAX } else { number };
    for place in (0..count).rev() {
        // SAFETY: within what the caller vouches for.
        unsafe { to.add(place).write(b'0' as c_char + (left % 10) as c_char) };
        left /= 10;
    }
}

/// A line on the stack, cut where it is too long: a panic may be the heap's.
struct Line {
    bytes: [u8; 400],
    length: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            bytes: [0; 400],
            length: 0,
        }
    }
}

impl Line {
    /// On standard error, opened anew where that is possible: a terminal that is held up would take a part
    /// of it and wait for ever with the rest.
    fn put(&self) {
        let flags = libc::O_WRONLY | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
        // SAFETY: the path is a string; the buffer is as long as it says.
        unsafe {
            // A file has its own place to go on from.
            let fd = match libc::lseek(2, 0, libc::SEEK_CUR) {
                0.. => 2,
                _ => libc::open(c"/proc/self/fd/2".as_ptr(), flags),
            };
            let fd = if fd < 0 { 2 } else { fd };
            let mut ready = libc::pollfd {
                fd,
                events: libc::POLLOUT,
                revents: 0,
            };
            if libc::poll(&mut ready, 1, 0) == 1 && ready.revents & libc::POLLOUT != 0 {
                libc::write(fd, self.bytes.as_ptr().cast(), self.length);
            }
        }
    }
}

impl std::fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let room = self.bytes.get_mut(self.length..).unwrap_or_default();
        for (to, from) in room.iter_mut().zip(text.bytes()) {
            *to = from;
            self.length += 1;
        }
        Ok(())
    }
}
