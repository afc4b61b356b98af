//! Small files that others read while they change. Invariant: a reader sees the old text or the new,
//! never a part; the one exception is a file that something is mounted on.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::failure::{Doing, Failure};

/// Replaces the file's text, creating the directories above it.
///
/// A file that cannot be renamed over because it is a mount point (`/etc/resolv.conf` in containers and
/// `ip netns exec`) or because its directory cannot be written is written in place. Errors: as of the
/// system calls, naming the path.
pub fn replace(path: &Path, text: &[u8]) -> Result<(), Failure> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)
            .doing(|| format!("create directory {}", directory.display()))?;
    }
    let temporary = temporary_name(path);
    let written = write(&temporary, text, true).and_then(|()| fs::rename(&temporary, path));
    let Err(error) = written else {
        return Ok(());
    };
    let _ = fs::remove_file(&temporary);
    let in_place = [Errno::EBUSY, Errno::EACCES, Errno::EROFS].map(|errno| Some(errno as i32));
    if !in_place.contains(&error.raw_os_error()) || !path.is_file() {
        return Err(error).doing(|| format!("write {}", path.display()));
    }
    write(path, text, false).doing(|| format!("write {} in place", path.display()))
}

/// Makes `path` a symbolic link to `target`, in place of what is there. Errors: EBUSY where something is
/// mounted there; as of the system calls, naming the path.
pub fn link(target: &Path, path: &Path) -> Result<(), Failure> {
    let temporary = temporary_name(path);
    let _ = fs::remove_file(&temporary);
    let linked =
        std::os::unix::fs::symlink(target, &temporary).and_then(|()| fs::rename(&temporary, path));
    if linked.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    linked.doing(|| format!("link {} to {}", path.display(), target.display()))
}

/// Removes a file; that there is none is success.
pub fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).doing(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Beside the file, so that the rename stays within one filesystem; with the pid, so that two writers do
/// not share it; with a leading dot, so that readers of the directory pass it by.
fn temporary_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", nix::unistd::getpid()))
}

fn write(path: &Path, text: &[u8], create: bool) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(create)
        .truncate(true)
        .mode(0o644)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(path)?;
    file.write_all(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_and_leaves_nothing_behind() {
        let directory =
            std::env::temp_dir().join(format!("initsh-store-{}", nix::unistd::getpid()));
        let path = directory.join("deep/file");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(directory.join("deep")).unwrap().count(), 1);
        remove(&path).unwrap();
        remove(&path).unwrap();
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_link_replaces_a_file_and_its_target_is_written_through_it() {
        let directory =
            std::env::temp_dir().join(format!("initsh-store-link-{}", nix::unistd::getpid()));
        let (target, path) = (directory.join("target"), directory.join("path"));
        replace(&target, b"one").unwrap();
        replace(&path, b"other").unwrap();
        link(&target, &path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        replace(&target, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 2);
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_failure_names_the_path() {
        let failure = replace(Path::new("/proc/no-such-place/file"), b"").unwrap_err();
        assert!(
            failure.to_string().contains("/proc/no-such-place"),
            "{failure}"
        );
    }
}
