//! The tables of one kernel's module directory, and names looked up in them.
//! Invariant: [`Index`] borrows everything from [`Tables`]; a lookup allocates nothing but its answer.

use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::config::Install;
use super::depend::{Entry, Soft};
use super::{alias, compare, config, depend};
use crate::failure::{Doing, Failure};
use crate::system::cmdline;

/// The tables as read.
pub struct Tables {
    /// `/lib/modules/VERSION`.
    pub directory: PathBuf,
    dep: Vec<u8>,
    softdep: Vec<u8>,
    alias: Vec<u8>,
    config: Vec<u8>,
    command_line: Vec<u8>,
}

/// Where the modules of the running kernel are: `root` itself where it has a `modules.dep`, else
/// `root/lib/modules/VERSION` or `root/usr/lib/modules/VERSION`.
///
/// Errors name the directory that is missing.
pub fn directory(root: &Path) -> Result<PathBuf, Failure> {
    if root.join("modules.dep").exists() {
        return Ok(root.to_owned());
    }
    let kernel = nix::sys::utsname::uname().doing(|| "uname")?;
    let usual = root.join("lib/modules").join(kernel.release());
    let merged = root.join("usr/lib/modules").join(kernel.release());
    if usual.is_dir() {
        Ok(usual)
    } else if merged.is_dir() {
        Ok(merged)
    } else {
        let what = format!("find the modules of this kernel in {}", usual.display());
        Err(Failure::errno(what, Errno::ENOENT)
            .with_hint("the image has no modules for the kernel that runs; pack them, or boot the kernel they are for"))
    }
}

impl Tables {
    /// Reads the tables below `root` (see [`directory`]). Only `modules.dep` must be there.
    pub fn read(root: &Path) -> Result<Self, Failure> {
        let directory = directory(root)?;
        let dep = directory.join("modules.dep");
        let table = |name: &str| std::fs::read(directory.join(name)).unwrap_or_default();
        Ok(Self {
            dep: std::fs::read(&dep).doing(|| format!("read {}", dep.display()))?,
            softdep: table("modules.softdep"),
            alias: table("modules.alias"),
            config: config::read(config::DIRECTORIES),
            command_line: cmdline::read().unwrap_or_default(),
            directory,
        })
    }

    /// Makes them searchable.
    pub fn index(&self) -> Index<'_> {
        let mut soft = depend::soft(&self.config);
        soft.extend(depend::soft(&self.softdep));
        Index {
            tables: self,
            entries: depend::entries(&self.dep),
            soft,
        }
    }
}

/// The tables, searchable.
pub struct Index<'a> {
    /// Where they come from.
    pub tables: &'a Tables,
    /// Every module, sorted by name.
    pub entries: Vec<Entry<'a>>,
    soft: Vec<Soft<'a>>,
}

/// What a name means.
#[derive(Debug, PartialEq, Eq)]
pub enum Meaning {
    /// These modules (numbers of [`Index::entries`]); more than one only for an alias.
    Modules(Vec<usize>),
    /// It is part of the kernel.
    Builtin,
    /// Every module that answers to this alias is on a blacklist.
    Blacklisted,
    /// Nothing.
    Unknown,
}

impl<'a> Index<'a> {
    /// The number of the module of that name.
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        let found = self
            .entries
            .binary_search_by(|entry| compare(entry.name, name));
        found.ok()
    }

    /// What a name given by a person or another module means: a module, something built in, or an
    /// alias (`fs-9p`, `virtio:d00000001v00001AF4`).
    pub fn resolve(&self, name: &[u8]) -> Meaning {
        if let Some(module) = self.find(name) {
            return Meaning::Modules(vec![module]);
        }
        let mut named = alias::modules_of(&self.tables.config, name);
        if named.is_empty() {
            named = alias::modules_of(&self.tables.alias, name);
        }
        let mut modules: Vec<usize> = Vec::new();
        for module in named.iter().filter_map(|module| self.find(module)) {
            if !modules.contains(&module) {
                modules.push(module);
            }
        }
        let known = modules.len();
        modules.retain(|&module| !self.is_blacklisted(module));
        if !modules.is_empty() {
            Meaning::Modules(modules)
        } else if known > 0 {
            Meaning::Blacklisted
        } else if self.is_builtin(name) || named.iter().any(|module| self.is_builtin(module)) {
            Meaning::Builtin
        } else {
            Meaning::Unknown
        }
    }

    /// Calls `found` for each pair of a modalias of `names` (sorted) and a module that answers to it and
    /// is not blacklisted.
    pub fn each_match(&self, names: &[&[u8]], found: &mut dyn FnMut(usize, usize)) {
        let mut check = |name: usize, module: &[u8]| {
            if let Some(module) = self.find(module).filter(|&m| !self.is_blacklisted(m)) {
                found(name, module);
            }
        };
        alias::each_match(&self.tables.config, names, &mut check);
        alias::each_match(&self.tables.alias, names, &mut check);
    }

    /// The file of a module.
    pub fn path(&self, module: usize) -> PathBuf {
        use std::os::unix::ffi::OsStrExt;
        let path = std::ffi::OsStr::from_bytes(self.entries[module].path);
        self.tables.directory.join(path)
    }

    /// The parameters that a module is loaded with (see [`config::parameters`]).
    pub fn parameters(&self, module: usize, extra: &[u8]) -> Vec<u8> {
        let name = self.entries[module].name;
        config::parameters(&self.tables.config, &self.tables.command_line, name, extra)
    }

    /// The soft dependencies of a module: names before it, names after it.
    pub fn soft(&self, module: usize) -> impl Iterator<Item = &Soft<'a>> {
        let name = self.entries[module].name;
        self.soft
            .iter()
            .filter(move |soft| super::same(soft.name, name))
    }

    /// What is to be done in place of loading a module.
    pub fn install(&self, module: usize) -> Option<Install<'_>> {
        config::install(&self.tables.config, self.entries[module].name)
    }

    fn is_blacklisted(&self, module: usize) -> bool {
        let name = self.entries[module].name;
        let disabled = matches!(
            self.install(module),
            Some(Install::Nothing | Install::Refuse)
        );
        disabled || config::is_blacklisted(&self.tables.config, &self.tables.command_line, name)
    }

    fn is_builtin(&self, name: &[u8]) -> bool {
        let table = self.tables.directory.join("modules.builtin");
        depend::is_builtin(&std::fs::read(table).unwrap_or_default(), name)
    }
}

#[cfg(test)]
impl Tables {
    /// Tables from text.
    pub fn of(dep: &str, softdep: &str, alias: &str, config: &str, command_line: &str) -> Self {
        Self {
            directory: PathBuf::from("/nowhere"),
            dep: dep.into(),
            softdep: softdep.into(),
            alias: alias.into(),
            config: config.into(),
            command_line: command_line.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases() {
        let tables = Tables::of(
            "k/9p.ko: k/9pnet.ko\nk/9pnet.ko:\nk/snd-pcsp.ko:\nk/one.ko:\nk/two.ko:\n",
            "",
            "alias fs-9p 9p\nalias platform:pcspkr snd_pcsp\nalias x:* one\nalias x:y two\nalias x:* one\nalias gone missing\n",
            "alias mine two\nalias x:z two\nblacklist snd_pcsp\n",
            "modprobe.blacklist=nothing",
        );
        let index = tables.index();
        let modules = |names: &[&str]| {
            Meaning::Modules(
                names
                    .iter()
                    .map(|name| index.find(name.as_bytes()).unwrap())
                    .collect(),
            )
        };
        assert_eq!(index.resolve(b"9pnet"), modules(&["9pnet"]));
        assert_eq!(index.resolve(b"fs-9p"), modules(&["9p"]));
        assert_eq!(index.resolve(b"fs_9p"), modules(&["9p"]));
        assert_eq!(index.resolve(b"x:y"), modules(&["one", "two"]));
        assert_eq!(index.resolve(b"mine"), modules(&["two"]));
        assert_eq!(index.resolve(b"x:z"), modules(&["two"]));
        assert_eq!(index.resolve(b"platform:pcspkr"), Meaning::Blacklisted);
        assert_eq!(index.resolve(b"snd_pcsp"), modules(&["snd-pcsp"]));
        assert_eq!(index.resolve(b"gone"), Meaning::Unknown);
        assert_eq!(index.resolve(b""), Meaning::Unknown);
    }

    #[test]
    fn a_missing_directory_is_named() {
        let failure = directory(Path::new("/nowhere")).unwrap_err();
        assert!(
            failure.to_string().contains("/nowhere/lib/modules/"),
            "{failure}"
        );
        assert_eq!(failure.cause(), Some(Errno::ENOENT));
    }
}
