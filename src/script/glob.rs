//! Pathname expansion (POSIX XCU 2.14.3): patterns → the files they match, sorted bytewise.
//! Invariant: a slash and a leading dot are matched only by themselves.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::pattern::Pattern;
use crate::failure::Failure;
use crate::sort;
use crate::sys::signal;

/// Whether unquoted text makes a word a pattern: a `[` that is never closed does not.
pub fn is_pattern(unquoted: impl IntoIterator<Item = u8>) -> bool {
    let mut open = false;
    unquoted.into_iter().any(|byte| match byte {
        b'*' | b'?' => true,
        b']' => open,
        _ => {
            open |= byte == b'[';
            false
        }
    })
}

/// The paths that match, sorted; none where nothing does.
///
/// Errors: Ctrl-C, since a tree can be large.
pub fn expand(field: &[(u8, bool)]) -> Result<Vec<Vec<u8>>, Failure> {
    let segments: Vec<_> = field.split(|&(byte, _)| byte == b'/').collect();
    let mut found = vec![Vec::new()];
    for (index, segment) in segments.iter().enumerate() {
        let last = index + 1 == segments.len();
        let mut next = Vec::new();
        for base in found {
            signal::check_interrupt()?;
            step(base, segment, last, &mut next);
        }
        if !last {
            next.iter_mut().for_each(|path| path.push(b'/'));
        }
        found = next;
    }
    sort::sort(&mut found);
    Ok(found)
}

/// What `segment` matches in the directory `base` (empty, or ending in a slash).
fn step(base: Vec<u8>, segment: &[(u8, bool)], last: bool, to: &mut Vec<Vec<u8>>) {
    let pattern = Pattern::new(segment);
    if let Some(name) = pattern.literal() {
        let path = [base, name].concat();
        // Only the whole path need exist; `a/` in `a/*` is looked at when it is read.
        if !last || fs::symlink_metadata(OsStr::from_bytes(&path)).is_ok() {
            to.push(path);
        }
        return;
    }
    let hidden = segment.first().is_some_and(|&(byte, _)| byte == b'.');
    let directory: &[u8] = if base.is_empty() { b"." } else { &base };
    let Ok(entries) = fs::read_dir(OsStr::from_bytes(directory)) else {
        return;
    };
    let mut names: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name().into_vec()))
        .collect();
    if hidden {
        // read_dir leaves them out.
        names.extend([b".".to_vec(), b"..".to_vec()]);
    }
    for name in names {
        if name.starts_with(b".") && !hidden || !pattern.matches(&name) {
            continue;
        }
        let path = [base.as_slice(), &name].concat();
        if last || fs::metadata(OsStr::from_bytes(&path)).is_ok_and(|found| found.is_dir()) {
            to.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pattern: &str) -> Vec<String> {
        let field: Vec<_> = pattern.bytes().map(|byte| (byte, false)).collect();
        let paths = expand(&field).unwrap().into_iter();
        paths.map(|path| String::from_utf8(path).unwrap()).collect()
    }

    #[test]
    fn matches_sorted_without_hidden_files() {
        let dir = std::env::temp_dir().join(format!("initsh-glob-{}", std::process::id()));
        fs::create_dir_all(dir.join("sub")).unwrap();
        for name in ["b", "a", ".hidden", "sub/x.ko", "Z"] {
            fs::write(dir.join(name), "").unwrap();
        }
        let at = dir.to_str().unwrap();
        let full = |names: &[&str]| {
            names
                .iter()
                .map(|n| format!("{at}/{n}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&format!("{at}/*")), full(&["Z", "a", "b", "sub"]));
        assert_eq!(names(&format!("{at}/*/*.ko")), full(&["sub/x.ko"]));
        assert_eq!(names(&format!("{at}/s*/")), full(&["sub/"]));
        assert_eq!(names(&format!("{at}/.h*")), full(&[".hidden"]));
        assert!(names(&format!("{at}/*.none")).is_empty());
        assert!(names(&format!("{at}/nodir/*")).is_empty());
        fs::remove_dir_all(dir).unwrap();
    }
}
