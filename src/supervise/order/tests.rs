//! Whole tables of services on a virtual clock: what is promised about dependencies, and random
//! histories. A failing history names its seed; `INITSH_SEED=N` runs that one alone.

mod histories;
mod world;

use std::time::Duration;

use super::super::machine::Event;
use super::super::protocol::ServiceInfo;
use super::super::spec::{Program, Ready, Restart, ServiceSpec};
use super::super::table::Table;
use super::*;
use crate::sys::child::Exit;
use crate::time::{Instant, processor_time};
use world::World;

fn spec(name: &str, needs: &[&str], after: &[&str]) -> ServiceSpec {
    let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    ServiceSpec {
        needs: own(needs),
        after: own(after),
        ..ServiceSpec::new(name, Program::Own, vec![name.into()])
    }
}

/// `db`, `app` which needs it, `web` which needs that one, `log` which all come after.
fn stack() -> World {
    let mut world = World::new(1);
    world.spawn(spec("log", &[], &[])).unwrap();
    for (name, needs) in [("db", &[][..]), ("app", &["db"]), ("web", &["app"])] {
        let spec = ServiceSpec {
            ready: Ready::Descriptor,
            restart: Restart::OnFailure,
            ..spec(name, needs, &["log"])
        };
        world.spawn(spec).unwrap();
    }
    world
}

/// The same, all ready.
fn running() -> World {
    let mut world = stack();
    world.ready("db");
    world.ready("app");
    world.ready("web");
    for name in ["log", "db", "app", "web"] {
        assert_eq!(world.state(name), "Running", "{name}");
    }
    world
}

#[test]
fn a_service_waits_until_what_it_needs_is_ready() {
    let mut world = stack();
    assert_eq!(world.state("db"), "Starting");
    assert_eq!(world.words("app"), "Pending: waits for db: Starting");
    assert_eq!(world.words("web"), "Pending: waits for app: Pending");
    world.ready("db");
    assert_eq!(world.state("app"), "Starting");
    assert_eq!(world.words("web"), "Pending: waits for app: Starting");
}

#[test]
fn dependents_stop_first_and_in_order() {
    let mut world = running();
    world.event("db", Event::Stop(Duration::from_secs(5)));
    assert_eq!(world.words("db"), "Stopping: waits for app: Stopping");
    assert_eq!(world.asked(), ["web"]);
    world.exit("web", Exit::Signal(15));
    assert_eq!(
        world.words("web"),
        "Stopped: it needs app, which has stopped"
    );
    assert_eq!(world.asked(), ["web", "app"]);
    world.exit("app", Exit::Signal(15));
    assert_eq!(world.asked(), ["web", "app", "db"]);
    world.exit("db", Exit::Signal(15));
    assert_eq!(world.words("db"), "Stopped: stopped on request");
    assert_eq!(world.state("log"), "Running");
    // Nobody comes back by himself.
    world.pass(1000);
    assert_eq!(world.state("web"), "Stopped");
    // Started again, it brings what it needs.
    world.event_with_needs("web");
    assert_eq!(world.state("db"), "Starting");
    assert_eq!(world.state("app"), "Pending");
}

#[test]
fn everybody_told_to_stop_ends_in_reverse_order() {
    let mut world = running();
    world.stop_all();
    for name in ["web", "app", "db", "log"] {
        assert_eq!(world.asked().last(), Some(&name));
        world.exit(name, Exit::Signal(15));
    }
    assert!(world.table.is_quiet());
}

#[test]
fn one_that_does_not_go_does_not_keep_the_others() {
    let mut world = running();
    world.event("db", Event::Stop(Duration::from_secs(5)));
    world.immortal("web");
    world.pass(5);
    assert_eq!(
        world.words("web"),
        "Stopping: killed: did not stop when asked"
    );
    world.pass(2);
    assert_eq!(
        world.words("web"),
        "Stopping: killed, but its process does not go"
    );
    assert_eq!(world.asked(), ["web", "app"]);
}

#[test]
fn a_failure_takes_those_along_that_need_it() {
    let mut world = running();
    world.exit("db", Exit::Code(125));
    assert_eq!(world.words("db"), "Failed: exit 125");
    assert_eq!(world.asked(), ["web"]);
    world.exit("web", Exit::Code(0));
    assert_eq!(world.asked(), ["web", "app"]);
    world.exit("app", Exit::Code(0));
    assert_eq!(world.words("app"), "Failed: it needs db, which has failed");
    assert_eq!(world.words("web"), "Failed: it needs app, which has failed");
    let web = world.table.named("web").unwrap();
    assert_eq!(status(&world.table, web), 125);
}

#[test]
fn a_crash_is_waited_out() {
    let mut world = running();
    world.exit("db", Exit::Signal(11));
    assert_eq!(world.state("db"), "Backoff");
    world.exit("web", Exit::Code(0));
    world.exit("app", Exit::Code(0));
    assert_eq!(world.words("app"), "Pending: waits for db: Backoff");
    world.pass(1);
    assert_eq!(world.state("db"), "Starting");
    world.ready("db");
    assert_eq!(world.state("app"), "Starting");
    world.ready("app");
    assert_eq!(world.state("web"), "Starting");
}

#[test]
fn a_restart_brings_the_dependents_back() {
    let mut world = running();
    world.event("app", Event::Restart(Duration::from_secs(5)));
    assert_eq!(world.asked(), ["web"]);
    world.exit("web", Exit::Code(0));
    world.exit("app", Exit::Code(0));
    assert_eq!(world.state("app"), "Starting");
    assert_eq!(world.state("web"), "Pending");
    world.ready("app");
    assert_eq!(world.state("web"), "Starting");
    assert_eq!(world.state("db"), "Running");
}

#[test]
fn a_oneshot_is_ready_when_it_has_ended() {
    let mut world = World::new(1);
    world
        .spawn(ServiceSpec {
            oneshot: true,
            ..spec("setup", &[], &[])
        })
        .unwrap();
    world.spawn(spec("web", &["setup"], &[])).unwrap();
    assert_eq!(world.words("web"), "Pending: waits for setup: Starting");
    world.exit("setup", Exit::Code(0));
    assert_eq!(world.state("web"), "Running");
    // Stopping it is to undo it.
    world.event("setup", Event::Stop(Duration::ZERO));
    assert_eq!(world.state("web"), "Stopping");
    let mut world = World::new(1);
    world
        .spawn(ServiceSpec {
            oneshot: true,
            ..spec("setup", &[], &[])
        })
        .unwrap();
    world.spawn(spec("web", &["setup"], &[])).unwrap();
    world.exit("setup", Exit::Code(3));
    assert_eq!(
        world.words("web"),
        "Failed: it needs setup, which has failed"
    );
}

#[test]
fn after_is_order_only() {
    let mut world = World::new(1);
    // Nobody has declared it yet.
    world.spawn(spec("web", &[], &["db"])).unwrap();
    assert_eq!(world.state("web"), "Running");
    let slow = |name, after| ServiceSpec {
        ready: Ready::Descriptor,
        ..spec(name, &[], after)
    };
    world.spawn(slow("db", &[])).unwrap();
    world.spawn(slow("cache", &["db"])).unwrap();
    assert_eq!(world.words("cache"), "Pending: waits for db: Starting");
    // A failure of the first is no failure of the second.
    world.exit("db", Exit::Code(1));
    assert_eq!(world.state("cache"), "Starting");
    world.event("db", Event::Stop(Duration::ZERO));
    assert_eq!(world.state("cache"), "Starting");
}

#[test]
fn what_is_refused() {
    let mut world = running();
    let mut refused = |spec| {
        world
            .table
            .add(spec, Instant::BOOT)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refused(spec("x", &["nobody"], &[])),
        "service 'x' needs 'nobody': there is no service 'nobody'"
    );
    assert_eq!(
        refused(spec("x", &["x"], &[])),
        "service 'x' would wait for itself: x needs x"
    );
    assert!(refused(spec("web", &[], &[])).starts_with("service 'web' is already Running"));
    let mut world = running();
    let mut refused = |spec: ServiceSpec| {
        let refused = world.table.redefine(Box::new(spec));
        refused.unwrap_err().to_string()
    };
    assert_eq!(
        refused(spec("db", &["web"], &[])),
        "service 'db' would wait for itself: db needs web needs app needs db"
    );
    assert_eq!(
        refused(spec("log", &[], &["web"])),
        "service 'log' would wait for itself: log after web after log"
    );
    assert_eq!(refused(spec("y", &[], &[])), "there is no service 'y'");
    // A circle through a name that was not there when it was used.
    let mut world = World::new(1);
    world.spawn(spec("a", &[], &["b"])).unwrap();
    let error = world.table.add(spec("b", &["a"], &[]), Instant::BOOT);
    let expected = "service 'b' would wait for itself: b needs a after b";
    assert_eq!(error.unwrap_err().to_string(), expected);
}

#[test]
fn a_new_description_counts_from_the_next_start() {
    let mut world = running();
    let next = ServiceSpec {
        ready: Ready::Exec,
        ..spec("app", &["db", "log"], &[])
    };
    world.table.redefine(Box::new(next.clone())).unwrap();
    world.settle();
    assert_eq!(world.state("app"), "Running");
    assert_eq!(
        world
            .table
            .named("app")
            .unwrap()
            .spec
            .as_ref()
            .unwrap()
            .needs,
        ["db"]
    );
    // What it is going to be counts for circles.
    let error = world.table.redefine(Box::new(spec("log", &["app"], &[])));
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("log needs app after log")
    );
    world.event("app", Event::Restart(Duration::ZERO));
    world.exit("web", Exit::Code(0));
    world.exit("app", Exit::Code(0));
    assert_eq!(
        world.state("app"),
        "Running",
        "ready once executed, as it says now"
    );
    world.event("log", Event::Stop(Duration::ZERO));
    assert_eq!(world.state("app"), "Stopping", "it needs log now");
}

#[test]
fn a_fork_whose_answer_was_lost_is_tried_again() {
    let mut world = World::new(1);
    let id = world.table.add(spec("web", &[], &[]), world.now).unwrap();
    world.table.feed(id, Event::Start, world.now);
    world.table.feed(id, Event::Go, world.now);
    while world.table.poll(world.now).is_some() {}
    world.table.look_at_all();
    world.settle();
    assert!(
        world
            .words("web")
            .starts_with("Pending: cannot fork: EAGAIN")
    );
    world.pass(2);
    assert_eq!(world.state("web"), "Running");
}

#[test]
fn nobody_adopts_another_services_process() {
    let mut world = World::new(1);
    world.spawn(spec("db", &[], &[])).unwrap();
    let daemon = ServiceSpec {
        ready: Ready::PidFile("/run/d.pid".into()),
        ..spec("daemon", &[], &[])
    };
    world.spawn(daemon).unwrap();
    world.event("daemon", Event::Executed);
    world.exit("daemon", Exit::Code(0));
    let pid = world.table.named("db").unwrap().machine.pid().unwrap();
    world.event("daemon", Event::Adopted(pid));
    assert_eq!(world.state("daemon"), "Starting");
}

#[test]
fn room_is_made_only_by_those_whom_nobody_needs() {
    let mut world = World::new(1);
    world.spawn(spec("old", &[], &[])).unwrap();
    world.exit("old", Exit::Code(0));
    world.spawn(spec("other", &[], &[])).unwrap();
    world.pass(1);
    world.exit("other", Exit::Code(0));
    world.spawn(spec("user", &[], &["old"])).unwrap();
    for number in 3..super::super::table::SERVICES {
        world.spawn(spec(&format!("s{number}"), &[], &[])).unwrap();
    }
    world.spawn(spec("more", &[], &[])).unwrap();
    assert!(world.table.named("old").is_some());
    assert!(world.table.named("other").is_none());
}

#[test]
fn a_thousand_services_that_need_one_and_a_chain_of_a_thousand() {
    let begun = processor_time();
    let mut world = World::new(1);
    world
        .spawn(ServiceSpec {
            ready: Ready::Descriptor,
            ..spec("hub", &[], &[])
        })
        .unwrap();
    for number in 0..1000 {
        let name = format!("spoke{number}");
        world.spawn(spec(&name, &["hub"], &[])).unwrap();
        let (name, before) = (format!("link{number}"), format!("link{}", number - 1));
        let needs: &[&str] = if number == 0 { &[] } else { &[&before] };
        world.spawn(spec(&name, needs, &[])).unwrap();
    }
    assert_eq!(world.state("spoke999"), "Pending");
    assert_eq!(world.state("link999"), "Running");
    world.ready("hub");
    assert_eq!(world.state("spoke999"), "Running");
    world.stop_all();
    world.pass(10_000);
    assert!(world.table.is_quiet());
    // A debug build; what is quadratic takes minutes. Other work of the machine does not count.
    let took = processor_time() - begun;
    assert!(took < Duration::from_secs(20), "{took:?}");
}

fn info(name: &str, needs: &[&str], after: &[&str]) -> ServiceInfo {
    let mut table = Table::new(0, Instant::BOOT);
    for name in needs {
        table.add(spec(name, &[], &[]), Instant::BOOT).unwrap();
    }
    table.add(spec(name, needs, after), Instant::BOOT).unwrap();
    let mut info = table.status(table.named(name).unwrap());
    info.state = "Running".into();
    info
}

#[test]
fn trees() {
    let all = [
        info("app", &["db", "disk"], &[]),
        info("db", &["disk"], &["log"]),
        info("disk", &["bus"], &[]),
        info("bus", &[], &[]),
        info("web", &["app"], &[]),
    ];
    let shown = |roots: &[&str]| {
        let lines = tree(&all, roots);
        let line = |branch: &Branch<'_>| {
            let there = if branch.service.is_some() { "" } else { "?" };
            let again = if branch.again { "..." } else { "" };
            let after = if branch.after { "(after)" } else { "" };
            format!("{}{}{there}{after}{again}", branch.lead, branch.name)
        };
        lines.iter().map(line).collect::<Vec<_>>()
    };
    assert_eq!(
        shown(&[]),
        [
            "web",
            "`- app",
            "   |- db",
            "   |  |- disk",
            "   |  |  `- bus",
            "   |  `- log?(after)",
            "   `- disk..."
        ]
    );
    assert_eq!(shown(&["disk"]), ["disk", "`- bus"]);
}

/// While many end, one after the other, whoever still keeps the one that they need is not looked for
/// from the beginning each time.
#[test]
fn each_of_many_is_looked_at_a_few_times() {
    const MANY: u64 = 1000;
    let mut world = World::new(1);
    world.spawn(spec("hub", &[], &[])).unwrap();
    world.event("hub", Event::Executed);
    let name = |number| format!("spoke{number}");
    for number in 0..MANY {
        world.spawn(spec(&name(number), &["hub"], &[])).unwrap();
    }
    world.table.followed();
    world.event("hub", Event::Stop(Duration::from_secs(5)));
    for number in 0..MANY {
        if number + 1 == MANY {
            assert!(!world.asked().contains(&"hub"), "asked too early");
        }
        world.exit(&name(number), Exit::Signal(15));
    }
    assert_eq!(world.asked().last(), Some(&"hub"));
    let looked = world.table.followed();
    assert!(looked < 10 * MANY, "{looked} looks for {MANY} services");
}

#[test]
fn who_stops_with_a_service() {
    let mut world = World::new(1);
    let all = [
        ("disk", &[][..], &[][..]),
        ("db", &["disk"], &[]),
        ("app", &["db", "disk"], &[]),
        ("web", &["app"], &[]),
        ("log", &[], &["disk"]),
        ("idle", &["disk"], &[]),
    ];
    for (name, needs, after) in all {
        world.spawn(spec(name, needs, after)).unwrap();
    }
    world.exit("idle", Exit::Code(0));
    let with = |world: &World, name: &str| {
        let service = world.table.named(name).unwrap();
        let all = stopping_with(&world.table, service);
        let names: Vec<_> = all.iter().map(|one| one.name().to_owned()).collect();
        names
    };
    assert_eq!(with(&world, "disk"), ["disk", "db", "app", "web"]);
    assert_eq!(with(&world, "web"), ["web"]);
    world.exit("web", Exit::Code(0));
    assert_eq!(with(&world, "db"), ["db", "app"]);
}
