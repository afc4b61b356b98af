//! Who is waited for at the end of the machine, in words for the console. Invariant: looking never waits
//! for a process, in whatever state that is.

use super::machine::{Stage, State};
use super::table::{Service, Table};
use crate::system::processes;
use crate::time::Instant;

/// How many are named; the line has to stay readable.
const NAMED: usize = 3;

/// `web: Stopping, 3 s; killed in 2 s, db: Running and 4 more`
pub fn services(table: &Table, now: Instant) -> String {
    let live = |service: &&Service| !service.machine.state().is_settled();
    // Those that stop now come before those that wait for them.
    let (first, then): (Vec<_>, Vec<_>) = table
        .services()
        .filter(live)
        .partition(|service| matches!(service.machine.state(), State::Stopping { .. }));
    let all = first.into_iter().chain(then);
    list(all.map(|service| service_in_words(service, now)))
}

fn service_in_words(service: &Service, now: Instant) -> String {
    let machine = &service.machine;
    let (name, state) = (service.name(), machine.state());
    let State::Stopping { stage, .. } = state else {
        return format!("{name}: {}", state.name());
    };
    let kill = match stage {
        Stage::Held(_) => "; others come first".to_owned(),
        Stage::Asked(at) => {
            let left = at.since(now).as_millis().div_ceil(1000);
            format!("; killed in {left} s")
        }
        Stage::Killed(_) | Stage::Stuck => "; killed".to_owned(),
    };
    let time = now.since(machine.since()).as_secs();
    format!("{name}: {}, {time} s{kill}", state.name())
}

/// `sh (123), dd (77, in state D) and 3 more`
pub fn processes() -> String {
    let words = processes::at_a_glance().into_iter().map(|process| {
        let name = String::from_utf8_lossy(&process.name).into_owned();
        match process.state {
            // It waits for a device or a file system and cannot be killed.
            'D' => format!("{name} ({}, in state D)", process.pid),
            _ => format!("{name} ({})", process.pid),
        }
    });
    match list(words) {
        none if none.is_empty() => "processes".to_owned(),
        named => named,
    }
}

fn list(mut words: impl Iterator<Item = String>) -> String {
    let named: Vec<_> = words.by_ref().take(NAMED).collect();
    let named = named.join(", ");
    match words.count() {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::supervise::machine::Event;
    use crate::supervise::spec::{Program, ServiceSpec};

    #[test]
    fn those_that_stop_come_first() {
        let at = |seconds| Instant::from_boot(Duration::from_secs(seconds));
        let mut table = Table::new(0, at(0));
        for (pid, name) in [(5, "a"), (6, "b"), (7, "c"), (8, "d")] {
            let spec = ServiceSpec::new(name, Program::Own, vec![name.into()]);
            let id = table.add(spec, at(0)).unwrap();
            let machine = &mut table.get_mut(id).unwrap().machine;
            for event in [Event::Start, Event::Go, Event::Forked(pid), Event::Executed] {
                machine.step(event, at(0));
            }
            if name == "d" {
                machine.step(Event::Stop(Duration::from_secs(5)), at(1));
                machine.step(Event::Go, at(1));
            }
        }
        assert_eq!(
            services(&table, at(4)),
            "d: Stopping, 3 s; killed in 2 s, a: Running, b: Running and 1 more"
        );
    }

    #[test]
    fn looking_at_this_machine() {
        assert!(!processes().is_empty());
    }
}
