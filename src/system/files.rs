//! Removing and making files. Invariant: removing a tree goes by open directories, follows no symbolic
//! link, and stays on one filesystem.

use std::ffi::{CStr, CString};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::failure::{Doing, Failure};
use crate::sys::signal::check_interrupt;

/// What to remove.
#[derive(Debug, Clone, Copy, Default)]
pub struct Removal {
    /// Directories with all that is in them.
    pub recursive: bool,
    /// A path that does not exist is fine.
    pub force: bool,
}

/// Removes a path. Errors name the file that could not be removed; what stands before it is gone.
pub fn remove(path: &Path, how: Removal) -> Result<(), Failure> {
    refuse_dangerous(path)?;
    let what = || format!("remove {}", path.display());
    let name = CString::new(path.as_os_str().as_bytes()).map_err(|_| Failure::usage(what()))?;
    let meta = match fstatat(AT_FDCWD, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
        Err(Errno::ENOENT | Errno::ENOTDIR) if how.force => return Ok(()),
        meta => meta.doing(what)?,
    };
    if !is_directory(&meta) {
        return unlinkat(AT_FDCWD, name.as_c_str(), UnlinkatFlags::NoRemoveDir).doing(what);
    }
    if !how.recursive {
        return Err(
            Failure::errno(what(), Errno::EISDIR).with_hint("directories are removed with -r")
        );
    }
    remove_tree(&AT_FDCWD, &name, &mut path.to_owned(), meta.st_dev)
}

/// `/`, `.` and `..` in the last place are mistakes, whatever the options say.
fn refuse_dangerous(path: &Path) -> Result<(), Failure> {
    let text = path.as_os_str().as_bytes();
    let end = text.iter().rposition(|&b| b != b'/').map_or(0, |at| at + 1);
    let trimmed = &text[..end];
    let last = trimmed.rsplit(|&b| b == b'/').next().unwrap_or_default();
    if text.is_empty() {
        return Err(Failure::errno("remove ''", Errno::ENOENT));
    }
    let resolved_root = path
        .components()
        .all(|c| matches!(c, Component::RootDir | Component::CurDir));
    if trimmed.is_empty() || last == b"." || last == b".." || resolved_root {
        return Err(Failure::usage(format!(
            "refusing to remove '{}'",
            path.display()
        )));
    }
    Ok(())
}

fn is_directory(meta: &FileStat) -> bool {
    SFlag::from_bits_truncate(meta.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR
}

/// Removes the directory `name` of `base`. `path` is what errors call it. As deep as there are file
/// descriptors (EMFILE).
fn remove_tree(
    base: &impl AsFd,
    name: &CStr,
    path: &mut PathBuf,
    device: libc::dev_t,
) -> Result<(), Failure> {
    let what = |path: &Path| format!("remove {}", path.display());
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut directory = Dir::openat(base, name, flags, Mode::empty()).doing(|| what(path))?;
    // Collected first: removing while reading may skip names.
    let names = names_of(&mut directory, path)?;
    for entry in names {
        check_interrupt()?;
        path.push(std::ffi::OsStr::from_bytes(entry.to_bytes()));
        let done = match unlinkat(&directory, entry.as_c_str(), UnlinkatFlags::NoRemoveDir) {
            Err(Errno::EISDIR | Errno::EPERM) => below(&directory, &entry, path, device),
            done => done.doing(|| what(path)),
        };
        done?;
        path.pop();
    }
    drop(directory);
    unlinkat(base, name, UnlinkatFlags::RemoveDir).doing(|| what(path))
}

fn below(
    base: &impl AsFd,
    name: &CStr,
    path: &mut PathBuf,
    device: libc::dev_t,
) -> Result<(), Failure> {
    let what = |path: &Path| format!("remove {}", path.display());
    let meta = fstatat(base, name, AtFlags::AT_SYMLINK_NOFOLLOW).doing(|| what(path))?;
    if !is_directory(&meta) {
        return Err(Failure::errno(what(path), Errno::EPERM));
    }
    if meta.st_dev != device {
        let failure = Failure::errno(what(path), Errno::EXDEV);
        return Err(failure.with_hint("another filesystem is mounted there; unmount it first"));
    }
    remove_tree(base, name, path, device)
}

fn names_of(directory: &mut Dir, path: &Path) -> Result<Vec<CString>, Failure> {
    let mut names = Vec::new();
    for entry in directory.iter() {
        let entry = entry.doing(|| format!("read {}", path.display()))?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// Makes a directory; with `parents` also those above it, and one that is there is fine.
pub fn make_directory(path: &Path, mode: Option<Mode>, parents: bool) -> Result<(), Failure> {
    let what = || format!("make the directory {}", path.display());
    if parents && path.is_dir() {
        return Ok(());
    }
    if parents && let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        std::fs::create_dir_all(above).doing(what)?;
    }
    match nix::unistd::mkdir(path, Mode::from_bits_truncate(0o777)) {
        // Somebody else was quicker, or the path ends in `.`.
        Err(Errno::EEXIST) if parents && path.is_dir() => {}
        made => made.doing(what)?,
    }
    let Some(mode) = mode else { return Ok(()) };
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode.bits());
    std::fs::set_permissions(path, permissions)
        .doing(|| format!("set the permissions of {}", path.display()))
}

/// Reads permissions in octal: `755`, `1777`.
pub fn parse_mode(text: &str) -> Result<Mode, Failure> {
    let number = u32::from_str_radix(text, 8)
        .ok()
        .filter(|&number| number <= 0o7777);
    let mode = number.filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    mode.map(Mode::from_bits_truncate).ok_or_else(|| {
        Failure::usage(format!(
            "'{text}' is not a mode: expected octal such as 755"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const ALL: Removal = Removal {
        recursive: true,
        force: false,
    };

    fn scratch(name: &str) -> PathBuf {
        let root = std::env::temp_dir().join(format!("initsh-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        root
    }

    #[test]
    fn dangerous_paths_are_refused() {
        for path in [
            "/", "//", ".", "..", "x/..", "x/.", "/.", "/./", "./", "/x/../", "",
        ] {
            assert!(remove(Path::new(path), ALL).is_err(), "{path}");
        }
        let force = Removal {
            recursive: true,
            force: true,
        };
        assert_eq!(remove(Path::new("/"), force).unwrap_err().status(), 2);
        assert!(remove(Path::new("/nowhere/at/all"), force).is_ok());
    }

    #[test]
    fn a_tree_goes_and_what_links_point_to_stays() {
        let root = scratch("rm");
        let kept = root.join("kept");
        std::fs::create_dir_all(&kept).unwrap();
        std::fs::write(kept.join("file"), "x").unwrap();
        let tree = root.join("tree");
        std::fs::create_dir_all(tree.join("a/b/c")).unwrap();
        std::fs::write(tree.join("a/file"), "x").unwrap();
        symlink(&kept, tree.join("a/link")).unwrap();
        symlink(&tree, root.join("to-tree")).unwrap();
        assert_eq!(
            remove(&tree, Removal::default()).unwrap_err().cause(),
            Some(Errno::EISDIR)
        );
        remove(&root.join("to-tree"), ALL).unwrap();
        assert!(tree.join("a/file").exists());
        remove(&tree, ALL).unwrap();
        assert!(!tree.exists() && kept.join("file").exists());
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn modes() {
        assert_eq!(parse_mode("1777").unwrap().bits(), 0o1777);
        for text in ["", "8", "+7", "77777", "u+x", "0x7"] {
            assert!(parse_mode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn directories() {
        let root = scratch("mkdir");
        let deep = root.join("a/b");
        assert_eq!(
            make_directory(&deep, None, false).unwrap_err().cause(),
            Some(Errno::ENOENT)
        );
        let mode = Some(Mode::from_bits_truncate(0o1700));
        make_directory(&deep, mode, true).unwrap();
        make_directory(&deep, None, true).unwrap();
        let failure = make_directory(&deep, None, false).unwrap_err();
        assert_eq!(failure.cause(), Some(Errno::EEXIST));
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            std::fs::metadata(&deep).unwrap().permissions().mode() & 0o7777,
            0o1700
        );
        std::fs::remove_dir_all(&root).unwrap();
    }
}
