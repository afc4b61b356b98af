//! Services by number, name, process and dependency. Invariant: what is found here is what the table
//! has; nothing is looked for by going through all of it.

use super::{Service, ServiceId, Table};
use crate::sort;

/// Where to find a service. Sorted lists: there are thousands of entries at most, and they are small.
#[derive(Debug, Default)]
pub(super) struct Index {
    names: Vec<(String, ServiceId)>,
    pids: Vec<(i32, ServiceId)>,
    /// A name and somebody who needs it or comes after it.
    named_by: Vec<(String, ServiceId)>,
    /// How often somebody was found there.
    #[cfg(test)]
    followed: std::cell::Cell<u64>,
}

impl Index {
    /// Whether another service needs that one or comes after it.
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.naming(name, 0).next().is_some()
    }

    fn naming(&self, name: &str, from: ServiceId) -> impl Iterator<Item = ServiceId> {
        let first = match self.pair(name, from) {
            Ok(place) | Err(place) => place,
        };
        let from = self.named_by.iter().skip(first);
        from.take_while(move |(other, _)| other == name)
            .map(|(_, id)| *id)
    }

    fn name(&self, name: &str) -> Result<usize, usize> {
        self.names
            .binary_search_by(|(other, _)| (**other).cmp(name))
    }

    fn pid(&self, pid: i32) -> Result<usize, usize> {
        self.pids.binary_search_by(|(other, _)| other.cmp(&pid))
    }

    fn pair(&self, name: &str, id: ServiceId) -> Result<usize, usize> {
        let list = &self.named_by;
        list.binary_search_by(|(other, by)| (&**other, *by).cmp(&(name, id)))
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
        let place = self.index.name(name).ok()?;
        self.get(self.index.names.get(place)?.1)
    }

    /// The services whose names come after this one, sorted by name.
    pub fn after(&self, name: &str) -> impl Iterator<Item = &Service> {
        let names = &self.index.names;
        let first = names.partition_point(|(other, _)| &**other <= name);
        names.iter().skip(first).filter_map(|(_, id)| self.get(*id))
    }

    /// The service, or the boot role, whose process this is.
    pub fn of_pid(&self, pid: i32) -> Option<&Service> {
        let place = self.index.pid(pid).ok()?;
        self.get(self.index.pids.get(place)?.1)
    }

    /// Who names this service in what it needs or comes after.
    pub fn dependents(&self, name: &str) -> impl Iterator<Item = &Service> {
        self.dependents_from(name, 0)
    }

    /// The same, in the order of their numbers, from this number on.
    pub(in crate::supervise) fn dependents_from(
        &self,
        name: &str,
        from: ServiceId,
    ) -> impl Iterator<Item = &Service> {
        let naming = self.index.naming(name, from);
        naming.filter_map(|id| {
            #[cfg(test)]
            self.index.followed.update(|count| count + 1);
            self.get(id)
        })
    }

    /// How many dependents were looked at since the last call.
    #[cfg(test)]
    pub(in crate::supervise) fn followed(&self) -> u64 {
        self.index.followed.take()
    }

    /// Makes the index anew, and has every service looked at again: after a state was read.
    pub(super) fn index_all(&mut self) {
        self.index = Index::default();
        sort::sort_by_key(&mut self.services, |service| service.id);
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
        let index = &mut self.index;
        match index.name(&name) {
            Ok(place) => index.names[place].1 = id,
            Err(place) => index.names.insert(place, (name, id)),
        }
        for name in below {
            if let Err(place) = index.pair(&name, id) {
                index.named_by.insert(place, (name, id));
            }
        }
    }

    /// Takes a service out, by the description with which it was entered.
    pub(super) fn unindex(&mut self, id: ServiceId) {
        let place = self.place(id);
        let service = place.and_then(|place| self.services.get(place));
        let Some(spec) = service.and_then(|service| service.spec.as_ref()) else {
            return;
        };
        let index = &mut self.index;
        if let Ok(place) = index.name(&spec.name) {
            index.names.remove(place);
        }
        for name in spec.needs.iter().chain(&spec.after) {
            if let Ok(place) = index.pair(name, id) {
                index.named_by.remove(place);
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
        let index = &mut self.index;
        if let Some(Ok(place)) = before.map(|pid| index.pid(pid)) {
            index.pids.remove(place);
        }
        if let Some(pid) = now {
            match index.pid(pid) {
                Ok(place) => index.pids[place].1 = id,
                Err(place) => index.pids.insert(place, (pid, id)),
            }
        }
    }
}
