use super::*;

fn option(code: u16, value: &[u8]) -> Vec<u8> {
    let length = value.len() as u16;
    [&code.to_be_bytes()[..], &length.to_be_bytes(), value].concat()
}

#[test]
fn what_was_written_is_read() {
    let mut writer = Writer::message(Kind::Rebind, 0x0012_3456);
    writer.option(code::CLIENT_ID, &[1, 2, 3]);
    let outer = writer.open(code::IA_PD);
    writer.put(&[9; 12]);
    let inner = writer.open(code::IA_PREFIX);
    writer.put(&[7; 25]);
    writer.close(inner);
    writer.close(outer);
    let mut bytes = writer.finish();
    set_elapsed(&mut bytes, 0x0102);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!((message.kind, message.xid), (6, 0x0012_3456));
    let all: Vec<_> = message.options.iter().collect();
    assert_eq!(all[0], (code::ELAPSED_TIME, &[1, 2][..]));
    assert_eq!(all[1], (code::CLIENT_ID, &[1, 2, 3][..]));
    let inner: Vec<_> = Options(&all[2].1[12..]).iter().collect();
    assert_eq!(inner, [(code::IA_PREFIX, &[7; 25][..])]);
    let place = message.options.locate(code::CLIENT_ID).unwrap();
    assert_eq!(message.options.0[place], [1, 2, 3]);
    let mut dropped = Dropped::default();
    message.options.inspect(&mut dropped);
    assert!(dropped.0.is_empty());
}

#[test]
fn truncated_at_each_byte() {
    let whole = [option(1, &[1; 10]), option(2, &[2; 20]), option(3, &[])].concat();
    for length in 0..whole.len() {
        let options = Options(&whole[..length]);
        let expected = match length {
            0..14 => 0,
            14..38 => 1,
            _ => 2,
        };
        assert_eq!(options.iter().count(), expected, "{length}");
        let mut dropped = Dropped::default();
        options.inspect(&mut dropped);
        let clean = [0, 14, 38].contains(&length);
        assert_eq!(dropped.0.is_empty(), clean, "{length}");
    }
}

#[test]
fn every_length_of_an_option() {
    for length in 0..=1000 {
        let bytes = [option(23, &vec![5; length]), option(24, &[1])].concat();
        let options = Options(&bytes);
        assert_eq!(options.first(23).unwrap().len(), length);
        assert_eq!(options.first(24), Some(&[1][..]));
        // One that says more than there is, and what follows it, are not read.
        let mut longer = bytes.clone();
        longer[2..4].copy_from_slice(&u16::MAX.to_be_bytes());
        assert_eq!(Options(&longer).iter().count(), 0);
    }
}

#[test]
fn many_options_are_bounded() {
    let many = option(3, &[]).repeat(15_000);
    let options = Options(&many);
    assert_eq!(options.iter().count(), MAX_OPTIONS);
    let mut dropped = Dropped::default();
    options.inspect(&mut dropped);
    assert_eq!(dropped.0, ["dropped-too-many"]);
    assert_eq!(
        Options(&many[..4 * MAX_OPTIONS]).iter().count(),
        MAX_OPTIONS
    );
}

#[test]
fn the_first_of_two_counts() {
    let bytes = [
        option(23, &[1]),
        option(23, &[2]),
        option(3, &[]),
        option(3, &[]),
    ]
    .concat();
    let mut dropped = Dropped::default();
    Options(&bytes).inspect(&mut dropped);
    assert_eq!(Options(&bytes).first(23), Some(&[1][..]));
    assert_eq!(dropped.0, ["dropped-duplicate"]);
}

#[test]
fn headers() {
    for length in 0..4 {
        assert!(Message::parse(&vec![7; length]).is_none());
    }
    assert!(Message::parse(&[7, 1, 2, 3]).is_some());
    assert!(Message::parse(&vec![7; 65_527]).is_some());
    assert!(Message::parse(&vec![7; 65_528]).is_none());
}
