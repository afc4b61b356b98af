//! The prompt as a person at a terminal sees it: the built binary on a pty. Needs setsid(1) and the
//! usual programs in `PATH`.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::{BINARY, LIMIT, Start, Tty};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_command_at_the_prompt() {
    let mut tty = Tty::shell();
    tty.send("echo sum=$((40+2))\r");
    tty.expect("sum=42\r\n");
    tty.expect("initsh:/# ");
    tty.send("cd /tmp\r");
    tty.expect("initsh:/tmp# ");
    tty.send("false\r");
    tty.expect("initsh:/tmp [1]# ");
    tty.send("exit 7\r");
    assert_eq!(tty.status(), 7);
}

#[test]
fn ctrl_d_on_an_empty_line_leaves() {
    let mut tty = Tty::shell();
    tty.send("\x04");
    assert_eq!(tty.status(), 0);
}

#[test]
fn the_arrow_keys_bring_lines_back() {
    let mut tty = Tty::shell();
    tty.send("echo first-$((1))\r");
    tty.expect("first-1\r\n");
    tty.expect("initsh:/# ");
    tty.send("echo second-$((2))\r");
    tty.expect("second-2\r\n");
    tty.expect("initsh:/# ");
    tty.send("\x1b[A\x1b[A\r");
    tty.expect("first-1\r\n");
}

#[test]
fn tab_completes() {
    let mut tty = Tty::shell();
    tty.send("modp\t");
    tty.expect("modprobe ");
    tty.send("\x15ls /pro\t");
    tty.expect("ls /proc/");
    tty.send("\x15help --mark\t");
    tty.expect("help --markdown ");
    tty.send("\x15link show l\t");
    tty.expect("link show lo ");
    tty.send("\x15echo $PAT\t");
    tty.expect("$PATH");
    // Programs of this machine may come in between, in as many columns as there is room for.
    tty.send("\x15PATH=/none\r");
    tty.expect("initsh:/# ");
    tty.send("re\t");
    let listed = tty.expect("return");
    assert!(
        listed.contains("reboot") && listed.contains("retry"),
        "{listed}"
    );
}

#[test]
fn a_command_may_take_several_lines() {
    let mut tty = Tty::shell();
    tty.send("if true\r");
    tty.expect("> ");
    tty.send("then echo it-is-$((1))\r");
    tty.expect("> ");
    tty.send("fi\r");
    tty.expect("it-is-1\r\n");
    tty.expect("initsh:/# ");
    tty.send("echo 'unfinished\r");
    tty.expect("> ");
    // Ctrl-C drops all of it.
    tty.send("\x03");
    tty.expect("initsh:/ [130]# ");
}

#[test]
fn ctrl_c_ends_a_program() {
    let mut tty = Tty::shell();
    interrupt(&mut tty, "/bin/sleep 100");
}

#[test]
fn ctrl_c_ends_a_built_in() {
    let mut tty = Tty::shell();
    interrupt(&mut tty, "sleep 100");
    interrupt(&mut tty, "while true; do true; done");
    interrupt(&mut tty, "sleep 100 | /bin/cat");
}

/// Types a command and Ctrl-C: when its last program runs, or a built-in usually waits for something.
fn interrupt(tty: &mut Tty, command: &str) {
    tty.send(format!("{command}\r"));
    tty.expect("\r\n");
    tty.cooked();
    match command.rsplit_once("/bin/") {
        Some((_, program)) => drop(tty.runs(program.split([' ', ';']).next().unwrap())),
        None => std::thread::sleep(SECOND / 3),
    }
    stop(tty);
}

fn stop(tty: &mut Tty) {
    tty.send("\x03");
    tty.expect("initsh:/ [130]# ");
    tty.send("true\r");
    tty.expect("initsh:/# ");
}

/// From the moment on when Ctrl-C is a signal it ends what has been typed, even where that has not begun.
#[test]
fn no_ctrl_c_comes_too_soon() {
    let mut tty = Tty::shell();
    for turn in 0..40 {
        tty.send(["sleep 100\r", "/bin/sleep 100\r", "(sleep 100)\r"][turn % 3]);
        tty.expect("\r\n");
        tty.cooked();
        std::thread::sleep(Duration::from_micros(150) * (turn / 3) as u32);
        stop(&mut tty);
    }
}

/// Not only the command: `||` is no answer to Ctrl-C, nor does the line go on.
#[test]
fn ctrl_c_ends_the_whole_line() {
    let mut tty = Tty::shell();
    for command in [
        "sleep 100 || echo on-$((1))",
        "! sleep 100 && echo on-$((1))",
        "/bin/sleep 100 || echo on-$((1))",
        "timeout 50 /bin/sleep 100; echo on-$((1))",
        "timeout 50 sleep 100 || echo on-$((1))",
        "retry timeout 50 sleep 100; echo on-$((1))",
    ] {
        interrupt(&mut tty, command);
    }
    tty.send("/bin/sleep 100\r");
    tty.runs("sleep");
    tty.send("\x1a");
    tty.expect("[148]# ");
    interrupt(&mut tty, "fg; echo on-$((1))");
    let shown = tty.shown();
    assert!(!shown.contains("on-1"), "{shown}");
    // The prompt stands in a line of its own.
    assert!(!shown.contains("^C\rinitsh"), "{shown}");
}

#[test]
fn ctrl_c_ends_only_what_is_in_the_foreground() {
    let mut tty = Tty::shell();
    tty.send("/bin/sleep 300 &\r");
    tty.expect("initsh:/# ");
    interrupt(&mut tty, "/bin/sleep 100");
    tty.send("/bin/kill -0 $! && echo alive-$((1)); /bin/kill $!\r");
    tty.expect("alive-1\r\n");
}

#[test]
fn ctrl_c_at_the_prompt_drops_the_line() {
    let mut tty = Tty::shell();
    tty.send("echo not-to-be-$((1))\x03");
    tty.expect("initsh:/ [130]# ");
    tty.send("echo next-$((2))\r");
    let before = tty.expect("next-2\r\n");
    assert!(!before.contains("not-to-be-1"), "{before}");
}

#[test]
fn ctrl_z_at_the_prompt_does_not_stop_the_shell() {
    let mut tty = Tty::shell();
    tty.send("\x1a");
    tty.send("echo awake-$((1))\r");
    tty.expect("awake-1\r\n");
}

#[test]
fn pasted_lines_all_run() {
    let mut tty = Tty::shell();
    tty.send("echo one-$((1))\recho two-$((2))\recho three-$((3))\r");
    for line in ["one-1\r\n", "two-2\r\n", "three-3\r\n"] {
        tty.expect(line);
    }
}

#[test]
fn a_stray_escape_does_not_eat_the_next_key() {
    let mut tty = Tty::shell();
    tty.send("\x1b");
    std::thread::sleep(SECOND * 2);
    tty.send("echo whole-$((1))\r");
    tty.expect("whole-1\r\n");
}

#[test]
fn an_invalid_byte_does_not_end_the_shell() {
    let mut tty = Tty::shell();
    tty.send(b"echo \xff\xfe");
    tty.expect("not valid UTF-8");
    tty.expect("initsh:/# ");
    tty.send("\x15echo still-$((1))\r");
    tty.expect("still-1\r\n");
}

#[test]
fn a_non_blocking_terminal_is_repaired() {
    let mut tty = Tty::shell();
    // While the prompt waits: it fails once, and goes on.
    tty.set_nonblocking();
    tty.send("\r");
    tty.expect("initsh:/# ");
    tty.send("echo first-$((1))\r");
    tty.expect("first-1\r\n");
    tty.expect("initsh:/# ");
    // Between two prompts.
    tty.send("/bin/sleep 3\r");
    tty.runs("sleep");
    tty.set_nonblocking();
    tty.expect("initsh:/# ");
    assert!(!tty.is_nonblocking());
    let before = tty.ticks();
    std::thread::sleep(SECOND);
    assert!(tty.ticks() - before < 20, "the prompt spins");
}

#[test]
fn the_terminal_is_cooked_for_every_command() {
    let mut tty = Tty::shell();
    tty.send("/bin/stty raw -echo\r");
    tty.expect("initsh:/# ");
    tty.send("/bin/stty -a; echo end-$((1))\r");
    let state = tty.expect("end-1\r\n");
    let set: Vec<_> = state.split_whitespace().collect();
    for flag in ["icanon", "isig", "echo", "icrnl", "onlcr"] {
        assert!(set.contains(&flag), "{flag} is missing in {state}");
    }
}

#[test]
fn a_dumb_terminal_gets_plain_lines() {
    let mut tty = Tty::start(&Start {
        term: "dumb",
        ..Start::default()
    });
    tty.expect("initsh:/# ");
    tty.send("\x03");
    tty.expect("initsh:/ [130]# ");
    tty.send("echo plain-$((1))\n");
    tty.expect("plain-1\r\n");
    interrupt(&mut tty, "/bin/sleep 100");
    assert!(!tty.shown().contains('\x1b'), "{:?}", tty.shown());
    tty.send("\x04");
    assert_eq!(tty.status(), 0);
}

#[test]
fn a_line_without_a_size_asks_its_terminal() {
    // The answers have to be there in time, for which this machine may be too busy.
    let sized = (0..10).any(|_| {
        let mut tty = unsized_terminal();
        tty.expect("\x1b[79;79H\x1b[6n\x1b8");
        tty.send("\x1b[40;79R");
        if tty
            .expect_any(&["\x1b[999;999H\x1b[6n\x1b8", "initsh:/# "])
            .0
            == 1
        {
            return false;
        }
        tty.send("\x1b[40;120R");
        tty.expect("initsh:/# ");
        tty.send("/bin/stty size\r");
        tty.expect("\r\n");
        tty.expect("\r\n").ends_with("40 120")
    });
    assert!(sized);
}

#[test]
fn a_late_answer_is_not_input() {
    let mut tty = unsized_terminal();
    tty.expect("\x1b[6n\x1b8");
    // The next prompt comes without an answer; then it arrives.
    tty.expect("initsh:/# ");
    tty.send("\x1b[40;79R");
    tty.send("echo clean-$((1))\r");
    tty.expect("\r\nclean-1\r\n");
    tty.expect("initsh:/# ");
}

#[test]
fn what_is_typed_while_the_terminal_is_asked_is_kept() {
    let mut tty = unsized_terminal();
    tty.expect("\x1b[6n\x1b8");
    tty.send("echo early-$((1))\recho la\x1b[24;70R");
    tty.expect("early-1\r\n");
    tty.send("te-$((2))\r");
    tty.expect("late-2\r\n");
}

/// A shell on a terminal of 0×0, after its first command.
fn unsized_terminal() -> Tty {
    let mut tty = Tty::start(&Start {
        size: (0, 0),
        ..Start::default()
    });
    tty.expect("initsh:/# ");
    assert!(tty.stays_without("\x1b[6n", SECOND / 2), "asked too early");
    tty.send("true\r");
    tty
}

#[test]
fn a_known_size_is_not_asked_for() {
    let mut tty = Tty::shell();
    tty.send("true\r");
    tty.expect("initsh:/# ");
    assert!(tty.stays_without("\x1b[6n", SECOND), "{}", tty.shown());
}

#[test]
fn a_terminal_that_hangs_up_ends_the_shell() {
    let mut tty = Tty::shell();
    tty.hang_up();
    tty.status();
}

#[test]
fn commands_from_a_pipe() {
    let mut shell = Command::new(BINARY)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let script = b"echo one\nread line\nthis is data\nif true\nthen echo $line\nfi\nexit 5\n";
    shell.stdin.take().unwrap().write_all(script).unwrap();
    let output = shell.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "one\nthis is data\n"
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(5));
}

#[test]
fn prompt_takes_a_key_and_nothing_that_came_before() {
    let start = Start {
        args: &["prompt", "--timeout", "50", "in {} s"],
        ..Start::default()
    };
    let mut tty = Tty::start(&start);
    tty.expect("in 50 s");
    tty.send("x");
    assert_eq!(tty.status(), 0);
    let mut tty = Tty::start(&Start {
        args: &["prompt", "--timeout", "3", "in {} s"],
        ..Start::default()
    });
    tty.expect("in 3 s");
    // A busy machine may leave one of them out.
    tty.expect_any(&["in 2 s", "in 1 s"]);
    assert_eq!(tty.status(), 1);
    let mut tty = Tty::start(&start);
    tty.expect("in 50 s");
    tty.send("\x03");
    assert_eq!(tty.status(), 130);
}

#[test]
fn prompt_is_not_held_up_by_noise() {
    let mut tty = Tty::start(&Start {
        args: &["prompt", "--timeout", "1", "--key", "enter", "wait"],
        ..Start::default()
    });
    tty.expect("wait");
    let begin = Instant::now();
    for _ in 0..30 {
        tty.send("noise\x1b\x00");
        std::thread::sleep(Duration::from_millis(50));
        if begin.elapsed() > SECOND * 5 / 4 {
            break;
        }
    }
    assert_eq!(tty.status(), 1);
    assert!(begin.elapsed() < LIMIT / 2, "{:?}", begin.elapsed());
}
