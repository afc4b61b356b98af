//! `ls`: list files.

use std::io::IsTerminal;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::sys::stat::{major, minor};

use super::{Call, Command, Flow, Group, Opt};
use crate::failure::Failure;
use crate::sort;
use crate::sys::tty;
use crate::system::listing::{self, Entry};
use crate::system::processes::user_name;

pub(super) const COMMAND: Command = Command {
    name: "ls",
    group: Group::Files,
    summary: "list files",
    usage: "[-1Aadhlrt] [PATH…]",
    details: "Names go in columns on a terminal, else one a line. Times are UTC.",
    options: &[
        Opt::flag("all", "names that begin with a dot, too").short('a'),
        Opt::flag("almost-all", "the same").short('A'),
        Opt::flag("directory", "a directory itself, not what is in it").short('d'),
        Opt::flag("human-readable", "sizes as 1.5K, 23M").short('h'),
        Opt::letter('l', "permissions, links, owner, group, size, time"),
        Opt::letter('1', "one a line"),
        Opt::flag("reverse", "in reverse order").short('r'),
        Opt::letter('t', "the newest first"),
    ],
    examples: &[
        ("ls -l /dev", "with all that is known of each"),
        ("ls -lt /var/log", "the newest first"),
    ],
    see: &["cat", "mkdir", "rm"],
    terms: &["dir", "directory", "files"],
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let mut paths = std::mem::take(&mut call.args);
    if paths.is_empty() {
        paths.push(".".into());
    }
    let (mut files, mut directories, mut failed) = (Vec::new(), Vec::new(), None);
    let into_directories = !call.given.flag("directory");
    for path in &paths {
        match Entry::of(Path::new(path), path) {
            Err(failure) => keep_last(call, &mut failed, failure),
            // A link that is named is followed, unless -l or -d show the link itself.
            Ok(entry) if into_directories && (entry.is_directory() || leads_to_directory(call, &entry)) => {
                directories.push(path);
            }
            Ok(entry) => files.push(entry),
        }
    }
    let mut blank = !files.is_empty();
    show(call, files);
    for path in directories {
        match listing::directory(Path::new(path), call.given.flag("all") || call.given.flag("almost-all")) {
            Err(failure) => keep_last(call, &mut failed, failure),
            Ok(entries) => {
                if paths.len() > 1 {
                    let gap = if blank { "\n" } else { "" };
                    call.print(format_args!("{gap}{}:\n", path.to_string_lossy()));
                    blank = true;
                }
                show(call, entries);
            }
        }
    }
    failed.map_or(Ok(Flow::OK), Err)
}

fn keep_last(call: &mut Call<'_>, failed: &mut Option<Failure>, failure: Failure) {
    if let Some(earlier) = failed.replace(failure) {
        call.warn(earlier);
    }
}

fn leads_to_directory(call: &Call<'_>, entry: &Entry) -> bool {
    entry.link.is_some() && !call.given.flag("l") && Path::new(&entry.name).is_dir()
}

fn show(call: &mut Call<'_>, mut entries: Vec<Entry>) {
    if call.given.flag("t") {
        sort::sort_by_key(&mut entries, |entry| std::cmp::Reverse(entry.modified));
    }
    if call.given.flag("reverse") {
        entries.reverse();
    }
    let terminal = std::io::stdout().is_terminal();
    if call.given.flag("l") {
        long(call, &entries, terminal);
    } else if terminal && !call.given.flag("1") {
        let width = tty::size(&std::io::stdout()).map_or(0, |size| size.columns);
        columns(call, &entries, if width == 0 { 80 } else { width.into() });
    } else {
        for entry in &entries {
            call.out.bytes(&name_of(entry, terminal));
            call.out.bytes(b"\n");
        }
    }
}

/// A name as it is; on a terminal without control bytes.
fn name_of(entry: &Entry, terminal: bool) -> Vec<u8> {
    let bytes = entry.name.as_bytes().to_vec();
    if !terminal {
        return bytes;
    }
    bytes.into_iter().map(|b| if b < b' ' || b == 0x7f { b'?' } else { b }).collect()
}

fn columns(call: &mut Call<'_>, entries: &[Entry], width: usize) {
    let names: Vec<_> = entries.iter().map(|entry| name_of(entry, true)).collect();
    let lengths: Vec<_> = names.iter().map(|name| String::from_utf8_lossy(name).chars().count()).collect();
    let column = lengths.iter().max().map_or(1, |longest| longest + 2);
    let count = (width.saturating_add(2) / column).max(1);
    let rows = names.len().div_ceil(count);
    for row in 0..rows {
        let mut gap = 0;
        for at in (row..names.len()).step_by(rows) {
            call.print(format_args!("{:gap$}", ""));
            call.out.bytes(&names[at]);
            gap = column - lengths[at];
        }
        call.out.bytes(b"\n");
    }
}

fn long(call: &mut Call<'_>, entries: &[Entry], terminal: bool) {
    let passwd = std::fs::read("/etc/passwd").unwrap_or_default();
    let group = std::fs::read("/etc/group").unwrap_or_default();
    let called = |file: &[u8], id: u32| user_name(file, id).unwrap_or_else(|| id.to_string());
    let human = call.given.flag("human-readable");
    let rows: Vec<[String; 4]> = entries
        .iter()
        .map(|entry| {
            let size = if entry.is_device() {
                format!("{}, {}", major(entry.device), minor(entry.device))
            } else if human {
                listing::human(entry.size)
            } else {
                entry.size.to_string()
            };
            let owner = called(&passwd, entry.uid);
            [entry.links.to_string(), owner, called(&group, entry.gid), size]
        })
        .collect();
    let width = |at: usize| rows.iter().map(|row| row[at].len()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    for (entry, [links, owner, group, size]) in entries.iter().zip(&rows) {
        let [a, b, c, d] = widths;
        call.print(format_args!(
            "{} {links:>a$} {owner:<b$} {group:<c$} {size:>d$} {} ",
            listing::permissions(entry.mode),
            listing::date(entry.modified)
        ));
        call.out.bytes(&name_of(entry, terminal));
        if let Some(link) = &entry.link {
            call.out.bytes(b" -> ");
            call.out.bytes(link.as_bytes());
        }
        call.out.bytes(b"\n");
    }
}
