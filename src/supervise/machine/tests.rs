//! Every state with every event, and random histories on a virtual clock.

use super::*;
use crate::supervise::setup::Step;
use crate::supervise::spec::{Program, Ready, ServiceSpec};
use crate::supervise::wire::{Reader, Wire, Writer};

const GRACE: Duration = Duration::from_secs(5);
const ENDED_BADLY: Exit = Exit::Code(1);
const ENDED_WELL: Exit = Exit::Code(0);

fn at(seconds: u64) -> Instant {
    Instant::from_boot(Duration::from_secs(seconds))
}

fn of(change: impl FnOnce(&mut ServiceSpec)) -> Machine {
    let mut spec = ServiceSpec::new("web", Program::Own, vec![]);
    change(&mut spec);
    Machine::new(Policy::of(&spec), 7, at(0))
}

fn new(restart: Restart, ready: Ready) -> Machine {
    of(|spec| (spec.restart, spec.ready) = (restart, ready))
}

/// Takes in several events at one moment.
fn feed(machine: &mut Machine, events: &[Event], now: Instant) {
    for &event in events {
        machine.step(event, now);
    }
}

const START: [Event; 4] = [Event::Start, Event::Go, Event::Forked(7), Event::Executed];

/// A machine of each state, by name, at second 10, with the policy on-failure.
fn each_state() -> Vec<(&'static str, Machine)> {
    use Event::{Exited, ForkFailed, Go, Ready as SaysReady, SetupFailed, Start, Stop, Tick};
    let machine = |ready: Ready, events: &[Event]| {
        let mut machine = new(Restart::OnFailure, ready);
        feed(&mut machine, events, at(10));
        machine
    };
    let word = |events: &[Event]| machine(Ready::Descriptor, events);
    let after_start = |events: &[Event]| word(&[&START[..], events].concat());
    let mut killed = after_start(&[Stop(Duration::ZERO), Go]);
    killed.step(Tick, at(10));
    let mut stuck = killed.clone();
    stuck.step(Tick, at(12));
    let pid_file = Ready::PidFile("/run/web.pid".into());
    let mut doomed = after_start(&[SetupFailed(Step::Directory, Errno::ENOENT)]);
    doomed.step(Event::Lost(3, Loss::Failed, GRACE), at(10));
    vec![
        ("Stopped", word(&[])),
        ("Held", word(&[Start])),
        ("Retry", word(&[Start, Go, ForkFailed(Errno::EAGAIN)])),
        ("Fork", word(&[Start, Go])),
        ("Forked", word(&START[..3])),
        ("Starting", after_start(&[])),
        ("After", machine(Ready::After(GRACE), &START)),
        (
            "Daemon",
            machine(pid_file, &[&START[..], &[Exited(ENDED_WELL)]].concat()),
        ),
        ("Running", after_start(&[SaysReady])),
        ("Backoff", after_start(&[Exited(ENDED_BADLY)])),
        ("Stopping", after_start(&[Stop(GRACE)])),
        ("Asked", after_start(&[Stop(GRACE), Go])),
        ("Killed", killed),
        ("Stuck", stuck),
        ("Again", after_start(&[Event::Restart(GRACE)])),
        ("Doomed", doomed),
        ("Failed", after_start(&[Exited(Exit::Code(GIVE_UP))])),
    ]
}

/// The state as the table below names it.
fn shown(machine: &Machine) -> String {
    let stage = |stage| match stage {
        Stage::Held(_) => "held",
        Stage::Asked(_) => "asked",
        Stage::Killed(_) => "killed",
        Stage::Stuck => "stuck",
    };
    match machine.state() {
        State::Pending { hold } => match hold {
            Hold::Others => "Pending".into(),
            Hold::Retry(_) => "Pending retry".into(),
            Hold::Fork => "Pending fork".into(),
        },
        State::Starting { executed, until } => {
            let more = match (executed, until, machine.pid()) {
                (false, None, Some(_)) => "",
                (true, None, Some(_)) => " executed",
                (true, Some(_), Some(_)) => " timed",
                (true, Some(_), None) => " daemon",
                _ => " nonsense",
            };
            format!("Starting{more}")
        }
        State::Stopping { stage: at, then } => {
            let then = match then {
                Then::Rest => "",
                Then::Again => " again",
                Then::Fail(_) => " fail",
            };
            format!("Stopping {}{then}", stage(at))
        }
        other => other.name().into(),
    }
}

const COLUMNS: [(&str, Event); 18] = [
    ("start", Event::Start),
    ("go", Event::Go),
    ("forked", Event::Forked(8)),
    ("no fork", Event::ForkFailed(Errno::ENOMEM)),
    ("executed", Event::Executed),
    ("exec failed", Event::ExecFailed(Errno::ENOENT)),
    ("ready", Event::Ready),
    ("adopted", Event::Adopted(9)),
    ("exit 1", Event::Exited(ENDED_BADLY)),
    ("exit 0", Event::Exited(ENDED_WELL)),
    ("exit 125", Event::Exited(Exit::Code(GIVE_UP))),
    ("stop", Event::Stop(GRACE)),
    ("restart", Event::Restart(GRACE)),
    ("lost stopped", Event::Lost(0, Loss::Stopped, GRACE)),
    ("lost failed", Event::Lost(0, Loss::Failed, GRACE)),
    ("lost again", Event::Lost(0, Loss::Again, GRACE)),
    ("early", Event::Tick),
    ("late", Event::Tick),
];

/// What each state does with each event: the state after it, and `!` with the action. What is not
/// listed changes nothing.
const TABLE: &[(&str, &[(&str, &str)])] = &[
    ("Stopped", &[("start", "Pending"), ("restart", "Pending")]),
    ("Failed", &[("start", "Pending"), ("restart", "Pending")]),
    (
        "Held",
        &[
            ("go", "Pending fork !fork"),
            ("stop", "Stopped"),
            ("lost stopped", "Stopped"),
            ("lost failed", "Failed"),
        ],
    ),
    (
        "Retry",
        &[
            ("start", "Pending"),
            ("stop", "Stopped"),
            ("restart", "Pending"),
            ("lost stopped", "Stopped"),
            ("lost failed", "Failed"),
            ("late", "Pending"),
        ],
    ),
    (
        "Fork",
        &[
            ("forked", "Starting"),
            ("no fork", "Pending retry"),
            ("stop", "Stopped"),
            ("lost stopped", "Stopped"),
            ("lost failed", "Failed"),
        ],
    ),
    (
        "Forked",
        &[
            ("executed", "Starting executed"),
            ("ready", "Running"),
            ("exit 1", "Backoff"),
            ("exit 0", "Stopped"),
            ("exit 125", "Failed"),
            ("stop", "Stopping held"),
            ("restart", "Stopping held again"),
            ("lost stopped", "Stopping held"),
            ("lost failed", "Stopping held fail"),
            ("lost again", "Stopping held again"),
        ],
    ),
    (
        "Starting",
        &[
            ("ready", "Running"),
            ("exit 1", "Backoff"),
            ("exit 0", "Stopped"),
            ("exit 125", "Failed"),
            ("stop", "Stopping held"),
            ("restart", "Stopping held again"),
            ("lost stopped", "Stopping held"),
            ("lost failed", "Stopping held fail"),
            ("lost again", "Stopping held again"),
        ],
    ),
    (
        "After",
        &[
            ("ready", "Running"),
            ("exit 1", "Backoff"),
            ("exit 0", "Stopped"),
            ("exit 125", "Failed"),
            ("stop", "Stopping held"),
            ("restart", "Stopping held again"),
            ("lost stopped", "Stopping held"),
            ("lost failed", "Stopping held fail"),
            ("lost again", "Stopping held again"),
            ("late", "Running"),
        ],
    ),
    (
        "Daemon",
        &[
            ("adopted", "Running"),
            ("stop", "Stopped"),
            ("restart", "Pending"),
            ("lost stopped", "Stopped"),
            ("lost failed", "Failed"),
            ("lost again", "Pending"),
            ("late", "Backoff"),
        ],
    ),
    (
        "Running",
        &[
            ("exit 1", "Backoff"),
            ("exit 0", "Stopped"),
            ("exit 125", "Failed"),
            ("stop", "Stopping held"),
            ("restart", "Stopping held again"),
            ("lost stopped", "Stopping held"),
            ("lost failed", "Stopping held fail"),
            ("lost again", "Stopping held again"),
        ],
    ),
    (
        "Backoff",
        &[
            ("start", "Pending"),
            ("stop", "Stopped"),
            ("restart", "Pending"),
            ("lost stopped", "Stopped"),
            ("lost failed", "Failed"),
            ("late", "Pending"),
        ],
    ),
    (
        "Stopping",
        &[
            ("start", "Stopping held again"),
            ("go", "Stopping asked !terminate"),
            ("exit 1", "Stopped"),
            ("exit 0", "Stopped"),
            ("exit 125", "Stopped"),
            ("restart", "Stopping held again"),
        ],
    ),
    (
        "Asked",
        &[
            ("start", "Stopping asked again"),
            ("exit 1", "Stopped"),
            ("exit 0", "Stopped"),
            ("exit 125", "Stopped"),
            ("restart", "Stopping asked again"),
            ("late", "Stopping killed !kill"),
        ],
    ),
    (
        "Killed",
        &[
            ("start", "Stopping killed again"),
            ("exit 1", "Stopped"),
            ("exit 0", "Stopped"),
            ("exit 125", "Stopped"),
            ("restart", "Stopping killed again"),
            ("late", "Stopping stuck"),
        ],
    ),
    (
        "Stuck",
        &[
            ("start", "Stopping stuck again"),
            ("exit 1", "Stopped"),
            ("exit 0", "Stopped"),
            ("exit 125", "Stopped"),
            ("restart", "Stopping stuck again"),
        ],
    ),
    (
        "Again",
        &[
            ("go", "Stopping asked again !terminate"),
            ("exit 1", "Pending"),
            ("exit 0", "Pending"),
            ("exit 125", "Pending"),
            ("stop", "Stopping held"),
            ("lost stopped", "Stopping held"),
            ("lost failed", "Stopping held fail"),
        ],
    ),
    (
        "Doomed",
        &[
            ("start", "Stopping held again"),
            ("go", "Stopping asked fail !terminate"),
            ("exit 1", "Failed"),
            ("exit 0", "Failed"),
            ("exit 125", "Failed"),
            ("stop", "Stopping held"),
            ("restart", "Stopping held again"),
        ],
    ),
];

#[test]
fn every_state_with_every_event() {
    let mut rows = 0;
    for (name, machine) in each_state() {
        let row = TABLE.iter().find(|row| row.0 == name);
        let row = row.unwrap_or_else(|| panic!("no row {name}")).1;
        rows += 1;
        for (title, event) in COLUMNS {
            let mut machine = machine.clone();
            let before = shown(&machine);
            let now = if title == "late" { at(60) } else { at(10) };
            let action = match machine.step(event, now) {
                None => "",
                Some(Action::Fork) => " !fork",
                Some(Action::Terminate(7)) => " !terminate",
                Some(Action::Kill(7)) => " !kill",
                Some(other) => panic!("{name}, {title}: {other:?}"),
            };
            let after = format!("{}{action}", shown(&machine));
            let expected = row.iter().find(|cell| cell.0 == title);
            let expected = expected.map_or(before, |cell| cell.1.to_owned());
            assert_eq!(after, expected, "{name}, {title}");
            assert!(machine.deadline().is_none_or(|at| at > now) || event != Event::Tick);
            assert_eq!(written_and_read(&machine), machine);
        }
    }
    assert_eq!(rows, TABLE.len());
    for row in TABLE {
        for cell in row.1 {
            assert!(COLUMNS.iter().any(|column| column.0 == cell.0), "{cell:?}");
        }
    }
}

fn written_and_read(machine: &Machine) -> Machine {
    let mut to = Writer::default();
    machine.write(&mut to);
    let bytes = to.finish();
    let mut from = Reader::new(&bytes);
    let read = Machine::read(&mut from).unwrap();
    from.end().unwrap();
    read
}

#[test]
fn restart_policies() {
    let bad = Exit::Signal(9);
    for (restart, exit, state) in [
        (Restart::Never, ENDED_WELL, "Stopped"),
        (Restart::Never, bad, "Failed"),
        (Restart::OnFailure, ENDED_WELL, "Stopped"),
        (Restart::OnFailure, bad, "Backoff"),
        (Restart::Always, ENDED_WELL, "Backoff"),
        (Restart::Always, bad, "Backoff"),
    ] {
        let mut machine = new(restart, Ready::Exec);
        feed(&mut machine, &START, at(0));
        assert_eq!(machine.state(), State::Running);
        machine.step(Event::Exited(exit), at(1));
        assert_eq!(machine.state().name(), state, "{restart:?} {exit}");
        assert_eq!(machine.last_exit(), Some(exit));
    }
}

/// The pause after the end of a process that has run for `seconds`, in ms; starts the next one.
fn pause_after(machine: &mut Machine, seconds: u64, now: &mut Instant) -> u128 {
    feed(machine, &START[2..], *now);
    *now = *now + Duration::from_secs(seconds);
    machine.step(Event::Exited(ENDED_BADLY), *now);
    let pause = machine.deadline().unwrap().since(*now);
    *now = *now + pause;
    assert_eq!(machine.step(Event::Tick, *now), None);
    assert_eq!(machine.step(Event::Go, *now), Some(Action::Fork));
    pause.as_millis()
}

fn assert_about(pauses: &[u128], expected: &[u128]) {
    assert_eq!(pauses.len(), expected.len());
    for (pause, least) in pauses.iter().zip(expected) {
        assert!((*least..=least * 11 / 10).contains(pause), "{pauses:?}");
    }
}

#[test]
fn pauses_double_to_a_minute_and_start_over_after_a_stable_run() {
    let mut machine = new(Restart::Always, Ready::Exec);
    let mut now = at(0);
    feed(&mut machine, &START[..2], now);
    let pauses: Vec<_> = (0..10)
        .map(|_| pause_after(&mut machine, 1, &mut now))
        .collect();
    let expected = [250, 500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000];
    assert_about(&pauses, &expected);
    let odd = pauses
        .iter()
        .zip(expected)
        .filter(|(pause, least)| **pause != *least);
    assert!(odd.count() > 5, "no jitter: {pauses:?}");
    assert_about(&[pause_after(&mut machine, 29, &mut now)], &[60000]);
    assert_about(&[pause_after(&mut machine, 30, &mut now)], &[250]);
    assert_about(&[pause_after(&mut machine, 1, &mut now)], &[500]);
}

#[test]
fn pauses_are_what_the_service_says_and_never_nothing() {
    for (least, most, expected) in [(100, 300, [100, 200, 300, 300]), (0, 0, [1, 1, 1, 1])] {
        let mut machine = of(|spec| {
            spec.restart = Restart::Always;
            spec.backoff = (Duration::from_millis(least), Duration::from_millis(most));
        });
        let mut now = at(0);
        feed(&mut machine, &START[..2], now);
        let pauses: Vec<_> = (0..4)
            .map(|_| pause_after(&mut machine, 1, &mut now))
            .collect();
        assert_about(&pauses, &expected);
    }
}

#[test]
fn too_many_restarts_in_too_short_a_time() {
    let limited = || {
        of(|spec| {
            spec.restart = Restart::Always;
            spec.backoff = (Duration::from_secs(1), Duration::from_secs(1));
            spec.max_restarts = Some((3, Duration::from_secs(60)));
        })
    };
    let mut machine = limited();
    let mut now = at(0);
    feed(&mut machine, &START[..2], now);
    for _ in 0..3 {
        pause_after(&mut machine, 1, &mut now);
    }
    feed(&mut machine, &START[2..], now);
    machine.step(Event::Exited(ENDED_BADLY), now);
    assert_eq!(machine.state(), State::Failed);
    assert_eq!(
        machine.reason().to_string(),
        "exit 1; restarted 3 times in 60 s"
    );
    // Somebody starts it: it may fail three times again.
    feed(&mut machine, &START[..2], now);
    pause_after(&mut machine, 1, &mut now);
    // Slowly enough, it may fail for ever.
    let mut machine = limited();
    feed(&mut machine, &START[..2], now);
    for _ in 0..20 {
        pause_after(&mut machine, 25, &mut now);
    }
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
        feed(&mut machine, &START[..3], at(0));
        machine.step(Event::ExecFailed(errno), at(0));
        machine.step(Event::Exited(Exit::Code(127)), at(0));
        assert_eq!(machine.state().name(), state, "{errno}");
        assert_eq!(machine.reason(), Reason::CannotExecute(errno));
    }
}

#[test]
fn the_boot_role_is_never_given_up() {
    let mut machine = Machine::new(Policy::BOOT, 0, at(0));
    feed(&mut machine, &START[..2], at(0));
    for error in [Some(Errno::ENOENT), None] {
        machine.step(Event::Forked(2), at(0));
        if let Some(errno) = error {
            machine.step(Event::ExecFailed(errno), at(0));
        }
        machine.step(Event::Exited(Exit::Code(GIVE_UP)), at(0));
        assert_eq!(machine.state().name(), "Backoff");
        machine.step(Event::Tick, at(10));
        assert_eq!(machine.step(Event::Go, at(10)), Some(Action::Fork));
    }
}

#[test]
fn a_oneshot_is_ready_when_it_has_ended_well() {
    let mut machine = of(|spec| (spec.oneshot, spec.restart) = (true, Restart::Always));
    feed(&mut machine, &START, at(0));
    machine.step(Event::Ready, at(0));
    assert_eq!(shown(&machine), "Starting executed");
    machine.step(Event::Exited(ENDED_BADLY), at(1));
    assert_eq!(shown(&machine), "Backoff");
    assert!(!machine.is_ready());
    feed(&mut machine, &START, at(2));
    machine.step(Event::Exited(ENDED_WELL), at(3));
    assert_eq!(machine.state(), State::Stopped);
    assert!(machine.is_ready());
    machine.step(Event::Stop(GRACE), at(4));
    assert_eq!(machine.state(), State::Stopped);
    assert!(!machine.is_ready());
}

#[test]
fn a_daemon_is_the_process_in_its_pid_file() {
    let mut machine = new(Restart::OnFailure, Ready::PidFile("/run/d.pid".into()));
    feed(&mut machine, &START, at(0));
    machine.step(Event::Adopted(9), at(0));
    assert_eq!(
        shown(&machine),
        "Starting executed",
        "its first process is alive"
    );
    machine.step(Event::Exited(ENDED_WELL), at(0));
    machine.step(Event::Adopted(9), at(1));
    assert_eq!((machine.state(), machine.pid()), (State::Running, Some(9)));
    assert_eq!(machine.counts(), (2, 1));
    machine.step(Event::Exited(ENDED_BADLY), at(2));
    assert_eq!(machine.state().name(), "Backoff");
    // One that stays in the foreground names itself.
    feed(&mut machine, &START, at(3));
    machine.step(Event::Adopted(7), at(3));
    assert_eq!((machine.state(), machine.pid()), (State::Running, Some(7)));
    assert_eq!(machine.counts(), (3, 2));
    // Without a pid file it has failed.
    let mut machine = new(Restart::Never, Ready::PidFile("/run/d.pid".into()));
    feed(&mut machine, &START, at(0));
    machine.step(Event::Exited(ENDED_WELL), at(0));
    machine.step(Event::Tick, at(10));
    assert_eq!(machine.state(), State::Failed);
    assert_eq!(machine.reason(), Reason::NoPidFile);
}

#[test]
fn a_second_stop_can_only_hasten_the_end() {
    let mut machine = new(Restart::Always, Ready::Exec);
    feed(&mut machine, &START, at(0));
    machine.step(Event::Stop(GRACE), at(0));
    machine.step(Event::Stop(GRACE * 10), at(0));
    machine.step(Event::Go, at(0));
    assert_eq!(machine.deadline(), Some(at(5)));
    machine.step(Event::Stop(GRACE * 10), at(1));
    assert_eq!(machine.deadline(), Some(at(5)));
    machine.step(Event::Stop(Duration::from_secs(1)), at(1));
    assert_eq!(machine.deadline(), Some(at(2)));
}
