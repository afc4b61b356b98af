//! What a service's process is given between fork and exec, step by step. Invariants: everything here
//! runs in the child, so that a file that cannot be opened for now keeps nobody else waiting; a signal
//! ends it at any time; what it may no longer do comes last.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid};

use super::{Given, blocking, group, put};
use crate::supervise::capabilities::AT_MOST;
use crate::supervise::setup::{Setup, Stdio, Step};
use crate::supervise::spec::ServiceSpec;
use crate::supervise::voice;
use crate::sys::call::{chdir, open, set_no_new_privs, setgid, setgroups, setsid, setuid, write};
use crate::sys::{limits, privileges, process, signal};

/// What came of a step.
pub(super) type Done = Result<(), (Step, Errno)>;

/// The steps that open something and may have to wait. On a machine the console is a device, elsewhere
/// what PID 1 has.
pub(super) fn open_all(spec: &ServiceSpec, given: &Given<'_>, machine: bool) -> Done {
    let setup = &spec.setup;
    let failed = |step| move |errno| (step, errno);
    // Fails only in a session's leader, which a forked child is not.
    let _ = setsid();
    // Here and not last: opening a FIFO may take for ever, and whoever stops the service is not to wait.
    signal::reset_for_child();
    let terminal = super::terminal::attach(spec, given)?;
    chdir(spec.cwd.as_os_str()).map_err(failed(Step::Directory))?;
    for number in 0..=2 {
        stdio(setup, number, given, machine, terminal)
            .map_err(failed(Step::Stdio(number as u8)))?;
    }
    Ok(())
}

/// The steps that take something away.
pub(super) fn restrict(spec: &ServiceSpec) -> Done {
    let setup = &spec.setup;
    let failed = |step| move |errno| (step, errno);
    group::enter(spec)?;
    if let Some(score) = setup.oom_score {
        let flags = OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        open(c"/proc/self/oom_score_adj", flags, Mode::empty())
            .and_then(|file| write(file, score.to_string().as_bytes()))
            .map_err(failed(Step::OomScore))?;
    }
    if let Some(nice) = setup.nice {
        privileges::set_nice(nice).map_err(failed(Step::Nice))?;
    }
    limits::restore_open_files();
    for (place, &(which, soft, hard)) in (0..).zip(&setup.rlimits) {
        privileges::set_limit(which, soft, hard).map_err(failed(Step::Rlimit(place)))?;
    }
    identity(setup)?;
    if setup.no_new_privs {
        set_no_new_privs().map_err(failed(Step::NoNewPrivs))?;
    }
    Ok(())
}

/// Where one of the descriptors 0 to 2 leads. What nobody asked for and cannot be opened stays what it
/// was; what somebody asked for must be there.
fn stdio(
    setup: &Setup,
    number: i32,
    given: &Given<'_>,
    machine: bool,
    terminal: bool,
) -> Result<(), Errno> {
    let wanted = [&setup.stdin, &setup.stdout, &setup.stderr][number as usize];
    let file = match wanted {
        Stdio::Default if terminal => return Ok(()),
        Stdio::Default if number == 0 => null().ok(),
        Stdio::Default if machine => console(number).or_else(|_| null()).ok(),
        Stdio::Default => None,
        Stdio::Null => Some(null()?),
        Stdio::Console if machine => Some(console(number)?),
        Stdio::Console => None,
        Stdio::Log => {
            if let Some(log) = given.log {
                // An earlier process may have left it otherwise.
                let _ = blocking(&log);
                process::dup_onto(log.as_raw_fd(), number)?;
            }
            None
        }
        Stdio::File(path) => {
            let flags = match number {
                0 => OFlag::O_RDONLY,
                _ => OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_APPEND,
            };
            let mode = Mode::from_bits_truncate(0o644);
            let flags = flags | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
            Some(open(path.as_os_str(), flags, mode)?)
        }
    };
    put(file, &[number]);
    Ok(())
}

/// `/dev/null`
pub(super) fn null() -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_RDWR | OFlag::O_CLOEXEC;
    open(c"/dev/null", flags, Mode::empty())
}

/// The console, so that using it waits as programs expect.
fn console(number: i32) -> Result<OwnedFd, Errno> {
    let access = match number {
        0 => OFlag::O_RDONLY,
        _ => OFlag::O_WRONLY,
    };
    let console = voice::console(access)?;
    blocking(&console).map(|()| console)
}

/// Groups, user and capabilities, in the order in which each still may be set: a user other than root
/// keeps the capabilities of the list and no others (capabilities(7), "ambient").
fn identity(setup: &Setup) -> Done {
    let failed = |step| move |errno| (step, errno);
    let own = || privileges::caps().map(|caps| caps.permitted);
    let set = match setup.caps {
        Some(set) if set & AT_MOST != 0 => Some(set & own().map_err(failed(Step::Caps))?),
        set => set,
    };
    if let Some(set) = set {
        privileges::bound_caps(set)
            .and_then(|()| privileges::keep_caps(true))
            .map_err(failed(Step::Caps))?;
    }
    if setup.user.is_some() || setup.group.is_some() {
        let groups: Vec<_> = setup.groups.iter().copied().map(Gid::from_raw).collect();
        setgroups(&groups).map_err(failed(Step::Groups))?;
    }
    if let Some(group) = setup.group {
        setgid(Gid::from_raw(group)).map_err(failed(Step::Group))?;
    }
    if let Some(user) = setup.user {
        setuid(Uid::from_raw(user)).map_err(failed(Step::User))?;
    }
    if let Some(set) = set {
        privileges::set_caps(set)
            .and_then(|()| privileges::set_ambient(set))
            .map_err(failed(Step::Caps))?;
    }
    Ok(())
}
