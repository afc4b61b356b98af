use dhcproto::{Decodable, Decoder};

use super::*;

const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

fn sample() -> Message {
    let mut message = Message::request(0x0102_0304, &MAC);
    message.secs = 7;
    message.broadcast = true;
    message.ciaddr = Ipv4Addr::new(10, 0, 0, 1);
    message.yiaddr = Ipv4Addr::new(10, 0, 0, 2);
    message.siaddr = Ipv4Addr::new(10, 0, 0, 3);
    message.giaddr = Ipv4Addr::new(10, 0, 0, 4);
    message.options.set(OptionCode::MessageType, &[1]);
    message.options.set(OptionCode::RapidCommit, &[]);
    message.options.set(OptionCode::Hostname, &[b'a'; 300]);
    message
}

/// A message with these bytes as options field, `file` and `sname`.
fn raw(options: &[u8], file: &[u8], sname: &[u8]) -> Vec<u8> {
    let mut bytes = Message::request(1, &MAC).emit();
    bytes.truncate(HEADER + 4);
    bytes[FILE][..file.len()].copy_from_slice(file);
    bytes[SNAME][..sname.len()].copy_from_slice(sname);
    bytes.extend_from_slice(options);
    bytes
}

fn options(field: &[u8]) -> Options {
    Message::parse(&raw(field, &[], &[])).unwrap().options
}

#[test]
fn what_is_emitted_parses_again() {
    let message = sample();
    assert_eq!(Message::parse(&message.emit()), Ok(message));
}

#[test]
fn another_implementation_reads_what_is_emitted() {
    let bytes = sample().emit();
    let theirs = dhcproto::v4::Message::decode(&mut Decoder::new(&bytes)).unwrap();
    assert_eq!(theirs.xid(), 0x0102_0304);
    assert_eq!(theirs.chaddr(), MAC);
    assert_eq!(theirs.yiaddr(), Ipv4Addr::new(10, 0, 0, 2));
    assert!(theirs.flags().broadcast());
    assert_eq!(
        theirs.opts().msg_type(),
        Some(dhcproto::v4::MessageType::Discover)
    );
}

#[test]
fn never_shorter_than_bootp() {
    assert_eq!(Message::request(1, &MAC).emit().len(), BOOTP_LENGTH);
}

#[test]
fn every_truncation_is_refused_or_loses_options_only() {
    let bytes = sample().emit();
    for length in 0..bytes.len() {
        match Message::parse(&bytes[..length]) {
            Ok(message) => {
                assert!(length >= HEADER + 4);
                assert_eq!(message.xid, 0x0102_0304);
            }
            Err(why) => {
                assert!(length < HEADER + 4);
                assert_eq!(why, Malformed::Short);
            }
        }
    }
}

#[test]
fn the_cookie_is_checked() {
    let mut bytes = sample().emit();
    bytes[HEADER] ^= 1;
    assert_eq!(Message::parse(&bytes), Err(Malformed::Cookie));
}

#[test]
fn a_hardware_length_above_sixteen_is_cut() {
    for hlen in 0..=255 {
        let mut bytes = sample().emit();
        bytes[2] = hlen;
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.chaddr.len(), usize::from(hlen).min(16));
        assert_eq!(
            Message::parse(&message.emit()).unwrap().chaddr,
            message.chaddr
        );
    }
}

#[test]
fn parts_are_joined_wherever_they_are() {
    let found = options(&[
        12, 2, b'a', b'b', 6, 1, 9, 0, 0, 12, 1, b'c', 255, 12, 1, b'd',
    ]);
    assert_eq!(found.get(OptionCode::Hostname), Some(&b"abc"[..]));
    assert_eq!(found.get(OptionCode::DomainNameServer), Some(&[9][..]));
}

#[test]
fn overloaded_fields_are_read_file_first() {
    for (overload, expected) in [
        (0, "x"),
        (1, "xf"),
        (2, "xs"),
        (3, "xfs"),
        (4, "x"),
        (255, "xfs"),
    ] {
        let bytes = raw(
            &[52, 1, overload, 12, 1, b'x', 255],
            &[12, 1, b'f', 255],
            &[12, 1, b's', 255],
        );
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(
            message.options.get(OptionCode::Hostname),
            Some(expected.as_bytes()),
            "{overload}"
        );
    }
}

#[test]
fn overload_inside_an_overloaded_field_is_not_followed() {
    let bytes = raw(&[52, 1, 1], &[52, 1, 2, 255], &[12, 1, b's', 255]);
    assert_eq!(
        Message::parse(&bytes)
            .unwrap()
            .options
            .get(OptionCode::Hostname),
        None
    );
}

#[test]
fn an_option_longer_than_the_rest_is_dropped_alone() {
    let found = options(&[53, 1, 5, 54, 4, 10, 0]);
    assert_eq!(found.get(OptionCode::MessageType), Some(&[5][..]));
    assert_eq!(found.get(OptionCode::ServerIdentifier), None);
    assert_eq!(options(&[53]), Options::default());
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(
        field in proptest::collection::vec(0_u8.., 0..600),
        file in proptest::collection::vec(0_u8.., 128),
        sname in proptest::collection::vec(0_u8.., 64),
    ) {
        let bytes = raw(&field, &file, &sname);
        let message = Message::parse(&bytes).unwrap();
        let again = Message::parse(&message.emit()).unwrap();
        // Overload is among the options and would be followed twice.
        proptest::prop_assert_eq!(message.xid, again.xid);
    }
}
