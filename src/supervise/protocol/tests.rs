//! Messages come back as they were; what is not a message is refused and nothing else.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use proptest::prelude::*;

use super::*;
use crate::supervise::setup::{Setup, Stdio};
use crate::supervise::spec::{Program, Ready, Restart};
use crate::sys::child::Exit;

fn status() -> ServiceInfo {
    ServiceInfo {
        name: "web".into(),
        state: "Backoff".into(),
        ready: false,
        reason: "exit 1".into(),
        pid: Some(7),
        exit: Some(Exit::Signal(9)),
        starts: 3,
        since: Instant::from_boot(Duration::from_millis(12_345)),
        needs: vec!["db".into()],
        after: vec![],
        critical: true,
    }
}

fn replies() -> Vec<Reply> {
    let ended = Ended {
        pid: 9,
        name: "(sh)".into(),
        exit: Exit::Code(4),
        at: Instant::BOOT,
    };
    vec![
        Reply::Done,
        Reply::Service(status()),
        Reply::Services(vec![status(), status()], true),
        Reply::Exits(vec![ended], 5, false),
        Reply::Ended(Exit::Code(255)),
        Reply::TimedOut,
        Reply::Refused(127, 2, "no such program".into()),
        Reply::Log(LogChunk {
            from: 7,
            lost: 2,
            bytes: b"text\n".to_vec(),
        }),
        Reply::Watchdog(WatchdogInfo {
            device: "/dev/watchdog".into(),
            identity: "i6300ESB timer".into(),
            timeout: Duration::from_secs(30),
            left: Duration::from_secs(20),
            boot_status: 0x20,
            hungry: "why".into(),
        }),
    ]
}

fn os_string() -> impl Strategy<Value = OsString> {
    proptest::collection::vec(1..=u8::MAX, 0..12)
        .prop_map(|bytes| OsStr::from_bytes(&bytes).to_owned())
}

fn spec() -> impl Strategy<Value = ServiceSpec> {
    let words = proptest::collection::vec(os_string(), 1..5);
    let env = proptest::collection::vec((os_string(), os_string()), 0..5);
    let program = prop_oneof![Just(Program::Own), os_string().prop_map(Program::Path)];
    let policy = (
        prop_oneof![
            Just(Restart::Never),
            Just(Restart::OnFailure),
            Just(Restart::Always)
        ],
        prop_oneof![
            Just(Ready::Exec),
            Just(Ready::Descriptor),
            Just(Ready::Notify),
            os_string().prop_map(Ready::PidFile),
            any::<u16>().prop_map(Ready::Tcp),
            (0..1_u64 << 40).prop_map(|time| Ready::After(Duration::from_millis(time))),
        ],
        proptest::option::of((any::<u32>(), Just(Duration::from_secs(10)))),
        any::<bool>(),
    );
    let names = proptest::collection::vec("[a-z]{1,9}", 0..3);
    (
        "[a-z]{1,9}",
        program,
        words,
        env,
        os_string(),
        policy,
        names,
        setup(),
    )
        .prop_map(|(name, program, argv, env, cwd, policy, needs, setup)| {
            let (restart, ready, max_restarts, critical) = policy;
            ServiceSpec {
                env,
                cwd: cwd.clone(),
                restart,
                ready,
                max_restarts,
                after: needs.clone(),
                needs,
                critical,
                setup,
                file: critical.then_some(cwd),
                ..ServiceSpec::new(&name, program, argv)
            }
        })
}

fn setup() -> impl Strategy<Value = Setup> {
    let stdio = prop_oneof![
        Just(Stdio::Default),
        Just(Stdio::Null),
        Just(Stdio::Console),
        Just(Stdio::Log),
        os_string().prop_map(Stdio::File)
    ];
    let ids = proptest::collection::vec(any::<u32>(), 0..3);
    (
        stdio,
        ids,
        any::<i8>(),
        any::<i16>(),
        any::<u64>(),
        any::<bool>(),
    )
        .prop_map(|(stdout, groups, nice, oom_score, caps, flag)| Setup {
            user: groups.first().copied(),
            groups,
            stdout,
            nice: Some(nice),
            oom_score: Some(oom_score),
            rlimits: vec![(7, caps, caps)],
            cgroup: vec![("memory.max".into(), caps.to_string())],
            caps: Some(caps),
            no_new_privs: flag,
            keep_fds: vec![3; usize::from(flag)],
            tty: flag.then(|| "/dev/ttyS1".into()),
            log_file: flag.then(|| ("/log".into(), caps)),
            ..Setup::default()
        })
}

fn requests() -> impl Strategy<Value = Request> {
    let time = (0..1_u64 << 40).prop_map(Duration::from_millis);
    let until = prop_oneof![
        Just(Until::Executed),
        Just(Until::Ready),
        Just(Until::Exit),
        Just(Until::Settled),
        Just(Until::Stopped)
    ];
    let target = prop_oneof![
        any::<i32>().prop_map(Target::Pid),
        ".{0,9}".prop_map(Target::Name)
    ];
    let power = prop_oneof![
        (0..=127_u8).prop_map(Power::Off),
        Just(Power::Reboot),
        Just(Power::Halt),
        Just(Power::Soft)
    ];
    let urgency = prop_oneof![
        Just(Urgency::Orderly),
        Just(Urgency::Forced),
        Just(Urgency::AtOnce)
    ];
    let hand_over = (proptest::option::of(os_string()), any::<bool>());
    let watchdog = prop_oneof![
        Just(WatchdogRequest::Stop),
        Just(WatchdogRequest::Status),
        os_string().prop_map(|device| WatchdogRequest::Start(device, None)),
        (os_string(), time.clone())
            .prop_map(|(device, time)| WatchdogRequest::Start(device, Some(time)))
    ];
    prop_oneof![
        spec().prop_map(|spec| Request::Spawn(Box::new(spec))),
        ".{0,9}".prop_map(Request::List),
        (target, until, time.clone()).prop_map(|(t, u, l)| Request::Wait(t, u, l)),
        (".{0,9}", proptest::option::of(time.clone()), time.clone())
            .prop_map(|(n, g, l)| Request::Stop(n, g, l)),
        Just(Request::Exits),
        (power, urgency).prop_map(|(power, urgency)| Request::Power(power, urgency)),
        (".{0,9}", time.clone()).prop_map(|(name, limit)| Request::Start(name, limit)),
        (".{0,9}", time.clone()).prop_map(|(name, limit)| Request::Restart(name, limit)),
        (".{0,9}", any::<u8>()).prop_map(|(name, signal)| Request::Signal(name, signal)),
        spec().prop_map(|spec| Request::Redefine(Box::new(spec))),
        (".{0,9}", any::<u64>(), time).prop_map(|(n, from, l)| Request::Log(n, from, l)),
        os_string().prop_map(Request::Upgrade),
        watchdog.prop_map(Request::Watchdog),
        hand_over.prop_map(|(root, keep_services)| Request::HandOver(HandOver {
            root,
            program: "/sbin/init".into(),
            argv: vec!["init".into(), "3".into()],
            env: vec![("TERM".into(), "linux".into())],
            keep_services,
            keep_root: !keep_services
        })),
        ".{0,9}".prop_map(Request::Crash),
    ]
}

proptest! {
    #[test]
    fn requests_come_back(request in requests()) {
        let message = request.encode();
        prop_assert_eq!(Request::decode(&message), Ok(request));
        // Every shorter and every longer message is refused.
        for end in 0..message.len() {
            prop_assert!(Request::decode(&message[..end]).is_err());
        }
        let longer = [&message[..], &[0]].concat();
        prop_assert_eq!(Request::decode(&longer), Err(Malformed::Long));
    }

    #[test]
    fn noise_is_refused_or_means_itself(noise in proptest::collection::vec(any::<u8>(), 0..64)) {
        let message = [&[VERSION][..], &noise].concat();
        if let Ok(request) = Request::decode(&message) {
            prop_assert_eq!(&request.encode(), &message);
        }
        let _ = Reply::decode(&message);
    }
}

#[test]
fn replies_come_back() {
    for reply in replies() {
        let message = reply.encode();
        assert_eq!(Reply::decode(&message), Ok(reply));
        for end in 0..message.len() {
            assert!(Reply::decode(&message[..end]).is_err());
        }
    }
}

#[test]
fn other_versions_and_huge_counts_are_refused() {
    assert_eq!(Request::decode(&[VERSION + 1, 5]), Err(Malformed::Version));
    assert_eq!(Request::decode(&[]), Err(Malformed::Short));
    let huge = [&[VERSION, 1, 0, 0, 0, 0, 0][..], &[0xff; 4]].concat();
    assert_eq!(Request::decode(&huge), Err(Malformed::Short));
    let list = [&[VERSION, 3, 1][..], &[0xff; 4]].concat();
    assert_eq!(Reply::decode(&list), Err(Malformed::Short));
}

#[test]
fn words_with_nul_bytes_are_refused() {
    let argv = vec![OsStr::from_bytes(b"a\0b").to_owned()];
    let spec = ServiceSpec::new("a", Program::Own, argv);
    let message = Request::Spawn(Box::new(spec)).encode();
    assert_eq!(Request::decode(&message), Err(Malformed::Value));
}
