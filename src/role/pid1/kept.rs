//! What of PID 1 outlives its program: the one list, and when it is written down. Invariants: the journal
//! is complete at the end of a turn, and has an exit before its zombie is released; what could not be
//! written is written whole as soon as there is memory again.

use std::ffi::CString;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use nix::errno::Errno;

use super::Init;
use crate::supervise::journal::{Batch, Journal, Section, Sink, State};
use crate::supervise::server::ClientId;
use crate::supervise::spawn::Boot;
use crate::supervise::wire::{Malformed, wire_enum, wire_struct};
use crate::sys::{call, crash, limits};
use crate::time::Instant;

/// The list of what there is one of. To keep something more, give it a number of its own here; its type
/// says with `wire_struct!` what it consists of. A number is never used again for something else.
macro_rules! singles {
    ($($number:literal => $($field:ident).+;)*) => {
        impl Init {
            fn save_singles(&self, to: &mut dyn Sink, sums: &mut Sums, all: bool) {
                $({
                    let sum: &mut u64 = &mut sums[$number];
                    let before = if all { 0 } else { *sum };
                    let key = Section::Single.key($number);
                    *sum = to.batch().put_changed(key, &self.$($field).+, before);
                })*
            }

            fn restore_singles(&mut self, state: &State<'_>, strict: bool) -> Result<(), Malformed> {
                $(match state.get(Section::Single.key($number)) {
                    Ok(Some(value)) => self.$($field).+ = value,
                    Err(why) if strict => return Err(why),
                    _ => {}
                })*
                Ok(())
            }
        }
    };
}

singles! {
    1 => helper;
    2 => helper_state;
    3 => shutdown;
    4 => half_reaped;
    5 => container;
    6 => asking;
    7 => supervisor.doorbell;
    8 => supervisor.boot_has_run;
    9 => supervisor.ending;
    10 => supervisor.watchdog;
    11 => supervisor.table.next;
    12 => supervisor.table.exits.taken;
    13 => supervisor.table.exits.lost;
    14 => server.listener;
    15 => server.doorbell;
    16 => server.next;
    17 => supervisor.groups;
    18 => critical;
    19 => time_to_end;
    20 => supervisor.helpers;
    21 => hand_over;
    22 => supervisor.reloading;
}

/// What the journal has of each.
type Sums = [u64; 32];

/// How this PID 1 was started.
#[derive(Debug, Clone)]
pub(super) struct Head {
    /// Whose PID 1 it is.
    pub rule: Rule,
    /// Its first argument.
    pub name: CString,
    /// The path of its program.
    pub path: CString,
    /// How the boot role is started.
    pub boot: Boot,
    /// The limits of open files that children get.
    pub open_files: Option<(u64, u64)>,
}

/// What a PID 1 is the first process of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Machine,
    Namespace,
    /// Container mode, with whatever PID.
    Nothing,
}

wire_struct!(Head {
    rule,
    name,
    path,
    boot,
    open_files
});
wire_enum!(Rule { 0 => Machine, 1 => Namespace, 2 => Nothing });

/// The journal, and what is in it.
#[derive(Debug)]
pub(super) struct Keeper {
    pub journal: Option<Journal>,
    batch: Batch,
    sums: Sums,
    /// Something could not be written: the next time, everything is.
    behind: bool,
    retry: Instant,
    #[cfg(debug_assertions)]
    turns: u32,
}

impl Default for Keeper {
    fn default() -> Self {
        Self {
            journal: None,
            batch: Batch::default(),
            sums: [0; 32],
            behind: true,
            retry: Instant::BOOT,
            #[cfg(debug_assertions)]
            turns: 0,
        }
    }
}

impl Keeper {
    /// Goes on with a journal.
    pub fn of(journal: Journal) -> Self {
        Self {
            journal: Some(journal),
            ..Self::default()
        }
    }

    /// How soon a journal that could not be made or written is tried again.
    const RETRY: Duration = Duration::from_secs(1);

    fn record(&mut self, init: &mut Init) -> Result<(), Errno> {
        if self.behind {
            let now = Instant::now();
            if now < self.retry {
                return Ok(());
            }
            self.retry = now + Self::RETRY;
            self.record_all(init)?;
            return Ok(());
        }
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        self.batch.clear();
        init.save_singles(&mut self.batch, &mut self.sums, false);
        init.server.save(&mut self.batch, false);
        init.supervisor.table.save(&mut self.batch, false);
        self.behind = !self.batch.is_empty() && journal.append(&mut self.batch).is_err();
        crash::cover(self.batch.descriptors().iter().copied());
        if journal.is_long() {
            self.record_all(init)?;
        }
        #[cfg(debug_assertions)]
        self.compare(init);
        Ok(())
    }

    /// In a debug build, now and then: whether the journal is what PID 1 is. A change that nobody has
    /// marked shows here, and not only after a crash.
    #[cfg(debug_assertions)]
    fn compare(&mut self, init: &mut Init) {
        self.turns = self.turns.wrapping_add(1);
        let Some(journal) = self
            .journal
            .as_ref()
            .filter(|_| !self.behind && self.turns.is_multiple_of(64))
        else {
            return;
        };
        let mut all = Batch::default();
        all.put(Section::Head.key(0), &init.head);
        init.save_singles(&mut all, &mut self.sums, true);
        init.server.save(&mut all, true);
        init.supervisor.table.save(&mut all, true);
        let written = journal.read_back().unwrap_or_default();
        let difference = State::replay(&written)
            .0
            .difference(&State::replay(all.record()).0);
        if let Some(key) = difference {
            let voice = &mut init.supervisor.voice;
            voice.say(format_args!(
                "the journal does not have what PID 1 has: {key:?}"
            ));
        }
    }

    /// Writes everything; every descriptor in it.
    fn record_all(&mut self, init: &mut Init) -> Result<Vec<RawFd>, Errno> {
        self.behind = true;
        let journal = match &mut self.journal {
            Some(journal) => journal,
            none => {
                let journal = none.insert(Journal::new()?);
                crash::recover_with(journal.file().fd(), init.supervisor.launcher.own());
                journal
            }
        };
        let sums = &mut self.sums;
        let mut fds = journal.shorten(|to| {
            init.head.open_files = limits::before();
            to.batch().put(Section::Head.key(0), &init.head);
            init.save_singles(to, sums, true);
            init.server.save(to, true);
            init.supervisor.table.save(to, true);
        })?;
        self.behind = false;
        fds.push(journal.file().fd().as_raw_fd());
        crash::cover(fds.iter().copied());
        Ok(fds)
    }
}

impl Init {
    /// Writes down what has changed.
    pub(super) fn record(&mut self) {
        let mut keeper = std::mem::take(&mut self.keeper);
        // What failed is told with the other calls that did, and tried again.
        let _ = call::uncounted(|| keeper.record(self));
        self.keeper = keeper;
    }

    /// Writes down everything; every descriptor in it.
    pub(super) fn record_all(&mut self) -> Result<Vec<RawFd>, Errno> {
        let mut keeper = std::mem::take(&mut self.keeper);
        let done = keeper.record_all(self);
        self.keeper = keeper;
        done
    }

    /// Writes down the end of a process that nobody waits for.
    pub(super) fn record_exit(&mut self) {
        let keeper = &mut self.keeper;
        let Some(journal) = keeper.journal.as_mut().filter(|_| !keeper.behind) else {
            return;
        };
        keeper.batch.clear();
        self.supervisor.table.save_exits(&mut keeper.batch, false);
        keeper.behind = journal.append(&mut keeper.batch).is_err();
    }

    /// Takes everything back. Strict: what is not understood is an error; else it is left out.
    pub(super) fn restore(&mut self, state: &State<'_>, strict: bool) -> Result<(), Malformed> {
        self.restore_singles(state, strict)?;
        self.server.restore(state, strict)?;
        self.supervisor.table.restore(state, strict)
    }

    /// Takes back only what the shell and the end of the machine need, and the clients that PID 1 owes an answer.
    pub(super) fn restore_least(&mut self, state: &State<'_>, clients: &[ClientId]) {
        for &client in clients {
            self.server.restore_one(state, client);
        }
        let _ = self.restore_singles(state, false);
        self.supervisor.table.restore_boot(state);
    }
}
