//! Which command somebody may have meant, pure: by what it is about first, then by spelling.

use super::{COMMANDS, Command};
use crate::sort;

/// The commands whose name, summary or search terms contain `word`, best first: names before terms
/// before summaries.
pub fn about(word: &str) -> Vec<&'static Command> {
    let word = word.to_lowercase();
    if word.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<_> = COMMANDS
        .iter()
        .filter_map(|command| Some((rank(command, &word)?, *command)))
        .collect();
    sort::sort_by_key(&mut found, |(rank, _)| *rank);
    found.into_iter().map(|(_, command)| command).collect()
}

/// How closely the word fits; smaller is better.
fn rank(command: &Command, word: &str) -> Option<u8> {
    let terms = || command.terms.iter();
    if command.name == word || command.aliases.contains(&word) {
        Some(0)
    } else if terms().any(|term| term.to_lowercase() == word) {
        Some(1)
    } else if command.name.contains(word) {
        Some(2)
    } else if terms().any(|term| term.to_lowercase().contains(word)) {
        Some(3)
    } else if command.summary.to_lowercase().contains(word) {
        Some(4)
    } else {
        None
    }
}

/// The commands whose name is spelled nearly so: at most a third of its letters are wrong.
pub fn spelled_like(word: &str) -> Vec<&'static Command> {
    let most = word.chars().count() / 3;
    let mut found: Vec<_> = COMMANDS
        .iter()
        .map(|command| (distance(word, command.name), *command))
        .filter(|(distance, _)| (1..=most).contains(distance))
        .collect();
    sort::sort_by_key(&mut found, |(distance, _)| *distance);
    found.into_iter().map(|(_, command)| command).collect()
}

/// Letters to insert, delete, replace or swap with their neighbour to get from one word to the other.
/// Long words are as far as they are long: nobody mistypes a command of 40 letters.
pub fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().max(b.len()) > 40 {
        return a.len().max(b.len());
    }
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = changed.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(found: Vec<&'static Command>) -> Vec<&'static str> {
        found.into_iter().map(|command| command.name).collect()
    }

    #[test]
    fn by_name_term_or_summary() {
        assert_eq!(names(about("mount"))[..2], ["mount", "umount"]);
        assert_eq!(names(about("manual"))[0], "help");
        assert!(about("no-such-thing").is_empty());
        assert!(about("").is_empty());
    }

    #[test]
    fn by_spelling() {
        assert_eq!(names(spelled_like("muont")), ["mount"]);
        assert_eq!(names(spelled_like("dhcp")), ["dhcp4", "dhcp6"]);
        assert!(spelled_like("xy").is_empty());
        assert!(spelled_like(&"long".repeat(1000)).is_empty());
    }

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("a", "", 1),
            ("ab", "ba", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
