//! A client's place on its interface: the link as it was seen last, the watch on it, and what there is to tell
//! of the client (notes, the record of a trouble, counters). Invariant: the watch is older than all that was
//! seen, so that no change falls between; a link that cannot be looked at and a full disk end no client.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;

use crate::failure::Failure;
use crate::net::client::{Note, Protocol};
use crate::net::lease::{self, Record};
use crate::net::netlink::link::{self, Link};
use crate::net::netlink::socket::Socket;
use crate::net::netlink::watch::{self, Addresses, Change, Watch};
use crate::net::stats::Stats;

/// What has become of a link's carrier since it was seen last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Nothing.
    Nothing,
    /// The interface is gone for good: [`Station::gone`].
    Gone,
    /// It went.
    Down,
    /// It came.
    Up,
    /// It went and came back, and what the kernel had set on the link may have gone with it.
    DownThenUp,
}

impl Seen {
    /// `had`: the carrier before; `flapped`: the link was down meanwhile; `has`: the carrier now.
    fn of(had: bool, flapped: bool, has: bool) -> Self {
        match (had, has) {
            (true, true) if flapped => Self::DownThenUp,
            (true, false) => Self::Down,
            (false, true) => Self::Up,
            _ => Self::Nothing,
        }
    }

    /// The carrier was away, and may be back.
    pub fn went(self) -> bool {
        matches!(self, Self::Down | Self::DownThenUp)
    }

    /// The carrier is back.
    pub fn came(self) -> bool {
        matches!(self, Self::Up | Self::DownThenUp)
    }
}

/// What every client has of its interface.
#[derive(Debug)]
pub struct Station {
    /// The link as it was seen last.
    pub link: Link,
    /// What the client has sent, received and dropped.
    pub stats: Stats,
    watch: Watch,
    addresses: Addresses,
    gone: Option<Failure>,
    notes: Vec<Note>,
    /// The kind of the record that says why there is no lease, and what it says.
    state: String,
    trouble: String,
}

impl Station {
    /// Takes its place on an interface, without a trouble yet. `watch` is a new one.
    ///
    /// Errors: no such interface, or none that the protocol's clients can work on.
    pub fn open(protocol: &Protocol, name: &str, watch: Watch) -> Result<Self, Failure> {
        let link = (protocol.usable)(&mut Socket::open()?, name)?;
        let state = protocol.state();
        let _ = lease::remove(name, &state);
        Ok(Self {
            stats: Stats::new(name, protocol.kind),
            link,
            watch,
            addresses: Addresses::Same,
            gone: None,
            notes: Vec::new(),
            state,
            trouble: String::new(),
        })
    }

    /// Sets the interface up, where it is not. Errors: no permission, the interface is gone.
    pub fn set_up(&mut self) -> Result<(), Failure> {
        if !self.link.up {
            let mut netlink = Socket::open()?;
            link::set_up(&mut netlink, self.link.index, true)?;
            self.link = link::by_name(&mut netlink, &self.link.name)?;
        }
        Ok(())
    }

    /// Looks at the link, if the watch, which is one on links, says that it has changed. That it cannot be
    /// looked at is a note.
    pub fn look(&mut self) -> Seen {
        let seen = self.seen();
        self.addresses = self.addresses.max(seen.addresses);
        match seen.link {
            Change::Nothing => Seen::Nothing,
            change => self
                .look_again(change == Change::Down)
                .unwrap_or_else(|failure| {
                    self.problem(failure.to_string());
                    Seen::Nothing
                }),
        }
    }

    /// What has become of the link's addresses since the last call and before the last look, where the watch is
    /// on addresses, too.
    pub fn addresses(&mut self) -> Addresses {
        std::mem::take(&mut self.addresses)
    }

    /// Looks at the link. `flapped`: it is known to have been down since it was seen last.
    ///
    /// Errors: the kernel does not say; the link stays as it was seen.
    pub fn look_again(&mut self, flapped: bool) -> Result<Seen, Failure> {
        let found = match link::again(&self.link) {
            Ok(link) => link,
            Err(failure) if failure.cause() == Some(Errno::ENODEV) => {
                self.gone = Some(Failure::new(format!("{} is gone", self.link.name)));
                return Ok(Seen::Gone);
            }
            Err(failure) => return Err(failure),
        };
        // Both of it may have been between two looks.
        let flapped = flapped || found.carrier_changes != self.link.carrier_changes;
        let had = std::mem::replace(&mut self.link, found).carrier;
        Ok(Seen::of(had, flapped, self.link.carrier))
    }

    /// What the watch has seen of the link and of its addresses since the last call.
    pub fn seen(&self) -> watch::Seen {
        self.watch.seen_of(self.link.index)
    }

    /// Whether the watch has seen anything since the last call.
    pub fn changed(&self) -> bool {
        self.watch.changed()
    }

    /// What has ended the client: its interface is gone.
    pub fn gone(&self) -> Option<&Failure> {
        self.gone.as_ref()
    }

    /// What happened since the last call.
    pub fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// Something worth telling.
    pub fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    /// [`Note::Problem`].
    pub fn problem(&mut self, text: String) {
        self.note(Note::Problem(text));
    }

    /// [`Note::Remark`].
    pub fn remark(&mut self, text: String) {
        self.note(Note::Remark(text));
    }

    /// Several things worth telling.
    pub fn extend(&mut self, notes: impl IntoIterator<Item = Note>) {
        self.notes.extend(notes);
    }

    /// Counts what was not taken of what came in (`dropped-checksum`); the first for a reason is told.
    pub fn dropped(&mut self, reason: &'static str) {
        if self.stats.count(reason) {
            let why = reason.trim_start_matches("dropped-");
            self.remark(format!(
                "dropped ({why}); 'net stats' counts more as {reason}"
            ));
        }
    }

    /// Leaves a record of why there is no lease, for whoever waits for one in another process; none where
    /// `trouble` is empty.
    pub fn report(&mut self, trouble: String) {
        if trouble == self.trouble {
            return;
        }
        let name = &self.link.name;
        // A full disk is no reason to end.
        let _ = if trouble.is_empty() {
            lease::remove(name, &self.state)
        } else {
            let mut record = Record::default();
            record.set("reason", &trouble);
            lease::save(name, &self.state, &record)
        };
        self.trouble = trouble;
    }

    /// What was reported last.
    pub fn trouble(&self) -> &str {
        &self.trouble
    }
}

impl AsFd for Station {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carrier_that_flapped_was_away_and_is_back() {
        assert_eq!(Seen::of(true, true, true), Seen::DownThenUp);
        assert_eq!(Seen::of(true, false, true), Seen::Nothing);
        assert_eq!(Seen::of(false, true, true), Seen::Up);
        assert_eq!(Seen::of(true, true, false), Seen::Down);
        assert_eq!(Seen::of(false, true, false), Seen::Nothing);
        assert!(Seen::DownThenUp.went() && Seen::DownThenUp.came());
        assert!(!Seen::Gone.went() && !Seen::Gone.came());
    }
}
