//! The manual, from the registry: one command's page, the list by chapter, and the Markdown of
//! `docs/commands.md`.

use std::fmt::Write;

use super::packed::Long;
use super::{COMMANDS, Command, Group, Opt};

/// The manual page of one command, as `help NAME` prints it.
pub fn manual(command: &Command) -> String {
    let mut page = format!("{} - {}\n\n", command.name, command.summary);
    page.push_str(&fill("usage: ", &synopsis(command)));
    if !command.aliases.is_empty() {
        let _ = writeln!(page, "also:  {}", command.aliases.join(", "));
    }
    let long = Long::of(command);
    if !long.details().is_empty() {
        let _ = write!(page, "\n{}", paragraphs(long.details().trim_end()));
    }
    if !command.options.is_empty() {
        page.push_str("\noptions:\n");
        for (nth, option) in command.options.iter().enumerate() {
            let spelling = format!("  {:<24} ", spelling(option));
            page.push_str(&fill(&spelling, long.help(nth)));
        }
    }
    let examples = long.examples(command);
    if !examples.is_empty() {
        page.push_str("\nexamples:\n");
        for (line, purpose) in examples {
            let one = format!("  {line:<40} # {purpose}");
            let _ = match one.chars().count() {
                0..=WIDTH => writeln!(page, "{one}"),
                _ => writeln!(page, "  # {purpose}\n  {line}"),
            };
        }
    }
    if !command.see.is_empty() {
        let _ = write!(page, "\nsee also: {}\n", command.see.join(", "));
    }
    page
}

/// A serial terminal's width, less the last column, which some wrap at.
const WIDTH: usize = 79;

/// Joins and fills the lines of a paragraph; empty ones, indented ones and rows of a table (two blanks in
/// a row) are kept.
fn paragraphs(text: &str) -> String {
    let (mut page, mut open) = (String::new(), String::new());
    let close = |page: &mut String, open: &mut String| {
        if !open.is_empty() {
            page.push_str(&fill("", &std::mem::take(open)));
        }
    };
    for line in text.lines() {
        if line.is_empty() || line.starts_with(' ') || line.contains("  ") {
            close(&mut page, &mut open);
            let _ = writeln!(page, "{line}");
        } else {
            let _ = write!(open, "{line} ");
        }
    }
    close(&mut page, &mut open);
    page
}

/// `text` behind `label`, wrapped at words; further lines begin below the text's first.
fn fill(label: &str, text: &str) -> String {
    let indent = label.chars().count();
    let (mut page, mut column) = (label.to_owned(), indent);
    for (number, word) in text.split_whitespace().enumerate() {
        let width = word.chars().count();
        if number > 0 && column + 1 + width > WIDTH {
            let _ = write!(page, "\n{:indent$}", "");
            column = indent;
        } else if number > 0 {
            page.push(' ');
            column += 1;
        }
        page.push_str(word);
        column += width;
    }
    page.push('\n');
    page
}

/// `mount [-t TYPE] SOURCE TARGET`
pub fn synopsis(command: &Command) -> String {
    format!("{} {}", command.name, command.usage)
        .trim_end()
        .to_owned()
}

/// `-t, --type TYPE`
pub fn spelling(option: &Opt) -> String {
    let mut text = match (option.short, option.long) {
        (Some(short), "") => format!("-{short}"),
        (Some(short), long) => format!("-{short}, --{long}"),
        (None, long) => format!("--{long}"),
    };
    if let Some(value) = option.value {
        text.push(' ');
        text.push_str(value);
    }
    text
}

/// The chapter's heading.
pub fn title(group: Group) -> &'static str {
    match group {
        Group::Network => "Network",
        Group::Services => "Services and power",
        Group::System => "Mounts, modules, kernel",
        Group::Files => "Files and text",
        Group::Language => "Language",
    }
}

/// Every chapter with its commands, in the order of `help`.
pub fn chapters() -> impl Iterator<Item = (Group, Vec<&'static Command>)> {
    [
        Group::Network,
        Group::Services,
        Group::System,
        Group::Files,
        Group::Language,
    ]
    .into_iter()
    .map(|group| {
        (
            group,
            COMMANDS
                .iter()
                .copied()
                .filter(|command| command.group == group)
                .collect(),
        )
    })
}

/// The table of all commands in Markdown, as it stands in the README.
pub fn table() -> String {
    let mut text = String::from("| command | what it does |\n|---|---|\n");
    for (group, commands) in chapters() {
        let _ = writeln!(text, "| **{}** | |", title(group));
        for command in commands {
            let _ = writeln!(text, "| `{}` | {} |", command.name, command.summary);
        }
    }
    text
}

/// The whole manual in Markdown: `docs/commands.md`.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Commands\n\nGenerated from the registry in `src/cmd` by `make docs`; do not edit.\n",
    );
    for (group, commands) in chapters() {
        let _ = write!(text, "\n## {}\n", title(group));
        for command in commands {
            let _ = write!(
                text,
                "\n### {}\n\n```text\n{}```\n",
                command.name,
                manual(command)
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filled_to_the_width_of_a_terminal() {
        let words = "word ".repeat(40);
        let filled = fill("  --label  ", &words);
        let lines: Vec<_> = filled.lines().collect();
        assert!(lines.iter().all(|line| line.len() <= WIDTH), "{filled}");
        assert!(lines[1].starts_with("           word"), "{filled}");
        assert_eq!(filled.matches("word").count(), 40);
    }

    #[test]
    fn indented_lines_stay_as_they_are() {
        let text = "one\ntwo\n\n  a b\nx    y\nthree";
        assert_eq!(paragraphs(text), "one two\n\n  a b\nx    y\nthree\n");
    }
}
