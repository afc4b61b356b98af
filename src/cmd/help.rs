//! `help`: list the commands, explain one, or search.

use super::{COMMANDS, Call, Command, Flow, Group, Operand, Opt, docs, search, topics};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "help",
    group: Group::Language,
    summary: "list the commands, explain one, or search",
    usage: "[NAME|WORD]",
    details: "\
Without an argument: every command with what it does. With a command's name: its
manual page. With another word: the commands that have to do with it.
Topics: syntax (the language), settings, network, boot.",
    options: &[
        Opt::flag("markdown", "the whole manual in Markdown (docs/commands.md)"),
        Opt::flag("table", "the table of commands in Markdown (README)"),
    ],
    see: &["type"],
    terms: &["manual", "man", "usage", "commands", "search", "?"],
    examples: &[
        ("help", "every command"),
        ("help dhcp4", "one command"),
        ("help address", "what has to do with addresses"),
        ("help boot", "from power-on to the prompt"),
    ],
    operands: Operand::Command,
    run,
    ..Command::DEFAULT
};

/// A name that is wider than this pushes its summary to the right.
const NAME_WIDTH: usize = 9;

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let text = if call.given.flag("markdown") {
        call.none()?;
        docs::markdown()
    } else if call.given.flag("table") {
        call.none()?;
        docs::table()
    } else if call.args.is_empty() {
        overview()
    } else {
        let word = call.one("NAME")?;
        about(call.text(word)?)?
    };
    call.print(format_args!("{text}"));
    Ok(Flow::OK)
}

/// Every command by chapter. What a 24-line screen still shows is the end, so the way on stands there.
fn overview() -> String {
    let mut text = String::new();
    for (group, commands) in docs::chapters() {
        text.push_str(docs::title(group));
        text.push('\n');
        commands.iter().for_each(|command| line(&mut text, command.name, command.summary));
        text.push('\n');
    }
    text.push_str("Topics\n");
    for topic in topics::TOPICS {
        line(&mut text, topic.name, topic.summary);
    }
    text.push_str(&format!(
        "\n{} commands. 'help NAME' explains one, 'help WORD' searches, TAB completes.\n",
        COMMANDS.len()
    ));
    text
}

/// `  mount     - attach a filesystem`
fn line(text: &mut String, name: &str, summary: &str) {
    text.push_str(&format!("  {name:<NAME_WIDTH$} - {summary}\n"));
}

/// A command's page, a topic's, or what a search finds.
fn about(word: &str) -> Result<String, Failure> {
    if let Some(command) = super::find(word.as_ref()) {
        return Ok(docs::manual(command));
    }
    if let Some(topic) = topics::find(word) {
        return Ok(topic.text());
    }
    let mut found = search::about(word);
    let heading = if found.is_empty() {
        found = search::spelled_like(word);
        format!("No command is called '{word}'. Spelled like it:\n")
    } else {
        format!("No command is called '{word}'. About it:\n")
    };
    if found.is_empty() {
        let failure = Failure::new(format!("nothing about '{word}'"));
        return Err(failure.with_hint("'help' lists every command"));
    }
    let mut text = heading;
    for command in found {
        line(&mut text, command.name, command.summary);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overview_has_every_command_within_80_columns() {
        let text = overview();
        for command in COMMANDS {
            let wanted = format!("  {:<NAME_WIDTH$} - {}", command.name, command.summary);
            assert!(text.lines().any(|line| line == wanted), "{wanted}");
        }
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn a_word_that_is_no_command_is_searched() {
        assert!(about("manual").unwrap().contains("help "));
        assert!(about("hepl").unwrap().contains("Spelled like it"));
        assert!(about("boot").unwrap().contains("initsh.delay"));
        assert!(about("zzzzzz").is_err());
    }
}
