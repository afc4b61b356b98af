//! The manual, from the registry: one command's page, the list by chapter, and the Markdown of
//! `docs/commands.md`.

use std::fmt::Write;

use super::{COMMANDS, Command, Group, Opt};

/// The manual page of one command, as `help NAME` prints it.
pub fn manual(command: &Command) -> String {
    let mut page = format!(
        "{} - {}\n\nusage: {}\n",
        command.name,
        command.summary,
        synopsis(command)
    );
    if !command.aliases.is_empty() {
        let _ = writeln!(page, "also:  {}", command.aliases.join(", "));
    }
    if !command.details.is_empty() {
        let _ = write!(page, "\n{}\n", command.details.trim_end());
    }
    if !command.options.is_empty() {
        page.push_str("\noptions:\n");
        for option in command.options {
            let _ = writeln!(page, "  {:<24} {}", spelling(option), option.help);
        }
    }
    if !command.examples.is_empty() {
        page.push_str("\nexamples:\n");
        for (line, purpose) in command.examples {
            let _ = writeln!(page, "  {line:<40} # {purpose}");
        }
    }
    if !command.see.is_empty() {
        let _ = write!(page, "\nsee also: {}\n", command.see.join(", "));
    }
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
