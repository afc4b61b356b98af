//! How one service's change reaches the others. [`Table::feed`] is the only way in, [`Table::poll`] the
//! only way out, drained after every feed. Pure. Invariant: whoever depends on a service that has
//! changed, or is depended on by it, has been looked at again before [`Table::poll`] says `None`.

use std::collections::VecDeque;

use super::machine::{Action, Event, Reason};
use super::order;
use super::table::{Service, ServiceId, Table};
use crate::time::Instant;

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Todo {
    /// A machine asks for this.
    Act(ServiceId, Action),
    /// A service has another state than before, when this was the reason.
    Changed(ServiceId, Reason),
}

/// What is under way; nothing between two turns.
#[derive(Debug, Default)]
pub struct Flow {
    todo: VecDeque<Todo>,
    /// Sorted.
    look_at: Vec<ServiceId>,
}

impl Flow {
    fn look_at(&mut self, id: ServiceId) {
        if let Err(place) = self.look_at.binary_search(&id) {
            self.look_at.insert(place, id);
        }
    }
}

impl Table {
    /// Tells a service's machine what happened.
    pub fn feed(&mut self, id: ServiceId, event: Event, now: Instant) {
        if let Event::Adopted(pid) = event
            && self.of_pid(pid).is_some_and(|owner| owner.id != id)
        {
            // A pid file that names somebody else's process.
            return;
        }
        let Some(service) = self.get_mut(id) else {
            return;
        };
        let machine = &mut service.machine;
        let (state, reason) = (machine.state(), machine.reason());
        let (pid, ready) = (machine.pid(), machine.is_ready());
        let action = machine.step(event, now);
        let pid_now = machine.pid();
        let changed = machine.state() != state || machine.is_ready() != ready;
        self.note_pid(id, pid, pid_now);
        if changed {
            self.flow.todo.push_back(Todo::Changed(id, reason));
            self.look_around(id);
        }
        if let Some(action) = action {
            self.flow.todo.push_back(Todo::Act(id, action));
        }
    }

    /// What is to be done, until there is nothing. [`Action::Fork`] is answered with another feed.
    pub fn poll(&mut self, now: Instant) -> Option<Todo> {
        loop {
            if let Some(todo) = self.flow.todo.pop_front() {
                return Some(todo);
            }
            let id = self.flow.look_at.pop()?;
            self.take_next(id);
            let event = self.get(id).and_then(|service| order::next(self, service));
            if let Some(event) = event {
                self.feed(id, event, now);
            }
        }
    }

    /// Has every service looked at again: after a state was read.
    pub fn look_at_all(&mut self) {
        let all: Vec<_> = self.all().iter().map(|service| service.id).collect();
        all.into_iter().for_each(|id| self.flow.look_at(id));
    }

    /// Has a service looked at again, and whoever it or who it depends on.
    fn look_around(&mut self, id: ServiceId) {
        self.flow.look_at(id);
        let Some(spec) = self.get(id).and_then(|service| service.spec.as_ref()) else {
            return;
        };
        let below = spec.needs.iter().chain(&spec.after);
        let below = below.filter_map(|name| self.named(name));
        let around: Vec<_> = self
            .dependents(&spec.name)
            .chain(below)
            .map(|service: &Service| service.id)
            .collect();
        around.into_iter().for_each(|id| self.flow.look_at(id));
    }
}
