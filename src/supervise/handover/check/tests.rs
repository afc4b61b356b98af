//! Every reason to refuse, as a table; programs in a directory that plays the new root.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::*;

const GOOD: Facts = Facts {
    machine: true,
    same_device: false,
    mount_point: true,
    in_memory: true,
    keep_root: false,
};

#[test]
fn roots_that_can_and_cannot_be_switched_to() {
    let disk = Facts {
        in_memory: false,
        ..GOOD
    };
    for (facts, why) in [
        (GOOD, None),
        (
            Facts {
                keep_root: true,
                ..disk
            },
            None,
        ),
        (
            Facts {
                machine: false,
                ..GOOD
            },
            Some("only the PID 1 of a machine"),
        ),
        (
            Facts {
                same_device: true,
                ..GOOD
            },
            Some("on the same file system"),
        ),
        (
            Facts {
                mount_point: false,
                ..GOOD
            },
            Some("nothing is mounted there"),
        ),
        (disk, Some("neither an initramfs nor a tmpfs")),
    ] {
        let judged = judge(&facts, OsStr::new("/newroot"));
        match why {
            None => assert_eq!(judged, Ok(()), "{facts:?}"),
            Some(why) => {
                let failure = judged.unwrap_err();
                let text = failure.to_string();
                assert!(text.starts_with("switch the root to /newroot: "), "{text}");
                assert!(text.contains(why), "{facts:?}: {text}");
                assert!(failure.hint().is_some());
            }
        }
    }
}

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("initsh-check-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("bin")).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, mode: u32, text: &[u8]) {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn static_elf() -> Vec<u8> {
    let mut file = fs::read("/proc/self/exe").unwrap();
    file.truncate(image::HEAD);
    // No program headers: nothing names an interpreter.
    file[56] = 0;
    file[57] = 0;
    file
}

#[test]
fn programs_are_found_as_the_new_root_sees_them() {
    let scratch = Scratch::new("programs");
    scratch.file("bin/init", 0o755, &static_elf());
    scratch.file("bin/locked", 0o644, &static_elf());
    scratch.file("bin/script", 0o755, b"#!/bin/init -x\n");
    scratch.file("bin/orphan", 0o755, b"#!/no/such/shell\n");
    scratch.file("bin/loop", 0o755, b"#!/bin/loop\n");
    scratch.file("bin/text", 0o755, b"echo hello\n");
    let link = |to: &str, name: &str| symlink(to, scratch.0.join(name)).unwrap();
    link("/bin/init", "sbin-init");
    link("../../../bin/init", "bin/up");
    // There outside, not in here.
    link("/proc/self/exe", "bin/outside");
    link("nowhere", "bin/dangling");
    let place = Place::new(scratch.0.as_os_str(), " in /new".into()).unwrap();
    for (path, refusal) in [
        ("/bin/init", None),
        ("bin/init", None),
        ("/sbin-init", None),
        ("/bin/up", None),
        ("/bin/script", None),
        (
            "/bin/none",
            Some((127, "execute /bin/none in /new: ENOENT")),
        ),
        (
            "/bin/outside",
            Some((127, "execute /bin/outside in /new: ENOENT")),
        ),
        ("/bin/dangling", Some((127, "ENOENT"))),
        ("/bin", Some((126, "EISDIR"))),
        ("/bin/locked", Some((126, "EACCES"))),
        ("/bin/text", Some((126, "ENOEXEC"))),
        ("/bin/loop", Some((126, "ELOOP"))),
        (
            "/bin/orphan",
            Some((
                127,
                "/bin/orphan needs /no/such/shell: execute /no/such/shell in /new: ENOENT",
            )),
        ),
    ] {
        let checked = place.check_program(path.as_ref(), INTERPRETERS);
        match refusal {
            None => assert_eq!(checked, Ok(()), "{path}"),
            Some((status, text)) => {
                let failure = checked.unwrap_err();
                assert_eq!(failure.status(), status, "{path}: {failure}");
                assert!(failure.to_string().contains(text), "{path}: {failure}");
            }
        }
    }
    let dangling = place.check_program("/bin/dangling".as_ref(), INTERPRETERS);
    assert!(
        dangling
            .unwrap_err()
            .hint()
            .unwrap()
            .contains("symbolic link")
    );
}

#[test]
fn mount_points() {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
    let is = |path: &Path| {
        let file = open(path, flags, Mode::empty()).unwrap();
        is_mount_point(file.as_fd())
    };
    assert_eq!(is(Path::new("/proc")), Ok(true));
    assert_eq!(is(Path::new("/proc/self")), Ok(false));
}

#[test]
fn an_order_is_examined_as_a_whole() {
    let mut order = HandOver {
        root: None,
        program: std::env::current_exe().unwrap().into(),
        argv: vec!["init".into()],
        env: vec![],
        keep_services: false,
        keep_root: false,
    };
    assert_eq!(examine(&order, false), Ok(()));
    order.root = Some("/proc".into());
    let failure = examine(&order, false).unwrap_err();
    assert!(failure.to_string().contains("only the PID 1 of a machine"));
    order.root = Some("/no/such/root".into());
    let failure = examine(&order, true).unwrap_err();
    assert!(
        failure
            .to_string()
            .starts_with("open /no/such/root: ENOENT")
    );
    order.root = Some("relative".into());
    assert!(examine(&order, true).is_err());
}
