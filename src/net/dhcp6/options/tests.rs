use super::*;

const PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x100, 0, 0, 0, 0, 0);

#[test]
fn every_length() {
    for length in 0..=255_usize {
        let value = vec![0x20; length];
        assert_eq!(number(&value).is_some(), length == 4, "{length}");
        let whole = length > 0 && length.is_multiple_of(16);
        assert_eq!(hosts(&value).is_some(), whole, "{length}");
        let expected = if whole {
            (length / 16).min(MAX_HOSTS)
        } else {
            0
        };
        assert_eq!(hosts(&value).unwrap_or_default().len(), expected);
        assert_eq!(Status::read(&value).is_some(), length >= 2, "{length}");
        time_servers(&value);
        search(&value);
        let sub = [&[0, 1, 0, length as u8][..], &value].concat();
        let servers = time_servers(&sub).unwrap();
        assert_eq!(servers.len(), usize::from(length == 16), "{length}");
        // One label of that length.
        let label = [&[length as u8][..], &vec![b'a'; length], &[0]].concat();
        let names = search(&label);
        let expected = match length {
            0 => Some(0),
            1..64 => Some(1),
            _ => None,
        };
        assert_eq!(names.map(|names| names.len()), expected, "{length}");
    }
}

#[test]
fn names_truncated_at_each_byte() {
    let whole = b"\x07example\x03org\0\x01b\x07example\0";
    assert_eq!(search(whole).unwrap(), ["example.org", "b.example"]);
    for length in 0..whole.len() {
        let expected = match length {
            0 => Some(0),
            13 => Some(1),
            _ => None,
        };
        assert_eq!(
            search(&whole[..length]).map(|names| names.len()),
            expected,
            "{length}"
        );
    }
}

#[test]
fn hostile_names_are_left_out_alone() {
    for label in [
        "a'b",
        "`id`",
        "$(id)",
        "a\nnameserver 6",
        "a\0b",
        "\u{1b}[2J",
        "a b",
        "a.b",
        "\\",
    ] {
        let hostile = [&[label.len() as u8][..], label.as_bytes(), b"\0\x02ok\0"].concat();
        assert_eq!(search(&hostile).unwrap(), ["ok"], "{label:?}");
    }
    // Compression, which loops.
    assert_eq!(search(b"\x02ok\0\xc0\x00"), None);
    assert_eq!(search(&[0xc0, 0]), None);
    let long = [b"\x3f".as_slice(), &[b'a'; 63]].concat().repeat(5);
    assert!(search(&[&long[..], &[0]].concat()).unwrap().is_empty());
    assert_eq!(search(&b"\x01a\0".repeat(100)).unwrap().len(), MAX_SEARCH);
}

#[test]
fn addresses_that_are_no_hosts() {
    for (text, host, routable) in [
        ("::", false, false),
        ("::1", false, false),
        ("ff02::1", false, false),
        ("fe80::1", true, false),
        ("fd00::1", true, true),
        ("64:ff9b::1", true, true),
        ("::ffff:192.0.2.1", true, false),
        ("::5", true, false),
        ("2001:db8::1", true, true),
    ] {
        let address: Ipv6Addr = text.parse().unwrap();
        assert_eq!(
            (is_host(&address), is_routable(&address)),
            (host, routable),
            "{text}"
        );
        assert_eq!(hosts(&address.octets()).unwrap().len(), usize::from(host));
    }
}

#[test]
fn excluded_prefixes() {
    // The layout of RFC 6603 §4.2: the excluded prefix's bits after the delegated one's.
    for (length, value, expected) in [
        (56, &[64, 0x0a][..], Some(("2001:db8:100:a::", 64))),
        (48, &[64, 0x12, 0x34], Some(("2001:db8:100:1234::", 64))),
        (60, &[64, 0xf0], Some(("2001:db8:100:f::", 64))),
        // Bits beyond the length do not count.
        (60, &[64, 0xff], Some(("2001:db8:100:f::", 64))),
        (
            56,
            &[128, 1, 2, 3, 4, 5, 6, 7, 8, 9],
            Some(("2001:db8:100:1:203:405:607:809", 128)),
        ),
        (64, &[64, 0], None),
        (64, &[56, 0], None),
        (56, &[129, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], None),
        (56, &[64], None),
        (56, &[64, 1, 2], None),
        (56, &[], None),
    ] {
        let expected = expected.map(|(text, length)| (text.parse().unwrap(), length));
        assert_eq!(
            excluded(value, PREFIX, length),
            expected,
            "/{length} {value:?}"
        );
    }
    // 17 octets are the most, and only of a /1 to a /7.
    for octets in 0..=255_usize {
        for length in 1..=128_u8 {
            let value = [&[128][..], &vec![0xff; octets]].concat();
            let bits = usize::from(128 - length);
            let fits = bits > 0 && octets == bits.div_ceil(8);
            assert_eq!(
                excluded(&value, PREFIX, length).is_some(),
                fits,
                "/{length} {octets}"
            );
        }
    }
}

#[test]
fn masks() {
    let all = Ipv6Addr::from_bits(u128::MAX);
    assert_eq!(masked(all, 128), all);
    assert_eq!(masked(all, 1).octets()[0], 0x80);
    assert_eq!(masked(all, 56).to_string(), "ffff:ffff:ffff:ff00::");
}

#[test]
fn status_texts() {
    for (code, word) in [
        (1, "UnspecFail"),
        (2, "NoAddrsAvail"),
        (3, "NoBinding"),
        (4, "NotOnLink"),
        (5, "status 5"),
        (6, "NoPrefixAvail"),
        (65_535, "status 65535"),
    ] {
        let value = u16::to_be_bytes(code);
        let why = Status::read(&value).unwrap().explain();
        assert!(why.contains(word) && !why.contains('"'), "{why}");
    }
    let why = Status::read(b"\0\x02a 'b'\n").unwrap().explain();
    assert!(why.ends_with(": \"a ?b??\""), "{why}");
}
