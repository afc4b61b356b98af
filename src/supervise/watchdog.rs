//! The watchdog that PID 1 has armed. Invariants: it is petted at the end of a turn only, when nothing is
//! wrong, and at a third of its timeout at the latest; it is given up by nothing but [`Watchdog::stop`]:
//! a PID 1 that hangs, crashes for good or cannot end the machine is reset by it. Nothing here waits.

use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag};
use nix::sys::stat::{Mode, SFlag};

use super::protocol::{Reply, WatchdogRequest};
use super::supervisor::refuse;
use super::wire::wire_struct;
use crate::failure::Failure;
use crate::sys::call::{fstat, open, openat2};
use crate::sys::watchdog as device;
use crate::time::Instant;

/// The timeout where nobody asked for one: longer than an orderly end of the machine takes (30 s), which
/// begins up to a third of it after the machine was petted last.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// The device where nobody named one.
pub const DEVICE: &str = "/dev/watchdog";

/// `WDIOF_CARDRESET`: the watchdog has reset the machine.
const CARD_RESET: u32 = 0x20;

/// What is known of an armed watchdog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchdogInfo {
    /// The device's path.
    pub device: OsString,
    /// What it calls itself.
    pub identity: String,
    /// The timeout that it really has.
    pub timeout: Duration,
    /// How long until it resets the machine, if nobody pets it.
    pub left: Duration,
    /// Why the machine was started last (`WDIOF_*` bits).
    pub boot_status: u32,
    /// Why it is not petted any more; empty where it is.
    pub hungry: String,
}

wire_struct!(WatchdogInfo {
    device,
    identity,
    timeout,
    left,
    boot_status,
    hungry
});

/// What is to be done at the end of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Pet,
    /// Begins to be withheld.
    Starve,
}

/// When it is petted: pure.
#[derive(Debug)]
struct Feeding {
    timeout: Duration,
    petted: Instant,
    next: Instant,
    hungry: bool,
}

impl Feeding {
    fn new(timeout: Duration, now: Instant) -> Self {
        Self {
            timeout,
            petted: now,
            next: now + timeout / 3,
            hungry: false,
        }
    }

    fn turn(&mut self, healthy: bool, now: Instant) -> Option<Act> {
        let was_hungry = std::mem::replace(&mut self.hungry, !healthy);
        if !healthy {
            // Nothing to be done by then; the loop need not turn more often because of it.
            self.next = now + self.timeout;
            return (!was_hungry).then_some(Act::Starve);
        }
        if !was_hungry && now < self.next {
            return None;
        }
        self.petted = now;
        self.next = now + self.timeout / 3;
        Some(Act::Pet)
    }

    fn left(&self, now: Instant) -> Duration {
        (self.petted + self.timeout).since(now)
    }
}

#[derive(Debug)]
struct Armed {
    file: OwnedFd,
    path: OsString,
    identity: String,
    feeding: Feeding,
    why: String,
    mute: bool,
}

/// The watchdog, if there is one.
#[derive(Debug, Default)]
pub struct Watchdog {
    armed: Option<Armed>,
}

wire_struct!(Watchdog { armed });
wire_struct!(Armed {
    file,
    path,
    identity,
    feeding,
    why,
    mute
});
wire_struct!(Feeding {
    timeout,
    petted,
    next,
    hungry
});

impl Watchdog {
    /// Answers a request.
    pub fn answer(&mut self, request: WatchdogRequest, now: Instant) -> Reply {
        let answer = match request {
            WatchdogRequest::Stop => self.stop().map(|()| Reply::Done),
            WatchdogRequest::Status => self.status(now).map(Reply::Watchdog),
            WatchdogRequest::Start(device, timeout) => {
                self.start(&device, timeout, now).map(Reply::Watchdog)
            }
        };
        answer.unwrap_or_else(|failure| refuse(&failure))
    }

    /// Arms the device, or changes the timeout of the one that is armed. `timeout`: what the driver does
    /// not take is an error; without one, [`TIMEOUT`] or what the driver has.
    ///
    /// Errors: no such device, not a watchdog, in use, another one is armed, the driver refuses the
    /// timeout (nothing has changed then).
    pub fn start(
        &mut self,
        path: &OsStr,
        timeout: Option<Duration>,
        now: Instant,
    ) -> Result<WatchdogInfo, Failure> {
        match &mut self.armed {
            Some(armed) if armed.path == path => {
                if let Some(timeout) = timeout {
                    let taken = armed.set(seconds(timeout)?).map_err(|e| refused(e, path))?;
                    armed.feeding = Feeding::new(taken, now);
                }
            }
            Some(armed) => {
                let armed = armed.path.to_string_lossy();
                let text = format!("{armed} is armed already");
                return Err(Failure::new(text).with_hint("'watchdog --stop' disarms it"));
            }
            None => self.armed = Some(arm(path, timeout, now)?),
        }
        self.status(now)
    }

    /// Pets it for the last time: the next PID 1 finds it armed. Errors: none is armed.
    pub fn hand_over(&mut self, now: Instant) -> Result<WatchdogInfo, Failure> {
        if let Some(armed) = &mut self.armed {
            armed.feeding.petted = now;
            let _ = armed.pet();
        }
        self.status(now)
    }

    /// Disarms it: the magic close.
    ///
    /// Errors: none is armed; its driver has `nowayout` (it is petted as before then).
    pub fn stop(&mut self) -> Result<(), Failure> {
        let armed = self.armed.take().ok_or_else(none_armed)?;
        // A close cannot say that it stopped nothing; this can.
        if device::disable(armed.file.as_fd()) == Err(Errno::EBUSY) {
            let path = armed.path.to_string_lossy();
            let text = format!("disarm {path}");
            self.armed = Some(armed);
            let why =
                "its driver was loaded with nowayout: it stays armed, and PID 1 goes on petting it";
            return Err(Failure::errno(text, Errno::EBUSY).with_hint(why));
        }
        release(armed.file);
        Ok(())
    }

    /// How it stands. Errors: none is armed.
    pub fn status(&self, now: Instant) -> Result<WatchdogInfo, Failure> {
        let armed = self.armed.as_ref().ok_or_else(none_armed)?;
        let left = device::time_left(armed.file.as_fd()).ok();
        Ok(WatchdogInfo {
            device: armed.path.clone(),
            identity: armed.identity.clone(),
            timeout: armed.feeding.timeout,
            left: left.map_or(armed.feeding.left(now), whole),
            boot_status: device::boot_status(armed.file.as_fd()),
            hungry: match armed.feeding.hungry {
                true => armed.why.clone(),
                false => String::new(),
            },
        })
    }

    /// A turn of the loop is over. `wrong`: why the machine should be reset, if it should. What somebody
    /// should be told.
    pub fn turned(&mut self, wrong: Option<&str>, now: Instant) -> Option<String> {
        let armed = self.armed.as_mut()?;
        match armed.feeding.turn(wrong.is_none(), now)? {
            Act::Pet => armed.pet(),
            Act::Starve => {
                let left = armed.feeding.left(now).as_secs();
                let path = armed.path.to_string_lossy();
                armed.why = wrong.unwrap_or_default().to_owned();
                let why = &armed.why;
                Some(format!(
                    "{path} is not petted any more: {why}; it resets the machine in {left} s"
                ))
            }
        }
    }

    /// When a turn is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.armed.as_ref().map(|armed| armed.feeding.next)
    }
}

impl Armed {
    fn new(
        file: OwnedFd,
        path: OsString,
        identity: String,
        timeout: Duration,
        now: Instant,
    ) -> Self {
        Self {
            file,
            path,
            identity,
            feeding: Feeding::new(timeout, now),
            why: String::new(),
            mute: false,
        }
    }

    /// What it took.
    fn set(&self, seconds: i32) -> Result<Duration, Errno> {
        let file = self.file.as_fd();
        let taken = device::set_timeout(file, seconds)?;
        Ok(whole(device::timeout(file).unwrap_or(taken)))
    }

    /// An error is told once; it is tried again soon.
    fn pet(&mut self) -> Option<String> {
        let errno = match device::pet(&self.file, 0) {
            Ok(()) => {
                self.mute = false;
                return None;
            }
            Err(errno) => errno,
        };
        self.feeding.next = self.feeding.petted + self.feeding.timeout / 10;
        let path = self.path.to_string_lossy();
        let told = std::mem::replace(&mut self.mute, true);
        (!told).then(|| format!("pet {path}: {errno:?} ({})", errno.desc()))
    }
}

impl WatchdogInfo {
    /// `/dev/watchdog (i6300ESB timer): resets the machine after 30 s without PID 1, in 27 s`
    pub fn line(&self) -> String {
        let mut line = self.device.to_string_lossy().into_owned();
        let (timeout, left) = (self.timeout.as_secs(), self.left.as_secs());
        let _ = write!(
            line,
            " ({}): timeout {timeout} s, {left} s left",
            self.identity
        );
        if self.boot_status & CARD_RESET != 0 {
            line.push_str("; the machine's last reset was its work");
        }
        if !self.hungry.is_empty() {
            let _ = write!(line, "; not petted any more: {}", self.hungry);
        }
        line
    }
}

fn arm(path: &OsStr, timeout: Option<Duration>, now: Instant) -> Result<Armed, Failure> {
    let asked = timeout.map(seconds).transpose()?;
    let file = open_device(path)?;
    let Ok(identity) = device::identity(file.as_fd()) else {
        // Opened and closed without a word: what is not a watchdog does not mind.
        return Err(Failure::new(format!(
            "{}: not a watchdog",
            path.to_string_lossy()
        )));
    };
    let armed = Armed::new(file, path.to_owned(), identity, TIMEOUT, now);
    let fallback = |_| device::timeout(armed.file.as_fd()).map(whole);
    let default = TIMEOUT.as_secs() as i32;
    let taken = match (armed.set(asked.unwrap_or(default)), asked) {
        (Err(Errno::EINVAL), Some(_)) => Err(Errno::EINVAL),
        // It has one timeout only, or not ours.
        (taken, _) => taken.or_else(fallback),
    };
    match taken {
        Ok(taken) => Ok(Armed {
            feeding: Feeding::new(taken, now),
            ..armed
        }),
        Err(errno) => {
            release(armed.file);
            Err(refused(errno, path))
        }
    }
}

/// Opens a character device below `/dev`, and nothing that could make PID 1 wait.
fn open_device(path: &OsStr) -> Result<OwnedFd, Failure> {
    let shown = path.to_string_lossy();
    let below = Path::new(path).strip_prefix("/dev").ok();
    let Some(below) = below.filter(|below| *below != Path::new("")) else {
        let text = format!("{shown}: not a device below /dev");
        return Err(Failure::new(text));
    };
    let failed = |errno| {
        let failure = Failure::errno(format!("open {shown}"), errno);
        match errno {
            Errno::ENOENT | Errno::ENODEV | Errno::ENXIO => failure.with_hint(
                "no watchdog here: 'modprobe i6300esb' for QEMU's, 'modprobe softdog' for one in software",
            ),
            Errno::EBUSY => failure.with_hint("another program has it open"),
            _ => failure,
        }
    };
    let dev = open(c"/dev", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).map_err(failed)?;
    let within = |flags: OFlag| {
        let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_XDEV;
        let how = OpenHow::new().flags(flags | OFlag::O_CLOEXEC);
        openat2(&dev, below, how.resolve(resolve)).map_err(failed)
    };
    let found = within(OFlag::O_PATH)?;
    let mode = fstat(&found).map_err(failed)?.st_mode;
    if SFlag::from_bits_truncate(mode) & SFlag::S_IFMT != SFlag::S_IFCHR {
        return Err(Failure::new(format!("{shown}: not a watchdog")));
    }
    within(OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY)
}

fn release(file: OwnedFd) {
    let _ = device::disable(file.as_fd());
    let _ = device::pet(&file, b'V');
}

/// Watchdogs count whole seconds; rounded up.
fn seconds(timeout: Duration) -> Result<i32, Failure> {
    let whole = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0);
    i32::try_from(whole)
        .ok()
        .filter(|&s| s > 0)
        .ok_or_else(|| Failure::usage("a watchdog's timeout is 1 s or more"))
}

fn whole(seconds: i32) -> Duration {
    // A driver that says 0 must not make the loop spin.
    Duration::from_secs(u64::try_from(seconds).unwrap_or(1).max(1))
}

fn refused(errno: Errno, path: &OsStr) -> Failure {
    let text = format!("set the timeout of {}", path.to_string_lossy());
    let failure = Failure::errno(text, errno);
    match errno {
        Errno::EINVAL => failure.with_hint("its hardware has a smaller range"),
        _ => failure,
    }
}

fn none_armed() -> Failure {
    Failure::new("no watchdog is armed").with_hint("'watchdog' arms one")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_boot(Duration::from_millis(millis))
    }

    #[test]
    fn petted_at_a_third_at_the_latest_and_not_more_often() {
        let mut feeding = Feeding::new(Duration::from_secs(30), at(0));
        assert_eq!(feeding.next, at(10_000));
        for (millis, act) in [
            (0, None),
            (9_999, None),
            (10_000, Some(Act::Pet)),
            (10_001, None),
            (20_500, Some(Act::Pet)),
            (30_499, None),
            (30_500, Some(Act::Pet)),
        ] {
            assert_eq!(feeding.turn(true, at(millis)), act, "{millis}");
        }
    }

    #[test]
    fn withheld_at_once_and_given_again_at_once() {
        let mut feeding = Feeding::new(Duration::from_secs(30), at(0));
        assert_eq!(feeding.turn(false, at(5_000)), Some(Act::Starve));
        assert_eq!(feeding.left(at(6_000)), Duration::from_secs(24));
        assert_eq!(feeding.turn(false, at(11_000)), None, "said once");
        assert!(feeding.next > at(11_000), "the loop spins");
        assert_eq!(feeding.left(at(40_000)), Duration::ZERO);
        assert_eq!(feeding.turn(true, at(12_000)), Some(Act::Pet));
        assert_eq!(feeding.turn(true, at(12_001)), None);
    }

    /// Turns as irregular as the loop's: however they fall, a healthy machine is never left alone for
    /// more than a third of the timeout and one turn.
    #[test]
    fn a_loop_that_turns_when_asked_is_never_late() {
        let mut feeding = Feeding::new(Duration::from_secs(3), at(0));
        let (mut now, mut last) = (0, 0);
        for step in 0..10_000_u64 {
            let due = feeding.next.since_boot().as_millis() as u64;
            now = (now + step * 7919 % 700).min(due.max(now));
            if feeding.turn(true, at(now)) == Some(Act::Pet) {
                assert!(now - last <= 1_000, "{last} → {now}");
                last = now;
            }
        }
        assert!(last > 100_000);
    }

    #[test]
    fn devices_and_timeouts_that_are_refused() {
        let mut watchdog = Watchdog::default();
        for (path, why) in [
            (
                "/dev/no-such-watchdog",
                "open /dev/no-such-watchdog: ENOENT",
            ),
            ("/dev/null", "/dev/null: not a watchdog"),
            ("/dev/../etc/passwd", "EXDEV"),
            ("/dev", "/dev: not a device below /dev"),
            ("/tmp/fifo", "/tmp/fifo: not a device below /dev"),
            ("watchdog", "watchdog: not a device below /dev"),
            ("/dev/shm", "EXDEV"),
        ] {
            let failure = watchdog.start(path.as_ref(), None, at(0)).unwrap_err();
            assert!(failure.to_string().contains(why), "{path}: {failure}");
        }
        assert!(watchdog.stop().is_err());
        assert_eq!(watchdog.deadline(), None);
        assert_eq!(seconds(Duration::from_millis(1_500)).unwrap(), 2);
        assert!(seconds(Duration::ZERO).is_err());
        assert!(seconds(Duration::from_secs(1 << 40)).is_err());
    }

    #[test]
    fn the_line_that_people_read() {
        let info = WatchdogInfo {
            device: "/dev/watchdog".into(),
            identity: "i6300ESB timer".into(),
            timeout: Duration::from_secs(30),
            left: Duration::from_secs(27),
            boot_status: CARD_RESET,
            hungry: "critical service 'db' has failed".into(),
        };
        assert_eq!(
            info.line(),
            "/dev/watchdog (i6300ESB timer): timeout 30 s, 27 s left; the machine's last reset was \
             its work; not petted any more: critical service 'db' has failed"
        );
    }
}
