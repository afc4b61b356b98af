//! Services by number, name, process and dependency. Invariant: what is found here is what the table
//! has; nothing is looked for by going through all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::{Service, ServiceId, Table};

/// Where to find a service.
#[derive(Debug, Default)]
pub(super) struct Index {
    names: BTreeMap<String, ServiceId>,
    pids: BTreeMap<i32, ServiceId>,
    /// Who names a service in what it needs or comes after.
    named_by: BTreeMap<String, BTreeSet<ServiceId>>,
}

impl Index {
    /// Whether another service needs that one or comes after it.
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.named_by.contains_key(name)
    }
}

impl Table {
    pub(super) fn place(&self, id: ServiceId) -> Option<usize> {
        // Numbers only grow, and new services come last.
        let services = &self.services;
        services
            .binary_search_by_key(&id, |service| service.id)
            .ok()
    }

    /// A service by number.
    pub fn get(&self, id: ServiceId) -> Option<&Service> {
        self.services.get(self.place(id)?)
    }

    /// A service by name.
    pub fn named(&self, name: &str) -> Option<&Service> {
        self.get(*self.index.names.get(name)?)
    }

    /// The services whose names come after this one, sorted by name.
    pub fn after(&self, name: &str) -> impl Iterator<Item = &Service> {
        let range = (Bound::Excluded(name), Bound::Unbounded);
        let ids = self.index.names.range::<str, _>(range).map(|(_, &id)| id);
        ids.filter_map(|id| self.get(id))
    }

    /// The service, or the boot role, whose process this is.
    pub fn of_pid(&self, pid: i32) -> Option<&Service> {
        self.get(*self.index.pids.get(&pid)?)
    }

    /// Who names this service in what it needs or comes after.
    pub fn dependents(&self, name: &str) -> impl Iterator<Item = &Service> {
        let ids = self.index.named_by.get(name).into_iter().flatten();
        ids.filter_map(|&id| self.get(id))
    }

    /// Makes the index anew, and has every service looked at again: after a state was read.
    pub(super) fn index_all(&mut self) {
        self.index = Index::default();
        self.services.sort_by_key(|service| service.id);
        let all: Vec<_> = self.services.iter().map(|service| service.id).collect();
        for id in all {
            self.index(id);
            let pid = self.get(id).and_then(|service| service.machine.pid());
            self.note_pid(id, None, pid);
        }
        self.look_at_all();
    }

    /// Enters a service by its description.
    pub(super) fn index(&mut self, id: ServiceId) {
        let Some(spec) = self.get(id).and_then(|service| service.spec.as_ref()) else {
            return;
        };
        let below: Vec<_> = spec.needs.iter().chain(&spec.after).cloned().collect();
        let name = spec.name.clone();
        self.index.names.insert(name, id);
        for name in below {
            self.index.named_by.entry(name).or_default().insert(id);
        }
    }

    /// Takes a service out, by the description with which it was entered.
    pub(super) fn unindex(&mut self, id: ServiceId) {
        let place = self.place(id);
        let service = place.and_then(|place| self.services.get(place));
        let Some(spec) = service.and_then(|service| service.spec.as_ref()) else {
            return;
        };
        self.index.names.remove(&spec.name);
        for name in spec.needs.iter().chain(&spec.after) {
            if let Some(ids) = self.index.named_by.get_mut(name) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.index.named_by.remove(name);
                }
            }
        }
    }

    /// A service has another process than before.
    pub(in crate::supervise) fn note_pid(
        &mut self,
        id: ServiceId,
        before: Option<i32>,
        now: Option<i32>,
    ) {
        if before == now {
            return;
        }
        if let Some(pid) = before {
            self.index.pids.remove(&pid);
        }
        if let Some(pid) = now {
            self.index.pids.insert(pid, id);
        }
    }
}
