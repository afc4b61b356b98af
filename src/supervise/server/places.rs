//! Who has to go when there is no place for another client. Pure. Invariant: whoever makes many
//! connections loses its own, not other people's.

use crate::sort;
use crate::time::Instant;

/// So many places one process keeps in any case, even if it waits in all of them.
const FAIR: usize = 32;

/// What counts about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The process that made it; 0 where that is not known, as from outside of the PID namespace.
    pub pid: i32,
    /// Whether something is owed to it: an answer that it waits for, or one that it has not taken.
    pub busy: bool,
    /// When it was heard last.
    pub heard: Instant,
}

/// Which connection a new one of process `newcomer` takes the place of: of its own, where it has more
/// than its share, else of the process that has the most, the one that has been idle for longest. One
/// that waits goes only where its process has more than its share. `None`: the new one has to go.
pub(super) fn victim(places: &[Place], newcomer: i32) -> Option<usize> {
    let own = places.iter().filter(|place| place.pid == newcomer).count();
    let (crowd, pid) = match own > FAIR && newcomer > 0 {
        true => (own, newcomer),
        false => largest_crowd(places),
    };
    let of_crowd = |place: &Place| crowd == 1 || place.pid == pid;
    let candidates = || {
        let all = places.iter().enumerate();
        all.filter(|(_, place)| of_crowd(place))
    };
    let idle = candidates().filter(|(_, place)| !place.busy);
    let longest = idle.min_by_key(|(_, place)| place.heard);
    let found = longest.or_else(|| match crowd > FAIR {
        true => candidates().min_by_key(|(_, place)| place.heard),
        false => idle_of_others(places),
    });
    found.map(|(at, _)| at)
}

/// Where everybody in the crowd waits and may: one that has been idle for longest of all.
fn idle_of_others(places: &[Place]) -> Option<(usize, &Place)> {
    let idle = places.iter().enumerate().filter(|(_, place)| !place.busy);
    idle.min_by_key(|(_, place)| place.heard)
}

/// The process with the most connections, and how many. Those of unknown processes are one each.
fn largest_crowd(places: &[Place]) -> (usize, i32) {
    let known = places.iter().map(|place| place.pid).filter(|&pid| pid > 0);
    let mut pids: Vec<_> = known.collect();
    sort::sort(&mut pids);
    let crowds = pids.chunk_by(|a, b| a == b);
    let largest = crowds.map(|crowd| (crowd.len(), crowd[0])).max();
    largest.unwrap_or((1, 0))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn place(pid: i32, busy: bool, second: u64) -> Place {
        let heard = Instant::BOOT + Duration::from_secs(second);
        Place { pid, busy, heard }
    }

    #[test]
    fn the_crowd_pays_for_itself() {
        let mut places = vec![place(7, false, 0), place(8, true, 0)];
        places.extend((1..50).map(|second| place(9, false, second)));
        assert_eq!(victim(&places, 1), Some(2));
        assert_eq!(victim(&places, 9), Some(2));
        places[2].busy = true;
        assert_eq!(victim(&places, 1), Some(3));
        // A crowd that waits keeps its share and no more.
        places
            .iter_mut()
            .skip(2)
            .for_each(|place| place.busy = true);
        assert_eq!(victim(&places, 1), Some(2));
        places.truncate(2 + FAIR);
        assert_eq!(victim(&places, 1), Some(0));
        places[0].busy = true;
        assert_eq!(victim(&places, 1), None);
    }

    #[test]
    fn strangers_are_no_crowd() {
        let places: Vec<_> = (0..50).map(|n| place(0, n < 10, 100 - n)).collect();
        assert_eq!(victim(&places, 1), Some(49));
        assert_eq!(victim(&[], 1), None);
    }
}
