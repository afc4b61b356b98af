//! Inputs that are too large, or too strange, to stand in a file of cases. None may crash or hang;
//! each limit has its error.

use crate::shell::{Ran, Shell};

type Run = fn() -> Result<(), String>;

/// Name → test.
pub const TESTS: &[(&str, Run)] = &[
    ("nesting_of_groups", || too_deep("{ ", "; }")),
    ("nesting_of_subshells", || too_deep("( ", " )")),
    ("nesting_of_ifs", || too_deep("if ", "; then :; fi")),
    ("nesting_of_functions", || too_deep("f() ", "{ :; }")),
    ("nesting_of_substitutions", || too_deep("echo $(", ")")),
    ("nesting_of_defaults", || too_deep("echo ${x:-", "}")),
    ("nesting_of_quoted_defaults", || {
        too_deep("echo \"${x:-", "}\"")
    }),
    ("nesting_of_arithmetic", || too_deep("echo $((", "))")),
    ("nesting_that_is_allowed", allowed_depth),
    ("recursion_of_functions", endless_recursion),
    ("a_line_of_1_mib", longest_line),
    ("a_line_over_1_mib", line_too_long),
    ("a_script_of_16_mib", longest_script),
    ("a_script_over_16_mib", script_too_long),
    ("nul_byte", nul_byte),
    ("invalid_utf8_error", invalid_utf8),
    ("parentheses_in_arithmetic", deep_arithmetic),
    ("many_words", many_words),
    ("many_stars", many_stars),
];

fn run(script: impl AsRef<[u8]>) -> Result<Ran, String> {
    Shell::Initsh.run(script.as_ref())
}

fn expect(ran: &Ran, status: i32, out: &str, err: &str) -> Result<(), String> {
    let (found_out, found_err) = (
        String::from_utf8_lossy(&ran.out),
        String::from_utf8_lossy(&ran.err),
    );
    let short = |text: &str| text.chars().take(500).collect::<String>();
    if ran.status != status || found_out != out || !found_err.contains(err) {
        return Err(format!(
            "expected status {status}, output {:?}, error {err:?}; found status {}, output {:?}, error {:?}",
            short(out),
            ran.status,
            short(&found_out),
            short(&found_err)
        ));
    }
    // Nothing that is shown may flood a terminal.
    if err.is_empty() || found_err.len() < 1000 {
        return Ok(());
    }
    Err(format!("an error of {} bytes", found_err.len()))
}

/// Found before the first command runs.
fn too_deep(open: &str, close: &str) -> Result<(), String> {
    for depth in [201, 20_000] {
        let script = format!("echo no\n{}:{}\n", open.repeat(depth), close.repeat(depth));
        expect(&run(script)?, 2, "", "nested more than 200 deep")?;
    }
    Ok(())
}

fn allowed_depth() -> Result<(), String> {
    for (open, close) in [
        ("{ ", "; }"),
        ("if ", "; then :; fi"),
        ("eval \"$(cat <<'E'\n", "\nE\n)\""),
    ] {
        let depth = if open.starts_with("eval") { 1 } else { 200 };
        let script = format!("{}echo deep{}\n", open.repeat(depth), close.repeat(depth));
        expect(&run(script)?, 0, "deep\n", "")?;
    }
    let quoted = format!("echo {}x{}\n", "${u:-".repeat(200), "}".repeat(200));
    expect(&run(quoted)?, 0, "x\n", "")
}

fn endless_recursion() -> Result<(), String> {
    let ran = run("f() { f; }\nf\necho $?\n")?;
    // dash ends by SIGSEGV here; initsh says what is wrong and goes on.
    if ran.status >= 128 {
        return Err(format!("status {}", ran.status));
    }
    expect(&ran, ran.status, &String::from_utf8_lossy(&ran.out), "deep")
}

fn longest_line() -> Result<(), String> {
    let script = format!("x={}\necho ${{#x}}\n", "a".repeat((1 << 20) - 2));
    expect(&run(script)?, 0, "1048574\n", "")
}

fn line_too_long() -> Result<(), String> {
    let script = format!("echo no\nx={}\n", "a".repeat(1 << 20));
    expect(
        &run(script)?,
        2,
        "",
        "t.sh:2:1: the line is longer than 1 MiB",
    )
}

fn longest_script() -> Result<(), String> {
    let line = b"# a comment of sixty-four bytes, newline included, for padding.\n";
    let mut script = line.repeat((16 << 20) / line.len() - 1);
    let end = b"echo end\n";
    script.extend_from_slice(end);
    script.resize(16 << 20, b'\n');
    expect(&run(script)?, 0, "end\n", "")
}

fn script_too_long() -> Result<(), String> {
    let script = b"echo no\n".repeat((2 << 20) + 1);
    expect(&run(script)?, 2, "", "the script is longer than 16 MiB")
}

fn nul_byte() -> Result<(), String> {
    expect(
        &run(b"echo no\necho a\0b\n")?,
        2,
        "",
        "t.sh:2:7: the script holds a NUL byte",
    )
}

fn invalid_utf8() -> Result<(), String> {
    let ran = run(b"\xff\xfe\x1b[2J\n")?;
    expect(&ran, 127, "", "t.sh:1:1: ")?;
    if ran.err.contains(&0x1b) {
        return Err("an escape sequence reached standard error".to_owned());
    }
    Ok(())
}

fn deep_arithmetic() -> Result<(), String> {
    let script = format!("echo $(({}1{}))\n", "(".repeat(10_000), ")".repeat(10_000));
    expect(&run(script)?, 2, "", "deep")
}

fn many_words() -> Result<(), String> {
    let script = format!("set -- {}\necho $#\n", "a ".repeat(200_000));
    expect(&run(script)?, 0, "200000\n", "")
}

fn many_stars() -> Result<(), String> {
    let script = format!(
        "x={}\ncase $x in {}b) echo no;; *) echo y;; esac\n",
        "a".repeat(1000),
        "*a".repeat(100)
    );
    expect(&run(script)?, 0, "y\n", "")
}
