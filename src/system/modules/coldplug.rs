//! Loading what the hardware asks for: every device's modalias, matched against `modules.alias`.
//! Devices appear while drivers are loaded (virtio_pci brings the virtio devices), so it goes round again
//! until nothing is new. Invariant: at most [`ROUNDS`] rounds; no module is tried twice.

use std::ffi::CString;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::dir::Dir;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::read;

use super::catalog::Index;
use super::load;
use super::loaded;
use super::plan::Planner;
use crate::failure::Failure;
use crate::sort;

/// How often the devices are looked at.
pub const ROUNDS: u32 = 8;

/// What happened, told while it happens.
pub enum Event<'a> {
    /// A device asks for this module, which is not loaded.
    Wanted {
        /// The device's modalias.
        modalias: &'a [u8],
        /// The module's name.
        module: &'a [u8],
    },
    /// This module was loaded (or would be, in a dry run).
    Loaded(&'a [u8]),
    /// A module failed; the others go on.
    Failed(Failure),
}

/// Loads what the devices below `sys` (`/sys`) ask for; only tells it where `dry`.
pub fn run(index: &Index<'_>, sys: &Path, dry: bool, tell: &mut dyn FnMut(Event<'_>)) {
    let mut planner = Planner::new(index);
    let mut devices = Devices::default();
    let mut asked = Seen::default();
    for _ in 0..ROUNDS {
        let mut fresh = devices.fresh(sys);
        fresh.retain(|modalias| asked.add(modalias));
        let loaded = round(index, &fresh, &mut planner, dry, tell);
        if !loaded || dry {
            break;
        }
    }
}

/// One round; whether a module was loaded.
fn round(
    index: &Index<'_>,
    modaliases: &[Vec<u8>],
    planner: &mut Planner<'_, '_>,
    dry: bool,
    tell: &mut dyn FnMut(Event<'_>),
) -> bool {
    let names: Vec<&[u8]> = modaliases.iter().map(Vec::as_slice).collect();
    let mut wanted: Vec<usize> = Vec::new();
    index.each_match(&names, &mut |at, module| {
        let name = index.entries[module].name;
        if !wanted.contains(&module) && !loaded::is_loaded(name) {
            wanted.push(module);
            tell(Event::Wanted {
                modalias: names[at],
                module: name,
            });
        }
    });
    let mut any = false;
    for module in wanted {
        let steps = planner.add(module);
        if dry {
            for step in steps {
                let name = index.entries[step.module].name;
                if !loaded::is_loaded(name) {
                    tell(Event::Loaded(name));
                }
            }
            continue;
        }
        let mut report = |module: usize, result| match result {
            Ok(()) => {
                any = true;
                tell(Event::Loaded(index.entries[module].name));
            }
            Err(failure) => tell(Event::Failed(failure)),
        };
        if let Err(failure) = load::steps(index, &steps, module, b"", &mut report) {
            tell(Event::Failed(failure));
        }
    }
    any
}

/// What was there before, sorted.
#[derive(Default)]
struct Seen(Vec<Vec<u8>>);

impl Seen {
    /// Adds it; whether it is new.
    fn add(&mut self, name: &[u8]) -> bool {
        let place = self.0.binary_search_by(|known| known.as_slice().cmp(name));
        if let Err(place) = place {
            self.0.insert(place, name.to_vec());
        }
        place.is_err()
    }
}

/// The devices that were looked at, so that each file is read once.
#[derive(Default)]
pub struct Devices {
    seen: Seen,
}

impl Devices {
    /// The modaliases of the devices below `sys` that have come since the last call, sorted, each once.
    ///
    /// Every device on a bus is listed below `bus/`, which costs a hundred files where a walk of
    /// `devices/` opens a thousand directories; processors, firmware and input devices have none and are
    /// asked by name.
    pub fn fresh(&mut self, sys: &Path) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let Some(sys) = open_directory(&AT_FDCWD, sys.as_os_str().as_bytes()) else {
            return found;
        };
        let mut groups: Vec<Vec<u8>> = ["class/input", "class/dmi", "devices/system"]
            .map(|group| group.as_bytes().to_vec())
            .into();
        if let Some(mut buses) = open_directory(&sys, b"bus") {
            for bus in names_in(&mut buses) {
                groups.push([b"bus/", bus.to_bytes(), b"/devices"].concat());
            }
        }
        for group in groups {
            self.of_group(&sys, &group, &mut found);
        }
        sort::sort(&mut found);
        found.dedup();
        found
    }

    fn of_group(&mut self, sys: &Dir, group: &[u8], found: &mut Vec<Vec<u8>>) {
        let Some(mut directory) = open_directory(sys, group) else {
            return;
        };
        for device in names_in(&mut directory) {
            let path = [group, b"/", device.to_bytes()].concat();
            if self.seen.add(&path) {
                let file = [device.to_bytes(), b"/modalias"].concat();
                found.extend(line_of(&directory, &file));
            }
        }
    }
}

fn open_directory(base: &impl AsFd, path: &[u8]) -> Option<Dir> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    Dir::openat(base, path, flags, Mode::empty()).ok()
}

fn names_in(directory: &mut Dir) -> Vec<CString> {
    let names = directory.iter().map_while(Result::ok);
    let names = names.map(|entry| entry.file_name().to_owned());
    names
        .filter(|name| !name.to_bytes().starts_with(b"."))
        .collect()
}

/// The first line of a small file; `None` where there is none.
fn line_of(base: &impl AsFd, path: &[u8]) -> Option<Vec<u8>> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let file = openat(base, path, flags, Mode::empty()).ok()?;
    // sysfs files have a page at most.
    let mut page = [0; 4096];
    let length = read(&file, &mut page).ok()?;
    let line = page[..length].trim_ascii();
    (!line.is_empty()).then(|| line.to_vec())
}

#[cfg(test)]
mod tests {
    use super::super::catalog::Tables;
    use super::*;

    /// A `/sys` of a virtual machine with two virtio devices, one of them without a module.
    fn fixture(name: &str) -> std::path::PathBuf {
        let root = std::env::temp_dir().join(format!("initsh-{name}-{}", std::process::id()));
        for (device, modalias) in [
            (
                "bus/pci/devices/0000:00:01.0",
                "pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00\n",
            ),
            ("bus/virtio/devices/virtio0", "virtio:d00000001v00001AF4\n"),
            ("bus/virtio/devices/virtio1", "virtio:d00000063v00001AF4\n"),
            ("bus/acpi/devices/device:00", ""),
            ("class/dmi/id", "dmi:bvnSeaBIOS:bvr1:\n"),
            (
                "devices/system/cpu",
                "cpu:type:x86,ven0000fam0006mod0006:feature:,0000,0001\n",
            ),
        ] {
            std::fs::create_dir_all(root.join(device)).unwrap();
            std::fs::write(root.join(device).join("modalias"), modalias).unwrap();
        }
        root
    }

    #[test]
    fn asks_all_devices() {
        let root = fixture("modalias");
        let mut devices = Devices::default();
        let found = devices.fresh(&root);
        assert!(devices.fresh(&root).is_empty());
        std::fs::remove_dir_all(&root).unwrap();
        let found: Vec<_> = found.iter().map(|m| String::from_utf8_lossy(m)).collect();
        assert_eq!(
            found,
            [
                "cpu:type:x86,ven0000fam0006mod0006:feature:,0000,0001",
                "dmi:bvnSeaBIOS:bvr1:",
                "pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00",
                "virtio:d00000001v00001AF4",
                "virtio:d00000063v00001AF4",
            ]
        );
    }

    #[test]
    fn finds_what_a_walk_of_this_machine_finds() {
        let mut walked = Vec::new();
        walk(Path::new("/sys/devices"), &mut walked);
        sort::sort(&mut walked);
        walked.dedup();
        assert_eq!(Devices::default().fresh(Path::new("/sys")), walked);
    }

    fn walk(directory: &Path, all: &mut Vec<Vec<u8>>) {
        for entry in std::fs::read_dir(directory).unwrap().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                walk(&entry.path(), all);
            } else if entry.file_name() == "modalias" {
                let text = std::fs::read(entry.path()).unwrap_or_default();
                if !text.trim_ascii().is_empty() {
                    all.push(text.trim_ascii().to_vec());
                }
            }
        }
    }

    #[test]
    fn a_dry_run_tells_the_order() {
        let root = fixture("dry");
        let tables = Tables::of(
            "zz_net.ko: zz_failover.ko\nzz_failover.ko:\nzz_pci.ko: zz_ring.ko\nzz_ring.ko:\nzz_other.ko:\n",
            "softdep zz_net pre: zz_other\n",
            "alias virtio:d00000001v* zz_net\nalias pci:v00001AF4d*sv*sd*bc*sc*i* zz_pci\nalias pci:v* zz_pci\n\
             alias dmi:bvnNobody* zz_other\n",
            "",
            "",
        );
        let index = tables.index();
        let mut told = Vec::new();
        run(&index, &root, true, &mut |event| match event {
            Event::Wanted { module, .. } => {
                told.push(format!("want {}", String::from_utf8_lossy(module)))
            }
            Event::Loaded(module) => told.push(String::from_utf8_lossy(module).into_owned()),
            Event::Failed(failure) => told.push(failure.to_string()),
        });
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(
            told,
            [
                "want zz_net",
                "want zz_pci",
                "zz_failover",
                "zz_other",
                "zz_net",
                "zz_ring",
                "zz_pci"
            ]
        );
    }
}
