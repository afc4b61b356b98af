//! What a person may have meant by an unknown command: search terms first, then spelling.

use super::COMMANDS;

/// A line of advice for a name that is neither a built-in nor a program.
pub fn for_unknown(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    if let Some(command) = COMMANDS.iter().find(|c| c.terms.contains(&&*lower)) {
        return Some(format!("try 'help {}': {}", command.name, command.summary));
    }
    let near = COMMANDS.iter().map(|c| (distance(&lower, c.name), c.name));
    match near.min() {
        Some((far, known)) if far * 3 <= lower.len() => Some(format!("did you mean '{known}'?")),
        _ => Some("try 'help'".to_owned()),
    }
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut older = Vec::new();
    let mut old: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let replaced = old[j] + usize::from(a[i] != b[j]);
            let mut best = replaced.min(old[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                let swapped: usize = older[j - 1];
                best = best.min(swapped + 1);
            }
            row.push(best);
        }
        older = std::mem::replace(&mut old, row);
    }
    old[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_and_nothing_far() {
        assert_eq!(distance("muont", "mount"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(for_unknown("muont").unwrap(), "did you mean 'mount'?");
        assert_eq!(for_unknown("qqqqqq").unwrap(), "try 'help'");
    }
}
