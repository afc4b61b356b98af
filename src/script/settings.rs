//! Settings: read-only values with dotted names, looked up when used (`${cmdline.root}`,
//! `${net.eth0.ip4}`). Invariant: a value is never expanded again, whatever it contains.

/// One branch of the tree, named by the first part of the dotted name.
pub struct Branch {
    /// `cmdline` in `cmdline.root`.
    pub name: &'static str,
    /// One line for `get` and the manual.
    pub summary: &'static str,
    /// The value of what follows the first dot; `None` where there is no such setting.
    pub get: fn(&str) -> Option<Vec<u8>>,
    /// Every name (after the first dot) with its value, sorted.
    pub list: fn() -> Vec<(String, Vec<u8>)>,
}

/// Every branch, sorted by name.
pub const BRANCHES: &[&Branch] = &[
    &crate::system::cmdline::SETTINGS,
    &crate::system::host::SETTINGS,
    &crate::net::settings::SETTINGS,
    &crate::supervise::settings::SETTINGS,
];

/// The value of a dotted name.
pub fn get(name: &str) -> Option<Vec<u8>> {
    let (branch, rest) = name.split_once('.')?;
    BRANCHES
        .iter()
        .find(|b| b.name == branch)
        .and_then(|b| (b.get)(rest))
}

/// Every setting with its full name, sorted.
pub fn list() -> Vec<(String, Vec<u8>)> {
    let all = BRANCHES.iter().flat_map(|branch| {
        (branch.list)()
            .into_iter()
            .map(|(name, value)| (format!("{}.{name}", branch.name), value))
    });
    all.collect()
}
