//! How services and exits are written into the journal, and come back. Invariant: whatever
//! [`Table::get_mut`] has handed out is looked at again, so no change of a service is missed.

use std::cell::Cell;

use super::{BOOT_ID, Service, ServiceId, Table};
use crate::sort;
use crate::supervise::exits::{CAPACITY, Ended};
use crate::supervise::journal::{Section, Sink, State};
use crate::supervise::report::Lines;
use crate::supervise::spec::ServiceSpec;
use crate::supervise::wire::{Malformed, wire_struct};

/// How much of a service the journal has.
#[derive(Debug, Default)]
pub struct Mark {
    spec: bool,
    /// Whether it is in [`Table::touched`].
    touched: bool,
    sum: u64,
}

impl Mark {
    /// The service may have changed; whether that is news.
    pub(super) fn touch(&mut self) -> bool {
        !std::mem::replace(&mut self.touched, true)
    }

    /// Its description has.
    pub(super) fn touch_spec(&mut self) {
        self.spec = false;
    }
}

wire_struct!(Service {
    id,
    next,
    machine,
    executed,
    ready,
    log,
    notify,
    said,
    kept;
    spec = None,
    // Made anew: see `Service::watch_again`.
    probe = None,
    beat = None,
    stranger = None,
    watched = false,
    lines = Lines::default(),
    mark = Mark::default(),
    successor = Cell::default(),
});

impl Table {
    /// Puts what has changed since the last time; everything with `all`.
    pub fn save(&mut self, to: &mut dyn Sink, all: bool) {
        self.save_exits(to, all);
        for id in self.gone.drain(..) {
            to.batch().remove(Section::Service.key(id));
            to.batch().remove(Section::Spec.key(id));
        }
        while let Some(id) = self.touched.pop() {
            let place = self.place(id).filter(|_| !all);
            if let Some(service) = place.and_then(|place| self.services.get_mut(place)) {
                service.save(to, false);
            }
        }
        for service in self.services.iter_mut().filter(|_| all) {
            service.save(to, true);
        }
    }

    /// Puts the exits that have come since the last time; all with `all`.
    pub fn save_exits(&mut self, to: &mut dyn Sink, all: bool) {
        let exits = &mut self.exits;
        for (number, ended) in exits.since(if all { 0 } else { exits.saved }) {
            let slot = (number % CAPACITY as u64) as u32;
            to.batch()
                .put(Section::Exit.key(slot), &(number, ended.clone()));
        }
        exits.saved = exits.total();
    }

    /// Takes everything back. Strict: a value that is not one is an error; else what it belongs to is
    /// left out.
    pub fn restore(&mut self, state: &State<'_>, strict: bool) -> Result<(), Malformed> {
        let mut exits: Vec<(u64, Ended)> = Vec::new();
        keep_good(state.section(Section::Exit), strict, |_, exit| {
            exits.push(exit)
        })?;
        sort::sort_by_key(&mut exits, |(number, _)| *number);
        self.exits.restore(exits);
        keep_good(state.section(Section::Service), strict, |_, service| {
            self.put_back(service);
        })?;
        self.index_all();
        keep_good(
            state.section(Section::Spec),
            strict,
            |id, spec: Box<ServiceSpec>| {
                if let Some(service) = self.get_mut(id).filter(|service| service.id != BOOT_ID) {
                    service.spec = Some(spec);
                }
            },
        )?;
        // One without a description is none.
        self.services
            .retain(|service| service.id == BOOT_ID || service.spec.is_some());
        self.index_all();
        Ok(())
    }

    /// Takes back the boot role alone.
    pub fn restore_boot(&mut self, state: &State<'_>) {
        if let Ok(Some(boot)) = state.get(Section::Service.key(BOOT_ID)) {
            self.put_back(boot);
            self.index_all();
        }
    }

    fn put_back(&mut self, service: Service) {
        match self.get_mut(service.id) {
            Some(place) => *place = service,
            None => self.services.push(service),
        }
    }

    /// Forgets a service.
    pub(super) fn forget(&mut self, id: ServiceId) -> Option<Service> {
        let at = self.place(id)?;
        self.unindex(id);
        self.gone.push(id);
        let service = self.services.remove(at);
        self.note_pid(id, service.machine.pid(), None);
        Some(service)
    }
}

impl Service {
    fn save(&mut self, to: &mut dyn Sink, all: bool) {
        if all || !self.mark.spec {
            if let Some(spec) = &self.spec {
                to.batch().put(Section::Spec.key(self.id), spec);
            }
            self.mark.spec = true;
        }
        self.mark.touched = false;
        let before = if all { 0 } else { self.mark.sum };
        let key = Section::Service.key(self.id);
        self.mark.sum = to.batch().put_changed(key, &*self, before);
    }
}

/// Hands on every value that is one.
pub(in crate::supervise) fn keep_good<T>(
    values: impl Iterator<Item = (u32, Result<T, Malformed>)>,
    strict: bool,
    mut with: impl FnMut(u32, T),
) -> Result<(), Malformed> {
    for (number, value) in values {
        match value {
            Ok(value) => with(number, value),
            Err(why) if strict => return Err(why),
            Err(_) => {}
        }
    }
    Ok(())
}
