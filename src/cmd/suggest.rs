//! What a person may have meant by an unknown command: search terms first, then spelling.

use super::search::{about, spelled_like};

/// A line of advice for a name that is neither a built-in nor a program.
pub fn for_unknown(name: &str) -> String {
    let is_term = |command: &&super::Command| command.terms.contains(&name);
    if let Some(command) = about(name).into_iter().find(is_term) {
        return format!("try '{}': {}", command.name, command.summary);
    }
    match spelled_like(name).first() {
        Some(command) => format!("did you mean '{}'?", command.name),
        None => "try 'help'".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_then_spelling_then_help() {
        assert_eq!(for_unknown("muont"), "did you mean 'mount'?");
        assert_eq!(for_unknown("qqqqqq"), "try 'help'");
    }
}
