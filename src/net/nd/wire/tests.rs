use std::net::Ipv6Addr;

use proptest::prelude::*;

use super::*;

const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

fn packet(bytes: &[u8]) -> Packet<'_> {
    Packet {
        source: ROUTER,
        hop_limit: 255,
        bytes,
    }
}

fn parse(bytes: &[u8]) -> Result<RouterAdvertisement, &'static str> {
    RouterAdvertisement::parse(&packet(bytes), &mut |_| {})
}

/// The message, and the keys of what was dropped of it.
fn parts(bytes: &[u8]) -> (RouterAdvertisement, Vec<&'static str>) {
    let mut dropped = Vec::new();
    let parsed = RouterAdvertisement::parse(&packet(bytes), &mut |why| dropped.push(why));
    (parsed.unwrap(), dropped)
}

/// Everything that an advertisement can say.
fn full() -> RouterAdvertisement {
    let prefix = |text: &str| text.parse().unwrap();
    RouterAdvertisement {
        hop_limit: 64,
        managed: true,
        other: true,
        preference: Preference::High,
        lifetime: 1800,
        reachable: 30_000,
        retransmit: 1000,
        source: Some([2, 0, 0, 0, 0, 1]),
        mtu: Some(1400),
        prefixes: vec![PrefixInformation {
            prefix: prefix("2001:db8:1::"),
            length: 64,
            on_link: true,
            autonomous: true,
            valid: 86_400,
            preferred: 14_400,
        }],
        routes: [
            "::/0",
            "2001:db8::/32",
            "2001:db8:2:3::/64",
            "2001:db8::5/128",
        ]
        .map(|text| {
            let (ip, length) = text.split_once('/').unwrap();
            RouteInformation {
                prefix: prefix(ip),
                length: length.parse().unwrap(),
                preference: Preference::Low,
                lifetime: 600,
            }
        })
        .into(),
        dns: vec![RecursiveDns {
            lifetime: 1200,
            servers: vec![prefix("2001:db8::53"), prefix("fe80::53")],
        }],
        search: vec![SearchList {
            lifetime: u32::MAX,
            domains: vec!["example.org".to_owned(), "a.b-c.example".to_owned()],
        }],
    }
}

/// An advertisement with these bytes after its fixed part.
fn with(options: &[u8]) -> Vec<u8> {
    [RouterAdvertisement::default().emit().as_slice(), options].concat()
}

#[test]
fn what_is_emitted_comes_back() {
    for message in [RouterAdvertisement::default(), full()] {
        assert_eq!(parts(&message.emit()), (message, vec![]));
    }
    for message in [
        RouterSolicitation::default(),
        RouterSolicitation {
            source: Some([2, 0, 0, 0, 0, 9]),
        },
    ] {
        let bytes = message.emit();
        assert_eq!(RouterSolicitation::parse(&packet(&bytes)), Ok(message));
    }
}

#[test]
fn a_packet_that_is_not_from_a_router_on_the_link() {
    let bytes = full().emit();
    let parse = |source: &str, hop_limit| {
        let packet = Packet {
            source: source.parse().unwrap(),
            hop_limit,
            bytes: &bytes,
        };
        RouterAdvertisement::parse(&packet, &mut |_| {}).err()
    };
    assert_eq!(parse("fe80::1", 255), None);
    assert_eq!(parse("febf::1", 255), None);
    for hop_limit in [0, 1, 64, 254] {
        assert_eq!(parse("fe80::1", hop_limit), Some("dropped-hop-limit"));
    }
    for source in ["::", "::1", "2001:db8::1", "ff02::1", "fec0::1"] {
        assert_eq!(parse(source, 255), Some("dropped-source"), "{source}");
    }
    let mut bytes = bytes.clone();
    bytes[1] = 1;
    assert_eq!(super::tests::parse(&bytes), Err("dropped-code"));
    bytes[..2].copy_from_slice(&[133, 0]);
    assert_eq!(super::tests::parse(&bytes), Err("dropped-type"));
}

#[test]
fn a_solicitation_without_an_address_names_no_link_layer_address() {
    let mut host = Packet {
        source: Ipv6Addr::UNSPECIFIED,
        hop_limit: 255,
        bytes: &RouterSolicitation::default().emit(),
    };
    assert!(RouterSolicitation::parse(&host).is_ok());
    let named = RouterSolicitation {
        source: Some([2, 0, 0, 0, 0, 9]),
    };
    let bytes = named.emit();
    host.bytes = &bytes;
    assert_eq!(RouterSolicitation::parse(&host), Err("dropped-source"));
    host.source = "2001:db8::9".parse().unwrap();
    assert_eq!(RouterSolicitation::parse(&host), Ok(named));
    host.hop_limit = 254;
    assert_eq!(RouterSolicitation::parse(&host), Err("dropped-hop-limit"));
}

#[test]
fn every_truncation_is_dropped_or_ends_between_options() {
    let bytes = full().emit();
    for length in 0..bytes.len() {
        match parse(&bytes[..length]) {
            Err(why) if length < 16 => assert_eq!(why, "dropped-length"),
            Err(why) => assert_eq!(why, "dropped-option-length"),
            Ok(_) => assert_eq!(length % 8, 0),
        }
    }
    for length in 0..8 {
        let solicitation = RouterSolicitation::default().emit();
        let cut = RouterSolicitation::parse(&packet(&solicitation[..length]));
        assert_eq!(cut, Err("dropped-length"));
    }
}

/// Which lengths each option may have, in units of 8 bytes, when its body is zeros but for these bytes.
#[test]
fn every_option_with_every_length() {
    type Case = (u8, &'static [u8], fn(u8) -> bool);
    let cases: &[Case] = &[
        (1, &[2, 0, 0, 0, 0, 1], |units| units == 1),
        (3, &[64, 0xc0], |units| units == 4),
        (5, &[0, 0, 0, 0, 5, 220], |units| units == 1),
        (24, &[0], |units| units <= 3),
        (24, &[64], |units| (2..=3).contains(&units)),
        (24, &[65], |units| units == 3),
        (24, &[129], |_| false),
        // Zeros are the unspecified address, which serves nobody.
        (25, &[0, 0, 0, 0, 1, 0], |_| false),
        (31, &[0, 0, 0, 0, 1, 0, 1, b'a', 0], |units| units > 1),
        (0, &[], |_| true),
        (2, &[], |_| true),
        (253, &[], |_| true),
    ];
    for &(kind, start, good) in cases {
        for units in 1..=255_u8 {
            let mut option = vec![kind, units];
            option.extend(start);
            option.resize(usize::from(units) * 8, 0);
            if start.len() + 2 > option.len() {
                continue;
            }
            let after = RouterSolicitation {
                source: Some([9; 6]),
            };
            let bytes = with(&[option.as_slice(), &after.emit()[8..]].concat());
            let (message, dropped) = parts(&bytes);
            assert_eq!(dropped.is_empty(), good(units), "{kind} {start:?} {units}");
            // What follows a bad option is taken all the same.
            assert_eq!(message.source, Some([9; 6]), "{kind} {units}");
        }
    }
    for units in 1..=255_u8 {
        let mut option = vec![25, units, 0, 0, 0, 0, 1, 0];
        option.resize(usize::from(units) * 8, 0xfd);
        let (message, dropped) = parts(&with(&option));
        let good = units >= 3 && units % 2 == 1;
        assert_eq!(dropped.is_empty(), good, "{units}");
        let count = message.dns.first().map_or(0, |list| list.servers.len());
        let expected = if good {
            (usize::from(units) - 1) / 2
        } else {
            0
        };
        assert_eq!(count, expected.min(16), "{units}");
    }
}

#[test]
fn an_option_of_length_zero_ends_the_message() {
    let mut bytes = full().emit();
    bytes.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(parse(&bytes), Err("dropped-option-length"));
    assert_eq!(parse(&with(&[1])), Err("dropped-option-length"));
    assert_eq!(parse(&with(&[3, 4, 64])), Err("dropped-option-length"));
}

#[test]
fn more_of_a_kind_than_anybody_needs() {
    let mut message = full();
    message.prefixes = vec![message.prefixes[0]; 40];
    message.routes = vec![message.routes[1]; 17];
    message.dns = vec![message.dns[0].clone(); 20];
    let (found, dropped) = parts(&message.emit());
    assert_eq!(found.prefixes.len(), 16);
    assert_eq!(found.routes.len(), 16);
    assert_eq!(found.dns.len(), 16);
    assert_eq!(dropped, vec!["dropped-option-many"; 24 + 1 + 4]);
}

#[test]
fn names_that_are_none() {
    let domains = |body: &[u8]| {
        let mut option = vec![31, 0, 0, 0, 0, 0, 1, 0];
        option.extend(body);
        option.resize(option.len().next_multiple_of(8), 0);
        option[1] = (option.len() / 8) as u8;
        let (message, _) = parts(&with(&option));
        message
            .search
            .into_iter()
            .flat_map(|list| list.domains)
            .collect::<Vec<_>>()
    };
    assert_eq!(domains(b"\x01a\x00\x02bc\x01d\x00"), ["a", "bc.d"]);
    // A name with what no name has is left out, the others stay.
    for bad in [
        &b"\x03a'b\x00"[..],
        b"\x03a\nb",
        b"\x05$(id)",
        b"\x01\x1b",
        b"\x02a\x00",
        b"\x01 ",
    ] {
        assert_eq!(domains(&[bad, b"\x00\x01z\x00"].concat()), ["z"], "{bad:?}");
    }
    // Compression is not allowed, nor a label longer than the option, nor a name without an end.
    assert!(domains(b"\x01a\x00\xc0\x08").is_empty());
    assert!(domains(b"\x01a\x00\x3fb").is_empty());
    assert!(domains(b"\x07bcdefgh").is_empty());
    assert!(domains(b"\x00\x00").is_empty());
    let long = [&[63; 64][..]; 5].concat();
    assert!(domains(&long).is_empty());
}

#[test]
fn values_that_are_none() {
    let mut message = full();
    message.mtu = Some(1279);
    let (found, dropped) = parts(&message.emit());
    assert_eq!((found.mtu, dropped), (None, vec!["dropped-option-mtu"]));
    // Host bits are cleared.
    let mut message = full();
    message.prefixes[0].prefix = "2001:db8:1::7".parse().unwrap();
    let (found, _) = parts(&message.emit());
    assert_eq!(found.prefixes, full().prefixes);
    // Reserved preference: medium for the router, no route at all.
    let mut bytes = full().emit();
    bytes[5] |= 0x18;
    bytes[5] &= !0x08;
    assert_eq!(parse(&bytes).unwrap().preference, Preference::Medium);
    let reserved = with(&[24, 1, 0, 0x10, 0, 0, 0, 9]);
    assert_eq!(parts(&reserved).1, ["dropped-option-route"]);
}

#[test]
fn a_search_list_longer_than_an_option_is_cut() {
    let mut message = RouterAdvertisement::default();
    let domain = format!("{}.example", "a".repeat(60));
    message.search = vec![SearchList {
        lifetime: 1,
        domains: vec![domain.clone(); 60],
    }];
    let (found, dropped) = parts(&message.emit());
    assert_eq!(found.search[0].domains, vec![domain; 16]);
    assert!(dropped.is_empty());
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
        let _ = RouterSolicitation::parse(&packet(&bytes));
    }

    #[test]
    fn any_options_of_a_good_message(
        options in proptest::collection::vec(
            (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..64)), 0..8)
    ) {
        let mut bytes = RouterAdvertisement::default().emit();
        for (kind, mut body) in options {
            body.resize((body.len() + 2).next_multiple_of(8) - 2, 0);
            bytes.extend([kind, ((body.len() + 2) / 8) as u8]);
            bytes.extend(body);
        }
        let message = parse(&bytes).unwrap();
        prop_assert_eq!(parse(&message.emit()), Ok(message));
    }
}

/// RFC 4861 §6.2.3: whatever there is to tell, no message is longer than the least MTU allows.
#[test]
fn what_is_too_long_is_told_in_parts() {
    const ROOM: usize = 1240;
    let whole = full();
    assert_eq!(whole.parts(ROOM), std::slice::from_ref(&whole));
    let ip = |n: usize| Ipv6Addr::from_bits(0x2001_0db8 << 96 | (n as u128) << 64);
    let long = |n: usize| format!("{0}.{0}.{0}.{n}", "x".repeat(61));
    let mut much = full();
    much.prefixes = vec![full().prefixes[0]; 50];
    much.routes = vec![full().routes[0]; 50];
    for (n, prefix) in much.prefixes.iter_mut().enumerate() {
        (prefix.prefix, prefix.length) = (ip(n), 64);
    }
    for (n, route) in much.routes.iter_mut().enumerate() {
        (route.prefix, route.length) = (ip(n), 64);
    }
    much.dns = vec![
        RecursiveDns {
            lifetime: 600,
            servers: (0..100).map(ip).collect(),
        },
        RecursiveDns {
            lifetime: 0,
            servers: (100..180).map(ip).collect(),
        },
    ];
    much.search = vec![SearchList {
        lifetime: 600,
        domains: (0..30).map(long).collect(),
    }];
    let messages: Vec<_> = much.parts(ROOM);
    assert!(messages.len() > 3, "{}", messages.len());
    let mut all = RouterAdvertisement {
        prefixes: Vec::new(),
        routes: Vec::new(),
        dns: Vec::new(),
        search: Vec::new(),
        ..much.clone()
    };
    let bare = all.clone();
    for message in messages {
        let bytes = message.emit();
        assert!(bytes.len() <= ROOM, "{}", bytes.len());
        let (read, dropped) = parts(&bytes);
        assert!(dropped.is_empty(), "{dropped:?}");
        assert_eq!(read, message);
        all.prefixes.extend(&message.prefixes);
        all.routes.extend(&message.routes);
        all.dns.extend(message.dns.clone());
        all.search.extend(message.search.clone());
        let head = RouterAdvertisement {
            prefixes: Vec::new(),
            routes: Vec::new(),
            dns: Vec::new(),
            search: Vec::new(),
            ..message
        };
        assert_eq!(head, bare);
    }
    assert_eq!((&all.prefixes, &all.routes), (&much.prefixes, &much.routes));
    let servers = |said: &RouterAdvertisement| -> Vec<(u32, Ipv6Addr)> {
        let lists = said.dns.iter();
        let each = lists.flat_map(|list| list.servers.iter().map(|&ip| (list.lifetime, ip)));
        each.collect()
    };
    assert_eq!(servers(&all), servers(&much));
    let domains: Vec<_> = all.search.iter().flat_map(|list| &list.domains).collect();
    assert_eq!(domains, much.search[0].domains.iter().collect::<Vec<_>>());
}
