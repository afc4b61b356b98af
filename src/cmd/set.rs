//! `set`: shell options and positional parameters.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::{Call, Command, Flow, Group, Operand, Parse};
use crate::failure::Failure;
use crate::script::options::{self, Flag};
use crate::script::vars::single_quoted;

pub(super) const COMMAND: Command = Command {
    name: "set",
    group: Group::Language,
    summary: "shell options and positional parameters",
    usage: "[-aCefnuvx] [-o NAME] [--] [ARG…]",
    details: "  -a  allexport  whatever is assigned is exported\n  \
                -C  noclobber  '>' does not overwrite a file, '>|' does\n  \
                -e  errexit    the first failed command that nothing tests ends the script\n  \
                -f  noglob     no pathname expansion\n  \
                -n  noexec     reads, but runs nothing\n  \
                    pipefail   a pipeline fails where any of its commands does\n  \
                -u  nounset    an unset variable is an error\n  \
                -v  verbose    shows a script's text as it is read\n  \
                -x  xtrace     shows each command before it runs\n\n\
              '+' in place of '-' turns an option off; '-o' alone lists all. ARGs become $1, $2, …; '--' alone\n\
              leaves none. Without any argument the variables are listed.",
    parse: Parse::Raw,
    see: &["export", "shift", "get"],
    terms: &["option", "variable", "args"],
    examples: &[
        ("set -e", "the first failed command ends the script"),
        ("set -- a b", "$1 is a, $2 is b"),
    ],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let mut words = std::mem::take(&mut call.args).into_iter().peekable();
    if words.peek().is_none() {
        return Ok(list_variables(call));
    }
    while let Some(word) = words.peek().and_then(|word| word.to_str()) {
        let on = word.starts_with('-');
        if word == "--" {
            words.next();
            set_positional(call, words.collect());
            return Ok(Flow::OK);
        }
        if word == "-" {
            words.next();
            call.shell.set_option(Flag::XTrace, false);
            call.shell.set_option(Flag::Verbose, false);
            break;
        }
        if !(on || word.starts_with('+')) || word.len() < 2 {
            break;
        }
        let letters = word[1..].to_owned();
        words.next();
        for letter in letters.chars() {
            match letter {
                'o' => match words.next() {
                    Some(name) => set_by_name(call, &name, on)?,
                    None => list_options(call, on),
                },
                letter => set_by_letter(call, letter, on)?,
            }
        }
    }
    let rest: Vec<_> = words.collect();
    if !rest.is_empty() {
        set_positional(call, rest);
    }
    Ok(Flow::OK)
}

fn set_positional(call: &mut Call<'_>, words: Vec<OsString>) {
    call.shell.vars.positional = words.into_iter().map(OsString::into_vec).collect();
}

fn set_by_letter(call: &mut Call<'_>, letter: char, on: bool) -> Result<(), Failure> {
    let unknown = || Failure::usage(format!("unknown option -{letter}")).with_hint("try 'help set'");
    // POSIX options without an effect here: job control is on where there is a terminal.
    if !matches!(letter, 'b' | 'h' | 'm') {
        let flag = options::by_letter(letter).ok_or_else(unknown)?;
        call.shell.set_option(flag, on);
    }
    Ok(())
}

fn set_by_name(call: &mut Call<'_>, name: &OsString, on: bool) -> Result<(), Failure> {
    let name = call.text(name)?;
    let flag = options::by_name(name);
    let flag = flag.ok_or_else(|| Failure::usage(format!("unknown option '{name}'")))?;
    call.shell.set_option(flag, on);
    Ok(())
}

fn list_options(call: &mut Call<'_>, people: bool) {
    let set = call.shell.options;
    for &(flag, _, name) in options::ALL {
        match (people, set.has(flag)) {
            (true, true) => call.print(format_args!("{name:<16}on\n")),
            (true, false) => call.print(format_args!("{name:<16}off\n")),
            (false, true) => call.print(format_args!("set -o {name}\n")),
            (false, false) => call.print(format_args!("set +o {name}\n")),
        }
    }
}

fn list_variables(call: &mut Call<'_>) -> Flow {
    let mut text = Vec::new();
    for (name, variable) in call.shell.vars.iter() {
        if let Some(value) = &variable.value {
            text.extend_from_slice(name.as_bytes());
            text.push(b'=');
            text.extend(single_quoted(value));
            text.push(b'\n');
        }
    }
    call.out.bytes(&text);
    Flow::OK
}
