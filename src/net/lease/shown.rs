//! A record as people see it: one line for each value, with how long it lasts where that is known. Pure.
//! Invariant: nothing that only a client reads is among them, and no control character.

use std::fmt::Display;

use super::times::{Left, Times};
use super::{Record, escape};
use crate::net::dhcp6::{lease::Lifetimes, record as dhcp6};
use crate::net::slaac::lease::{FOR_EVER, Settings};
use crate::time::Instant;

/// What [`Times`] tells already, and what a client keeps for the one that comes after it.
const INTERNAL: [&str; 9] = [
    "bound",
    "renewed",
    "since",
    "took",
    "times6",
    "preferences6",
    "addresses",
    "delegations",
    "followed",
];

/// The lines of a record: key, and value with its times. The key of a further value is empty.
pub fn lines(kind: &str, record: &Record, now: Instant) -> Vec<(String, String)> {
    let mut timed = match kind {
        "slaac" => of_routers(record, now),
        "dhcp6" => of_server(record, now),
        _ => Vec::new(),
    };
    let mut lines = Vec::new();
    for (key, value) in record.iter().filter(|(key, _)| !INTERNAL.contains(key)) {
        let (own, rest): (Vec<_>, _) = timed.into_iter().partition(|(of, _)| *of == key);
        timed = rest;
        let mut texts: Vec<_> = own.into_iter().map(|(_, text)| text).collect();
        if texts.is_empty() {
            texts.push(escape(value));
        }
        for (nth, text) in texts.into_iter().enumerate() {
            lines.push((if nth == 0 { escape(key) } else { String::new() }, text));
        }
    }
    lines
}

type Timed = Vec<(&'static str, String)>;

fn of_routers(record: &Record, now: Instant) -> Timed {
    let mut timed = Vec::new();
    if record.get("times6").is_none() {
        return timed;
    }
    let known = Settings::read(record);
    let left = |end: Instant| match end {
        FOR_EVER => Left::ForEver,
        end => Left::Seconds(end.since(now).as_secs()),
    };
    let mut put = |key, value: &dyn Display, end| timed.push((key, lasting(value, left(end))));
    for item in &known.routers {
        put("gateway6", &item.ip, item.until);
    }
    for item in &known.on_link {
        let network = format_args!("{}/{}", item.prefix, item.length);
        put("prefixes6", &network, item.until);
    }
    for item in &known.routes {
        let route = format_args!("{}/{} via {}", item.prefix, item.length, item.router);
        put("routes6", &route, item.until);
    }
    for (server, end) in &known.dns {
        put("dns6", server, *end);
    }
    for (name, end) in &known.search {
        put("search6", name, *end);
    }
    for item in &known.addresses {
        let address = format_args!("{}/64", item.ip);
        let text = leased(&address, left(item.preferred), left(item.valid));
        timed.push(("ip6", text));
    }
    timed
}

fn of_server(record: &Record, now: Instant) -> Timed {
    let Some((lease, ..)) = dhcp6::read(record) else {
        return Vec::new();
    };
    let passed = Times::of(record, now).renewed.unwrap_or(0);
    let show = |what: &dyn Display, Lifetimes { preferred, valid }: Lifetimes| {
        let left = |time: u32| Left::of(time.into(), passed);
        leased(what, left(preferred), left(valid))
    };
    let addresses = lease.addresses.iter();
    let addresses = addresses.map(|item| ("ip6", show(&item.ip, item.times)));
    let prefixes = lease.prefixes.iter();
    let prefixes = prefixes.map(|item| ("pd", show(&dhcp6::prefix_of(item), item.times)));
    addresses.chain(prefixes).collect()
}

/// `fe80::1, for 29m30s`
fn lasting(what: &dyn Display, left: Left) -> String {
    match left {
        Left::ForEver => format!("{what}, for ever"),
        left => format!("{what}, for {left}"),
    }
}

/// `2001:db8::5/64, preferred for 59m, valid for 1h59m`
fn leased(what: &dyn Display, preferred: Left, valid: Left) -> String {
    match (preferred, valid) {
        (_, Left::Seconds(0)) => format!("{what}, ended"),
        (Left::ForEver, Left::ForEver) => lasting(what, valid),
        (Left::Seconds(0), _) => format!("{what}, deprecated, valid {}", span(valid)),
        _ => format!(
            "{what}, preferred {}, valid {}",
            span(preferred),
            span(valid)
        ),
    }
}

fn span(left: Left) -> String {
    match left {
        Left::ForEver => left.to_string(),
        left => format!("for {left}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn shown(kind: &str, text: &str) -> Vec<String> {
        let now = Instant::from_boot(Duration::from_secs(100));
        let lines = lines(kind, &Record::parse(text), now).into_iter();
        lines.map(|(key, text)| format!("{key}|{text}")).collect()
    }

    #[test]
    fn what_routers_have_told_with_its_ends() {
        let text = "ip6=2001:db8::5/64 fd00::5/64 fd01::5/64\ngateway6=fe80::1 fe80::2\n\
                    prefixes6=2001:db8::/64\nroutes6=fd02::/48,fe80::2\ndns6=2001:db8::53\n\
                    search6=a.example\nmtu6=1400\nmanaged=no\n\
                    times6=3700 1900 7300 50 - - 1900 160 7300 700 400 90\n\
                    preferences6=high medium low\nbound=2\nrenewed=90000\ntook=12\n";
        let expected = [
            "ip6|2001:db8::5/64, preferred for 30m, valid for 1h",
            "|fd00::5/64, deprecated, valid for 2h",
            "|fd01::5/64, for ever",
            "gateway6|fe80::1, for 30m",
            "|fe80::2, for 1m",
            "prefixes6|2001:db8::/64, for 2h",
            "routes6|fd02::/48 via fe80::2, for 10m",
            "dns6|2001:db8::53, for 5m",
            "search6|a.example, for 0s",
            "mtu6|1400",
            "managed|no",
        ];
        assert_eq!(shown("slaac", text), expected);
    }

    #[test]
    fn what_a_server_has_leased_with_its_ends() {
        let text = "ip6=2001:db8::15\npd=2001:db8:1::/56\nlease6=110\nserver6=00:03:00:01\n\
                    duid=00:03:00:01\niaid=7\naddresses=2001:db8::15,50,110\n\
                    delegations=2001:db8:1::/56,7,4294967295,4294967295\nrenewed=40000\n\
                    followed=yes\n";
        let expected = [
            "ip6|2001:db8::15, deprecated, valid for 50s",
            "pd|2001:db8:1::/56, for ever",
            "lease6|110",
        ];
        let lines = shown("dhcp6", text);
        assert_eq!(lines[..3], expected, "{lines:?}");
        assert_eq!(lines.len(), 6, "{lines:?}");
    }

    #[test]
    fn without_times_values_are_shown_as_they_are() {
        let text = "ip6=fd00::5/64\npreferences6=high\nk\u{1b}ey=a\\x1bb\n";
        let expected = ["ip6|fd00::5/64", "k\\x1bey|a\\x1bb"];
        for kind in ["slaac", "dhcp6", "pd"] {
            assert_eq!(shown(kind, text), expected);
        }
    }
}
