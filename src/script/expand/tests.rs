//! Words → fields, as POSIX has them.

use super::*;
use crate::script::ast::{Item, Kind};
use crate::script::parser;
use crate::script::source::Source;

/// The fields of the words of one command, or the error's message.
fn fields(shell: &mut Shell, text: &str) -> Result<Vec<String>, String> {
    let list = parser::parse(&Source::new("test", text)).unwrap();
    let [Item { first, .. }] = list.items.as_slice() else {
        panic!("one command: {text}");
    };
    let Kind::Simple { words: given, .. } = &first.commands[0].kind else {
        panic!("a simple command: {text}");
    };
    let fields = words(shell, given).map_err(|error| {
        let subject = error.subject.map_or_else(String::new, |s| format!("{s}: "));
        format!("{subject}{}", error.failure)
    })?;
    Ok(fields
        .into_iter()
        .map(|field| String::from_utf8_lossy(&field).into_owned())
        .collect())
}

fn shell() -> Shell {
    let mut shell = Shell::with_environment(vec![("HOME".into(), "/home/u".into())]);
    for (name, value) in [
        ("x", "a b"),
        ("e", ""),
        ("p", "/usr/lib/x.ko.gz"),
        ("s", "*"),
    ] {
        shell.assign(name, value.as_bytes().to_vec()).unwrap();
    }
    shell.vars.positional = vec![b"1 1".to_vec(), Vec::new(), b"3".to_vec()];
    shell
}

#[test]
fn parameters() {
    for (text, expected) in [
        ("$x", vec!["a", "b"]),
        ("\"$x\"", vec!["a b"]),
        ("$e", vec![]),
        ("\"$e\"", vec![""]),
        ("'$x'", vec!["$x"]),
        ("-$x-", vec!["-a", "b-"]),
        ("${u:-$x}", vec!["a", "b"]),
        ("\"${u:-$x}\"", vec!["a b"]),
        ("${e:-d}${e-d}", vec!["d"]),
        ("${x:+yes}${e:+no}", vec!["yes"]),
        ("${#x}", vec!["3"]),
        ("${p##*/}", vec!["x.ko.gz"]),
        ("${p%.*}", vec!["/usr/lib/x.ko"]),
        ("${p%%.*}", vec!["/usr/lib/x"]),
        ("${p#/usr}", vec!["/lib/x.ko.gz"]),
        ("${x#'a '}", vec!["b"]),
        ("${n:=new}$n", vec!["newnew"]),
        ("~/x", vec!["/home/u/x"]),
        ("$#", vec!["3"]),
        ("\"$@\"", vec!["1 1", "", "3"]),
        ("\"<$@>\"", vec!["<1 1", "", "3>"]),
        ("$@", vec!["1", "1", "3"]),
        ("\"$*\"", vec!["1 1  3"]),
        ("$1$2$3$4", vec!["1", "13"]),
        ("\"$s\"", vec!["*"]),
        ("${cmdline.no_such}", vec![]),
    ] {
        assert_eq!(fields(&mut shell(), text).unwrap(), expected, "{text}");
    }
}

#[test]
fn no_parameters_no_fields() {
    let mut shell = shell();
    shell.vars.positional.clear();
    assert!(fields(&mut shell, "\"$@\"").unwrap().is_empty());
    assert_eq!(fields(&mut shell, "\"$*\"").unwrap(), [""]);
    assert_eq!(fields(&mut shell, "\"x$@\"").unwrap(), ["x"]);
}

#[test]
fn splitting_follows_ifs() {
    let mut shell = shell();
    shell.assign("IFS", b":".to_vec()).unwrap();
    shell.assign("l", b"a:b c::d".to_vec()).unwrap();
    assert_eq!(fields(&mut shell, "$l").unwrap(), ["a", "b c", "", "d"]);
    assert_eq!(fields(&mut shell, "\"$*\"").unwrap(), ["1 1::3"]);
}

#[test]
fn errors_name_the_variable() {
    let mut shell = shell();
    let failed = |shell: &mut Shell, text: &str| fields(shell, text).unwrap_err();
    assert_eq!(failed(&mut shell, "${u:?no disk}"), "u: no disk");
    assert_eq!(
        failed(&mut shell, "${e:?}"),
        "e: parameter not set or empty"
    );
    shell.vars.positional.clear();
    assert_eq!(failed(&mut shell, "${1:=x}"), "1: cannot be assigned");
}

#[test]
fn unset_is_an_error_only_where_asked() {
    let mut shell = shell();
    assert!(fields(&mut shell, "$u").unwrap().is_empty());
    shell.set_option(Flag::NoUnset, true);
    assert_eq!(
        fields(&mut shell, "$u").unwrap_err(),
        "u: parameter not set"
    );
    assert_eq!(fields(&mut shell, "${u:-d}").unwrap(), ["d"]);
}

#[test]
fn invalid_utf8_goes_through() {
    let mut shell = shell();
    shell.assign("b", vec![0xff, b'/', 0xfe]).unwrap();
    let list = parser::parse(&Source::new("test", "\"${b#*/}\"")).unwrap();
    let Kind::Simple { words: given, .. } = &list.items[0].first.commands[0].kind else {
        panic!("a simple command");
    };
    assert_eq!(words(&mut shell, given).unwrap(), [vec![0xfe]]);
}
