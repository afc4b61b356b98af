use std::fs;
use std::path::{Path, PathBuf};

use super::*;

#[test]
fn what_is_short_is_told_once_and_speaking_is_not_told() {
    let fails = |call, errno: Errno| seam::<()>(call, || Err(errno)).unwrap_err();
    fails("open", Errno::EMFILE);
    fails("open", Errno::EMFILE);
    fails("read", Errno::EAGAIN);
    fails("fork", Errno::EAGAIN);
    fails("kill", Errno::ESRCH);
    quietly(|| fails("write", Errno::EIO));
    let told: Vec<_> = take_troubles().collect();
    assert_eq!(told, [("open", Errno::EMFILE), ("fork", Errno::EAGAIN)]);
    assert_eq!(take_troubles().count(), 0);
    let before = done();
    seam("open", || Ok(())).unwrap();
    assert_eq!(done(), before.wrapping_add(1));
}

/// Files of `supervise` that run in clients, not in PID 1.
const CLIENTS: &[&str] = &[
    "accounts.rs",
    "cgroup.rs",
    "client.rs",
    "describe.rs",
    "describe",
    "power.rs",
    "program.rs",
    "rights.rs",
    "service_file.rs",
    "settings.rs",
];

#[test]
fn pid_1_calls_the_kernel_through_the_seam_alone() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![source.join("role/pid1.rs")];
    for directory in ["role/pid1", "supervise"] {
        collect(&source.join(directory), &mut files);
    }
    assert!(files.len() > 30, "{files:?}");
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        found.extend(direct_calls(text).map(|call| format!("{}: {call}", file.display())));
    }
    assert!(found.is_empty(), "{found:#?}");
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        match path.is_dir() {
            _ if CLIENTS.contains(&name) || name.starts_with("tests") => {}
            true => collect(&path, files),
            false => files.push(path),
        }
    }
}

/// What names a function of `nix` or `libc`, or anything that does I/O in `std`. Types and constants
/// begin with a capital letter.
fn direct_calls(text: &str) -> impl Iterator<Item = String> {
    let uses = text.split("use nix::").skip(1).flat_map(|rest| {
        let path = rest.split(';').next().unwrap_or_default();
        let items = path.rsplit_once("::{").map_or_else(
            || path.rsplit("::").next().unwrap_or_default(),
            |(_, items)| items,
        );
        let items = items.split([',', '}']).map(str::trim).map(str::to_owned);
        let items = items.filter(|item| item.starts_with(|c: char| c.is_ascii_lowercase()));
        items
            .filter(|item| item != "self")
            .map(|item| format!("nix {item}"))
    });
    let marks = [
        "std::fs::",
        "std::process::",
        "std::net::",
        "std::thread::spawn",
    ];
    let std = marks.into_iter().filter(|mark| text.contains(*mark));
    let inline = ["nix::", "libc::"].into_iter().flat_map(|name| {
        let parts = text.split(name).skip(1);
        let called = parts.filter(|rest| {
            let path = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':');
            let end = rest.find(path).unwrap_or(rest.len());
            let function = !rest[..end].contains(|c: char| c.is_ascii_uppercase());
            rest[end..].starts_with('(') && function
        });
        called.map(move |rest| format!("{name}{}", rest.lines().next().unwrap_or_default()))
    });
    let all: Vec<_> = uses.chain(std.map(str::to_owned)).chain(inline).collect();
    all.into_iter()
}

#[test]
fn direct_calls_are_seen() {
    let calls = |text| direct_calls(text).collect::<Vec<_>>();
    assert_eq!(
        calls("use nix::errno::Errno;\nuse nix::fcntl::{OFlag, open};"),
        ["nix open"]
    );
    assert_eq!(
        calls("use nix::unistd::{\n    Pid,\n    read,\n};"),
        ["nix read"]
    );
    assert_eq!(calls("use nix::unistd::write;"), ["nix write"]);
    assert_eq!(
        calls("let a = libc::SIGTERM; libc::getpid();"),
        ["libc::getpid();"]
    );
    assert_eq!(calls("nix::unistd::write(1, b\"\")").len(), 1);
    assert_eq!(calls("std::fs::read(path)"), ["std::fs::"]);
    assert!(calls("Errno::from_raw(libc::EIO); Pid::from_raw(1)").is_empty());
}
