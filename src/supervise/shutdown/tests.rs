use proptest::prelude::*;

use super::*;

const BUSY: Facts = Facts {
    services: true,
    children: true,
    strangers: false,
    helper: Helper::Absent,
};

const QUIET: Facts = Facts {
    services: false,
    children: false,
    strangers: false,
    helper: Helper::Absent,
};

fn at(millis: u64) -> Instant {
    Instant::from_boot(Duration::from_millis(millis))
}

fn begun(power: Power) -> Shutdown {
    let mut shutdown = Shutdown::default();
    assert_eq!(shutdown.power(), None);
    let heard = shutdown.ask(power, Urgency::Orderly, DEADLINE, at(0));
    assert_eq!(heard, Heard::Begins(Action::StopServices));
    shutdown
}

#[test]
fn nothing_waits_where_nothing_is_left() {
    let mut shutdown = begun(Power::Off(3));
    assert_eq!(shutdown.step(QUIET, at(0)), Some(Action::TerminateAll));
    assert_eq!(shutdown.step(QUIET, at(0)), Some(Action::Finish));
    let busy = Facts {
        helper: Helper::Busy,
        ..QUIET
    };
    assert_eq!(shutdown.step(busy, at(1)), None);
    assert_eq!(shutdown.power(), Some(Power::Off(3)));
}

/// Runs it with the same facts until it is over; each action with its second, repetitions left out.
fn history(mut shutdown: Shutdown, helper_after: impl Fn(Action) -> Helper) -> Vec<(Action, u64)> {
    let mut all = Vec::new();
    let mut helper = Helper::Absent;
    for tenth in 0..1000 {
        let now = at(tenth * 100);
        while let Some(action) = shutdown.step(Facts { helper, ..BUSY }, now) {
            let again = all.iter().any(|&(last, _)| last == action);
            if !again && !matches!(action, Action::Tell | Action::KillAgain) {
                all.push((action, tenth / 10));
            }
            helper = helper_after(action);
        }
    }
    assert_eq!(shutdown.deadline(), None, "never over");
    all
}

#[test]
fn whatever_hangs_it_ends() {
    use Action::{Emergency, Finish, Force, ForceHere, KillAll, TerminateAll};
    // Twelve, if a tenth of a second counts as one; 30 s in all.
    let stuck = [
        (TerminateAll, 15),
        (KillAll, 18),
        (Finish, 19),
        (Force, 27),
        (Emergency, 28),
        (ForceHere, 30),
    ];
    let off = || begun(Power::Off(0));
    assert_eq!(history(off(), |_| Helper::Busy), stuck);
    assert_eq!(history(off(), |_| Helper::Absent), stuck);
    // Where reboot(2) returned, what is left follows at once, and sysrq has its time.
    let returned = [
        (TerminateAll, 15),
        (KillAll, 18),
        (Finish, 19),
        (Force, 19),
        (Emergency, 19),
        (ForceHere, 22),
    ];
    let ended = |action| match action {
        Finish | Force | Emergency => Helper::Ended,
        _ => Helper::Absent,
    };
    assert_eq!(history(off(), ended), returned);
}

#[test]
fn each_request_goes_one_stage_further() {
    let mut shutdown = begun(Power::Reboot);
    let ask = |shutdown: &mut Shutdown, millis| {
        shutdown.ask(Power::Off(0), Urgency::Orderly, DEADLINE, at(millis))
    };
    // The same wish, said twice.
    assert_eq!(ask(&mut shutdown, 300), Heard::Nothing);
    let mut time = 0;
    for action in [
        Action::KillAll,
        Action::Finish,
        Action::Force,
        Action::Emergency,
        Action::ForceHere,
    ] {
        time += 1000;
        assert_eq!(ask(&mut shutdown, time), Heard::Escalates(action));
        assert_eq!(ask(&mut shutdown, time + 999), Heard::Nothing);
    }
    assert_eq!(ask(&mut shutdown, 99_000), Heard::Nothing);
    assert_eq!(shutdown.power(), Some(Power::Reboot));
}

#[test]
fn a_forced_request_leaves_stages_out() {
    let forced =
        |shutdown: &mut Shutdown, urgency| shutdown.ask(Power::Halt, urgency, DEADLINE, at(10));
    let mut shutdown = Shutdown::default();
    let heard = forced(&mut shutdown, Urgency::Forced);
    assert_eq!(heard, Heard::Begins(Action::KillAll));
    let heard = forced(&mut shutdown, Urgency::AtOnce);
    assert_eq!(heard, Heard::Escalates(Action::Force));
    let mut shutdown = begun(Power::Reboot);
    let heard = forced(&mut shutdown, Urgency::Forced);
    assert_eq!(heard, Heard::Escalates(Action::KillAll));
    assert_eq!(shutdown.power(), Some(Power::Halt));
    let heard = forced(&mut Shutdown::default(), Urgency::AtOnce);
    assert_eq!(heard, Heard::Begins(Action::Force));
}

#[test]
fn a_soft_restart_ends_with_the_boot_script() {
    let mut shutdown = begun(Power::Soft);
    assert_eq!(shutdown.step(QUIET, at(5)), Some(Action::TerminateAll));
    assert_eq!(shutdown.step(QUIET, at(5)), Some(Action::StartAgain));
    assert_eq!(shutdown.step(QUIET, at(5)), None);
    assert_eq!((shutdown.power(), shutdown.deadline()), (None, None));
    // Even where somebody cannot be killed.
    let mut shutdown = begun(Power::Soft);
    shutdown.step(BUSY, at(15_000));
    shutdown.step(BUSY, at(18_000));
    assert_eq!(shutdown.stage(), Stage::Killed);
    assert_eq!(shutdown.step(BUSY, at(19_500)), Some(Action::StartAgain));
}

#[test]
fn anything_replaces_a_soft_restart_and_it_replaces_nothing() {
    let mut shutdown = begun(Power::Soft);
    shutdown.step(QUIET, at(10));
    let busy = Facts {
        services: false,
        ..BUSY
    };
    shutdown.step(busy, at(10));
    assert_eq!(shutdown.stage(), Stage::Everyone);
    let heard = shutdown.ask(Power::Off(1), Urgency::Orderly, DEADLINE, at(20));
    assert_eq!(heard, Heard::Begins(Action::TerminateAll));
    assert_eq!(shutdown.power(), Some(Power::Off(1)));
    let heard = shutdown.ask(Power::Soft, Urgency::Orderly, DEADLINE, at(5000));
    assert_eq!(heard, Heard::Nothing);
}

#[test]
fn those_who_are_waited_for_are_told_once_a_second() {
    let mut shutdown = begun(Power::Off(0));
    let told = (0..150).filter(|tenth| shutdown.step(BUSY, at(tenth * 100)).is_some());
    assert_eq!(told.count(), 14);
}

#[test]
fn strangers_are_looked_for() {
    let mut shutdown = begun(Power::Off(0));
    let facts = Facts {
        strangers: true,
        ..QUIET
    };
    assert_eq!(shutdown.step(facts, at(0)), Some(Action::TerminateAll));
    assert_eq!(shutdown.step(facts, at(0)), None);
    assert_eq!(shutdown.deadline(), Some(at(50)));
    assert_eq!(shutdown.step(facts, at(50)), None);
    assert_eq!(shutdown.deadline(), Some(at(100)));
    assert_eq!(shutdown.step(QUIET, at(100)), Some(Action::Finish));
}

fn facts() -> impl Strategy<Value = Facts> {
    let helper = prop_oneof![
        Just(Helper::Absent),
        Just(Helper::Busy),
        Just(Helper::Ended)
    ];
    (any::<[bool; 3]>(), helper).prop_map(|([services, children, strangers], helper)| Facts {
        services,
        children,
        strangers,
        helper,
    })
}

fn powers() -> impl Strategy<Value = Power> {
    prop_oneof![
        Just(Power::Off(0)),
        Just(Power::Reboot),
        Just(Power::Halt),
        Just(Power::Soft)
    ]
}

fn urgencies() -> impl Strategy<Value = Urgency> {
    prop_oneof![
        8 => Just(Urgency::Orderly),
        1 => Just(Urgency::Forced),
        1 => Just(Urgency::AtOnce)
    ]
}

/// `initsh.shutdown=` takes any time.
#[test]
fn a_deadline_beyond_all_measure() {
    let mut shutdown = Shutdown::default();
    shutdown.ask(Power::Reboot, Urgency::Orderly, Duration::MAX, at(1));
    assert!(shutdown.until() > at(1_000_000));
    assert!(shutdown.step(QUIET, at(2)).is_some());
}

proptest! {
    /// Whatever the facts are and whoever asks for what: it is over within the deadline, and no stage
    /// comes before one that has been.
    #[test]
    fn it_ends_within_the_deadline(
        total in 1_u64..100_000,
        power in powers(),
        urgency in urgencies(),
        facts in proptest::collection::vec(facts(), 1..40),
        requests in proptest::collection::vec((0_u64..120_000, powers(), urgencies()), 0..6),
    ) {
        let mut shutdown = Shutdown::default();
        let total = Duration::from_millis(total);
        shutdown.ask(power, urgency, total, at(0));
        let mut now = at(0);
        let mut end = at(0) + total;
        let mut facts = facts.into_iter().cycle();
        let mut requests = requests;
        requests.sort_by_key(|&(time, ..)| time);
        let mut requests = requests.into_iter().peekable();
        let mut steps = 0;
        while let (Some(due), Some(_)) = (shutdown.deadline(), shutdown.power()) {
            let before = shutdown.stage();
            match requests.next_if(|&(time, ..)| at(time) <= due.max(now)) {
                Some((time, power, urgency)) => {
                    now = now.max(at(time));
                    let heard = shutdown.ask(power, urgency, total, now);
                    // Instead of a soft restart: from now on.
                    if let Heard::Begins(_) = heard {
                        end = now + total;
                    }
                }
                None => now = now.max(due),
            }
            let facts = facts.next().unwrap_or(QUIET);
            let mut actions = 0;
            while shutdown.step(facts, now).is_some() {
                actions += 1;
                prop_assert!(actions < 20, "it spins in {:?}", shutdown.stage());
            }
            prop_assert!(shutdown.power().is_none() || shutdown.stage() >= before);
            prop_assert!(now <= end, "{now:?} in {:?}, not over at {end:?}", shutdown.stage());
            steps += 1;
            prop_assert!(steps < 20_000);
        }
        let over = shutdown.stage() == Stage::Over || shutdown.power().is_none();
        prop_assert!(over);
    }
}
