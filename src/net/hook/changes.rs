//! What has happened between two looks at the records of an interface. Pure. Invariant: only states are
//! compared, so that what comes and goes between two looks is no event, and what stays is never missed.

use crate::net::lease::{self, KINDS, Record};

/// What a hook may wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// There is a lease where there was none, or its addresses are others.
    Bound,
    /// The lease was confirmed, or something else of it has changed.
    Renew,
    /// The lease is gone.
    Expire,
    /// The delegated prefixes, or the one of a downstream link, are others, or gone.
    Prefix,
}

impl Event {
    /// Every event, in the order in which they are told.
    pub const ALL: [Self; 4] = [Self::Bound, Self::Renew, Self::Expire, Self::Prefix];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bound => "bound",
            Self::Renew => "renew",
            Self::Expire => "expire",
            Self::Prefix => "prefix",
        }
    }

    /// Reads the word.
    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == text)
    }
}

/// An event and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// What happened.
    pub event: Event,
    /// The protocol: `dhcp4`, `slaac`, `dhcp6`, `pd`.
    pub kind: &'static str,
}

/// The records of one interface at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot(Record);

impl Snapshot {
    /// The records as they are.
    pub fn take(interface: &str) -> Self {
        Self::of(&|kind| lease::load(interface, kind))
    }

    fn of(load: &dyn Fn(&str) -> Option<Record>) -> Self {
        let mut all = Record::default();
        for kind in KINDS {
            all.set_some(kind, load(kind).map(|record| record.text()));
        }
        Self(all)
    }

    /// The text of a file that keeps it: a record of records.
    pub fn text(&self) -> String {
        self.0.text()
    }

    /// Reads [`Self::text`].
    pub fn parse(text: &str) -> Self {
        Self(Record::parse(text))
    }

    fn get(&self, kind: &str) -> Option<Record> {
        self.0.get(kind).map(Record::parse)
    }
}

/// What happened between `old` and `new`, in the order of [`KINDS`].
pub fn changes(old: &Snapshot, new: &Snapshot) -> Vec<Change> {
    let mut all = Vec::new();
    for kind in KINDS {
        let (old, new) = (old.get(kind), new.get(kind));
        let lease = lease_event(kind, old.as_ref(), new.as_ref());
        let prefixes = |record: &Option<Record>| {
            let key = if kind == "pd" { "prefix6" } else { "pd" };
            let value = record.as_ref().and_then(|record| record.get(key));
            value.map(str::to_owned)
        };
        let prefix = (prefixes(&old) != prefixes(&new)).then_some(Event::Prefix);
        let events = [lease, prefix].into_iter().flatten();
        all.extend(events.map(|event| Change { event, kind }));
    }
    all
}

fn lease_event(kind: &str, old: Option<&Record>, new: Option<&Record>) -> Option<Event> {
    if matches!(kind, "pd" | "ra") {
        return None;
    }
    match (old, new) {
        (None, None) => None,
        (None, Some(_)) => Some(Event::Bound),
        (Some(_), None) => Some(Event::Expire),
        (Some(old), Some(new)) if addresses(old) != addresses(new) => Some(Event::Bound),
        (Some(old), Some(new)) => {
            let changed = if kind == "slaac" {
                !same_but_times(old, new)
            } else {
                old != new
            };
            changed.then_some(Event::Renew)
        }
    }
}

fn addresses(record: &Record) -> [Option<&str>; 3] {
    ["ip4", "prefix", "ip6"].map(|key| record.get(key))
}

/// A router says the same again every few seconds or minutes: no event.
fn same_but_times(old: &Record, new: &Record) -> bool {
    let lasting = |record: &Record| {
        let mut kept = Record::default();
        for (key, value) in record.iter() {
            if !["bound", "renewed", "took"].contains(&key) {
                kept.set(key, value);
            }
        }
        kept
    };
    lasting(old) == lasting(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(records: &[(&str, &str)]) -> Snapshot {
        let find = |kind: &str| records.iter().find(|(known, _)| *known == kind);
        Snapshot::of(&|kind| find(kind).map(|(_, text)| Record::parse(text)))
    }

    fn events(old: &[(&str, &str)], new: &[(&str, &str)]) -> Vec<String> {
        changes(&snapshot(old), &snapshot(new))
            .iter()
            .map(|change| format!("{} {}", change.kind, change.event.name()))
            .collect()
    }

    const V4: &str = "ip4=10.0.0.5\nprefix=24\nrenewed=1000\n";
    const V6: &str = "ip6=2001:db8::5/128\npd=2001:db8:1::/56\nrenewed=1000\n";

    #[test]
    fn a_lease_comes_changes_and_goes() {
        let none: &[(&str, &str)] = &[];
        let nothing: [&str; 0] = [];
        assert_eq!(events(none, none), nothing);
        assert_eq!(events(none, &[("dhcp4", V4)]), ["dhcp4 bound"]);
        assert_eq!(events(&[("dhcp4", V4)], &[("dhcp4", V4)]), nothing);
        let renewed = V4.replace("1000", "2000");
        assert_eq!(
            events(&[("dhcp4", V4)], &[("dhcp4", &renewed)]),
            ["dhcp4 renew"]
        );
        let other = V4.replace("0.5", "0.6");
        assert_eq!(
            events(&[("dhcp4", V4)], &[("dhcp4", &other)]),
            ["dhcp4 bound"]
        );
        assert_eq!(events(&[("dhcp4", V4)], none), ["dhcp4 expire"]);
    }

    #[test]
    fn prefixes_have_an_event_of_their_own() {
        assert_eq!(
            events(&[], &[("dhcp6", V6)]),
            ["dhcp6 bound", "dhcp6 prefix"]
        );
        let other = V6.replace("db8:1::", "db8:2::");
        assert_eq!(
            events(&[("dhcp6", V6)], &[("dhcp6", &other)]),
            ["dhcp6 renew", "dhcp6 prefix"]
        );
        let renewed = V6.replace("1000", "2000");
        assert_eq!(
            events(&[("dhcp6", V6)], &[("dhcp6", &renewed)]),
            ["dhcp6 renew"]
        );
        assert_eq!(
            events(&[("dhcp6", V6)], &[]),
            ["dhcp6 expire", "dhcp6 prefix"]
        );
        let downstream = "ip6=2001:db8:1::1/64\nprefix6=2001:db8:1::/64\n";
        assert_eq!(events(&[], &[("pd", downstream)]), ["pd prefix"]);
        assert_eq!(events(&[("pd", downstream)], &[]), ["pd prefix"]);
    }

    #[test]
    fn a_router_that_says_the_same_again_is_no_event() {
        let slaac = "ip6=fd00::5/64\nbound=1\nrenewed=1000\n";
        let again = slaac.replace("1000", "9000");
        assert!(events(&[("slaac", slaac)], &[("slaac", &again)]).is_empty());
        let dns = format!("{again}dns6=fd00::1\n");
        assert_eq!(
            events(&[("slaac", slaac)], &[("slaac", &dns)]),
            ["slaac renew"]
        );
    }

    #[test]
    fn protocols_are_told_apart_and_in_order() {
        let old = [("dhcp4", V4), ("slaac", "ip6=fd00::5/64\n")];
        let new = [
            ("slaac", "ip6=fd00::6/64\n"),
            ("dhcp6", V6),
            ("ra", "prefixes=x\n"),
        ];
        assert_eq!(
            events(&old, &new),
            ["dhcp4 expire", "slaac bound", "dhcp6 bound", "dhcp6 prefix"]
        );
    }

    #[test]
    fn a_snapshot_comes_back_whatever_it_holds() {
        let hostile = Record::parse("ip4=1\ndomain=x\\x0ay=z \\x1b[31m$(reboot) ` ' \\x00\n");
        let taken = Snapshot::of(&|kind| (kind == "dhcp4").then(|| hostile.clone()));
        let text = taken.text();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert_eq!(Snapshot::parse(&text), taken);
        assert_eq!(taken.get("dhcp4"), Some(hostile));
    }

    #[test]
    fn words() {
        for event in Event::ALL {
            assert_eq!(Event::read(event.name()), Some(event));
        }
        assert_eq!(Event::read("Bound"), None);
    }
}
