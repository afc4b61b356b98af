//! Service files: lines of `spawn` options, the command last. Invariant: what a file describes depends on
//! nothing but the file, `/etc/passwd`, `/etc/group` and where cgroup2 is, so that reading it again gives
//! the same unless it has changed.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc;

use super::describe::{Place, describe};
use super::program::DEFAULT_PATH;
use super::spec::ServiceSpec;
use crate::cmd::{self, Command, Given};
use crate::failure::{Doing, Failure};

/// The longest file, in bytes.
const LONGEST: u64 = 64 * 1024;

/// A line, which quotes and backslashes may make longer than one: its number and its words.
type Line = (usize, Vec<OsString>);

/// The service that a file describes. It is named after the file unless it says otherwise, begins in `/`
/// and has only `PATH` in its environment besides what it is given.
///
/// Errors: `FILE:LINE: what`.
pub fn read(path: &Path) -> Result<ServiceSpec, Failure> {
    let path = std::path::absolute(path).doing(|| format!("find {}", path.display()))?;
    let shown = path.display().to_string();
    let mut bytes = Vec::new();
    // A FIFO in its place would keep whoever reads the files again from all the others.
    let mut options = std::fs::OpenOptions::new();
    let file = options.read(true).custom_flags(libc::O_NONBLOCK);
    let file = file.open(&path).doing(|| format!("read {shown}"))?;
    if file.metadata().is_ok_and(|about| !about.is_file()) {
        return Err(Failure::new(format!("{shown}: not a file")));
    }
    file.take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .doing(|| format!("read {shown}"))?;
    let text = match String::from_utf8(bytes) {
        Ok(text) if text.len() as u64 <= LONGEST && !text.contains('\0') => text,
        _ => return Err(Failure::new(format!("{shown}: not a service file"))),
    };
    let at = |(line, failure): (usize, Failure)| failure.about(&format!("{shown}:{line}"));
    let mut spec = parse(&text, &path).map_err(at)?;
    spec.file = Some(path.into_os_string());
    Ok(spec)
}

/// Those that others need or come after first, so that PID 1 knows their names; else as they were. Apart
/// from them, those that would wait for each other, each as a failure: PID 1 knows none of them, so it
/// would only say that the other one is not there.
pub fn in_order(mut specs: Vec<ServiceSpec>) -> (Vec<ServiceSpec>, Vec<Failure>) {
    let mut ordered = Vec::with_capacity(specs.len());
    let mut circles = Vec::new();
    while !specs.is_empty() {
        let place = |name: &String| specs.iter().position(|other| other.name == *name);
        let waits_for = |spec: &ServiceSpec| spec.needs.iter().chain(&spec.after).find_map(place);
        if let Some(next) = specs.iter().position(|spec| waits_for(spec).is_none()) {
            ordered.push(specs.remove(next));
            continue;
        }
        // Everybody waits for somebody here, so whoever goes on comes back to where it was.
        let mut path = vec![0];
        while let Some(next) = path.last().and_then(|&last| waits_for(&specs[last])) {
            path.push(next);
            if let Some(begin) = path[..path.len() - 1].iter().position(|&at| at == next) {
                path.drain(..begin);
                break;
            }
        }
        let names: Vec<_> = path.iter().map(|&at| specs[at].name.as_str()).collect();
        let text = format!("{}: none would ever start", names.join(" waits for "));
        circles.push(Failure::new(text));
        path.pop();
        path.sort_unstable();
        for at in path.into_iter().rev() {
            specs.remove(at);
        }
    }
    (ordered, circles)
}

/// The same from the file's text; an error with its line.
pub fn parse(text: &str, path: &Path) -> Result<ServiceSpec, (usize, Failure)> {
    let spawn = cmd::find(OsStr::new("spawn"));
    let spawn = spawn.ok_or_else(|| (1, Failure::new("there is no command 'spawn'")))?;
    let (options, (last, command)) = split(lines(text)?)?;
    let name = path.file_stem().unwrap_or_default();
    for (number, words) in &options {
        check(spawn, words).map_err(|failure| (*number, failure))?;
    }
    let whole = |options: &[Line]| understand(spawn, name, options, &command);
    whole(&options).map_err(|failure| {
        // The first line that it takes to fail like this; a value is wrong wherever it stands.
        let fails = |count: &usize| whole(&options[..*count]).as_ref() == Err(&failure);
        // None at all: it is the command.
        let count = (0..=options.len()).find(fails).unwrap_or(0);
        let line = count.checked_sub(1).map_or(last, |at| options[at].0);
        (line, failure)
    })
}

fn understand(
    spawn: &'static Command,
    name: &OsStr,
    options: &[Line],
    command: &[OsString],
) -> Result<ServiceSpec, Failure> {
    let named = [OsString::from("--name"), name.to_owned()];
    let words = options.iter().flat_map(|(_, words)| words);
    let (given, _) = Given::parse(spawn, named.iter().chain(words).cloned().collect())?;
    let mut place = Place {
        env: vec![("PATH".into(), DEFAULT_PATH.into())],
        cwd: "/".into(),
        path: Some(DEFAULT_PATH.into()),
        ..Place::default()
    };
    place.look_up(&given)?;
    describe(&given, command, &place)
}

/// Whether a line has options, and only such as a file may have.
fn check(spawn: &'static Command, words: &[OsString]) -> Result<(), Failure> {
    let (given, rest) = Given::parse(spawn, words.to_vec())?;
    if let Some(word) = rest.first() {
        let text = format!("unexpected '{}'", word.to_string_lossy());
        return Err(Failure::usage(text).with_hint("the command's line begins with '--' or 'exec'"));
    }
    for option in ["wait", "keep-fds"] {
        if given.flag(option) {
            return Err(Failure::usage(format!(
                "--{option} makes no sense in a file"
            )));
        }
    }
    Ok(())
}

/// The options and the command, whose line is the last one.
fn split(mut lines: Vec<Line>) -> Result<(Vec<Line>, Line), (usize, Failure)> {
    let begins = |(_, words): &Line| {
        words
            .first()
            .is_some_and(|word| word == "--" || word == "exec")
    };
    let Some(at) = lines.iter().position(begins) else {
        let end = lines.last().map_or(1, |(number, _)| *number);
        let missing = Failure::usage("no command: '-- COMMAND' is to be the last line");
        return Err((end, missing));
    };
    if let Some((number, _)) = lines.get(at + 1) {
        return Err((*number, Failure::usage("nothing may follow the command")));
    }
    let (number, mut command) = lines.remove(at);
    command.remove(0);
    match command.is_empty() {
        true => Err((number, Failure::usage("missing COMMAND"))),
        false => Ok((lines, (number, command))),
    }
}

/// The lines that have words. A quote or a backslash that is open at the end of one takes in the next.
fn lines(text: &str) -> Result<Vec<Line>, (usize, Failure)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let (first, whole) = match open.take() {
            Some((first, before)) => (first, format!("{before}\n{line}")),
            None => (number, line.to_owned()),
        };
        let backslashes = whole
            .bytes()
            .rev()
            .take_while(|&byte| byte == b'\\')
            .count();
        match shell_words::split(&whole) {
            Ok(_) if backslashes % 2 == 1 => open = Some((first, whole)),
            Ok(words) if words.is_empty() => {}
            Ok(words) => found.push((first, words.into_iter().map(OsString::from).collect())),
            Err(_) => open = Some((first, whole)),
        }
    }
    match open {
        None => Ok(found),
        Some((first, _)) => Err((
            first,
            Failure::usage("a quote or a backslash at the end is open"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::strategy::Strategy;

    use super::*;
    use crate::supervise::spec::{Program, Restart};

    fn read(text: &str) -> Result<ServiceSpec, String> {
        let parsed = parse(text, Path::new("/etc/web.service"));
        parsed.map_err(|(line, failure)| format!("{line}: {failure}"))
    }

    #[test]
    fn options_on_any_number_of_lines() {
        let spec = read(
            "# A web server.\n\n--restart always --backoff 1..5 # not too often\n\
             \t--env 'A=b c' \\\n  --env B=\\ d\n--nice=5\n\n-- sleep \"1 0\" # for now\n# end\n",
        );
        let spec = spec.unwrap();
        assert_eq!(spec.name, "web");
        assert_eq!(spec.restart, Restart::Always);
        assert_eq!(spec.backoff.0, Duration::from_secs(1));
        assert_eq!(spec.cwd, "/");
        let env = [("PATH", DEFAULT_PATH), ("A", "b c"), ("B", " d")];
        assert_eq!(
            spec.env,
            env.map(|(name, value)| (name.into(), value.into()))
        );
        assert_eq!(spec.setup.nice, Some(5));
        assert_eq!(spec.argv, ["sleep", "1 0"]);
        assert_eq!(spec.program, Program::Own);
        let spec = read("--name x\nexec /bin/sh -c 'one\n# no comment\ntwo'").unwrap();
        assert_eq!(spec.name, "x");
        assert_eq!(spec.argv, ["/bin/sh", "-c", "one\n# no comment\ntwo"]);
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_file_says(words in proptest::collection::vec(
            proptest::prop_oneof![
                proptest::sample::select(vec![
                    "--nice", "--env", "--cgroup", "--rlimit", "--caps", "--stop-signal", "--ready",
                    "--backoff", "--tty", "\n", "\\\n", "'", "\"", "#", "--", "exec", "true", "=",
                ]).prop_map(str::to_owned),
                "[ -~]{0,12}",
            ],
            0..20,
        )) {
            let text = words.join(" ");
            if let Err((line, _)) = parse(&text, Path::new("/etc/web")) {
                proptest::prop_assert!((1..=text.lines().count().max(1)).contains(&line));
            }
        }
    }

    #[test]
    fn what_is_needed_comes_first() {
        let spec = |name: &str, needs: &[&str]| ServiceSpec {
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
            ..ServiceSpec::new(name, Program::Own, vec![name.into()])
        };
        let all = vec![
            spec("a", &["c", "x"]),
            spec("b", &[]),
            spec("c", &["b"]),
            spec("d", &["d"]),
        ];
        let (ordered, circles) = in_order(all);
        let names: Vec<_> = ordered.into_iter().map(|spec| spec.name).collect();
        assert_eq!(names, ["b", "c", "a"]);
        let circles: Vec<_> = circles.iter().map(Failure::to_string).collect();
        assert_eq!(circles, ["d waits for d: none would ever start"]);
        let all = vec![
            spec("z", &["x"]),
            spec("x", &["w", "y"]),
            spec("y", &["x"]),
            spec("w", &[]),
        ];
        let (ordered, circles) = in_order(all);
        let names: Vec<_> = ordered.into_iter().map(|spec| spec.name).collect();
        assert_eq!(names, ["w", "z"]);
        let circles: Vec<_> = circles.iter().map(Failure::to_string).collect();
        assert_eq!(
            circles,
            ["x waits for y waits for x: none would ever start"]
        );
    }

    #[test]
    fn errors_have_their_line() {
        for (text, words) in [
            ("", "1: no command: '-- COMMAND' is to be the last line"),
            ("# only this\n--nice 1\n", "2: no command"),
            (
                "\n--nice 1\n--nice 99\n-- true",
                "3: --nice '99': expected a number",
            ),
            ("--nice\n5\n-- true", "1: --nice needs a value (N)"),
            ("--nice 5 6\n-- true", "1: unexpected '6'"),
            ("true\n", "1: no command"),
            ("true\n-- true", "1: unexpected 'true'"),
            ("--bogus\n-- true", "1: unknown option --bogus"),
            ("-- true\n--nice 5", "2: nothing may follow the command"),
            ("\n--\n", "2: missing COMMAND"),
            (
                "-- true 'x\n\n",
                "1: a quote or a backslash at the end is open",
            ),
            ("-- true \\", "1: a quote or a backslash"),
            ("--wait\n-- true", "1: --wait makes no sense in a file"),
            (
                "--keep-fds\n-- true",
                "1: --keep-fds makes no sense in a file",
            ),
            (
                "--oneshot\n--restart always\n-- true",
                "2: --restart always with --oneshot",
            ),
            (
                "--log-size 5K\n--nice 3\n-- true",
                "1: --log-size makes no sense without",
            ),
            ("--nice 3\n-- /no/such", "2: /no/such: no such command"),
            ("--name a/b\n-- true", "1: 'a/b' is not a service's name"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(words), "{text:?}: {error}");
        }
    }
}
