//! Golden tests of the language: every case runs under the built `initsh`, and under `dash` too unless
//! it is marked `| initsh`; both must give the output and the status that stand in the case.
//!
//! `cases/*.txt` hold the cases, `case.rs` reads them, `limits.rs` makes the inputs that are too large
//! to be written down. Takes the arguments of libtest that matter: a filter, `--list`, `--exact`.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]

mod case;
mod limits;
mod shell;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use case::Case;
use shell::{Ran, Shell};

/// A corpus that shrinks by mistake is a failure.
const LEAST_SHARED: usize = 280;

fn main() -> ExitCode {
    let mut filter = None;
    let (mut list, mut exact) = (false, false);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--list" => list = true,
            "--exact" => exact = true,
            // Options of libtest with a value; none of them changes what is tested here.
            "--test-threads" | "--format" | "--color" | "--logfile" => drop(args.next()),
            _ if arg.starts_with('-') => {}
            _ => filter = Some(arg),
        }
    }
    let all = tests();
    let total = all.len();
    let chosen = |name: &str| match &filter {
        None => true,
        Some(filter) if exact => name == filter,
        Some(filter) => name.contains(filter),
    };
    let tests: Vec<Test> = all.into_iter().filter(|test| chosen(&test.name)).collect();
    if list {
        tests
            .iter()
            .for_each(|test| println!("{}: test", test.name));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", tests.len());
    let failures = run_all(&tests);
    for (name, report) in &failures {
        println!("\n---- {name} ----\n{report}");
    }
    let failed = failures.len();
    println!(
        "\ntest result: {}. {} passed; {failed} failed; 0 ignored; 0 measured; {} filtered out\n",
        if failed == 0 { "ok" } else { "FAILED" },
        tests.len() - failed,
        total - tests.len(),
    );
    ExitCode::from(u8::from(failed > 0))
}

struct Test {
    name: String,
    run: Box<dyn Fn() -> Result<(), String> + Sync>,
}

fn tests() -> Vec<Test> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/script/cases");
    let mut tests = Vec::new();
    let (mut shared, mut count) = (0, 0);
    for (file, cases) in read_cases(&directory) {
        for case in cases {
            count += 1;
            shared += usize::from(!case.initsh_only);
            tests.push(Test {
                name: format!("{file}::{}", case.name.replace(' ', "_")),
                run: Box::new(move || check(&case)),
            });
        }
    }
    tests.push(Test {
        name: "corpus::is_whole".to_owned(),
        run: Box::new(move || match shared {
            LEAST_SHARED.. => Ok(()),
            _ => Err(format!("{count} cases, only {shared} of them for dash too")),
        }),
    });
    tests.extend(limits::TESTS.iter().map(|(name, run)| Test {
        name: format!("limits::{name}"),
        run: Box::new(run),
    }));
    tests
}

/// File names without `.txt` → their cases.
fn read_cases(directory: &Path) -> BTreeMap<String, Vec<Case>> {
    let entries = std::fs::read_dir(directory).expect("tests/script/cases is there");
    entries
        .map(|entry| {
            let path = entry.expect("readable directory").path();
            let text = std::fs::read(&path).expect("readable file");
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let cases = case::read(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            (name.into_owned(), cases)
        })
        .collect()
}

/// Runs them, a few at a time, and gives the reports of those that failed.
fn run_all(tests: &[Test]) -> BTreeMap<String, String> {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(BTreeMap::new());
    let work = || {
        while let Some(test) = tests.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = (test.run)();
            let word = if outcome.is_ok() { "ok" } else { "FAILED" };
            println!("test {} ... {word}", test.name);
            if let Err(report) = outcome {
                let mut failures = failures.lock().expect("no test panics");
                failures.insert(test.name.clone(), report);
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    failures.into_inner().expect("no test panics")
}

fn check(case: &Case) -> Result<(), String> {
    let mut report = String::new();
    let shells: &[Shell] = if case.initsh_only {
        &[Shell::Initsh]
    } else {
        &[Shell::Dash, Shell::Initsh]
    };
    for shell in shells {
        let ran = shell.run(&case.script)?;
        let why = differences(case, &ran, *shell);
        if !why.is_empty() {
            report.push_str(&format!("under {}:\n{why}", shell.name()));
        }
    }
    if report.is_empty() {
        return Ok(());
    }
    let script = String::from_utf8_lossy(&case.script);
    Err(format!("{script}{report}"))
}

fn differences(case: &Case, ran: &Ran, shell: Shell) -> String {
    let mut why = String::new();
    if ran.out != case.out {
        why.push_str(&format!(
            "  expected output:\n{}  output:\n{}",
            indented(&case.out),
            indented(&ran.out)
        ));
    }
    if ran.status != case.status {
        why.push_str(&format!(
            "  expected status {}, found {}\n",
            case.status, ran.status
        ));
    }
    // What is said on standard error is initsh's own.
    let errors = String::from_utf8_lossy(&ran.err);
    if shell == Shell::Initsh {
        for fragment in &case.err {
            if !errors.contains(fragment.as_str()) {
                why.push_str(&format!("  standard error lacks: {fragment}\n"));
            }
        }
    }
    if !why.is_empty() && !ran.err.is_empty() {
        why.push_str(&format!("  standard error:\n{}", indented(&ran.err)));
    }
    why
}

fn indented(bytes: &[u8]) -> String {
    let text = String::from_utf8(case::escape(bytes)).unwrap_or_default();
    text.lines().map(|line| format!("    {line}\n")).collect()
}
