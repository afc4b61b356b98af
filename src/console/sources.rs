//! Where completion finds names on the machine it runs on. Nothing here fails: what cannot be read has
//! no names to offer.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::complete::Sources;
use crate::cmd;
use crate::script::settings;
use crate::supervise::client::Client;

/// Directory entries that are looked at, at most.
const MOST: usize = 20_000;

/// This machine, and the shell's variables as of the last prompt.
#[derive(Default)]
pub struct Live {
    /// Names of variables.
    pub variables: Vec<String>,
    /// Names of functions.
    pub functions: Vec<String>,
    /// Where programs are.
    pub path: String,
}

impl Sources for Live {
    fn commands(&self, prefix: &str) -> Vec<String> {
        let aliases = cmd::COMMANDS.iter().flat_map(|c| c.aliases.iter());
        let names = cmd::COMMANDS.iter().map(|c| &c.name).chain(aliases);
        let mut found: Vec<String> = names.map(|&name| name.to_owned()).collect();
        found.extend(self.functions.iter().cloned());
        // Every program of the machine only once there is something to go by.
        if !prefix.is_empty() {
            for directory in self.path.split(':').filter(|d| !d.is_empty()) {
                found.extend(names_in(directory, prefix, is_program));
            }
        }
        found
    }

    fn paths(&self, prefix: &str, directories_only: bool) -> Vec<String> {
        let (directory, stem) = match prefix.rfind('/') {
            Some(slash) => prefix.split_at(slash + 1),
            None => ("", prefix),
        };
        let place = if directory.is_empty() { "." } else { directory };
        let names = names_in(place, stem, |path| !directories_only || path.is_dir());
        let full = names.into_iter().map(|name| {
            let end = if Path::new(place).join(&name).is_dir() {
                "/"
            } else {
                ""
            };
            format!("{directory}{name}{end}")
        });
        full.collect()
    }

    fn interfaces(&self) -> Vec<String> {
        names_in("/sys/class/net", "", |path| path.is_dir())
    }

    fn settings(&self) -> Vec<String> {
        settings::list().into_iter().map(|(name, _)| name).collect()
    }

    fn variables(&self) -> Vec<String> {
        self.variables.clone()
    }

    fn services(&self) -> Vec<String> {
        let client = Client::connect().ok().flatten();
        let services = client.and_then(|mut client| client.services().ok());
        services
            .into_iter()
            .flatten()
            .map(|service| service.name)
            .collect()
    }

    fn modules(&self, loaded: bool) -> Vec<String> {
        if loaded {
            let text = fs::read_to_string("/proc/modules").unwrap_or_default();
            let names = text.lines().filter_map(|line| line.split(' ').next());
            return names.map(str::to_owned).collect();
        }
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let path = format!("/lib/modules/{}/modules.dep", release.trim());
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().filter_map(module_name).collect()
    }
}

/// `kernel/fs/9p/9p.ko.xz: …` → `9p`.
fn module_name(line: &str) -> Option<String> {
    let path = line.split_once(':')?.0;
    let file = path.rsplit('/').next()?;
    Some(file.split_once(".ko")?.0.to_owned())
}

/// Names below `directory` that begin so and are as `wanted`. Hidden ones only when asked for, and
/// only UTF-8 (the editor's line is).
fn names_in(directory: &str, prefix: &str, wanted: impl Fn(&Path) -> bool) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    entries
        .take(MOST)
        .flatten()
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
        .filter(|(name, _)| name.starts_with(prefix))
        .filter(|(name, _)| !name.starts_with('.') || prefix.starts_with('.'))
        .filter(|(_, path)| wanted(path))
        .map(|(name, _)| name)
        .collect()
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_names_from_modules_dep() {
        let line = "kernel/fs/9p/9p.ko.xz: kernel/net/9p/9pnet.ko.xz";
        assert_eq!(module_name(line), Some("9p".to_owned()));
        assert_eq!(module_name("nothing"), None);
    }

    #[test]
    fn paths_of_this_machine() {
        let live = Live::default();
        assert!(live.paths("/pro", false).contains(&"/proc/".to_owned()));
        assert!(live.paths("/proc/self/sta", true).is_empty());
        assert!(live.paths("/no/such/place/", false).is_empty());
        assert!(live.interfaces().contains(&"lo".to_owned()));
        assert!(live.commands("hel").contains(&"help".to_owned()));
    }
}
