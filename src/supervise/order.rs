//! Who waits for whom: which service may start or end now, which one goes down with another, and which
//! new description would make services wait for each other in a circle. Pure: it looks at the table and
//! says which event a service is to get. Invariant: a service is only let go ahead while everything
//! that it needs is ready; one that ends, ends after those that depend on it.

mod circle;
mod tree;

use nix::errno::Errno;

use super::machine::{Event, Hold, Loss, Reason, Stage, State, Then};
use super::spec::ServiceSpec;
use super::table::{Service, ServiceId, Table};
use crate::failure::Failure;
use crate::sys::child::Exit;

pub use circle::check;
pub use tree::{Branch, tree};

/// How a service stands from the point of view of one that needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Ready,
    Coming,
    Lost(Loss),
}

fn standing(table: &Table, name: &str) -> Standing {
    let Some(service) = table.named(name) else {
        return Standing::Lost(Loss::Failed);
    };
    match service.machine.state() {
        _ if service.machine.is_ready() => Standing::Ready,
        State::Pending { .. } | State::Starting { .. } | State::Backoff { .. } => Standing::Coming,
        State::Stopping { then, .. } => match then {
            Then::Again => Standing::Coming,
            Then::Rest => Standing::Lost(Loss::Stopped),
            Then::Fail(_) => Standing::Lost(Loss::Failed),
        },
        State::Failed => Standing::Lost(Loss::Failed),
        State::Running | State::Stopped => Standing::Lost(Loss::Stopped),
    }
}

/// The event that a service is to get because of how the others stand, if any. Asked again whenever one
/// of them changes.
pub fn next(table: &Table, service: &Service) -> Option<Event> {
    let state = service.machine.state();
    let Some(spec) = &service.spec else {
        // The boot role depends on nobody.
        return is_held(state).then_some(Event::Go);
    };
    match state {
        // Every fork is answered at once; this one's answer was lost with the program that made it.
        State::Pending { hold: Hold::Fork } => Some(Event::ForkFailed(Errno::EAGAIN)),
        State::Pending { hold } => match lost(table, spec) {
            Some((_, Loss::Again)) => None,
            Some((need, loss)) => Some(Event::Lost(need, loss, spec.stop_timeout)),
            None if hold != Hold::Others || predecessor(table, spec).is_some() => None,
            None => Some(Event::Go),
        },
        State::Backoff { .. } => {
            let (need, loss) = lost(table, spec).filter(|lost| lost.1 != Loss::Again)?;
            Some(Event::Lost(need, loss, spec.stop_timeout))
        }
        State::Starting { .. } | State::Running => {
            let (need, loss) = lost(table, spec)?;
            Some(Event::Lost(need, loss, spec.stop_timeout))
        }
        State::Stopping {
            stage: Stage::Held(_),
            ..
        } => successor(table, service).is_none().then_some(Event::Go),
        State::Stopping { .. } | State::Stopped | State::Failed => None,
    }
}

/// Whether a service waits for nothing but the word of the others.
fn is_held(state: State) -> bool {
    matches!(
        state,
        State::Pending { hold: Hold::Others }
            | State::Stopping {
                stage: Stage::Held(_),
                ..
            }
    )
}

/// The need that keeps it from running: by its place, the worst first.
fn lost(table: &Table, spec: &ServiceSpec) -> Option<(u32, Loss)> {
    let mut coming = None;
    for (place, name) in (0..).zip(&spec.needs) {
        match standing(table, name) {
            Standing::Ready => {}
            Standing::Coming => coming = coming.or(Some((place, Loss::Again))),
            Standing::Lost(loss) => return Some((place, loss)),
        }
    }
    coming
}

/// A service that it is to come after and that is still on its way up or down.
fn predecessor<'a>(table: &'a Table, spec: &ServiceSpec) -> Option<&'a Service> {
    let busy = |service: &&Service| {
        let machine = &service.machine;
        !machine.state().is_settled() && !machine.is_ready()
    };
    let mut named = spec.after.iter().filter_map(|name| table.named(name));
    named.find(busy)
}

/// A service with a process that has to end before this one is asked to. The last one found is looked at
/// first, and the search goes on from there: of thousands, each is passed once while they end.
fn successor<'a>(table: &'a Table, service: &Service) -> Option<&'a Service> {
    let name = service.name();
    let last = service.successor.get();
    let rest = table.dependents(name).take_while(|other| other.id < last);
    let found = table.dependents_from(name, last).chain(rest).find(|other| {
        let needs = |other: &ServiceSpec| other.needs.iter().any(|need| need == name);
        let ends = || match other.machine.state() {
            State::Stopping { stage, .. } => stage != Stage::Stuck,
            _ => other.spec.as_deref().is_some_and(needs),
        };
        other.machine.pid().is_some() && ends()
    });
    found.inspect(|other| service.successor.set(other.id))
}

/// For whom a service waits, in words: `waits for db: Starting`. `None` where it waits for nobody.
pub fn waits(table: &Table, service: &Service) -> Option<String> {
    let spec = service.spec.as_ref()?;
    let blocker = match service.machine.state() {
        State::Pending { hold: Hold::Others } => {
            let need = lost(table, spec)
                .and_then(|(place, _)| spec.needs.get(usize::try_from(place).ok()?))
                .and_then(|name| table.named(name));
            need.or_else(|| predecessor(table, spec))
        }
        State::Stopping {
            stage: Stage::Held(_),
            ..
        } => successor(table, service),
        _ => None,
    }?;
    let state = blocker.machine.state().name();
    Some(format!("waits for {}: {state}", blocker.name()))
}

/// Who is to be started for a service to run, itself first: those that it needs and that are not at
/// work, and what they need.
pub fn to_start(table: &Table, id: ServiceId) -> Vec<ServiceId> {
    let mut found = vec![id];
    let mut at = 0;
    while let Some(service) = found.get(at).and_then(|&id| table.get(id)) {
        at += 1;
        // What it is going to be, where that was changed.
        let spec = service.next.as_ref().or(service.spec.as_ref());
        let needs = spec.into_iter().flat_map(|spec| &spec.needs);
        for need in needs.filter_map(|name| table.named(name)) {
            let machine = &need.machine;
            let rests = match machine.state() {
                State::Stopping { .. } => true,
                state => state.is_settled() && !machine.is_ready(),
            };
            if rests && !found.contains(&need.id) {
                found.push(need.id);
            }
        }
    }
    found
}

/// A service, and after it those at work that stop with it, because they need it or one that does; last
/// those that stop first.
pub fn stopping_with<'a>(table: &'a Table, service: &'a Service) -> Vec<&'a Service> {
    let (mut found, mut known) = (vec![service], vec![service.id]);
    let mut at = 0;
    while let Some(needed) = found.get(at).map(|service| service.name()) {
        at += 1;
        for other in table.dependents(needed) {
            let spec = other.spec.as_deref();
            let needs = spec.is_some_and(|spec| spec.needs.iter().any(|name| name == needed));
            if needs
                && !other.machine.state().is_settled()
                && let Err(place) = known.binary_search(&other.id)
            {
                known.insert(place, other.id);
                found.push(other);
            }
        }
    }
    found
}

/// With which status the machine is to end because this service has failed: its own, or that of the
/// one that it needed, however far away; never 0, not even where its last process ended well: one end too
/// many.
pub fn status(table: &Table, service: &Service) -> u8 {
    let mut service = service;
    // As long as the longest chain can be.
    for _ in 0..=table.all().len() {
        let Reason::Need(place, _) = service.machine.reason() else {
            break;
        };
        let needed = service
            .spec
            .as_ref()
            .and_then(|spec| spec.needs.get(usize::try_from(place).ok()?))
            .and_then(|name| table.named(name));
        match needed {
            Some(needed) => service = needed,
            None => break,
        }
    }
    let exit = service.machine.last_exit();
    exit.map_or(126, Exit::status).max(1)
}

/// Refuses a description that needs a service which is not there.
fn check_needs(table: &Table, spec: &ServiceSpec) -> Result<(), Failure> {
    let there = |name: &&String| **name == spec.name || table.named(name).is_some();
    match spec.needs.iter().find(|name| !there(name)) {
        None => Ok(()),
        Some(name) => Err(Failure::new(format!(
            "service '{}' needs '{name}': there is no service '{name}'",
            spec.name
        ))),
    }
}

#[cfg(test)]
mod tests;
