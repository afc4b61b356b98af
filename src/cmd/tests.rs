//! The registry keeps its promises: sorted, unique, documented, and the generated manual in step.

use super::*;

#[test]
fn sorted_and_unique() {
    let names: Vec<_> = COMMANDS.iter().map(|command| command.name).collect();
    assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    let mut all: Vec<_> = COMMANDS
        .iter()
        .flat_map(|c| c.aliases.iter().chain([&c.name]))
        .collect();
    all.sort_unstable();
    assert!(all.windows(2).all(|pair| pair[0] != pair[1]), "{all:?}");
}

#[test]
fn found_by_name_and_alias() {
    for command in COMMANDS {
        for name in command.aliases.iter().chain([&command.name]) {
            assert!(
                std::ptr::eq(find(OsStr::new(name)).unwrap(), *command),
                "{name}"
            );
        }
    }
    assert!(find(OsStr::new("no-such-command")).is_none());
}

#[test]
fn documented() {
    for command in COMMANDS {
        let name = command.name;
        assert!(!command.summary.is_empty(), "{name}: no summary");
        assert!(
            command.summary.len() <= 64,
            "{name}: summary too long for one line of help"
        );
        assert!(
            !command.summary.ends_with('.'),
            "{name}: summary ends with a full stop"
        );
        let long = packed::Long::of(command);
        let examples = long.examples(command);
        assert!(!examples.is_empty(), "{name}: no example");
        for see in command.see {
            assert!(
                find(OsStr::new(see)).is_some(),
                "{name}: see also {see}: no such command"
            );
        }
        for (nth, option) in command.options.iter().enumerate() {
            assert!(
                !long.help(nth).is_empty(),
                "{name}: option {option:?} without help"
            );
            assert!(
                option.short.is_some() || option.long.len() > 1,
                "{name}: nameless option"
            );
        }
        for line in long.details().lines() {
            assert!(
                line.chars().count() <= 100,
                "{name}: too long for a terminal: {line}"
            );
        }
    }
}

#[test]
fn manual_is_in_step() {
    let root = env!("CARGO_MANIFEST_DIR");
    let kept = std::fs::read_to_string(format!("{root}/docs/commands.md")).unwrap();
    assert!(
        kept == docs::markdown(),
        "docs/commands.md is out of step: run 'make docs'"
    );
    let readme = std::fs::read_to_string(format!("{root}/README.md")).unwrap();
    assert!(
        readme.contains(&docs::table()),
        "the README's command table is out of step: run 'make docs'"
    );
    assert!(
        readme.contains(include_str!("../boot.run")),
        "the README's copy of src/boot.run is out of step"
    );
}
