//! What the parser makes of text, what it says about text that is none, and its limits.

use super::*;
use crate::script::ast::{Command, Kind, Name, Operation, Part, RedirectKind};
use crate::time::processor_time;
use proptest::prelude::*;

fn list(text: impl AsRef<[u8]>) -> List {
    let source = Source::new("t", text.as_ref());
    parse(&source).unwrap_or_else(|error| panic!("{}", error.render(&source)))
}

fn error(text: impl AsRef<[u8]>) -> SyntaxError {
    let source = Source::new("t", text.as_ref());
    match parse(&source) {
        Err(error) => *error,
        Ok(list) => panic!("{:?} is a script: {list:?}", source.text),
    }
}

fn only(list: &List) -> &Command {
    let [item] = list.items.as_slice() else {
        panic!("{list:?}")
    };
    let [command] = item.first.commands.as_slice() else {
        panic!("{list:?}")
    };
    command
}

fn words(list: &List) -> &[Word] {
    match &only(list).kind {
        Kind::Simple { words, .. } => words,
        other => panic!("{other:?}"),
    }
}

/// The parts of the second word.
fn parts(text: &str) -> Vec<Part> {
    words(&list(text))[1].parts.clone()
}

fn literal(text: &str) -> Part {
    Part::Literal(text.into())
}

fn quoted(text: &str) -> Part {
    Part::Quoted(text.into())
}

#[test]
fn quoting() {
    assert_eq!(
        parts("e 'a'\\b\"c\"d"),
        [quoted("ab"), Part::Double(vec![literal("c")]), literal("d")]
    );
    assert_eq!(parts("e ''"), [quoted("")]);
    assert_eq!(parts("e \"\""), [Part::Double(vec![])]);
    assert_eq!(
        parts("e \"\\$\\a\\\"\\`\\\\\""),
        [Part::Double(vec![literal("$\\a\"`\\")])]
    );
    assert_eq!(parts("e a\\\nb"), [literal("ab")]);
    assert_eq!(parts("e 'a\\\nb'"), [quoted("a\\\nb")]);
    assert_eq!(parts("e $ $"), [literal("$")]);
    assert_eq!(parts("e a#b"), [literal("a#b")]);
    assert_eq!(words(&list("e #b")).len(), 1);
}

fn parameter(text: &str) -> (Name, Operation) {
    match parts(text).as_slice() {
        [Part::Parameter(parameter)] => (parameter.name.clone(), parameter.operation.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn parameters() {
    let variable = |name: &str| Name::Variable(name.into());
    let setting = |name: &str| Name::Setting(name.into());
    assert_eq!(parameter("e $x"), (variable("x"), Operation::Value));
    assert_eq!(parameter("e ${x}"), (variable("x"), Operation::Value));
    assert_eq!(parameter("e ${12}"), (Name::Position(12), Operation::Value));
    assert_eq!(parameter("e ${#x}"), (variable("x"), Operation::Length));
    assert_eq!(parameter("e ${#}"), (Name::Special(b'#'), Operation::Value));
    assert_eq!(
        parameter("e ${##}"),
        (Name::Special(b'#'), Operation::Length)
    );
    assert_eq!(
        parameter("e ${#?}"),
        (Name::Special(b'?'), Operation::Length)
    );
    assert_eq!(
        parameter("e ${#12}"),
        (Name::Position(12), Operation::Length)
    );
    assert_eq!(
        parameter("e ${cmdline.root}"),
        (setting("cmdline.root"), Operation::Value)
    );
    assert_eq!(
        parameter("e ${net.br-lan.ip4}"),
        (setting("net.br-lan.ip4"), Operation::Value)
    );
    let (name, operation) = parameter("e ${net.eth0.ip4:-none}");
    assert_eq!(name, setting("net.eth0.ip4"));
    assert!(
        matches!(operation, Operation::Default { colon: true, word } if word.parts == [literal("none")])
    );
    let (_, operation) = parameter("e ${x##*/}");
    assert!(
        matches!(operation, Operation::TrimStart { longest: true, pattern } if pattern.parts == [literal("*/")])
    );
}

#[test]
fn here_documents() {
    let tree = list("cat <<E | cat <<-'F'\n$x\nE\n\ta\n\t\tb\\\n\tF\necho\n");
    assert_eq!(tree.items.len(), 2);
    let bodies: Vec<_> = tree.items[0]
        .first
        .commands
        .iter()
        .map(|command| match &command.redirects[0].kind {
            RedirectKind::Here(word) => word.parts.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(matches!(&bodies[0][..], [Part::Double(parts)] if parts.len() == 2));
    assert_eq!(bodies[1], [quoted("a\nb\\\n")]);
    // In a function, in a substitution, in another body.
    list("f() { cat <<E\nx\nE\n}\nf");
    list("echo \"$(cat <<E\nx\nE\n)\" y");
    list("cat <<E\n$(cat <<F\nx\nF\n)\nE\n");
    assert!(error("echo $(cat <<E)\nx\nE\n").message.contains("no body"));
}

#[test]
fn spans_point_into_backquotes_and_here_documents() {
    let source = Source::new(
        "t",
        "echo `echo \\`echo \\$zz\\``\ncat <<-E\n\ta\n\t$yy\n\tE\n",
    );
    let tree = format!("{:?}", parse(&source).unwrap());
    for name in ["$zz", "$yy"] {
        let start = String::from_utf8_lossy(&source.text).find(name).unwrap();
        let span = format!("Span {{ start: {start}, end: {} }}", start + 3);
        assert!(tree.contains(&span), "{name} at {span} not in {tree}");
    }
}

#[test]
fn messages_say_what_was_found_and_expected() {
    for (text, message) in [
        (
            "if a\nthen b\n",
            "expected 'fi' to end the 'if' at line 1, found end of file",
        ),
        (
            "\nif a; fi",
            "expected 'then' after the condition of the 'if' at line 2, found 'fi'",
        ),
        (
            "while a; do b; fi",
            "expected 'done' to end the 'while' at line 1, found 'fi'",
        ),
        (
            "for 1 in a; do b; done",
            "expected a variable's name after 'for', found '1'",
        ),
        (
            "for x in a | b",
            "expected ';' or a newline after the words of the 'for', found '|'",
        ),
        (
            "case x in a) b",
            "expected 'esac' to end the 'case' at line 1, found end of file",
        ),
        (
            "case x in a b) ;; esac",
            "expected ')' or '|' after the pattern, found 'b'",
        ),
        (
            "{ a; ",
            "expected '}' to end the '{' at line 1, found end of file",
        ),
        (
            "( a ",
            "expected ')' to end the '(' at line 1, found end of file",
        ),
        ("( )", "expected a command after '(', found ')'"),
        ("if ; then", "expected a command after 'if', found ';'"),
        ("a |\n", "expected a command after '|', found end of file"),
        ("a && ; b", "expected a command after '&&', found ';'"),
        ("a ;; b", "unexpected ';;': no 'case' is open here"),
        ("fi", "unexpected 'fi': no 'if' is open here"),
        ("a; }", "unexpected '}': no '{' is open here"),
        (")", "unexpected ')': no '(' is open here"),
        ("& a", "expected a command, found '&'"),
        (
            "(a) b",
            "expected ';', '&' or a newline after the command, found 'b'",
        ),
        (
            "echo 'abc",
            "expected \"'\" to end the quote at line 1, found end of file",
        ),
        (
            "echo \"abc",
            "expected '\"' to end the quote at line 1, found end of file",
        ),
        (
            "echo $(abc",
            "expected ')' to end the '$(' at line 1, found end of file",
        ),
        (
            "echo `abc",
            "expected '`' to end the '`' at line 1, found end of file",
        ),
        (
            "echo `if`",
            "expected a command after 'if', found the closing backquote",
        ),
        (
            "echo ${x",
            "expected '}' to end the '${' at line 1, found end of file",
        ),
        (
            "echo ${x/a/b}",
            "not an expansion: expected '}' or one of :- :+ := :? # ## % %%",
        ),
        (
            "echo ${x:1:2}",
            "not an expansion: expected one of - + = ? after ':'",
        ),
        ("echo ${}", "expected a name after '${'"),
        (
            "echo ${a.b=c}",
            "a setting is read-only: it cannot be assigned",
        ),
        (
            "echo $((1",
            "expected '))' to end the '$((' at line 1, found end of file",
        ),
        (
            "cat <<E\nx\n",
            "expected a line 'E' to end the here-document at line 1, found end of file",
        ),
        (
            "cat <<<x",
            "'<<<' is not part of the language: use a here-document",
        ),
        ("a >", "expected a file's name after '>', found end of file"),
        (
            "a >\nb",
            "expected a file's name after '>', found end of line",
        ),
        ("f(a) { b; }", "expected ')' after 'f(', found 'a'"),
        (
            "a-b() { c; }",
            "not a function's name: expected letters, digits and _",
        ),
        ("f()", "expected a command after 'f()', found end of file"),
        ("! ! a", "expected a command, found '!'"),
        ("in a", "expected a command, found 'in'"),
        ("a\0b", "the script holds a NUL byte: is it a script?"),
    ] {
        assert_eq!(error(text).message, message, "{text:?}");
    }
}

#[test]
fn a_prompt_asks_for_more_only_where_more_helps() {
    for text in [
        "if a",
        "if a; then",
        "while a\n",
        "for x",
        "for x in a",
        "case x",
        "case x in",
        "case x in a)",
        "case x in a) b;;",
        "{ a",
        "( a",
        "a |",
        "a &&\n",
        "a ||",
        "!",
        "'a",
        "\"a",
        "\"a $(b",
        "`a",
        "${x",
        "${x:-",
        "$(a",
        "$((1+",
        "cat <<E",
        "cat <<E\nx",
        "f()",
        "f() {",
        "a >",
        "echo \"$(if",
    ] {
        assert!(error(text).incomplete, "{text:?}");
    }
    for text in [
        "fi",
        "a ;; b",
        "(a) b",
        ")",
        "${}",
        "`if`",
        "a\0",
        "( )",
        "f(a",
        "if ; ",
        "echo $((1) ",
    ] {
        assert!(!error(text).incomplete, "{text:?}");
    }
    let typed = |text: &str| parse_typed(&Source::new("t", text)).map_err(|error| error.incomplete);
    assert_eq!(typed("echo a \\\n").map(drop), Err(true));
    assert_eq!(typed("echo a \\").map(drop), Err(true));
    assert!(typed("echo a \\\\\n").is_ok());
    assert!(typed("echo a \\\nb\n").is_ok());
    list("echo a \\\n");
}

#[test]
fn the_place_of_an_error() {
    let source = Source::new("boot.run", "a\nif b; then\n  c\n\n\n");
    assert_eq!(
        parse(&source).unwrap_err().render(&source),
        "boot.run:3:4: expected 'fi' to end the 'if' at line 2, found end of file\n   3 |   c\n     |    ^\n"
    );
}

/// As much stack as a process has.
fn with_stack(megabytes: usize, run: fn()) {
    let thread = std::thread::Builder::new()
        .stack_size(megabytes << 20)
        .spawn(run);
    thread.unwrap().join().unwrap();
}

#[test]
fn nesting_fits_the_stack() {
    with_stack(if cfg!(debug_assertions) { 8 } else { 1 }, nesting);
}

/// Each of these is one level; both sides of the limit are tried.
fn nesting() {
    let kinds: &[(&str, &str, &str)] = &[
        ("{ ", "a", " ; }"),
        ("( ", "a", " )"),
        ("if ", "a", "; then b; fi"),
        ("while ", "a", "; do b; done"),
        ("for x in a; do ", "b", "; done"),
        ("case x in a) ", "b", ";; esac"),
        ("f() ", "{ a; }", ""),
        ("a $(", "a", ")"),
        ("a ${x:-", "a", "}"),
        ("a \"${x:-", "a", "}\""),
        ("a \"$(", "a", ")\""),
        ("a $(( ", "1", " ))"),
        ("a ${x#", "a", "}"),
    ];
    for (open, middle, close) in kinds {
        let nest = |count: usize| {
            let (open, first) = match open.strip_prefix("a ") {
                // What is inside a word nests without the command.
                Some(inner) => (inner.to_owned(), "a "),
                None => ((*open).to_owned(), ""),
            };
            format!(
                "{first}{}{middle}{}",
                open.repeat(count),
                close.repeat(count)
            )
        };
        list(nest(90));
        for count in [201, 5000, 30_000] {
            let error = error(nest(count));
            assert_eq!(error.message, "nested more than 200 deep", "{open} {count}");
            assert!(!error.incomplete);
        }
    }
    list(format!("{}a{}", "{ ".repeat(200), "; }".repeat(200)));
    // Not nested at all, however many.
    list("a | ".repeat(10_000) + "a");
    list("a && ".repeat(10_000) + "a");
    list(format!(
        "if a; then b; {} fi",
        "elif a; then b; ".repeat(10_000)
    ));
    list("! a;".repeat(10_000));
}

#[test]
fn here_documents_do_not_get_around_the_limit() {
    let mut text = String::new();
    let mut ends = String::new();
    for level in 0..50 {
        text.push_str(&format!(
            "$({}cat <<E{level};{}\n",
            "{ ".repeat(10),
            " }".repeat(10)
        ));
        ends.insert_str(0, &format!("E{level}\n)\n"));
    }
    let all = format!("cat <<Z\n{text}x\n{ends}Z\n");
    assert_eq!(error(all).message, "nested more than 200 deep");
}

#[test]
fn limits_of_size() {
    let mut long = vec![b'a'; crate::script::source::LONGEST_LINE];
    list(&long);
    long.push(b'a');
    assert_eq!(error(&long).message, "the line is longer than 1 MiB");
    let script = b"#\n".repeat(crate::script::source::LONGEST_SCRIPT / 2);
    assert!(list(&script).items.is_empty());
    assert_eq!(
        error([script.as_slice(), b"\n"].concat()).message,
        "the script is longer than 16 MiB"
    );
}

/// Every long input that might take quadratic time is read in a moment.
#[test]
fn linear_time() {
    with_stack(8, long_inputs);
}

fn long_inputs() {
    let size = 1 << 18;
    for unit in [
        "\\\n",
        "$x\n",
        "`a`\n",
        "'a'\n",
        "\"$a\"\n",
        "${x:-a}\n",
        "a;",
        "$(a)\n",
        "$((1+1))\n",
        "\\a",
        "a<<E\nE\n",
        "<<E ",
        "(",
        "((",
        "$((",
        "`\\`",
        "${",
        "\"${x:-\"",
        "a=~:",
        "case x in ",
        "\\`",
        "~:",
        "#",
        "if ",
        "$(<<E ",
        "a\\\n",
        "<<-E\n\t",
        "1>",
        "{a,",
        "f()\n",
    ] {
        let text = unit.repeat(size / unit.len());
        let text: Vec<u8> = text.bytes().collect();
        let source = Source::new("t", text);
        let begun = processor_time();
        if let Err(error) = parse(&source) {
            error.render(&source);
        }
        let took = processor_time() - begun;
        assert!(took.as_secs() < 5, "{unit:?}: {took:?}");
    }
}

#[test]
fn invalid_utf8_passes() {
    let tree = list(b"e \xff\xfe'\xc3'\"\x80\"");
    assert_eq!(
        words(&tree)[1].parts,
        [
            Part::Literal(b"\xff\xfe".to_vec()),
            Part::Quoted(b"\xc3".to_vec()),
            Part::Double(vec![Part::Literal(b"\x80".to_vec())]),
        ]
    );
}

const SOUP: &[&str] = &[
    "a",
    "b",
    "x=1",
    "echo",
    "if",
    "then",
    "else",
    "elif",
    "fi",
    "for",
    "in",
    "do",
    "done",
    "while",
    "until",
    "case",
    "esac",
    "{",
    "}",
    "(",
    ")",
    "!",
    "|",
    "||",
    "&",
    "&&",
    ";",
    ";;",
    "\n",
    " ",
    "\t",
    "<",
    ">",
    ">>",
    "<<",
    "<<-",
    "<&",
    ">&",
    "<>",
    ">|",
    "2>",
    "E",
    "\nE\n",
    "'",
    "\"",
    "\\",
    "`",
    "$",
    "$(",
    "$((",
    "))",
    "${",
    "${x:-",
    "${x#",
    "${#",
    "}",
    "$x",
    "$1",
    "$@",
    "~",
    "~/",
    ":",
    "=",
    "#",
    "*",
    "?",
    "[",
    "]",
    "\\\n",
    "f()",
    "é",
    "cmdline.x",
    "-",
    "+",
    "%",
    "1",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn token_soup(tokens in prop::collection::vec(prop::sample::select(SOUP), 0..60)) {
        let source = Source::new("t", tokens.concat());
        if let Err(error) = parse(&source) {
            prop_assert!(!error.message.is_empty());
            prop_assert!(error.span.start <= error.span.end);
            prop_assert!(error.span.start as usize <= source.text.len());
            error.render(&source);
        }
    }

    #[test]
    fn bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let source = Source::new("t", bytes);
        if let Err(error) = parse(&source) {
            error.render(&source);
        }
    }

    /// A word quoted for display and read again is the same word.
    #[test]
    fn displayed_words(given in prop::collection::vec("[^\0]{0,12}|[a-z'\"$`\\\\ \n*~!#&;|=<>(){}\\[\\]-]{0,12}", 1..5)) {
        let text = format!("e {}", shell_words::join(given.iter()));
        let source = Source::new("t", text.clone());
        let tree = parse(&source);
        prop_assert!(tree.is_ok(), "{text}: {tree:?}");
        let tree = tree.unwrap_or_default();
        let read: Vec<Vec<u8>> = words(&tree)[1..].iter().map(plain).collect();
        let given: Vec<Vec<u8>> = given.iter().map(|word| word.clone().into_bytes()).collect();
        prop_assert_eq!(read, given, "{}", text);
    }
}

/// The value of a word that holds no expansion.
fn plain(word: &Word) -> Vec<u8> {
    word.parts
        .iter()
        .flat_map(|part| match part {
            Part::Literal(text) => {
                let special = text.iter().any(|b| b"*?[".contains(b));
                assert!(!special, "a pattern: {word:?}");
                text.clone()
            }
            Part::Quoted(text) => text.clone(),
            other => panic!("{other:?}"),
        })
        .collect()
}
