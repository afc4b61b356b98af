//! Names, parts, and the order in which sources get their turn.

use super::merge::{merge, part};
use super::*;

#[test]
fn names() {
    for (name, expected) in [
        ("example.org", Some("example.org")),
        ("example.org.", Some("example.org")),
        ("_a-b.C9", Some("_a-b.C9")),
        ("", None),
        (".", None),
        ("a..b", None),
        ("a b", None),
        ("a\nnameserver 6.6.6.6", None),
        ("$(reboot)", None),
        ("a'b", None),
        ("caf\u{e9}", None),
        ("a\0", None),
    ] {
        assert_eq!(
            domain_name(name.as_bytes()).as_deref(),
            expected,
            "{name:?}"
        );
    }
    assert!(domain_name(&[b'a'; 64]).is_none());
    assert!(
        domain_name("a.".repeat(127).as_bytes()).is_none() == ("a.".repeat(127).len() - 1 > 253)
    );
    assert!(domain_name("a.".repeat(200).as_bytes()).is_none());
}

/// The lines after the first, which names the sources.
fn merged(parts: &[(&str, &str)]) -> String {
    let own: Vec<_> = parts
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    let text = merge(&own);
    let (first, rest) = text.split_once('\n').unwrap();
    assert!(first.starts_with("# Written by initsh from: "), "{text}");
    rest.to_owned()
}

#[test]
fn merges_without_doubles_and_without_what_it_does_not_know() {
    let text = merged(&[
        (
            "eth0.dhcp4",
            "nameserver 10.0.0.1\nsearch a.example b.example\n",
        ),
        (
            "eth1.dhcp4",
            "nameserver 10.0.0.1\nnameserver fd00::1\noptions rotate\nnameserver x ::\n\
             nameserver ff02::1 0.0.0.0\nsearch b.example c;d\nmetric many\n",
        ),
    ]);
    assert_eq!(
        text,
        "nameserver 10.0.0.1\nnameserver fd00::1\nsearch a.example b.example\n"
    );
}

#[test]
fn each_source_has_its_turn_in_the_order_of_metrics() {
    let text = merged(&[
        (
            "eth0.dhcp4",
            "metric 1003\nnameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n",
        ),
        (
            "eth0.slaac",
            "metric 1003\nnameserver fd00::1\nnameserver fd00::2\nsearch six.example\n",
        ),
        (
            "wan.dhcp4",
            "metric 10\nnameserver 192.0.2.1\nsearch four.example a.example b.example\n",
        ),
    ]);
    assert_eq!(
        text,
        "nameserver 192.0.2.1\nnameserver 10.0.0.1\nnameserver fd00::1\n\
         search four.example six.example a.example b.example\n"
    );
    let long: String = (0..9).map(|i| format!(" d{i}.example")).collect();
    let text = merged(&[("eth0.dhcp4", &format!("search{long}\n"))]);
    assert_eq!(text.split_ascii_whitespace().count(), 1 + 6, "{text}");
}

#[test]
fn a_link_local_server_is_asked_on_its_own_link() {
    let part = "nameserver fe80::1\n";
    assert_eq!(
        merged(&[("eth0.5.slaac", part)]),
        "nameserver fe80::1%eth0.5\n"
    );
    // A name that a resolver would not read, or would read as something else.
    for odd in ["a%b.slaac", "a#b.slaac", "a'b.slaac", "é.slaac"] {
        assert_eq!(merged(&[(odd, part)]), "", "{odd}");
    }
}

#[test]
fn a_part_comes_back() {
    let dns = Dns {
        metric: 7,
        servers: vec!["fd00::1".parse().unwrap(), "10.0.0.1".parse().unwrap()],
        search: vec!["a.example".to_owned()],
    };
    assert_eq!(
        part(&dns),
        "metric 7\nnameserver fd00::1\nnameserver 10.0.0.1\nsearch a.example\n"
    );
}
