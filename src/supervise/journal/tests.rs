//! Any history gives back its last state; a torn or damaged end costs the last step at most.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::supervise::wire::Malformed;

type Model = BTreeMap<Key, Vec<u8>>;

/// One turn: what was put and what was removed.
type Turn = Vec<(Key, Option<Vec<u8>>)>;

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let key = (0_u8..4, 0_u32..6);
    let value = prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 0..20));
    let turn = prop::collection::vec((key, value), 1..5);
    prop::collection::vec(turn, 1..12)
}

fn put(batch: &mut Batch, turn: &Turn) {
    for (key, value) in turn {
        match value {
            Some(value) => batch.put(*key, value),
            None => batch.remove(*key),
        }
    }
}

fn follow(model: &mut Model, turn: &Turn) {
    for (key, value) in turn {
        match value {
            Some(value) => model.insert(*key, value.clone()),
            None => model.remove(key),
        };
    }
}

fn read(bytes: &[u8]) -> Model {
    let (state, _) = State::replay(bytes);
    let section = |section: Section| {
        let all = state.section::<Vec<u8>>(section);
        all.map(move |(number, value)| (section.key(number), value.unwrap()))
            .collect::<Vec<_>>()
    };
    let sections = [
        Section::Head,
        Section::Single,
        Section::Spec,
        Section::Service,
    ];
    sections.into_iter().flat_map(section).collect()
}

fn reopened(journal: &Journal) -> (Journal, Vec<u8>) {
    let copy = journal.file().fd().try_clone_to_owned().unwrap();
    Journal::open(copy).unwrap()
}

proptest! {
    #[test]
    fn a_history_gives_back_its_last_state_however_it_was_shortened(
        turns in turns(), shortened in prop::collection::vec(any::<bool>(), 12),
    ) {
        let mut journal = Journal::new().unwrap();
        let mut model = Model::new();
        for (turn, shorten) in turns.iter().zip(shortened) {
            let mut batch = Batch::default();
            put(&mut batch, turn);
            journal.append(&mut batch).unwrap();
            follow(&mut model, turn);
            if shorten {
                journal.shorten(|snapshot| {
                    model.iter().for_each(|(key, value)| snapshot.batch().put(*key, value));
                }).unwrap();
            }
            let (again, bytes) = reopened(&journal);
            prop_assert_eq!(&read(&bytes), &model);
            prop_assert_eq!((again.start, again.end), (journal.start, journal.end));
        }
    }

    #[test]
    fn cut_anywhere_it_is_the_state_before_the_torn_record(turns in turns()) {
        let mut bytes = Vec::new();
        let mut model = Model::new();
        let mut ends = vec![(0, model.clone())];
        for turn in &turns {
            let mut batch = Batch::default();
            put(&mut batch, turn);
            bytes.extend_from_slice(batch.record());
            follow(&mut model, turn);
            ends.push((bytes.len(), model.clone()));
        }
        for cut in 0..=bytes.len() {
            let whole = ends.iter().rev().find(|(end, _)| *end <= cut).unwrap();
            prop_assert_eq!(&read(&bytes[..cut]), &whole.1, "cut at {}", cut);
            prop_assert_eq!(State::replay(&bytes[..cut]).1, whole.0);
        }
    }

    #[test]
    fn a_damaged_record_counts_nothing(turns in turns(), place in any::<prop::sample::Index>(), bit in 0..8) {
        let mut bytes = Vec::new();
        let mut ends = vec![(0, Model::new())];
        for turn in &turns {
            let mut batch = Batch::default();
            put(&mut batch, turn);
            bytes.extend_from_slice(batch.record());
            let mut model = ends.last().unwrap().1.clone();
            follow(&mut model, turn);
            ends.push((bytes.len(), model));
        }
        let place = place.index(bytes.len());
        bytes[place] ^= 1_u8 << bit;
        let whole = ends.iter().rev().find(|(end, _)| *end <= place).unwrap();
        prop_assert_eq!(&read(&bytes), &whole.1);
    }

    #[test]
    fn noise_is_an_empty_state(noise in prop::collection::vec(any::<u8>(), 0..400)) {
        let (state, read) = State::replay(&noise);
        prop_assert_eq!(read, 0);
        prop_assert_eq!(state.section::<u64>(Section::Single).count(), 0);
        let file = File::new().unwrap();
        file.write_at(0, &noise).unwrap();
        let copy = file.fd().try_clone_to_owned().unwrap();
        prop_assert!(Journal::open(copy).is_err());
    }
}

#[test]
fn it_stays_about_as_short_as_its_state() {
    let mut journal = Journal::new().unwrap();
    let value = vec![7_u8; 100];
    for turn in 0..50_000_u32 {
        let mut batch = Batch::default();
        batch.put((1, turn % 50), &value);
        journal.append(&mut batch).unwrap();
        if journal.is_long() {
            journal
                .shorten(|snapshot| {
                    (0..50).for_each(|number| snapshot.batch().put((1, number), &value));
                })
                .unwrap();
        }
    }
    let stat = nix::sys::stat::fstat(journal.file().fd()).unwrap();
    assert!(stat.st_blocks * 512 < 200_000, "{}", stat.st_blocks * 512);
    let (_, bytes) = reopened(&journal);
    assert_eq!(
        State::replay(&bytes)
            .0
            .section::<Vec<u8>>(Section::Single)
            .count(),
        50
    );
}

#[test]
fn another_layout_is_refused() {
    let journal = Journal::new().unwrap();
    journal.file().write_at(4, &9_u32.to_le_bytes()).unwrap();
    let copy = journal.file().fd().try_clone_to_owned().unwrap();
    assert_eq!(Journal::open(copy).unwrap_err(), Unusable::Version(9));
}

#[test]
fn a_value_of_another_type_is_an_error() {
    let mut batch = Batch::default();
    batch.put((1, 1), &7_u32);
    let bytes = batch.record().to_vec();
    let (state, _) = State::replay(&bytes);
    assert_eq!(state.get::<u64>((1, 1)), Err(Malformed::Short));
    assert_eq!(state.get::<u8>((1, 1)), Err(Malformed::Long));
    assert_eq!(state.get::<u32>((1, 1)), Ok(Some(7)));
    assert_eq!(state.get::<u32>((1, 2)), Ok(None));
}

#[test]
fn what_has_not_changed_is_not_put_again() {
    let mut batch = Batch::default();
    let sum = batch.put_changed((1, 1), &7_u32, 0);
    assert!(!batch.is_empty());
    batch.clear();
    assert_eq!(batch.put_changed((1, 1), &7_u32, sum), sum);
    assert!(batch.is_empty());
}
