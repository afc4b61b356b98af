//! Sorting, compiled once. Every type that std's sort is used on costs 3 to 6 kB of machine code; here it
//! is used on positions alone, and what is sorted is then put in their order.

use std::cmp::Ordering;

/// Sorts a list; equal values keep their order.
pub fn sort<T: Ord>(list: &mut [T]) {
    sort_by(list, T::cmp);
}

/// Sorts a list by what `key` says of each value; those of which it says the same keep their order.
pub fn sort_by_key<T, K: Ord>(list: &mut [T], key: impl Fn(&T) -> K) {
    sort_by(list, |a, b| key(a).cmp(&key(b)));
}

/// Sorts a list; what `compare` calls equal keeps its order.
pub fn sort_by<T>(list: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let mut sources = positions(list.len(), &|a, b| compare(&list[a], &list[b]));
    for place in 0..list.len() {
        // What belongs here may have been swapped away to a place that is filled already.
        let mut source = sources[place];
        while source < place {
            source = sources[source];
        }
        sources[place] = source;
        list.swap(place, source);
    }
}

/// The positions 0 to `count` - 1 in the order of what stands there.
fn positions(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..count).collect();
    // No two are equal, which makes std's smaller sort a stable one.
    positions.sort_unstable_by(|&a, &b| compare(a, b).then(a.cmp(&b)));
    positions
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn as_std_does(list in proptest::collection::vec((0..9_u8, any::<u16>()), 0..99)) {
            let (mut ours, mut theirs) = (list.clone(), list);
            sort_by_key(&mut ours, |pair| pair.0);
            theirs.sort_by_key(|pair| pair.0);
            prop_assert_eq!(&ours, &theirs);
            sort(&mut ours);
            theirs.sort();
            prop_assert_eq!(ours, theirs);
        }
    }
}
