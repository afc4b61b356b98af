//! The router on a virtual clock.

use super::*;
use crate::net::nd::wire::PrefixInformation;

const HOST: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 7);
const NOBODY: Ipv6Addr = Ipv6Addr::UNSPECIFIED;

fn at(millis: u64) -> Instant {
    Instant::from_boot(Duration::from_millis(millis))
}

fn network(text: &str) -> Network {
    (text.parse().unwrap(), 64)
}

fn prefix(text: &str, preferred: u64, valid: u64) -> Prefix {
    Prefix {
        network: network(text),
        preferred: Some(at(preferred * 1000)),
        valid: Some(at(valid * 1000)),
    }
}

fn content(prefixes: &[Prefix]) -> Content {
    Content {
        lifetime: 1800,
        prefixes: prefixes.to_vec(),
        dns: vec!["2001:db8::53".parse().unwrap()],
        ..Content::default()
    }
}

/// A machine with a clock.
struct Lab {
    machine: Machine,
    now: Instant,
    sent: Vec<(Instant, RouterAdvertisement, Ipv6Addr)>,
    complaints: Vec<&'static str>,
}

impl Lab {
    fn new(interval: u64, seed: u64, earlier: &[Network]) -> Self {
        let config = Config {
            interval: Duration::from_secs(interval),
            earlier: earlier.to_vec(),
        };
        Self {
            machine: Machine::new(config, seed),
            now: at(1_000_000),
            sent: Vec::new(),
            complaints: Vec::new(),
        }
    }

    /// Up, with something to tell, and nothing told yet.
    fn begun(interval: u64, seed: u64) -> Self {
        let mut lab = Self::new(interval, seed, &[]);
        lab.feed(Input::Content(&content(&[prefix(
            "2001:db8:1::",
            5000,
            9000,
        )])));
        lab.feed(Input::LinkUp);
        lab
    }

    fn feed(&mut self, input: Input<'_>) {
        self.machine.handle(input, self.now);
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Advertise(message, to) => self.sent.push((self.now, message, to)),
                Output::Inconsistent(what) => self.complaints.push(what),
            }
        }
    }

    /// Lets time pass; what is due happens when it is due.
    fn run(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while let Some(due) = self.machine.deadline().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            let before = self.sent.len();
            self.feed(Input::Timeout);
            assert!(self.sent.len() > before, "woken for nothing");
        }
        self.now = end;
    }

    fn last(&self) -> &RouterAdvertisement {
        &self.sent.last().unwrap().1
    }

    fn last_of(&self, text: &str) -> PrefixInformation {
        let wanted = network(text).0;
        let mut all = self.last().prefixes.iter();
        *all.find(|prefix| prefix.prefix == wanted).unwrap()
    }

    fn gaps(&self) -> Vec<Duration> {
        let all = self.sent.iter().filter(|(.., to)| *to == ALL_NODES);
        let times: Vec<_> = all.map(|(time, ..)| *time).collect();
        times
            .windows(2)
            .map(|pair| pair[1].since(pair[0]))
            .collect()
    }
}

#[test]
fn a_few_quickly_then_at_random() {
    for seed in 0..50 {
        let mut lab = Lab::begun(600, seed);
        lab.run(0);
        assert_eq!(lab.sent.len(), 1, "at once");
        lab.run(4_000_000);
        let gaps = lab.gaps();
        assert_eq!(gaps[..2], [INITIAL_INTERVAL; 2]);
        let rest = &gaps[2..];
        assert!(rest.len() >= 6, "{gaps:?}");
        let bounds = Duration::from_secs(198)..=Duration::from_secs(600);
        assert!(rest.iter().all(|gap| bounds.contains(gap)), "{gaps:?}");
        assert!(rest.windows(2).any(|pair| pair[0] != pair[1]), "{gaps:?}");
    }
    // MinRtrAdvInterval of a short one.
    let mut lab = Lab::begun(4, 1);
    lab.run(60_000);
    let bounds = Duration::from_secs(3)..=Duration::from_secs(4);
    assert!(
        lab.gaps().iter().all(|gap| bounds.contains(gap)),
        "{:?}",
        lab.gaps()
    );
}

#[test]
fn whoever_asks_is_answered_at_once_and_all_together_only_every_three_seconds() {
    let mut lab = Lab::begun(600, 1);
    lab.run(100_000);
    let before = lab.sent.len();
    lab.feed(Input::Solicited(HOST));
    assert_eq!(lab.sent.len(), before + 1);
    assert_eq!(lab.sent.last().unwrap().2, HOST);
    lab.feed(Input::Solicited(NOBODY));
    assert_eq!(
        lab.sent.last().unwrap().2,
        ALL_NODES,
        "nobody else is there to answer"
    );
    let first = lab.sent.len();
    for _ in 0..1000 {
        lab.run(10);
        lab.feed(Input::Solicited(NOBODY));
    }
    let answers = lab.sent.len() - first;
    assert!((3..=4).contains(&answers), "{answers}");
    assert!(lab.gaps().iter().all(|&gap| gap >= BETWEEN));
}

#[test]
fn a_flood_of_hosts_is_answered_all_together() {
    let mut lab = Lab::begun(600, 1);
    lab.run(100_000);
    let before = lab.sent.len();
    for last in 1..=500 {
        lab.feed(Input::Solicited(Ipv6Addr::new(
            0xfe80, 0, 0, 0, 0, 0, 1, last,
        )));
    }
    assert_eq!(lab.sent.len() - before, ALONE as usize + 1);
    lab.run(1000);
    lab.feed(Input::Solicited(HOST));
    assert_eq!(lab.sent.last().unwrap().2, HOST, "a second later");
}

#[test]
fn with_another_router_answers_wait_a_little() {
    let mut waits = Vec::new();
    for seed in 0..20 {
        let mut lab = Lab::begun(600, seed);
        lab.run(100_000);
        let other = RouterAdvertisement {
            hop_limit: 32,
            managed: true,
            ..RouterAdvertisement::default()
        };
        lab.feed(Input::Heard(&other));
        lab.feed(Input::Heard(&other));
        assert_eq!(
            lab.complaints,
            ["another hop limit", "another M flag"],
            "once"
        );
        let (before, asked) = (lab.sent.len(), lab.now);
        lab.feed(Input::Solicited(NOBODY));
        lab.run(500);
        assert_eq!(lab.sent.len(), before + 1);
        waits.push(lab.sent.last().unwrap().0.since(asked));
    }
    waits.dedup();
    assert!(waits.len() > 10, "{waits:?}");
}

#[test]
fn the_same_prefix_with_other_lifetimes() {
    let mut lab = Lab::begun(600, 1);
    let message =
        content(&[prefix("2001:db8:1::", 5000, 9000)]).message(Duration::from_secs(600), lab.now);
    lab.feed(Input::Heard(&message));
    assert!(lab.complaints.is_empty());
    let mut other = message.clone();
    other.prefixes[0].valid = 100;
    other.mtu = Some(1400);
    lab.feed(Input::Heard(&other));
    assert_eq!(lab.complaints, ["other lifetimes of the same prefix"]);
}

#[test]
fn lifetimes_are_what_is_left() {
    let mut lab = Lab::begun(600, 1);
    lab.run(0);
    assert_eq!(
        lab.last_of("2001:db8:1::").preferred,
        PREFERRED,
        "no more than hosts should believe"
    );
    assert_eq!(lab.last_of("2001:db8:1::").valid, 2 * PREFERRED);
    assert_eq!(lab.last().lifetime, 1800);
    assert_eq!(lab.last().dns[0].lifetime, 1800);
    lab.run(3_000_000);
    lab.feed(Input::Solicited(HOST));
    assert_eq!(lab.last_of("2001:db8:1::").preferred, 1000);
    assert_eq!(lab.last_of("2001:db8:1::").valid, 5000);
    lab.run(2_000_000);
    lab.feed(Input::Solicited(HOST));
    assert_eq!(lab.last_of("2001:db8:1::").preferred, 0);
    assert_eq!(lab.last_of("2001:db8:1::").valid, 3000);
}

const PREFERRED: u32 = 2700;

#[test]
fn what_is_new_is_told_soon_and_what_is_gone_for_as_long_as_hosts_have_it() {
    let mut lab = Lab::begun(600, 1);
    lab.run(400_000);
    let (count, changed) = (lab.sent.len(), lab.now);
    let mut new = content(&[prefix("2001:db8:2::", 5000, 9000)]);
    new.dns = vec!["2001:db8:2::53".parse().unwrap()];
    lab.feed(Input::Content(&new));
    lab.run(20);
    // Another change of the same moment goes with it.
    new.routes = vec![(network("2001:db8:2::").0, 56)];
    lab.feed(Input::Content(&new));
    lab.run(40_000);
    assert_eq!(lab.sent.len() - count, 3);
    assert!(lab.sent[count].0.since(changed) <= GATHER);
    let first = &lab.sent[count].1;
    assert_eq!(first.prefixes.len(), 2);
    assert_eq!(
        (first.prefixes[1].prefix, first.prefixes[1].preferred),
        (network("2001:db8:1::").0, 0)
    );
    assert_eq!(
        first.prefixes[1].valid,
        5400 - 1,
        "what hosts were told at most"
    );
    assert_eq!(first.routes.len(), 1);
    let dns: Vec<_> = first.dns.iter().map(|dns| dns.lifetime).collect();
    assert_eq!(dns, [1800, 0]);
    lab.run(600_000);
    assert_eq!(
        lab.last().dns.len(),
        1,
        "hosts have forgotten the old server"
    );
    assert_eq!(lab.last_of("2001:db8:1::").preferred, 0);
    lab.run(5_400_000);
    lab.feed(Input::Solicited(HOST));
    assert!(
        lab.last()
            .prefixes
            .iter()
            .all(|prefix| prefix.prefix != network("2001:db8:1::").0)
    );
}

#[test]
fn a_prefix_that_comes_back_is_not_over() {
    let mut lab = Lab::begun(600, 1);
    lab.run(100_000);
    lab.feed(Input::Content(&content(&[])));
    lab.run(5000);
    assert_eq!(lab.last_of("2001:db8:1::").preferred, 0);
    lab.feed(Input::Content(&content(&[prefix(
        "2001:db8:1::",
        9000,
        9000,
    )])));
    lab.run(5000);
    assert_eq!(lab.last().prefixes.len(), 1);
    assert_eq!(lab.last_of("2001:db8:1::").preferred, PREFERRED);
}

#[test]
fn a_renewed_lifetime_is_told_once() {
    let mut lab = Lab::begun(1800, 1);
    lab.run(100_000);
    let before = lab.sent.len();
    lab.feed(Input::Content(&content(&[prefix(
        "2001:db8:1::",
        5003,
        8997,
    )])));
    lab.run(1000);
    assert_eq!(lab.sent.len(), before, "the kernel's seconds are not exact");
    lab.feed(Input::Content(&content(&[prefix(
        "2001:db8:1::",
        6000,
        9500,
    )])));
    lab.run(30_000);
    assert_eq!(lab.sent.len(), before + 1);
}

#[test]
fn prefixes_of_an_earlier_run_are_ended() {
    let mut lab = Lab::new(600, 1, &[network("2001:db8:1::"), network("2001:db8:9::")]);
    lab.feed(Input::LinkUp);
    lab.run(10_000);
    assert!(lab.sent.is_empty(), "nothing to tell yet");
    lab.feed(Input::Content(&content(&[prefix(
        "2001:db8:1::",
        5000,
        9000,
    )])));
    lab.run(0);
    assert_eq!(lab.last().prefixes.len(), 2);
    assert_eq!(lab.last_of("2001:db8:1::").preferred, PREFERRED);
    let old = lab.last_of("2001:db8:9::");
    assert_eq!((old.preferred, old.valid), (0, 5400));
}

#[test]
fn the_link_goes_and_comes() {
    let mut lab = Lab::begun(600, 1);
    lab.run(100_000);
    let before = lab.sent.len();
    lab.feed(Input::LinkDown);
    lab.feed(Input::Solicited(HOST));
    lab.run(4_000_000);
    assert_eq!((lab.sent.len(), lab.machine.deadline()), (before, None));
    lab.feed(Input::LinkUp);
    lab.run(40_000);
    assert_eq!(lab.sent.len(), before + 3);
}

#[test]
fn the_end() {
    let mut lab = Lab::begun(600, 1);
    lab.feed(Input::Stop);
    assert!(lab.sent.is_empty(), "nobody was told anything");
    let mut lab = Lab::begun(600, 1);
    let mut all = content(&[prefix("2001:db8:1::", 5000, 9000)]);
    all.routes = vec![network("2001:db8:1::")];
    all.search = vec!["example".to_owned()];
    lab.feed(Input::Content(&all));
    lab.run(1000);
    lab.feed(Input::Stop);
    let last = lab.last();
    assert_eq!((last.lifetime, last.prefixes.len()), (0, 0));
    assert_eq!(
        (
            last.dns[0].lifetime,
            last.routes[0].lifetime,
            last.search[0].lifetime
        ),
        (0, 0, 0)
    );
    let count = lab.sent.len();
    lab.feed(Input::Stop);
    lab.feed(Input::Solicited(HOST));
    lab.run(4_000_000);
    assert_eq!(lab.sent.len(), count);
}

#[test]
fn no_more_than_fits() {
    let mut lab = Lab::begun(600, 1);
    for i in 0..100 {
        lab.feed(Input::Content(&content(&[prefix(
            &format!("2001:db8:{i}::"),
            5000,
            9000,
        )])));
        lab.run(100);
    }
    lab.feed(Input::Solicited(HOST));
    assert_eq!(lab.last().prefixes.len(), MOST);
    assert_eq!(lab.last().prefixes[0].prefix, network("2001:db8:99::").0);
}

/// Whether there is a deadline afterwards, how many messages to all and to one went out at that moment.
type Found = (bool, usize, usize);

/// Every state against every event.
#[test]
fn every_state_and_every_event() {
    let one = content(&[prefix("2001:db8:1::", 5000, 9000)]);
    let two = content(&[prefix("2001:db8:2::", 5000, 9000)]);
    let heard = RouterAdvertisement::default();
    let events = [
        Input::LinkUp,
        Input::LinkDown,
        Input::Content(&one),
        Input::Content(&two),
        Input::Solicited(NOBODY),
        Input::Solicited(HOST),
        Input::Heard(&heard),
        Input::Timeout,
        Input::Stop,
    ];
    let down = [Input::Content(&one)];
    let mute = [Input::LinkUp];
    let fresh = [Input::Content(&one), Input::LinkUp, Input::Timeout];
    let ended = [
        Input::Content(&one),
        Input::LinkUp,
        Input::Timeout,
        Input::Stop,
    ];
    const IDLE: Found = (false, 0, 0);
    const DUE: Found = (true, 0, 0);
    const TOLD: Found = (true, 1, 0);
    // The states: nothing known; something to tell, but no link; a link, but nothing to tell; told just now;
    // told long ago; at the end.
    let table: [(&str, &[Input<'_>], u64, [Found; 9]); 6] = [
        ("new", &[], 0, [IDLE; 9]),
        (
            "down",
            &down,
            0,
            [DUE, IDLE, IDLE, IDLE, IDLE, IDLE, IDLE, IDLE, IDLE],
        ),
        (
            "mute",
            &mute,
            0,
            [IDLE, IDLE, DUE, DUE, IDLE, IDLE, IDLE, IDLE, IDLE],
        ),
        (
            "fresh",
            &fresh,
            1000,
            [
                DUE,
                IDLE,
                DUE,
                DUE,
                DUE,
                (true, 0, 1),
                DUE,
                DUE,
                (false, 1, 0),
            ],
        ),
        (
            "settled",
            &fresh,
            45_000,
            [
                DUE,
                IDLE,
                DUE,
                DUE,
                TOLD,
                (true, 0, 1),
                DUE,
                DUE,
                (false, 1, 0),
            ],
        ),
        ("ended", &ended, 0, [IDLE; 9]),
    ];
    for (name, before, wait, expected) in table {
        for (event, expected) in events.iter().zip(expected) {
            let mut lab = Lab::new(600, 1, &[]);
            before.iter().for_each(|input| lab.feed(*input));
            lab.run(wait);
            let count = lab.sent.len();
            lab.feed(*event);
            let sent = &lab.sent[count..];
            let all = sent.iter().filter(|(.., to)| *to == ALL_NODES).count();
            let found = (lab.machine.deadline().is_some(), all, sent.len() - all);
            assert_eq!(found, expected, "{name}: {event:?}");
        }
    }
}

/// Whatever happens, all are told at most every three seconds, and while there is something to tell there is
/// a deadline not further away than the longest interval.
#[test]
fn any_input_in_any_order() {
    for seed in 0..2000 {
        let mut dice = Random::new(seed);
        let mut lab = Lab::new(10, seed, &[]);
        let (mut up, mut told) = (false, false);
        for _ in 0..60 {
            lab.run(dice.below(9000).into());
            match dice.below(7) {
                0 => (up, _) = (true, lab.feed(Input::LinkUp)),
                1 => (up, _) = (false, lab.feed(Input::LinkDown)),
                2 | 3 => {
                    let one = format!("2001:db8:{}::", dice.below(3));
                    lab.feed(Input::Content(&content(&[prefix(&one, 5000, 9000)])));
                    told = true;
                }
                4 => lab.feed(Input::Solicited(NOBODY)),
                5 => lab.feed(Input::Solicited(HOST)),
                _ => lab.feed(Input::Heard(&RouterAdvertisement::default())),
            }
            let deadline = lab.machine.deadline();
            assert_eq!(deadline.is_some(), up && told, "{seed}");
            assert!(
                deadline.is_none_or(|at| at.since(lab.now) <= Duration::from_secs(10)),
                "{seed}"
            );
        }
        assert!(
            lab.gaps().iter().all(|&gap| gap >= BETWEEN),
            "{seed} {:?}",
            lab.gaps()
        );
    }
}
