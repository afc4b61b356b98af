//! What `docs/rfc.md` names exists: every path below `src/`, every word of the code beside it, every test.
//! Needs nothing but the sources.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// A source file, the name that the table has for it, and its text.
struct Source {
    name: String,
    text: String,
}

#[test]
fn every_code_path_and_test_of_the_rfc_table_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for folder in ["src/net", "tests/net"] {
        collect(&root.join(folder), &mut sources);
    }
    let table = fs::read_to_string(root.join("docs/rfc.md")).unwrap();
    let mut missing = Vec::new();
    let mut rows = 0;
    for line in table.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, rfc, _, code, tests, _] = cells[..] else {
            continue;
        };
        rows += 1;
        let mut path = None;
        for name in quoted(code) {
            if name.ends_with('/') || name.ends_with(".rs") {
                path = find(root, name);
                if path.is_none() {
                    missing.push(format!("{rfc}: {name}"));
                }
            } else if let Some(file) = path.as_ref().filter(|path| path.is_file()) {
                let text = fs::read_to_string(file).unwrap();
                if !words(&text).any(|word| word == name) {
                    missing.push(format!("{rfc}: {name} in {}", file.display()));
                }
            }
        }
        let unknown = quoted(tests).filter(|name| !is_test(&sources, name));
        missing.extend(unknown.map(|name| format!("{rfc}: {name}")));
    }
    assert!(rows > 100, "{rows} rows");
    assert!(missing.is_empty(), "docs/rfc.md names {missing:#?}");
}

/// `FILE::NAME`, or all of `FILE`.
fn is_test(sources: &[Source], name: &str) -> bool {
    let (file, test) = name.split_once("::").unwrap_or((name, ""));
    let wanted = format!("fn {test}");
    let mut files = sources.iter().filter(|source| source.name == file);
    files.any(|source| {
        let mut found = source.text.match_indices(&wanted);
        found.any(|(at, _)| test.is_empty() || source.text[at + wanted.len()..].starts_with('('))
    })
}

fn find(root: &Path, name: &str) -> Option<PathBuf> {
    let places = ["src/net", "src"];
    let mut paths = places.iter().map(|place| root.join(place).join(name));
    paths.find(|path| path.exists())
}

/// What stands between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}

fn collect(folder: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let mut named = path.with_extension("");
            if named.ends_with("tests") || named.ends_with("mod") {
                named.pop();
            }
            let name = named.file_name().unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).unwrap();
            sources.push(Source { name, text });
        }
    }
}
