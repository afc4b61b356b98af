//! After a crash: how often there was one, what is said about it, and rescue mode, in which PID 1 only
//! reaps, keeps a shell and ends the machine. Invariant: whatever makes PID 1 crash again and again, it
//! comes to rest here, with what needs the least.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::Init;
use crate::supervise::machine::Event;
use crate::supervise::protocol::{CRASHED, Reply, Request, Target};
use crate::supervise::table::BOOT_ID;
use crate::sys::child::{self, Exit};
use crate::sys::crash::{self, Note, REMEMBERED};
use crate::time::Instant;

/// So many crashes …
const MANY: usize = 5;

/// … within this time, and the next program begins in rescue mode.
const SPAN: Duration = Duration::from_secs(60);

/// The rest before PID 1 goes on where it crashes in rescue mode, too.
const REST: Duration = Duration::from_secs(1);

/// How often signals that somebody else sent are told.
const TELL: Duration = Duration::from_secs(1);

/// What is done after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recovery {
    /// Everything goes on.
    Whole,
    /// Only the least; `again`: that has crashed, too, so not even that is taken from the state.
    Rescue { again: bool },
}

/// Pure: what the note of the crashes leads to now.
pub(super) fn recovery(note: &Note, now: Instant) -> Recovery {
    let recent = |millis: u64| now.since(Instant::from_boot(Duration::from_millis(millis))) < SPAN;
    let known = usize::try_from(note.count).map_or(REMEMBERED, |count| count.min(REMEMBERED));
    let recent = note.times[..known].iter().filter(|&&at| recent(at)).count();
    match (note.rescue, recent >= MANY) {
        (0, false) => Recovery::Whole,
        (0, true) => Recovery::Rescue { again: false },
        // The crashes that led here are still in the list.
        (_, _) => Recovery::Rescue {
            again: recent == REMEMBERED,
        },
    }
}

/// `SIGSEGV at address 0x10`
pub(super) fn cause(note: &Note) -> String {
    let number = note.signal.cast_signed();
    let name = match Signal::try_from(number) {
        Ok(signal) => signal.as_str().to_owned(),
        Err(_) => format!("signal {number}"),
    };
    match note.address {
        0 if number != Signal::SIGSEGV as i32 => name,
        address => format!("{name} at address {address:#x}"),
    }
}

impl Init {
    /// Says what happened and answers whoever it happened to.
    pub(super) fn after_crash(&mut self, note: &Note, recovery: Recovery, now: Instant) {
        let (cause, count) = (cause(note), note.count);
        let voice = &mut self.supervisor.voice;
        voice.say(format_args!(
            "PID 1 crashed: {cause} (crash number {count})"
        ));
        match recovery {
            Recovery::Whole => {
                let live = self.supervisor.table.services();
                let live = live.filter(|service| service.machine.pid().is_some());
                let text = format!(
                    "PID 1 goes on; {} running services were not touched",
                    live.count()
                );
                self.supervisor.voice.say(format_args!("{text}"));
            }
            Recovery::Rescue { .. } => {
                voice.say(format_args!("{RESCUE}"));
                self.begin_rescue(now);
            }
        }
        let words = format!("PID 1 crashed while it carried this out: {cause}; it goes on");
        let reply = Reply::Refused(CRASHED, 0, words);
        // The check of an upgrade that somebody waits for is forgotten.
        self.asking = None;
        let held = match self.hand_over {
            Some(_) => Vec::new(),
            None => self.server.held(),
        };
        for client in note.clients.into_iter().chain(held) {
            self.server.reply(client, &reply, now);
        }
    }

    fn begin_rescue(&mut self, now: Instant) {
        self.rescue = true;
        self.supervisor.boot_has_run = true;
        self.supervisor.boot_in_rescue();
        let boot = self.supervisor.table.all().first();
        let pid = boot.and_then(|boot| boot.machine.pid());
        match pid {
            Some(pid) if child::is_child(nix::unistd::Pid::from_raw(pid)) => {}
            // Its end was lost with the rest.
            Some(_) => self
                .supervisor
                .event(BOOT_ID, Event::Exited(Exit::Code(0)), now),
            None => self.supervisor.start_boot(now),
        }
    }

    /// The answer to what rescue mode does not do.
    pub(super) fn refused_in_rescue(&self, request: &Request) -> Option<Reply> {
        let served = matches!(
            request,
            Request::Power(..) | Request::Exits | Request::Wait(Target::Pid(_), ..)
        );
        (self.rescue && !served).then(|| Reply::Refused(1, 0, RESCUE.to_owned()))
    }

    /// Tells of fault signals that another process has sent.
    pub(super) fn tell_sent(&mut self, now: Instant) {
        if now < self.sent_told + TELL {
            return;
        }
        if let Some((signal, sender)) = crash::take_sent() {
            let name = Signal::try_from(signal).map_or("a signal", Signal::as_str);
            let who = match sender {
                0 => "a process outside".to_owned(),
                sender => format!("process {sender}"),
            };
            let text = format_args!("{name} sent by {who}: ignored");
            self.supervisor.voice.say(text);
            self.sent_told = now;
        }
    }
}

/// Waits a little where not even rescue mode works.
pub(super) fn rest(recovery: Recovery) {
    if recovery == (Recovery::Rescue { again: true }) {
        std::thread::sleep(REST);
    }
}

/// What rescue mode is, for whoever is at the console.
pub(in crate::role) const RESCUE: &str = "PID 1 is in rescue mode, because it crashed too often: services run on, \
but nobody supervises them; only the shell, poweroff, reboot and halt work";

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_boot(Duration::from_secs(seconds))
    }

    /// A crash at each of these seconds.
    fn crashes(seconds: &[u64]) -> Note {
        let mut note = Note::default();
        for second in seconds {
            note.times[note.count as usize % REMEMBERED] = second * 1000;
            note.count += 1;
        }
        note
    }

    #[test]
    fn five_in_a_minute_lead_to_rescue_mode() {
        assert_eq!(recovery(&crashes(&[]), at(1)), Recovery::Whole);
        assert_eq!(recovery(&crashes(&[1]), at(1)), Recovery::Whole);
        assert_eq!(recovery(&crashes(&[5, 6, 7, 8]), at(9)), Recovery::Whole);
        let rescue = Recovery::Rescue { again: false };
        assert_eq!(recovery(&crashes(&[5, 6, 7, 8, 9]), at(9)), rescue);
        assert_eq!(
            recovery(&crashes(&[5, 6, 7, 8, 60]), at(66)),
            Recovery::Whole
        );
        let slowly: Vec<_> = (1..50).map(|n| n * 20).collect();
        assert_eq!(recovery(&crashes(&slowly), at(980)), Recovery::Whole);
    }

    #[test]
    fn rescue_mode_stays_and_needs_less_where_it_crashes() {
        let mut note = crashes(&[1, 2, 3, 4, 5]);
        note.rescue = 1;
        assert_eq!(recovery(&note, at(5000)), Recovery::Rescue { again: false });
        let mut note = crashes(&[1, 2, 3, 4, 5, 6, 7, 8]);
        note.rescue = 1;
        assert_eq!(recovery(&note, at(9)), Recovery::Rescue { again: true });
    }

    #[test]
    fn causes_in_words() {
        let mut note = Note {
            signal: libc::SIGSEGV as u32,
            ..Note::default()
        };
        assert_eq!(cause(&note), "SIGSEGV at address 0x0");
        note.signal = libc::SIGABRT as u32;
        assert_eq!(cause(&note), "SIGABRT");
        note.signal = libc::SIGILL as u32;
        note.address = 0x1234;
        assert_eq!(cause(&note), "SIGILL at address 0x1234");
    }
}
