use super::*;
use crate::net::dhcp6::wire::REPLY;

const CLIENT: [u8; 4] = [0, 3, 0, 1];
const SERVER: [u8; 4] = [0, 3, 0, 2];

fn option(code: u16, value: &[u8]) -> Vec<u8> {
    let length = value.len() as u16;
    [&code.to_be_bytes()[..], &length.to_be_bytes(), value].concat()
}

fn message(options: &[Vec<u8>]) -> Vec<u8> {
    let ids = [
        option(code::CLIENT_ID, &CLIENT),
        option(code::SERVER_ID, &SERVER),
    ];
    [&[REPLY, 1, 2, 3][..], &ids.concat(), &options.concat()].concat()
}

fn read_all(options: &[Vec<u8>]) -> Reply {
    let bytes = message(options);
    Reply::read(&Message::parse(&bytes).unwrap(), &[]).unwrap()
}

/// 2001:db8::, preferred 100, valid 200.
fn address() -> Vec<u8> {
    let ip: Ipv6Addr = "2001:db8::5".parse().unwrap();
    [&ip.octets()[..], &[0, 0, 0, 100, 0, 0, 0, 200]].concat()
}

fn prefix(length: u8) -> Vec<u8> {
    let ip: Ipv6Addr = "2001:db8:100::".parse().unwrap();
    [&[0, 0, 0, 100, 0, 0, 0, 200, length][..], &ip.octets()].concat()
}

fn ia(prefix: bool, inside: &[Vec<u8>]) -> Vec<u8> {
    let head = [0, 0, 0, 7, 0, 0, 0, 10, 0, 0, 0, 20];
    let code = if prefix { code::IA_PD } else { code::IA_NA };
    option(code, &[&head[..], &inside.concat()].concat())
}

#[test]
fn every_option_at_every_length_spoils_only_itself() {
    let codes = [
        code::IA_NA,
        code::IA_PD,
        code::PREFERENCE,
        code::AUTHENTICATION,
        code::STATUS,
        code::DOMAIN_LIST,
        code::SNTP_SERVERS,
        code::REFRESH_TIME,
        code::NTP_SERVER,
        code::SOL_MAX_RT,
        code::INF_MAX_RT,
        4,
        12,
        17,
        103,
        65_535,
    ];
    let dns: Ipv6Addr = "2001:db8::53".parse().unwrap();
    for code in codes {
        for length in 0..=255 {
            for byte in [0, 1, 0x20, 0xff] {
                let bad = option(code, &vec![byte; length]);
                let good = [
                    bad,
                    ia(false, &[option(code::IA_ADDRESS, &address())]),
                    option(code::DNS_SERVERS, &dns.octets()),
                ];
                let reply = read_all(&good);
                assert_eq!(reply.other.dns, [dns], "{code} {length}");
                let mine = reply.associations.iter().find(|ia| ia.which.iaid == 7);
                assert_eq!(mine.unwrap().items.len(), 1, "{code} {length}");
            }
        }
    }
}

#[test]
fn every_length_of_what_is_inside_an_ia() {
    for is_prefix in [false, true] {
        let code = if is_prefix {
            code::IA_PREFIX
        } else {
            code::IA_ADDRESS
        };
        let good = if is_prefix { prefix(56) } else { address() };
        for length in 0..=255 {
            // As long as it must be, or cut, or with something behind it.
            let mut value = good.clone();
            value.resize(length, 0);
            let reply = read_all(&[ia(is_prefix, &[option(code, &value), option(code, &good)])]);
            let [granted] = &reply.associations[..] else {
                panic!("one IA");
            };
            assert_eq!(granted.items.len(), 1, "{length}");
            assert!(!reply.dropped.0.is_empty(), "{length}");
        }
        // Another type than its IA holds.
        let other = if is_prefix {
            code::IA_ADDRESS
        } else {
            code::IA_PREFIX
        };
        let reply = read_all(&[ia(is_prefix, &[option(other, &prefix(56))])]);
        assert!(reply.associations[0].items.is_empty());
    }
}

#[test]
fn truncated_at_each_byte() {
    let status = option(code::STATUS, b"\0\x06none");
    let excluded = option(code::PD_EXCLUDE, &[64, 1]);
    let inner = [prefix(56), excluded, status].concat();
    let whole = message(&[
        ia(false, &[option(code::IA_ADDRESS, &address())]),
        ia(true, &[option(code::IA_PREFIX, &inner)]),
        option(code::DOMAIN_LIST, b"\x03org\0"),
    ]);
    let mut most = 0;
    for length in 0..=whole.len() {
        let Some(message) = Message::parse(&whole[..length]) else {
            continue;
        };
        if let Ok(reply) = Reply::read(&message, &[23, 24]) {
            assert!(reply.associations.len() >= most);
            most = reply.associations.len();
        } else {
            assert!(length < 20);
        }
    }
    assert_eq!(most, 2);
}

#[test]
fn nesting_is_not_followed() {
    // An IA in an IA in an IA …, 64 kB of them.
    let mut nested = vec![];
    for _ in 0..4000 {
        if nested.len() > 65_000 {
            break;
        }
        nested = ia(false, &[nested]);
    }
    let reply = read_all(&[nested]);
    assert_eq!(reply.associations.len(), 1);
    assert!(reply.associations[0].items.is_empty());
}

#[test]
fn bounds() {
    let many: Vec<_> = (0..100_u32)
        .map(|iaid| option(code::IA_NA, &[&iaid.to_be_bytes()[..], &[0; 8]].concat()))
        .collect();
    let reply = read_all(&many);
    assert_eq!(reply.associations.len(), MAX_ASSOCIATIONS);
    assert_eq!(reply.dropped.0, ["dropped-too-many"]);
    let items: Vec<_> = (0..100_u8)
        .map(|at| {
            let mut value = address();
            value[15] = at;
            option(code::IA_ADDRESS, &value)
        })
        .collect();
    let reply = read_all(&[ia(false, &items)]);
    assert_eq!(reply.associations[0].items.len(), MAX_ITEMS);
}

#[test]
fn the_first_of_two_counts() {
    let mut other = address();
    other[23] = 250;
    let twice = [
        ia(
            false,
            &[
                option(code::IA_ADDRESS, &address()),
                option(code::IA_ADDRESS, &other),
            ],
        ),
        ia(false, &[]),
        option(code::PREFERENCE, &[3]),
        option(code::PREFERENCE, &[255]),
    ];
    let reply = read_all(&twice);
    assert_eq!(reply.associations.len(), 1);
    assert_eq!(reply.associations[0].items[0].times.valid, 200);
    assert_eq!(reply.preference, 3);
    assert_eq!(reply.dropped.0, ["dropped-duplicate"]);
}

#[test]
fn prefix_lengths_and_host_bits() {
    for length in 0..=255 {
        let reply = read_all(&[ia(true, &[option(code::IA_PREFIX, &prefix(length))])]);
        // Fewer bits would be half of the world.
        let good = (16..=128).contains(&length);
        assert_eq!(
            reply.associations[0].items.len(),
            usize::from(good),
            "{length}"
        );
    }
    let mut value = prefix(56);
    value[24] = 1;
    let reply = read_all(&[ia(true, &[option(code::IA_PREFIX, &value)])]);
    let item = reply.associations[0].items[0];
    assert_eq!(item.address.to_string(), "2001:db8:100::");
}

#[test]
fn excluded_of_every_length() {
    for length in 0..=255_usize {
        let mut value = vec![64; 1];
        value.resize(length.max(1), 0x0a);
        value.truncate(length);
        let inner = [prefix(56), option(code::PD_EXCLUDE, &value)].concat();
        let reply = read_all(&[ia(true, &[option(code::IA_PREFIX, &inner)])]);
        let item = reply.associations[0].items[0];
        assert_eq!(item.excluded.is_some(), length == 2, "{length}");
        assert_eq!(reply.dropped.0.is_empty(), length == 2);
    }
}

#[test]
fn lifetimes_and_times_out_of_order() {
    let mut late = address();
    late[16..24].copy_from_slice(&[0, 0, 1, 0, 0, 0, 0, 255]);
    let both = ia(
        false,
        &[
            option(code::IA_ADDRESS, &late),
            option(code::IA_ADDRESS, &address()),
        ],
    );
    // The same address: only the bad one is left out.
    assert_eq!(read_all(&[both]).associations[0].items.len(), 1);
    for (t1, t2, good) in [
        (1, 2, true),
        (2, 2, true),
        (3, 2, false),
        (3, 0, true),
        (0, 0, true),
    ] {
        let value = [&[0, 0, 0, 7, 0, 0, 0, t1, 0, 0, 0, t2][..]].concat();
        let reply = read_all(&[option(code::IA_NA, &value), ia(true, &[])]);
        assert_eq!(reply.associations.len(), 1 + usize::from(good), "{t1} {t2}");
    }
}

#[test]
fn server_ids_have_3_to_130_bytes() {
    for length in 0..=255 {
        let bytes = [
            &[REPLY, 1, 2, 3][..],
            &option(code::CLIENT_ID, &CLIENT),
            &option(code::SERVER_ID, &vec![1; length]),
        ]
        .concat();
        let reply = Reply::read(&Message::parse(&bytes).unwrap(), &[]);
        assert_eq!(reply.is_ok(), (3..=130).contains(&length), "{length}");
    }
}

#[test]
fn time_servers_of_56_go_before_those_of_31() {
    let [a, b] = ["2001:db8::a", "2001:db8::b"].map(|text| text.parse::<Ipv6Addr>().unwrap());
    let old = option(code::SNTP_SERVERS, &a.octets());
    let new = option(code::NTP_SERVER, &option(1, &b.octets()));
    assert_eq!(read_all(&[old.clone(), new]).other.ntp, [b]);
    assert_eq!(read_all(&[old]).other.ntp, [a]);
}

proptest::proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(0_u8.., 0..400)) {
        let whole = message(&[bytes]);
        if let Ok(reply) = Reply::read(&Message::parse(&whole).unwrap(), &[1, 2]) {
            for item in reply.associations.iter().flat_map(|granted| &granted.items) {
                proptest::prop_assert!(item.times.preferred <= item.times.valid);
                proptest::prop_assert!((1..=128).contains(&item.length));
                proptest::prop_assert_eq!(masked(item.address, item.length), item.address);
            }
        }
    }
}
