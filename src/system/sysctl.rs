//! Kernel parameters: `/proc/sys`. Invariant: a name never leads out of that directory.

use std::path::{Path, PathBuf};

use crate::failure::{Doing, Failure};
use crate::sort;

const ROOT: &str = "/proc/sys";

/// The file of a parameter. As with sysctl(8) the first separator decides: in `net.ipv4.conf.eth0/1.mtu`
/// dots separate and `/` stands for a dot, in `net/ipv4/conf/eth0.1/mtu` slashes separate.
///
/// Errors: an empty part, `.` or `..`.
pub fn path_of(name: &str) -> Result<PathBuf, Failure> {
    let name = name.strip_prefix("/proc/sys/").unwrap_or(name);
    let by_dots = name
        .find(['.', '/'])
        .is_none_or(|at| name.as_bytes()[at] == b'.');
    let swap = |c| match c {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    let relative: String = if by_dots {
        name.chars().map(swap).collect()
    } else {
        name.to_owned()
    };
    let is_bad = |part: &str| part.is_empty() || part == "." || part == ".." || part.contains('\0');
    if relative.split('/').any(is_bad) {
        return Err(Failure::usage(format!(
            "'{name}' is not the name of a kernel parameter"
        )));
    }
    Ok(Path::new(ROOT).join(relative))
}

/// The name of a file below `/proc/sys`, with dots.
fn name_of(path: &Path) -> Option<String> {
    let relative = path.strip_prefix(ROOT).ok()?.to_str()?;
    let swap = |c| match c {
        '/' => '.',
        '.' => '/',
        other => other,
    };
    Some(relative.chars().map(swap).collect())
}

/// The value of a parameter, without the newline at its end.
pub fn get(name: &str) -> Result<Vec<u8>, Failure> {
    let path = path_of(name)?;
    let value = std::fs::read(&path).doing(|| format!("read {}", path.display()));
    Ok(value?.trim_ascii_end().to_vec())
}

/// Sets a parameter. Errors: ENOENT, EACCES, EINVAL (the kernel does not take the value).
pub fn set(name: &str, value: &[u8]) -> Result<(), Failure> {
    let path = path_of(name)?;
    let shown = String::from_utf8_lossy(value);
    let what = || format!("write '{shown}' to {}", path.display());
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .doing(what)?;
    // In one piece: the kernel reads a parameter from a single write.
    let line = [value, b"\n"].concat();
    match nix::unistd::write(&file, &line).doing(what)? {
        written if written == line.len() => Ok(()),
        _ => Err(Failure::new(format!("{}: only partly written", what()))),
    }
}

/// The names of all parameters, sorted.
pub fn all() -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    let mut left = vec![PathBuf::from(ROOT)];
    while let Some(directory) = left.pop() {
        let entries =
            std::fs::read_dir(&directory).doing(|| format!("read {}", directory.display()))?;
        for entry in entries.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => left.push(entry.path()),
                Ok(_) => names.extend(name_of(&entry.path())),
                Err(_) => {}
            }
        }
    }
    sort::sort(&mut names);
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_files() {
        for (name, path) in [
            ("kernel.ostype", "/proc/sys/kernel/ostype"),
            ("kernel/ostype", "/proc/sys/kernel/ostype"),
            (
                "net.ipv4.conf.eth0/1.mtu",
                "/proc/sys/net/ipv4/conf/eth0.1/mtu",
            ),
            (
                "net/ipv4/conf/eth0.1/mtu",
                "/proc/sys/net/ipv4/conf/eth0.1/mtu",
            ),
            ("/proc/sys/vm/swappiness", "/proc/sys/vm/swappiness"),
        ] {
            assert_eq!(path_of(name).unwrap(), Path::new(path));
        }
        for name in [
            "",
            ".",
            "../x",
            "a..b",
            "a/../../etc/passwd",
            "/etc/passwd",
            "a.",
            "a\0",
        ] {
            assert!(path_of(name).is_err(), "{name}");
        }
        let path = Path::new("/proc/sys/net/ipv4/conf/eth0.1/mtu");
        assert_eq!(name_of(path).unwrap(), "net.ipv4.conf.eth0/1.mtu");
    }

    #[test]
    fn reads_the_kernel() {
        assert_eq!(get("kernel.ostype").unwrap(), b"Linux");
        assert!(all().unwrap().iter().any(|name| name == "kernel.ostype"));
        assert!(get("no.such").is_err());
    }
}
