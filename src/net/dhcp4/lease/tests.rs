use super::*;
use crate::net::lease::Record;

fn ack(options: &[(OptionCode, &[u8])]) -> Message {
    let mut message = Message::request(1, &[2, 0, 0, 0, 0, 1]);
    message.yiaddr = Ipv4Addr::new(10, 0, 2, 15);
    for (code, value) in options {
        message.options.set(*code, value);
    }
    message
}

fn read(message: &Message) -> Option<Lease> {
    Lease::read(message, &Wants::default())
}

#[test]
fn an_ordinary_ack() {
    let lease = read(&ack(&[
        (OptionCode::SubnetMask, &[255, 255, 255, 0]),
        (OptionCode::Router, &[10, 0, 2, 2]),
        (OptionCode::DomainNameServer, &[10, 0, 2, 3]),
        (OptionCode::AddressLeaseTime, &86400_u32.to_be_bytes()),
        (OptionCode::ServerIdentifier, &[10, 0, 2, 2]),
        (OptionCode::DomainName, b"example.org"),
    ]))
    .unwrap();
    let text = lease.record().text();
    assert_eq!(
        text,
        "ip4=10.0.2.15\nprefix=24\nmask=255.255.255.0\nbroadcast=10.0.2.255\ngateway=10.0.2.2\n\
         dns=10.0.2.3\ndomain=example.org\nsearch=example.org\nserver=10.0.2.2\nroutes=0.0.0.0/0:10.0.2.2\n\
         lease=86400\nt1=43200\nt2=75600\n"
    );
    assert!(lease.on_link(Ipv4Addr::new(10, 0, 2, 2)));
    assert!(!lease.on_link(Ipv4Addr::new(10, 0, 3, 2)));
}

#[test]
fn masks() {
    for (mask, prefix, broadcast) in [
        ([255, 255, 255, 255], 32, None),
        ([255, 255, 255, 254], 31, None),
        ([255, 255, 255, 252], 30, Some([10, 0, 2, 15])),
        ([128, 0, 0, 0], 1, Some([127, 255, 255, 255])),
        // Not masks: the class's.
        ([255, 0, 255, 0], 8, Some([10, 255, 255, 255])),
        ([0, 0, 0, 0], 8, Some([10, 255, 255, 255])),
    ] {
        let lease = read(&ack(&[(OptionCode::SubnetMask, &mask)])).unwrap();
        assert_eq!(lease.prefix, prefix, "{mask:?}");
        assert_eq!(lease.broadcast, broadcast.map(Ipv4Addr::from), "{mask:?}");
    }
}

#[test]
fn addresses_that_no_host_can_have() {
    for address in [
        [0, 0, 0, 0],
        [127, 0, 0, 1],
        [224, 0, 0, 1],
        [255, 255, 255, 255],
    ] {
        let mut message = ack(&[]);
        message.yiaddr = address.into();
        assert_eq!(read(&message), None, "{address:?}");
    }
}

#[test]
fn times_are_in_order_whatever_the_server_says() {
    let values = [
        None,
        Some(0),
        Some(1),
        Some(2),
        Some(9),
        Some(10),
        Some(11),
        Some(3599),
        Some(3600),
        Some(86400),
        Some(u32::MAX - 1),
        Some(u32::MAX),
    ];
    for lease in values {
        for renew in values {
            for rebind in values {
                match Times::new(lease, renew, rebind) {
                    Times::Infinite => assert_eq!(lease, Some(u32::MAX)),
                    Times::Limited {
                        renew,
                        rebind,
                        expire,
                    } => {
                        assert!(0 < renew && renew < rebind && rebind < expire);
                    }
                }
            }
        }
    }
    let expected = Times::Limited {
        renew: 3,
        rebind: 105,
        expire: 120,
    };
    assert_eq!(Times::new(Some(120), Some(3), None), expected);
}

#[test]
fn a_record_brings_back_the_same_lease() {
    let wants = Wants {
        raw: vec![66, 67, 43],
        ..Wants::default()
    };
    for times in [&86400_u32.to_be_bytes(), &[0xff; 4], &[0; 4]] {
        let message = ack(&[
            (OptionCode::SubnetMask, &[255, 255, 255, 0]),
            (OptionCode::BroadcastAddr, &[10, 0, 2, 200]),
            (
                OptionCode::ClasslessStaticRoute,
                &[
                    16, 10, 17, 10, 0, 0, 9, 24, 192, 168, 7, 0, 0, 0, 0, 0, 10, 0, 2, 1,
                ],
            ),
            (OptionCode::DomainNameServer, &[10, 0, 2, 3, 10, 0, 2, 4]),
            (OptionCode::NtpServers, &[10, 0, 2, 5]),
            (OptionCode::DomainName, b"a.example b.example"),
            (OptionCode::Hostname, b"guest"),
            (OptionCode::InterfaceMtu, &[0x05, 0x78]),
            (OptionCode::AddressLeaseTime, times),
            (OptionCode::ServerIdentifier, &[10, 0, 2, 2]),
            (OptionCode::TFTPServerName, b"x\n\0y"),
            (OptionCode::VendorExtensions, &[]),
        ]);
        let lease = Lease::read(&message, &wants).unwrap();
        assert_eq!(lease.raw.len(), 2);
        let text = lease.record().text();
        assert!(text.contains("option66=780a0079\n"), "{text}");
        assert_eq!(Lease::from_record(&Record::parse(&text)), Some(lease));
    }
}

#[test]
fn what_is_not_a_whole_lease_is_not_taken_up() {
    let good = [("ip4", "10.0.2.15"), ("prefix", "24"), ("lease", "600")];
    let record = |lines: &[(&str, &str)]| {
        let mut record = Record::default();
        lines.iter().for_each(|(key, value)| record.set(key, value));
        record
    };
    assert!(Lease::from_record(&record(&good)).is_some());
    for missing in 0..good.len() {
        let mut lines = good.to_vec();
        lines.remove(missing);
        assert_eq!(Lease::from_record(&record(&lines)), None, "{missing}");
    }
    for bad in [
        ("ip4", "127.0.0.1"),
        ("ip4", "fe80::1"),
        ("ip4", "10.0.2.15 10.0.2.16"),
        ("prefix", "33"),
        ("prefix", "0"),
        ("lease", "-1"),
        ("lease", "soon"),
    ] {
        let lines = [&good[..], &[bad]].concat();
        assert_eq!(Lease::from_record(&record(&lines)), None, "{bad:?}");
    }
    let odd = [
        (
            "routes",
            "0.0.0.0/33:10.0.2.2 10.0.0.1/8 1.2.3.0/24:x 0.0.0.0/0:10.0.2.2",
        ),
        ("dns", "x 10.0.2.3 ::1"),
        ("search", "a;b c.example"),
        ("mtu", "67"),
        ("option999", "00"),
        ("option66", "0"),
    ];
    let lease = Lease::from_record(&record(&[&good[..], &odd].concat())).unwrap();
    assert_eq!((lease.routes.len(), lease.dns.len()), (1, 1));
    assert_eq!(lease.search, ["c.example"]);
    assert_eq!((lease.mtu, lease.raw.len()), (None, 0));
}

#[test]
fn without_classless_routes_the_router_counts() {
    let message = ack(&[
        (OptionCode::ClasslessStaticRoute, &[0, 10, 0, 2, 66]),
        (OptionCode::Router, &[10, 0, 2, 1]),
    ]);
    let wants = Wants {
        classless: false,
        ..Wants::default()
    };
    let lease = Lease::read(&message, &wants).unwrap();
    assert_eq!(lease.gateway(), Some(Ipv4Addr::new(10, 0, 2, 1)));
}

/// Every code at every length, with bytes that mean something to some type, beside options that are right;
/// then cut at every byte. What is right stays.
#[test]
fn every_option_at_every_length_leaves_the_others_alone() {
    const DNS: [u8; 4] = [10, 0, 2, 3];
    let wants = Wants {
        raw: vec![43, 66],
        ..Wants::default()
    };
    for code in 0..=255_u8 {
        for length in 0..=255_usize {
            let fill = [10, 0xff, 0, 1, 0xc0, b'\n'][length % 6];
            let mut message = ack(&[(OptionCode::DomainNameServer, &DNS)]);
            if code == u8::from(OptionCode::DomainNameServer) {
                message.options.unset(OptionCode::DomainNameServer);
            }
            message.options.set(code.into(), &vec![fill; length]);
            message.options.set(OptionCode::InterfaceMtu, &[0x05, 0x78]);
            let wire = message.emit();
            let parsed = Message::parse(&wire).unwrap();
            let lease = Lease::read(&parsed, &wants).unwrap();
            // 0 and 255 are no options but a pad and the end; 52 makes options of other fields.
            if ![0, 6, 255].contains(&code) {
                assert_eq!(lease.dns, [Ipv4Addr::from(DNS)], "{code} {length}");
            }
            if ![0, 26, 255].contains(&code) {
                assert_eq!(lease.mtu, Some(1400), "{code} {length}");
            }
            let text = lease.record().text();
            assert!(
                text.bytes()
                    .all(|byte| byte == b'\n' || !byte.is_ascii_control())
            );
            assert_eq!(text.lines().count(), lease.record().iter().count());
        }
    }
}

#[test]
fn every_truncation_of_a_full_answer_is_an_answer_with_less() {
    let message = ack(&[
        (OptionCode::MessageType, &[5]),
        (OptionCode::SubnetMask, &[255, 255, 255, 0]),
        (OptionCode::Router, &[10, 0, 2, 2]),
        (OptionCode::StaticRoutingTable, &[10, 0, 9, 1, 10, 0, 2, 2]),
        (OptionCode::DomainNameServer, &[10, 0, 2, 3]),
        (
            OptionCode::DomainSearch,
            b"\x03eng\x05apple\x03com\0\x01m\xc0\x04",
        ),
        (OptionCode::ClasslessStaticRoute, &[0, 10, 0, 2, 1]),
        (OptionCode::InterfaceMtu, &[0x05, 0x78]),
        (OptionCode::AddressLeaseTime, &600_u32.to_be_bytes()),
        (OptionCode::Renewal, &700_u32.to_be_bytes()),
        (OptionCode::Rebinding, &[0; 4]),
        (OptionCode::ServerIdentifier, &[10, 0, 2, 2]),
    ]);
    let wire = message.emit();
    for length in 240..=wire.len() {
        let lease = read(&Message::parse(&wire[..length]).unwrap()).unwrap();
        assert!(lease.dns.len() <= 1 && lease.routes.len() <= 2, "{length}");
        let Times::Limited {
            renew,
            rebind,
            expire,
        } = lease.times
        else {
            panic!("{length}");
        };
        assert!(renew < rebind && rebind < expire, "{length}");
    }
}
