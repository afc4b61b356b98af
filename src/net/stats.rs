//! What a client has sent, received and dropped, as numbers: `$INITSH_RUN/leases/IF.KIND.stats`, which
//! `net stats` shows. Invariant: a flood of packets costs at most one write a second; what was counted
//! last is written when the client ends.

use std::time::Duration;

use crate::net::lease::{self, Record};
use crate::time::Instant;

/// How often the file is written at most.
const PAUSE: Duration = Duration::from_secs(1);

/// The counters of one client.
#[derive(Debug)]
pub struct Stats {
    interface: String,
    kind: String,
    counts: Vec<(&'static str, u64)>,
    changed: bool,
    next: Instant,
}

impl Stats {
    /// No counts yet, of the client of that kind (`dhcp4`) on that interface.
    pub fn new(interface: &str, kind: &str) -> Self {
        Self {
            interface: interface.to_owned(),
            kind: format!("{kind}.stats"),
            counts: Vec::new(),
            changed: false,
            next: Instant::BOOT,
        }
    }

    /// Counts one more of `what`, a key such as `sent-request` or `dropped-checksum`; whether it was the
    /// first, which is worth a line in the log.
    pub fn count(&mut self, what: &'static str) -> bool {
        self.changed = true;
        match self.counts.iter_mut().find(|(known, _)| *known == what) {
            Some((_, count)) => {
                *count = count.saturating_add(1);
                false
            }
            None => {
                self.counts.push((what, 1));
                true
            }
        }
    }

    /// When [`Self::write`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.changed.then_some(self.next)
    }

    /// Writes the file if something has changed and the last time is long enough ago.
    pub fn write(&mut self, now: Instant) {
        if self.changed && now >= self.next {
            self.next = now + PAUSE;
            self.save();
        }
    }

    fn save(&mut self) {
        self.changed = false;
        let mut record = Record::default();
        for (what, count) in &self.counts {
            record.set(what, count);
        }
        // Only numbers: a full disk must not end the client.
        let _ = lease::save(&self.interface, &self.kind, &record);
    }
}

/// A client that ends, `--once` too, leaves what it has counted.
impl Drop for Stats {
    fn drop(&mut self) {
        if self.changed {
            self.save();
        }
    }
}
