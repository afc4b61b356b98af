use proptest::prelude::*;

use super::*;

/// Everything that a ring keeps.
fn kept(ring: &Ring) -> Vec<u8> {
    ring.read(ring.head().start, usize::MAX).unwrap()
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    let lines = bytes.split_inclusive(|&byte| byte == b'\n');
    lines.map(<[u8]>::to_vec).collect()
}

/// What should have been kept of `written`: its lines, cut.
fn model(written: &[u8]) -> Vec<Vec<u8>> {
    let cut = |line: Vec<u8>| {
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let most = LINE as usize;
        match text.len().checked_sub(most).filter(|more| *more > 0) {
            None => line,
            Some(_) if text.len() == line.len() => text[..most].to_vec(),
            Some(more) => [&text[..most], format!(" [{more} bytes cut]\n").as_bytes()].concat(),
        }
    };
    lines(written).into_iter().map(cut).collect()
}

fn check(ring: &Ring, written: &[u8]) {
    let expected = model(written);
    let kept = lines(&kept(ring));
    let lost = ring.head().lost as usize;
    assert_eq!(lost + kept.len(), expected.len());
    assert!(kept == expected[lost..], "the newest lines");
    let size: usize = kept.iter().map(Vec::len).sum();
    // Nothing is thrown away early.
    assert!(lost == 0 || size as u64 >= TEXT - LINE - FREED - LINE - 64);
    assert_eq!(Head::of(ring.file()), Some(ring.head()));
}

#[test]
fn a_few_lines_are_kept_as_they_are() {
    let mut ring = Ring::new().unwrap();
    ring.append(b"one\ntw");
    ring.append(b"o\n\xff\0\n");
    assert_eq!(kept(&ring), b"one\ntwo\n\xff\0\n");
    ring.append(b"three");
    ring.end_line();
    ring.end_line();
    check(&ring, b"one\ntwo\n\xff\0\nthree\n");
    assert_eq!(ring.position(4), 4);
    assert_eq!(ring.position(99), 0, "another log's position");
    assert_eq!(ring.read(4, 3).unwrap(), b"two");
}

#[test]
fn a_megabyte_without_a_newline_costs_one_line() {
    let mut ring = Ring::new().unwrap();
    ring.append(b"before\n");
    for _ in 0..256 {
        ring.append(&[b'x'; 4096]);
    }
    ring.append(b"\nafter\n");
    let kept = lines(&kept(&ring));
    assert_eq!(kept[0], b"before\n");
    assert!(kept[1].ends_with(b"x [1040384 bytes cut]\n"));
    assert_eq!(kept[2], b"after\n");
}

#[test]
fn a_ring_goes_on_from_its_file_and_survives_a_damaged_one() {
    let mut ring = Ring::new().unwrap();
    for n in 0..20_000 {
        ring.append(format!("line {n}\n").as_bytes());
    }
    let head = ring.head();
    let Ring { file, .. } = ring;
    let mut ring = Ring::resume(file);
    assert_eq!(ring.head(), head);
    ring.append(b"more\n");
    assert!(kept(&ring).ends_with(b"line 19999\nmore\n"));
    let Ring { file, .. } = ring;
    pwrite(&file, &[0xff; 48], 0).unwrap();
    let mut ring = Ring::resume(file);
    assert_eq!(ring.head(), Head::default());
    ring.append(b"again\n");
    assert_eq!(kept(&ring), b"again\n");
    let (position, lines) = (6, 1);
    set_filed(ring.file(), Filed { position, lines });
    assert_eq!(Head::of(ring.file()), Some(ring.head()));
    assert_eq!(filed(ring.file()), Filed { position, lines });
}

#[test]
fn lines_without_memory_are_counted_and_told() {
    let mut ring = Ring::new().unwrap();
    ring.append(b"one\n");
    let read_only = std::fs::File::open("/dev/null").unwrap();
    let file = std::mem::replace(&mut ring.file, read_only.into());
    ring.append(b"two\nthree\n");
    ring.file = file;
    ring.append(b"four\n");
    assert_eq!(kept(&ring), b"one\n[2 lines lost: no memory]\nfour\n");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_newest_lines_are_kept_and_the_others_counted(
        pieces in prop::collection::vec((0_usize..12_000, 0_u8..4, 1_usize..300), 1..60),
    ) {
        let mut ring = Ring::new().unwrap();
        let mut written = Vec::new();
        for (length, kind, every) in pieces {
            let piece: Vec<u8> = (0..length).map(|at| match kind {
                0 => b'x',
                _ if at % every == 0 => b'\n',
                kind => (at % 251) as u8 ^ kind,
            }).collect();
            ring.append(&piece);
            written.extend_from_slice(&piece);
            check(&ring, &written);
        }
        // A reader in the middle gets what is there.
        let head = ring.head();
        let middle = head.start + (head.end - head.start) / 2;
        let all = kept(&ring);
        let rest = ring.read(middle, usize::MAX).unwrap();
        prop_assert!(all.ends_with(&rest) && all.len() as u64 - rest.len() as u64 == middle - head.start);
    }
}
