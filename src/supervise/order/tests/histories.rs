//! Ten thousand random histories of random tables. What must hold at every moment is checked by
//! [`World`]; what must hold in the end, here.

use super::super::super::setup::Step;
use super::*;
use nix::errno::Errno;

const HISTORIES: u64 = 10_000;

#[test]
fn random_histories() {
    let only = std::env::var("INITSH_SEED")
        .ok()
        .map(|seed| seed.parse().unwrap());
    let (from, until) = only.map_or((0, HISTORIES), |seed: u64| (seed, seed + 1));
    for seed in from..until {
        let run = std::panic::catch_unwind(|| history(seed));
        assert!(run.is_ok(), "INITSH_SEED={seed} fails");
    }
}

fn history(seed: u64) {
    let mut world = World::new(seed);
    world.shortage = Some(8);
    let count = 2 + world.chance(6);
    for number in 0..count {
        let spec = any_spec(&mut world, number, count);
        // Refused where a circle would come of it.
        let _ = world.spawn(spec);
    }
    for _ in 0..40 {
        something_happens(&mut world, count);
    }
    // Whatever came before: a stop of one ends, and then nothing that needs it runs.
    if let Some(name) = any_name(&mut world, count) {
        world.event(&name, Event::Stop(Duration::from_secs(5)));
        world.pass(1000);
        let stopped = world.table.named(&name).unwrap();
        assert!(stopped.machine.state().is_settled(), "{name} does not stop");
        for other in world.table.dependents(&name) {
            let needs = &other.spec.as_ref().unwrap().needs;
            let runs = other.machine.pid().is_some();
            assert!(!(needs.contains(&name) && runs), "{} runs", other.name());
        }
    }
    // And so does the end of all.
    world.stop_all();
    world.pass(1000);
    assert!(world.table.is_quiet(), "not everybody stops");
    assert!(world.pids().is_empty(), "a process that nobody knows");
    assert_eq!(world.table.deadline(), None);
}

fn any_spec(world: &mut World, number: u64, count: u64) -> ServiceSpec {
    let mut spec = spec(&format!("s{number}"), &[], &[]);
    for other in 0..count {
        match world.chance(6) {
            0 => spec.needs.push(format!("s{other}")),
            1 => spec.after.push(format!("s{other}")),
            _ => {}
        }
    }
    // Mostly of those that are there.
    spec.needs
        .retain(|name| world.table.named(name).is_some() || world.chance(20) == 0);
    spec.restart = [Restart::Never, Restart::OnFailure, Restart::Always][world.chance(3) as usize];
    spec.ready = match world.chance(5) {
        0 => Ready::Descriptor,
        1 => Ready::After(Duration::from_secs(2)),
        2 => Ready::PidFile("/run/pid".into()),
        _ => Ready::Exec,
    };
    spec.oneshot = world.chance(5) == 0;
    if world.chance(4) == 0 {
        spec.max_restarts = Some((2, Duration::from_secs(10)));
    }
    spec
}

fn any_name(world: &mut World, count: u64) -> Option<String> {
    let name = format!("s{}", world.chance(count));
    world.table.named(&name).map(|_| name)
}

fn something_happens(world: &mut World, count: u64) {
    let Some(name) = any_name(world, count) else {
        return;
    };
    let grace = Duration::from_millis(world.chance(10_000));
    let exits = [
        Exit::Code(0),
        Exit::Code(1),
        Exit::Signal(15),
        Exit::Code(125),
    ];
    let pids = world.pids();
    match world.chance(20) {
        0 | 1 => world.event_with_needs(&name),
        2 => world.event(&name, Event::Stop(grace)),
        3 => world.event(&name, Event::Restart(grace)),
        4..=6 => world.event(&name, Event::Executed),
        7..=9 => world.event(&name, Event::Ready),
        10 => world.event(&name, Event::ExecFailed(Errno::ENOENT)),
        11 => world.event(&name, Event::SetupFailed(Step::Directory, Errno::ENOMEM)),
        12 | 13 if !pids.is_empty() => {
            let pid = pids[world.chance(pids.len() as u64) as usize];
            let exit = exits[world.chance(4) as usize];
            world.end(pid, exit);
        }
        14 | 15 => {
            let seconds = world.chance(4);
            world.pass(seconds);
        }
        16 => {
            // A suspended machine wakes up a year later.
            let seconds = [60, 3600, 31_536_000][world.chance(3) as usize];
            world.jump(seconds);
        }
        17 => {
            let number = world.chance(count);
            let spec = any_spec(world, number, count);
            let _ = world.table.redefine(Box::new(spec));
            world.settle();
        }
        18 => {
            let number = world.chance(count);
            let spec = any_spec(world, number, count);
            let _ = world.spawn(spec);
        }
        _ => world.adopt(&name),
    }
}
