//! What is built is what netlink-packet-route reads as meant; what is hostile is skipped.

use crate::net::nd::wire::Preference;
use std::net::IpAddr;

use netlink_packet_core::{Emitable, Parseable};
use netlink_packet_route::address::{AddressAttribute, AddressMessage, AddressScope};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoMacVlan, InfoVeth, InfoVlan, LinkAttribute, LinkFlags, LinkHeader,
    LinkInfo, LinkMessage, MacVlanMode,
};
use netlink_packet_route::route::{
    RouteAttribute, RouteFlags, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use nix::errno::Errno;
use proptest::prelude::*;

use super::addr::{self, Address, Entry};
use super::link::{self, Change, Kind, Link, Which};
use super::route::{self, Route};
use super::socket::{Refusal, Socket};
use super::wire::{Message, Request, attributes, messages, verdict};

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 5];

/// The fixed header and attributes of a request, after checking its netlink header.
fn body(mut request: Request, kind: u16, flags: i32) -> Vec<u8> {
    let bytes = request.finish(7);
    let mut found = messages(bytes);
    let message = found.next().unwrap();
    assert_eq!(found.next(), None);
    assert_eq!(message.kind, kind);
    assert_eq!(
        i32::from(message.flags),
        flags | libc::NLM_F_REQUEST | libc::NLM_F_ACK
    );
    assert_eq!(message.sequence, 7);
    assert_eq!(
        message.body.len() + 16,
        bytes.len(),
        "sends more than it says"
    );
    message.body.to_vec()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn linked(request: Request, flags: i32) -> LinkMessage {
    LinkMessage::parse(&body(request, libc::RTM_NEWLINK, flags)).unwrap()
}

fn address(text: &str, prefix: u8) -> Address {
    Address {
        index: 3,
        ip: ip(text),
        prefix,
        broadcast: None,
        valid: None,
        preferred: None,
        flags: 0,
    }
}

fn default_route(gateway: &str) -> Route {
    Route {
        gateway: Some(ip(gateway)),
        index: Some(2),
        metric: Some(100),
        source: Some(ip("10.0.2.15")),
        onlink: true,
        ..Route::to(ip("0.0.0.0"), 0, 16)
    }
}

#[test]
fn a_change_says_all_of_it() {
    let change = Change {
        up: Some(true),
        mtu: Some(1400),
        mac: Some(MAC.to_vec()),
        name: None,
        master: Some(9),
    };
    let message = linked(
        link::change_request(Which::Name("eth0"), &change).unwrap(),
        0,
    );
    assert_eq!(message.header.index, 0);
    assert_eq!(message.header.flags, LinkFlags::Up);
    assert_eq!(message.header.change_mask, LinkFlags::Up);
    let expected = [
        LinkAttribute::IfName("eth0".into()),
        LinkAttribute::Mtu(1400),
        LinkAttribute::Address(MAC.to_vec()),
        LinkAttribute::Controller(9),
    ];
    assert_eq!(message.attributes, expected);
}

#[test]
fn down_and_rename() {
    let change = Change {
        up: Some(false),
        name: Some("lan0".into()),
        ..Change::default()
    };
    let message = linked(link::change_request(Which::Index(4), &change).unwrap(), 0);
    assert_eq!(message.header.index, 4);
    assert!(message.header.flags.is_empty());
    assert_eq!(message.header.change_mask, LinkFlags::Up);
    assert_eq!(message.attributes, [LinkAttribute::IfName("lan0".into())]);
}

#[test]
fn every_kind_of_new_link() {
    let exclusive = libc::NLM_F_CREATE | libc::NLM_F_EXCL;
    let mut peer = LinkMessage::default();
    peer.attributes = vec![LinkAttribute::IfName("v1".into())];
    let macvlan = InfoData::MacVlan(vec![InfoMacVlan::Mode(MacVlanMode::Bridge)]);
    let cases = [
        (Kind::Dummy, InfoKind::Dummy, None, None),
        (Kind::Bridge, InfoKind::Bridge, None, None),
        (
            Kind::Veth("v1".into()),
            InfoKind::Veth,
            None,
            Some(InfoData::Veth(InfoVeth::Peer(peer))),
        ),
        (
            Kind::Vlan { parent: 2, id: 5 },
            InfoKind::Vlan,
            Some(2),
            Some(InfoData::Vlan(vec![InfoVlan::Id(5)])),
        ),
        (Kind::Macvlan(2), InfoKind::MacVlan, Some(2), Some(macvlan)),
    ];
    for (kind, info, parent, data) in cases {
        let message = linked(
            link::add_request("x0", &kind, &Change::default()).unwrap(),
            exclusive,
        );
        let mut expected = vec![LinkAttribute::IfName("x0".into())];
        expected.extend(parent.map(LinkAttribute::Link));
        let mut infos = vec![LinkInfo::Kind(info)];
        infos.extend(data.map(LinkInfo::Data));
        expected.push(LinkAttribute::LinkInfo(infos));
        assert_eq!(message.attributes, expected);
    }
}

#[test]
fn addresses_with_lifetimes_and_broadcast() {
    let lease = Address {
        broadcast: Some([10, 0, 2, 255].into()),
        valid: Some(3600),
        preferred: Some(7200),
        ..address("10.0.2.15", 24)
    };
    let flags = libc::NLM_F_CREATE | libc::NLM_F_REPLACE;
    let bytes = body(
        addr::request(libc::RTM_NEWADDR, flags, &lease),
        libc::RTM_NEWADDR,
        flags,
    );
    let message = AddressMessage::parse(&bytes).unwrap();
    assert_eq!((message.header.prefix_len, message.header.index), (24, 3));
    let [local, same, broadcast, AddressAttribute::CacheInfo(times)] = &message.attributes[..]
    else {
        panic!("{message:?}");
    };
    assert_eq!(local, &AddressAttribute::Local(ip("10.0.2.15")));
    assert_eq!(same, &AddressAttribute::Address(ip("10.0.2.15")));
    assert_eq!(
        broadcast,
        &AddressAttribute::Broadcast([10, 0, 2, 255].into())
    );
    // Preferred for longer than valid is EINVAL.
    assert_eq!((times.ifa_preferred, times.ifa_valid), (3600, 3600));
    // What is built is read back as the same.
    let mut entries = Vec::new();
    addr::parse(&bytes, &mut entries);
    let preferred = Some(3600);
    assert_eq!(entries[0].address, Address { preferred, ..lease });
}

#[test]
fn scopes_of_addresses() {
    for (text, prefix, scope) in [
        ("127.0.0.1", 8, AddressScope::Host),
        ("fe80::1", 64, AddressScope::Link),
        ("2001:db8::1", 64, AddressScope::Universe),
    ] {
        let request = addr::request(libc::RTM_DELADDR, 0, &address(text, prefix));
        let bytes = body(request, libc::RTM_DELADDR, 0);
        let message = AddressMessage::parse(&bytes).unwrap();
        assert_eq!(message.header.scope, scope, "{text}");
    }
}

#[test]
fn a_default_route_through_a_gateway_outside_the_network() {
    let flags = libc::NLM_F_CREATE | libc::NLM_F_REPLACE;
    let route = default_route("169.254.0.1");
    let bytes = body(
        route::request(libc::RTM_NEWROUTE, flags, &route),
        libc::RTM_NEWROUTE,
        flags,
    );
    let message = RouteMessage::parse(&bytes).unwrap();
    assert_eq!(message.header.table, 254);
    assert_eq!(message.header.protocol, RouteProtocol::Dhcp);
    assert_eq!(message.header.scope, RouteScope::Universe);
    assert_eq!(message.header.kind, RouteType::Unicast);
    assert_eq!(message.header.flags, RouteFlags::Onlink);
    let expected = [
        RouteAttribute::Gateway([169, 254, 0, 1].into_route()),
        RouteAttribute::Oif(2),
        RouteAttribute::Priority(100),
        RouteAttribute::PrefSource([10, 0, 2, 15].into_route()),
    ];
    assert_eq!(message.attributes, expected);
    let mut routes = Vec::new();
    route::parse(&bytes, &mut routes);
    assert_eq!(routes, [route]);
}

trait IntoRoute {
    fn into_route(self) -> netlink_packet_route::route::RouteAddress;
}

impl IntoRoute for [u8; 4] {
    fn into_route(self) -> netlink_packet_route::route::RouteAddress {
        netlink_packet_route::route::RouteAddress::Inet(self.into())
    }
}

#[test]
fn routes_are_read_back() {
    for (destination, prefix, gateway) in [
        ("10.0.0.0", 8, None),
        ("10.0.0.0", 8, Some("10.9.0.1")),
        ("10.0.0.0", 8, Some("fe80::1")),
        ("2001:db8::", 32, Some("fe80::1")),
        ("::", 0, Some("fe80::1")),
    ] {
        let route = Route {
            destination: ip(destination),
            prefix,
            gateway: gateway.map(ip),
            source: None,
            ..default_route("10.9.0.1")
        };
        let request = route::request(libc::RTM_NEWROUTE, 0, &route);
        let mut routes = Vec::new();
        route::parse(&body(request, libc::RTM_NEWROUTE, 0), &mut routes);
        assert_eq!(routes, [route]);
    }
}

#[test]
fn an_unreachable_route_and_a_preference_are_read_back() {
    for (kind, preference) in [
        (route::Kind::Unreachable, None),
        (route::Kind::Unicast, Some(Preference::High)),
        (route::Kind::Unicast, Some(Preference::Low)),
    ] {
        let route = Route {
            kind,
            preference,
            metric: Some(1024),
            ..Route::to(ip("2001:db8::"), 56, 9)
        };
        let request = route::request(libc::RTM_NEWROUTE, 0, &route);
        let mut routes = Vec::new();
        route::parse(&body(request, libc::RTM_NEWROUTE, 0), &mut routes);
        assert_eq!(routes, [route]);
    }
}

#[test]
fn several_next_hops_are_several_routes() {
    let mut request = route::request(
        libc::RTM_NEWROUTE,
        0,
        &Route {
            gateway: None,
            index: None,
            ..default_route("10.9.0.1")
        },
    );
    let mut hops = Vec::new();
    for index in [2u32, 3] {
        hops.extend_from_slice(&16u16.to_ne_bytes());
        hops.extend_from_slice(&[0, 0]);
        hops.extend_from_slice(&index.to_ne_bytes());
        hops.extend_from_slice(&[8, 0, 5, 0, 10, 9, 0, index as u8]);
    }
    request.put(libc::RTA_MULTIPATH, &hops);
    let mut routes = Vec::new();
    route::parse(&body(request, libc::RTM_NEWROUTE, 0), &mut routes);
    let seen: Vec<_> = routes
        .iter()
        .map(|route| (route.index, route.gateway))
        .collect();
    assert_eq!(
        seen,
        [
            (Some(2), Some(ip("10.9.0.2"))),
            (Some(3), Some(ip("10.9.0.3")))
        ]
    );
}

#[test]
fn routes_of_other_tables_and_types_are_skipped() {
    let whole = body(
        route::request(libc::RTM_NEWROUTE, 0, &default_route("10.9.0.1")),
        libc::RTM_NEWROUTE,
        0,
    );
    // Family, table, type.
    for (at, value) in [(0, 28), (4, 255), (7, 6)] {
        let mut bytes = whole.clone();
        bytes[at] = value;
        let mut routes = Vec::new();
        route::parse(&bytes, &mut routes);
        assert_eq!(routes, [], "byte {at}");
    }
}

/// An RTM_NEWLINK with every attribute that is read, and one of a kernel to come.
fn bridge_port() -> Vec<u8> {
    let mut message = LinkMessage::default();
    message.header = LinkHeader {
        index: 4,
        link_layer_type: 1u16.into(),
        flags: LinkFlags::Up | LinkFlags::LowerUp | LinkFlags::Broadcast,
        ..LinkHeader::default()
    };
    let unknown = netlink_packet_core::DefaultNla::new(0x1234, vec![1, 2, 3]);
    message.attributes = vec![
        LinkAttribute::Other(unknown),
        LinkAttribute::IfName("v0".into()),
        LinkAttribute::Address(MAC.to_vec()),
        LinkAttribute::Mtu(1500),
        LinkAttribute::Controller(2),
        LinkAttribute::Link(3),
        LinkAttribute::TxQueueLen(1000),
        LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Veth)]),
    ];
    let mut bytes = vec![0; message.buffer_len()];
    message.emit(&mut bytes);
    bytes
}

fn read_link(bytes: &[u8]) -> Option<Link> {
    let mut links = Vec::new();
    link::parse(bytes, &mut links);
    links.pop()
}

#[test]
fn a_link_is_read_past_what_is_not_known() {
    let link = read_link(&bridge_port()).unwrap();
    assert_eq!((link.index, link.name.as_str(), link.mtu), (4, "v0", 1500));
    assert_eq!((link.mac.as_slice(), link.hardware), (&MAC[..], 1));
    assert_eq!(
        (link.master, link.parent, link.queue),
        (Some(2), Some(3), 1000)
    );
    assert_eq!(link.kind.as_deref(), Some("veth"));
    assert!(link.up && link.carrier && !link.is_ethernet());
    assert_eq!(link.state(), "up");
}

#[test]
fn counters_of_any_length() {
    let mut whole = bridge_port();
    let mut stats = Vec::new();
    stats.extend_from_slice(&[204, 0, 23, 0]);
    for number in 0..25u64 {
        stats.extend_from_slice(&number.to_ne_bytes());
    }
    whole.extend_from_slice(&stats);
    let counters = read_link(&whole).unwrap().counters.unwrap();
    assert_eq!((counters.rx.packets, counters.tx.packets), (0, 1));
    assert_eq!((counters.rx.bytes, counters.tx.bytes), (2, 3));
    assert_eq!(counters.collisions, 9);
    // A kernel that knows fewer counters than are read: the link is there, without any.
    let mut short = bridge_port();
    short.extend_from_slice(&[12, 0, 23, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
    let link = read_link(&short).unwrap();
    assert_eq!((link.name.as_str(), link.counters), ("v0", None));
}

#[test]
fn truncation_at_every_byte_is_harmless() {
    let whole = bridge_port();
    for length in 0..whole.len() {
        // Without its name a link is skipped, not shown as something else.
        let link = read_link(&whole[..length]);
        assert!(link.is_none_or(|link| link.name == "v0"), "{length} bytes");
    }
}

#[test]
fn lengths_that_cannot_be_right_end_the_walk() {
    let good = [8, 0, 3, 0, b'l', b'o', 0, 0];
    for bad in [[0, 0, 1, 0], [3, 0, 1, 0], [255, 255, 1, 0], [5, 0, 1, 0]] {
        let bytes = [&good[..], &bad[..]].concat();
        assert_eq!(attributes(&bytes).count(), 1, "{bad:?}");
    }
    for length in [0u32, 1, 15, 17, u32::MAX] {
        let mut header = [0; 16];
        header[..4].copy_from_slice(&length.to_ne_bytes());
        assert_eq!(messages(&header).count(), 0, "{length}");
    }
}

/// An NLMSG_ERROR as the kernel sends it: code, the request's header (or all of it), attributes.
fn error(code: i32, capped: bool, echoed: usize, words: &[u8]) -> (u16, Vec<u8>) {
    let mut body = code.to_ne_bytes().to_vec();
    body.extend_from_slice(&(echoed as u32).to_ne_bytes());
    body.resize(
        4 + if capped {
            16
        } else {
            echoed.next_multiple_of(4)
        },
        0,
    );
    body.extend_from_slice(&(words.len() as u16 + 4).to_ne_bytes());
    body.extend_from_slice(&[1, 0]);
    body.extend_from_slice(words);
    let flags = libc::NLM_F_ACK_TLVS | if capped { libc::NLM_F_CAPPED } else { 0 };
    (flags as u16, body)
}

fn judge(kind: i32, flags: u16, body: &[u8]) -> Option<(i32, String)> {
    let sequence = 1;
    verdict(&Message {
        kind: kind as u16,
        flags,
        sequence,
        body,
    })
}

#[test]
fn the_kernels_own_words() {
    for (capped, echoed) in [(true, 16), (false, 16), (false, 45)] {
        let (flags, body) = error(-libc::EINVAL, capped, echoed, b"Invalid MTU\0");
        let told = judge(libc::NLMSG_ERROR, flags, &body);
        assert_eq!(told, Some((libc::EINVAL, "Invalid MTU".into())));
    }
    assert_eq!(
        judge(libc::NLMSG_DONE, 0, &[0; 4]),
        Some((0, String::new()))
    );
    assert_eq!(judge(libc::NLMSG_ERROR, 0, &[0; 3]), None);
    let (flags, mut body) = error(i32::MIN, false, 16, b"x");
    body[4..8].copy_from_slice(&u32::MAX.to_ne_bytes());
    assert_eq!(
        judge(libc::NLMSG_ERROR, flags, &body),
        Some((i32::MAX, String::new()))
    );
}

#[test]
fn a_refusal_names_the_step_the_words_and_the_errno() {
    let refusal = Refusal {
        errno: Errno::EPERM,
        words: "Not yours.".into(),
    };
    let failure = refusal.failure("set eth0 up");
    assert_eq!(
        failure.to_string(),
        "set eth0 up: Not yours: EPERM (Operation not permitted)"
    );
    assert!(failure.hint().unwrap().contains("root"));
    assert!(Refusal::from(Errno::EINTR).failure("x").is_silent());
}

#[test]
fn names_that_no_link_can_have() {
    for name in [
        "",
        ".",
        "..",
        "a/b",
        "a b",
        "a:1",
        "sixteen-bytes-xx",
        "a\0",
    ] {
        assert!(link::check_name(name).is_err(), "{name:?}");
        assert!(link::add_request(name, &Kind::Dummy, &Change::default()).is_err());
        assert!(link::add_request("a", &Kind::Veth(name.into()), &Change::default()).is_err());
    }
    assert!(link::check_name("fifteen-bytes-x").is_ok());
}

#[test]
fn the_kernel_answers() {
    let mut socket = Socket::open().unwrap();
    let links = link::list(&mut socket).unwrap();
    let lo = links.iter().find(|link| link.name == "lo").unwrap();
    assert_eq!(lo.kind_name(), "loopback");
    let found = link::by_name(&mut socket, "lo").unwrap();
    assert_eq!(found.index, lo.index);
    let missing = link::by_name(&mut socket, "no-such-link").unwrap_err();
    assert_eq!(missing.cause(), Some(Errno::ENODEV));
    assert!(missing.to_string().contains("no-such-link"), "{missing}");
    // An exchange after a refused one gets its own answer.
    assert!(!link::list_with_counters(&mut socket).unwrap().is_empty());
    addr::list(&mut socket, None).unwrap();
    route::list(&mut socket).unwrap();
}

fn read_all(bytes: &[u8]) -> (Vec<Link>, Vec<Entry>, Vec<Route>) {
    let (mut links, mut entries, mut routes) = (Vec::new(), Vec::new(), Vec::new());
    link::parse(bytes, &mut links);
    addr::parse(bytes, &mut entries);
    route::parse(bytes, &mut routes);
    (links, entries, routes)
}

proptest! {
    #[test]
    fn any_bytes_are_harmless(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        read_all(&bytes);
        for message in messages(&bytes) {
            read_all(message.body);
            verdict(&message);
        }
        for (flags, kind) in [(0x300, 2), (0x200, 2), (0x200, 3)] {
            judge(kind, flags, &bytes);
        }
    }

    #[test]
    fn a_damaged_link_is_harmless(at in 0usize..90, value: u8) {
        let mut bytes = bridge_port();
        let at = at.min(bytes.len() - 1);
        bytes[at] = value;
        read_all(&bytes);
    }

    #[test]
    fn damaged_routes_are_harmless(at in 0usize..60, value: u8, cut in 0usize..60) {
        let mut bytes = body(
            route::request(libc::RTM_NEWROUTE, 0, &default_route("10.9.0.1")),
            libc::RTM_NEWROUTE,
            0,
        );
        let at = at.min(bytes.len() - 1);
        bytes[at] = value;
        bytes.truncate(cut.max(1));
        read_all(&bytes);
    }

    #[test]
    fn attributes_never_reach_past_their_bytes(
        bytes in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let total: usize = attributes(&bytes).map(|(_, value)| value.len() + 4).sum();
        prop_assert!(total <= bytes.len());
    }
}
