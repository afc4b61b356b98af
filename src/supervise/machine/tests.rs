//! Every state with every event, and random histories on a virtual clock.

use proptest::prelude::*;

use super::*;
use crate::supervise::spec::Program;

const GRACE: Duration = Duration::from_secs(5);
const ENDED_BADLY: Exit = Exit::Code(1);

fn at(seconds: u64) -> Instant {
    Instant::from_boot(Duration::from_secs(seconds))
}

fn new(restart: Restart, ready: Ready) -> Machine {
    let spec = ServiceSpec {
        restart,
        ready,
        ..ServiceSpec::new("web", Program::Own, vec![])
    };
    Machine::new(Policy::of(&spec), at(0))
}

/// A machine of each state, by name, at second 10, with the policy on-failure.
fn each_state() -> Vec<(&'static str, Machine)> {
    let fresh = || new(Restart::OnFailure, Ready::Descriptor);
    let machine = |events: &[Event]| {
        let mut machine = fresh();
        for &event in events {
            machine.step(event, at(10));
        }
        machine
    };
    use Event::{Executed, Exited, ForkFailed, Forked, Start, Stop};
    let started = [Start, Forked(7), Executed];
    let running = [&started[..], &[Event::Ready]].concat();
    vec![
        ("Stopped", machine(&[])),
        ("Pending", machine(&[Start, ForkFailed(Errno::EAGAIN)])),
        ("Starting", machine(&started)),
        ("Running", machine(&running)),
        (
            "Backoff",
            machine(&[&running[..], &[Exited(ENDED_BADLY)]].concat()),
        ),
        (
            "Stopping",
            machine(&[&running[..], &[Stop(GRACE)]].concat()),
        ),
        (
            "Failed",
            machine(&[&started[..], &[Exited(Exit::Code(GIVE_UP))]].concat()),
        ),
    ]
}

#[test]
fn every_state_with_every_event() {
    use Event::*;
    let fork = Some(Action::Fork);
    let late = at(60);
    // (state, event, when, next state, action); what is not listed changes nothing.
    let table: &[(&str, Event, Instant, &str, Option<Action>)] = &[
        ("Stopped", Start, late, "Pending", fork),
        ("Failed", Start, late, "Pending", fork),
        ("Pending", Tick, late, "Pending", fork),
        ("Backoff", Tick, late, "Pending", fork),
        ("Pending", Forked(8), late, "Starting", None),
        ("Pending", ForkFailed(Errno::ENOMEM), late, "Pending", None),
        ("Starting", Executed, late, "Starting", None),
        ("Starting", Ready, late, "Running", None),
        ("Starting", Exited(ENDED_BADLY), late, "Backoff", None),
        ("Running", Exited(ENDED_BADLY), late, "Backoff", None),
        ("Stopping", Exited(ENDED_BADLY), late, "Stopped", None),
        ("Starting", Exited(Exit::Code(0)), late, "Stopped", None),
        ("Running", Exited(Exit::Code(0)), late, "Stopped", None),
        ("Stopping", Exited(Exit::Code(0)), late, "Stopped", None),
        ("Starting", Exited(Exit::Code(125)), late, "Failed", None),
        ("Running", Exited(Exit::Code(125)), late, "Failed", None),
        ("Stopping", Exited(Exit::Code(125)), late, "Stopped", None),
        ("Pending", Stop(GRACE), late, "Stopped", None),
        ("Backoff", Stop(GRACE), late, "Stopped", None),
        (
            "Starting",
            Stop(GRACE),
            late,
            "Stopping",
            Some(Action::Terminate(7)),
        ),
        (
            "Running",
            Stop(GRACE),
            late,
            "Stopping",
            Some(Action::Terminate(7)),
        ),
        ("Stopping", Tick, late, "Stopping", Some(Action::Kill(7))),
    ];
    let events = [
        Start,
        Forked(8),
        ForkFailed(Errno::ENOMEM),
        Executed,
        ExecFailed(Errno::ENOENT),
        Ready,
        Exited(ENDED_BADLY),
        Exited(Exit::Code(0)),
        Exited(Exit::Code(125)),
        Stop(GRACE),
        Tick,
    ];
    for (name, machine) in each_state() {
        assert_eq!(machine.state().name(), name);
        for event in events {
            for when in [at(10), late] {
                let mut machine = machine.clone();
                let action = machine.step(event, when);
                let expected = table
                    .iter()
                    .find(|row| row.0 == name && row.1 == event && (when == row.2 || event != Tick))
                    .map_or((name, None), |row| (row.3, row.4));
                assert_eq!(
                    (machine.state().name(), action),
                    expected,
                    "{name} with {event:?} at {when:?}"
                );
            }
        }
    }
}

#[test]
fn restart_policies() {
    let bad = Exit::Signal(9);
    let good = Exit::Code(0);
    for (restart, exit, state) in [
        (Restart::Never, good, "Stopped"),
        (Restart::Never, bad, "Failed"),
        (Restart::OnFailure, good, "Stopped"),
        (Restart::OnFailure, bad, "Backoff"),
        (Restart::Always, good, "Backoff"),
        (Restart::Always, bad, "Backoff"),
    ] {
        let mut machine = new(restart, Ready::Exec);
        machine.step(Event::Start, at(0));
        machine.step(Event::Forked(2), at(0));
        machine.step(Event::Executed, at(0));
        assert_eq!(machine.state(), State::Running);
        machine.step(Event::Exited(exit), at(1));
        assert_eq!(machine.state().name(), state, "{restart:?} {exit}");
        assert_eq!(machine.last_exit(), Some(exit));
    }
}

#[test]
fn pauses_double_to_a_minute_and_start_over_after_a_stable_run() {
    let mut machine = new(Restart::Always, Ready::Exec);
    let mut now = at(0);
    machine.step(Event::Start, now);
    let mut run = |machine: &mut Machine, seconds| {
        machine.step(Event::Forked(2), now);
        machine.step(Event::Executed, now);
        now = now + Duration::from_secs(seconds);
        machine.step(Event::Exited(ENDED_BADLY), now);
        let pause = machine.deadline().unwrap().since(now);
        now = now + pause;
        assert_eq!(machine.step(Event::Tick, now), Some(Action::Fork));
        pause.as_millis()
    };
    let pauses: Vec<_> = (0..11).map(|_| run(&mut machine, 1)).collect();
    assert_eq!(
        pauses,
        [
            250, 500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000
        ]
    );
    assert_eq!(run(&mut machine, 29), 60000);
    assert_eq!(run(&mut machine, 30), 250);
    assert_eq!(run(&mut machine, 1), 500);
}

#[test]
fn a_missing_program_fails_at_once_and_a_shortage_does_not() {
    for (errno, state) in [
        (Errno::ENOENT, "Failed"),
        (Errno::EACCES, "Failed"),
        (Errno::ENOEXEC, "Failed"),
        (Errno::ENOMEM, "Pending"),
        (Errno::ETXTBSY, "Pending"),
    ] {
        let mut machine = new(Restart::Always, Ready::Exec);
        machine.step(Event::Start, at(0));
        machine.step(Event::Forked(2), at(0));
        machine.step(Event::ExecFailed(errno), at(0));
        machine.step(Event::Exited(Exit::Code(127)), at(0));
        assert_eq!(machine.state().name(), state, "{errno}");
        assert_eq!(machine.reason(), Reason::CannotExecute(errno));
    }
}

#[test]
fn the_boot_role_is_never_given_up() {
    let mut machine = Machine::new(Policy::BOOT, at(0));
    machine.step(Event::Start, at(0));
    for error in [Some(Errno::ENOENT), None] {
        machine.step(Event::Forked(2), at(0));
        if let Some(errno) = error {
            machine.step(Event::ExecFailed(errno), at(0));
        }
        machine.step(Event::Exited(Exit::Code(GIVE_UP)), at(0));
        assert_eq!(machine.state().name(), "Backoff");
        assert_eq!(machine.step(Event::Tick, at(10)), Some(Action::Fork));
    }
}

#[test]
fn a_second_stop_can_only_hasten_the_end() {
    let mut machine = new(Restart::Always, Ready::Exec);
    machine.step(Event::Start, at(0));
    machine.step(Event::Forked(2), at(0));
    machine.step(Event::Stop(GRACE), at(0));
    machine.step(Event::Stop(GRACE * 10), at(1));
    assert_eq!(machine.deadline(), Some(at(5)));
    machine.step(Event::Stop(Duration::from_secs(1)), at(1));
    assert_eq!(machine.deadline(), Some(at(2)));
}

/// A world around one machine: at most one process, which may ignore SIGTERM but not SIGKILL.
#[derive(Default)]
struct World {
    process: Option<i32>,
    killed: bool,
    next_pid: i32,
    stop_due: Option<Instant>,
}

impl World {
    fn carry_out(&mut self, machine: &mut Machine, action: Option<Action>, luck: u8, now: Instant) {
        match action {
            None => {}
            Some(Action::Fork) if luck.is_multiple_of(4) => {
                assert_eq!(self.process, None, "asked for a second process");
                assert_eq!(machine.step(Event::ForkFailed(Errno::EAGAIN), now), None);
            }
            Some(Action::Fork) => {
                assert_eq!(self.process, None, "asked for a second process");
                assert_eq!(self.stop_due, None, "started again although it was stopped");
                self.next_pid += 1;
                self.process = Some(self.next_pid);
                self.killed = false;
                assert_eq!(machine.step(Event::Forked(self.next_pid), now), None);
            }
            Some(Action::Terminate(pid)) => assert_eq!(self.process, Some(pid)),
            Some(Action::Kill(pid)) => {
                assert_eq!(self.process, Some(pid));
                self.killed = true;
            }
        }
    }

    fn event(&mut self, kind: u8, luck: u8, now: Instant) -> Option<Event> {
        let exit = [
            Exit::Code(0),
            ENDED_BADLY,
            Exit::Signal(15),
            Exit::Code(125),
        ];
        match kind {
            0 => {
                self.stop_due = None;
                Some(Event::Start)
            }
            1 => {
                let grace = Duration::from_millis(u64::from(luck) * 40);
                let due = now + grace;
                self.stop_due = Some(self.stop_due.map_or(due, |before| before.min(due)));
                Some(Event::Stop(grace))
            }
            2 => self.process.map(|_| Event::Executed),
            3 => self.process.map(|_| Event::Ready),
            4 => self.process.map(|_| Event::ExecFailed(Errno::ENOENT)),
            5 => self
                .process
                .take()
                .map(|_| Event::Exited(exit[usize::from(luck % 4)])),
            _ => Some(Event::Tick),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]
    #[test]
    fn random_histories(
        restart in prop_oneof![Just(Restart::Never), Just(Restart::OnFailure), Just(Restart::Always)],
        ready in prop_oneof![Just(Ready::Exec), Just(Ready::Descriptor)],
        history in proptest::collection::vec((0..9_u8, any::<u8>(), 0..4000_u64), 0..60),
    ) {
        let mut machine = new(restart, ready);
        let mut world = World::default();
        let mut now = at(0);
        for (kind, luck, pause) in history {
            now = now + Duration::from_millis(pause);
            if world.killed && world.process.take().is_some() {
                machine.step(Event::Exited(Exit::Signal(9)), now);
            }
            if let Some(event) = world.event(kind, luck, now) {
                let started = event == Event::Start;
                // A start while it is stopping is lost; whoever asks sees the state.
                let stopping = matches!(machine.state(), State::Stopping { .. });
                if started && stopping {
                    world.stop_due = Some(now + GRACE * 100);
                }
                let action = machine.step(event, now);
                world.carry_out(&mut machine, action, luck, now);
            }
            prop_assert_eq!(machine.pid(), world.process);
            let (starts, exits) = machine.counts();
            prop_assert_eq!(starts, exits + u32::from(world.process.is_some()));
            if machine.state().is_settled() {
                prop_assert_eq!(machine.deadline(), None);
            }
        }
        // Whatever came before: a stop ends, at its deadline at the latest.
        let action = machine.step(Event::Stop(GRACE), now);
        world.stop_due = Some(now);
        world.carry_out(&mut machine, action, 1, now);
        now = now + GRACE;
        let action = machine.step(Event::Tick, now);
        world.carry_out(&mut machine, action, 1, now);
        if world.process.take().is_some() {
            prop_assert!(world.killed);
            machine.step(Event::Exited(Exit::Signal(9)), now);
        }
        prop_assert!(machine.state().is_settled());
        prop_assert_eq!(machine.pid(), None);
    }
}
