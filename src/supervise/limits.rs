//! The names of resource limits (getrlimit(2)) and how their values are written. Pure.

/// Every limit by the name that prlimit(1) and systemd give it, with the kernel's number for it on x86
/// and most other architectures (`include/uapi/asm-generic/resource.h`).
const NAMES: &[(&str, u8)] = &[
    ("cpu", 0),
    ("fsize", 1),
    ("data", 2),
    ("stack", 3),
    ("core", 4),
    ("rss", 5),
    ("nproc", 6),
    ("nofile", 7),
    ("memlock", 8),
    ("as", 9),
    ("locks", 10),
    ("sigpending", 11),
    ("msgqueue", 12),
    ("nice", 13),
    ("rtprio", 14),
    ("rttime", 15),
];

/// No limit (`RLIM_INFINITY`).
pub const INFINITY: u64 = u64::MAX;

/// The number of a limit by its name, in either case, `RLIMIT_` in front or not.
pub fn number(name: &str) -> Option<u8> {
    let name = name.to_ascii_lowercase();
    let name = name.strip_prefix("rlimit_").unwrap_or(&name);
    let found = NAMES.iter().find(|(known, _)| *known == name);
    found.map(|(_, number)| *number)
}

/// The name of a limit.
pub fn name(number: u8) -> &'static str {
    let found = NAMES.iter().find(|(_, known)| *known == number);
    found.map_or("unknown", |(name, _)| *name)
}

/// Every name, for an error.
pub fn names() -> String {
    let names: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

/// A value as it is written: a number, or `unlimited`.
pub fn shown(value: u64) -> String {
    match value {
        INFINITY => "unlimited".to_owned(),
        value => value.to_string(),
    }
}
