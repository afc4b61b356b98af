use dhcproto::v4::DhcpOption;
use dhcproto::{Decodable, Decoder};

use super::*;

fn with(code: OptionCode, value: &[u8]) -> Options {
    let mut options = Options::default();
    options.set(code, value);
    options
}

fn route(destination: [u8; 4], prefix: u8, gateway: [u8; 4]) -> StaticRoute {
    StaticRoute {
        destination: destination.into(),
        prefix,
        gateway: gateway.into(),
    }
}

#[test]
fn every_option_at_every_length_is_right_or_absent() {
    use OptionCode as O;
    for length in 0..=600_usize {
        // 10.10.10.10, 0x0a0a seconds and so on: fits every type that the length fits.
        let value = vec![10; length];
        for code in [O::AddressLeaseTime, O::Renewal, O::Rebinding] {
            assert_eq!(
                with(code, &value).seconds(code).is_some(),
                length == 4,
                "{code:?} {length}"
            );
        }
        for code in [O::SubnetMask, O::ServerIdentifier, O::BroadcastAddr] {
            assert_eq!(
                with(code, &value).address(code).is_some(),
                length == 4,
                "{code:?} {length}"
            );
        }
        for code in [O::Router, O::DomainNameServer, O::NtpServers] {
            let expected = if length % 4 == 0 { length / 4 } else { 0 };
            assert_eq!(
                with(code, &value).addresses(code).len(),
                expected,
                "{code:?} {length}"
            );
        }
        assert_eq!(
            with(O::InterfaceMtu, &value).mtu(),
            (length == 2).then_some(0x0a0a)
        );
        assert_eq!(
            with(O::MessageType, &value).message_type().is_some(),
            length == 1
        );
        let pairs = if length % 8 == 0 { length / 8 } else { 0 };
        assert_eq!(
            with(O::StaticRoutingTable, &value).routes(true).len(),
            pairs.min(MAX_ROUTES)
        );
        for code in [O::Hostname, O::DomainName] {
            let letters = vec![b'a'; length];
            assert_eq!(
                with(code, &letters).names(code).len(),
                usize::from((1..64).contains(&length))
            );
        }
        with(O::DomainSearch, &value).search();
        with(O::ClasslessStaticRoute, &value).routes(true);
    }
}

#[test]
fn hostile_text_is_no_name() {
    for text in [
        "a'b",
        "a`id`",
        "$(id)",
        "a\nnameserver 6.6.6.6",
        "a\0b",
        "\u{1b}[2J",
        "a;b",
        "a b;c",
        "..",
        "é",
    ] {
        for code in [OptionCode::Hostname, OptionCode::DomainName] {
            assert!(
                with(code, text.as_bytes()).names(code).is_empty(),
                "{text:?}"
            );
        }
    }
    let long = [b'a'; 4096];
    assert!(
        with(OptionCode::DomainName, &long)
            .names(OptionCode::DomainName)
            .is_empty()
    );
    assert!(
        with(OptionCode::Hostname, &[0xff, 0xfe])
            .names(OptionCode::Hostname)
            .is_empty()
    );
}

#[test]
fn names_that_servers_send() {
    let names = |text: &[u8]| with(OptionCode::DomainName, text).names(OptionCode::DomainName);
    assert_eq!(names(b"example.org"), ["example.org"]);
    assert_eq!(names(b"example.org\0"), ["example.org"]);
    assert_eq!(names(b"a.example  b.example."), ["a.example", "b.example"]);
}

#[test]
fn search_lists_are_uncompressed() {
    // RFC 3397 §2: eng.apple.com. marketing.apple.com.
    let value = b"\x03eng\x05apple\x03com\0\x09marketing\xc0\x04";
    let options = with(OptionCode::DomainSearch, value);
    assert_eq!(options.search(), ["eng.apple.com", "marketing.apple.com"]);
}

#[test]
fn search_lists_that_loop_end() {
    for value in [
        &b"\xc0\x00"[..],
        b"\x01a\xc0\x00",
        b"\xc0\x02\xc0\x00",
        b"\x01a\xc0\x02",
        b"\x03a.b\0",
        b"\x05ab",
        b"\x01;\0",
        b"\0\0\0\0",
    ] {
        assert!(
            with(OptionCode::DomainSearch, value).search().is_empty(),
            "{value:?}"
        );
    }
}

#[test]
fn classless_routes_replace_the_others() {
    // RFC 3442: 10.17.0.0/16 via 10.0.0.9, on-link 192.168.7.0/24, default via 10.0.0.1.
    let value = [
        16, 10, 17, 10, 0, 0, 9, 24, 192, 168, 7, 0, 0, 0, 0, 0, 10, 0, 0, 1,
    ];
    let mut options = with(OptionCode::ClasslessStaticRoute, &value);
    options.set(OptionCode::Router, &[10, 0, 0, 254]);
    options.set(OptionCode::StaticRoutingTable, &[10, 9, 9, 9, 10, 0, 0, 8]);
    let expected = [
        route([10, 17, 0, 0], 16, [10, 0, 0, 9]),
        route([192, 168, 7, 0], 24, [0; 4]),
        route([0; 4], 0, [10, 0, 0, 1]),
    ];
    assert_eq!(options.routes(true), expected);

    options.set(OptionCode::ClasslessStaticRoute, &value[..7]);
    assert_eq!(
        options.routes(true),
        expected[..1],
        "no default route in it: none"
    );
    options.unset(OptionCode::ClasslessStaticRoute);
    options.set(CLASSLESS_OLD, &value[..7]);
    assert_eq!(options.routes(true), expected[..1], "249 likewise");
}

#[test]
fn bad_classless_routes_leave_the_others() {
    let fallback = [route([0; 4], 0, [10, 0, 0, 254])];
    for bad in [
        &[33, 1, 2, 3, 4, 5, 10, 0, 0, 1][..],
        &[24, 10, 0],
        &[0, 10, 0, 0],
        &[8, 10, 10, 0, 0, 1, 32],
    ] {
        let mut options = with(OptionCode::ClasslessStaticRoute, bad);
        options.set(OptionCode::Router, &[10, 0, 0, 254]);
        assert_eq!(options.routes(true), fallback, "{bad:?}");
    }
}

#[test]
fn no_route_leads_away_what_is_this_hosts() {
    let value = [
        &[8, 127, 10, 0, 0, 1][..],
        &[32, 255, 255, 255, 255, 10, 0, 0, 1],
        &[1, 128, 10, 0, 0, 1],
    ];
    let options = with(OptionCode::ClasslessStaticRoute, &value.concat());
    assert_eq!(
        options.routes(true),
        [route([128, 0, 0, 0], 1, [10, 0, 0, 1])]
    );
}

#[test]
fn host_bits_of_a_destination_are_cleared() {
    let options = with(
        OptionCode::ClasslessStaticRoute,
        &[20, 10, 255, 255, 10, 0, 0, 1],
    );
    assert_eq!(
        options.routes(true),
        [route([10, 255, 240, 0], 20, [10, 0, 0, 1])]
    );
}

#[test]
fn classful_routes() {
    let pairs = [
        10, 0, 0, 0, 10, 1, 1, 1, 10, 2, 3, 4, 10, 1, 1, 1, 0, 0, 0, 0, 10, 1, 1, 1,
    ];
    let options = with(OptionCode::StaticRoutingTable, &pairs);
    let expected = [
        route([10, 0, 0, 0], 8, [10, 1, 1, 1]),
        route([10, 2, 3, 4], 32, [10, 1, 1, 1]),
    ];
    assert_eq!(options.routes(true), expected);
}

#[test]
fn addresses_that_are_no_hosts_are_left_out() {
    let list = [
        0, 0, 0, 0, 127, 0, 0, 1, 224, 0, 0, 1, 255, 255, 255, 255, 10, 0, 0, 3,
    ];
    let options = with(OptionCode::DomainNameServer, &list);
    assert_eq!(
        options.addresses(OptionCode::DomainNameServer),
        [Ipv4Addr::new(10, 0, 0, 3)]
    );
}

#[test]
fn small_mtus_are_refused() {
    for (mtu, expected) in [
        (0_u16, None),
        (68, None),
        (575, None),
        (576, Some(576)),
        (9000, Some(9000)),
    ] {
        assert_eq!(
            with(OptionCode::InterfaceMtu, &mtu.to_be_bytes()).mtu(),
            expected
        );
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(code: u8, value in proptest::collection::vec(0_u8.., 0..700)) {
        let options = with(code.into(), &value);
        options.message_type();
        options.mtu();
        options.search();
        options.routes(true);
        options.address(code.into());
        options.addresses(code.into());
        options.seconds(code.into());
        for name in options.names(code.into()) {
            proptest::prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b)));
        }
    }
    /// A second opinion on every type that a value of the right length can have.
    #[test]
    fn values_are_what_dhcproto_reads(value in proptest::collection::vec(0_u8.., 1..9)) {
        use OptionCode as O;
        let addresses = |list: Vec<Ipv4Addr>| list.into_iter().filter(|&a| is_host(a)).collect::<Vec<_>>();
        let codes = [
            O::MessageType, O::InterfaceMtu, O::SubnetMask, O::AddressLeaseTime, O::Renewal, O::Rebinding,
            O::DomainNameServer, O::NtpServers,
        ];
        for code in codes {
            let options = with(code, &value);
            let bytes = [&[code.into(), value.len() as u8][..], &value].concat();
            let theirs = std::panic::catch_unwind(|| DhcpOption::decode(&mut Decoder::new(&bytes)));
            let Ok(Ok(theirs)) = theirs else { continue };
            match (theirs, value.len()) {
                (DhcpOption::MessageType(kind), 1) => assert_eq!(options.message_type(), Some(kind)),
                (DhcpOption::InterfaceMtu(mtu), 2) => {
                    assert_eq!(options.mtu(), (mtu >= 576).then_some(mtu))
                }
                (DhcpOption::SubnetMask(mask), 4) => assert_eq!(options.address(code), Some(mask)),
                (
                    DhcpOption::AddressLeaseTime(time)
                    | DhcpOption::Renewal(time)
                    | DhcpOption::Rebinding(time),
                    4,
                ) => assert_eq!(options.seconds(code), Some(time)),
                (DhcpOption::DomainNameServer(list) | DhcpOption::NtpServers(list), 4 | 8) => {
                    assert_eq!(options.addresses(code), addresses(list))
                }
                _ => {}
            }
        }
    }

    #[test]
    fn search_lists_are_what_dhcproto_reads(value in proptest::collection::vec(
        proptest::prop_oneof![0_u8..4, proptest::prelude::Just(b'a'), proptest::prelude::Just(0xc0), 0_u8..],
        1..40,
    )) {
        let bytes = [&[119, value.len() as u8][..], &value].concat();
        let Ok(DhcpOption::DomainSearch(theirs)) = DhcpOption::decode(&mut Decoder::new(&bytes)) else {
            return Ok(());
        };
        let mut expected = Vec::new();
        for name in &theirs {
            let labels: Vec<&[u8]> = name.iter().collect();
            if labels.iter().all(|label| !label.contains(&b'.')) {
                expected.extend(domain_name(&labels.join(&b'.')));
            }
        }
        expected.truncate(MAX_SEARCH);
        assert_eq!(with(OptionCode::DomainSearch, &value).search(), expected);
    }
}
