//! Devices: their numbers, their nodes, and whether one is there.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use crate::failure::{Doing, Failure};

/// What a node stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// A character device with its numbers.
    Character(u64, u64),
    /// A block device.
    Block(u64, u64),
    /// A named pipe.
    Pipe,
}

const DEFAULT_MODE: Mode = Mode::from_bits_truncate(0o666);

/// Makes a node, and the directory that it stands in if that is missing. Without a `mode` it has the
/// permissions 666 less the umask. The same node may be there already; it keeps its permissions then,
/// unless a `mode` is given.
///
/// Errors: EEXIST (something else is there), EPERM.
pub fn make_node(path: &Path, node: Node, mode: Option<Mode>) -> Result<(), Failure> {
    let (kind, device) = match node {
        Node::Character(major, minor) => (SFlag::S_IFCHR, makedev(major, minor)),
        Node::Block(major, minor) => (SFlag::S_IFBLK, makedev(major, minor)),
        Node::Pipe => (SFlag::S_IFIFO, 0),
    };
    let what = || format!("make the node {}", path.display());
    let make = || mknod(path, kind, mode.unwrap_or(DEFAULT_MODE), device);
    let mut made = make();
    if made == Err(Errno::ENOENT)
        && let Some(parent) = path.parent()
    {
        std::fs::create_dir_all(parent)
            .doing(|| format!("make the directory {}", parent.display()))?;
        made = make();
    }
    if made == Err(Errno::EEXIST) {
        let there = std::fs::symlink_metadata(path).doing(what)?;
        let same_kind = there.mode() & libc::S_IFMT == kind.bits();
        if !same_kind || (node != Node::Pipe && there.rdev() != device) {
            return Err(Failure::errno(what(), Errno::EEXIST));
        }
    } else {
        made.doing(what)?;
    }
    let Some(mode) = mode else { return Ok(()) };
    // The umask does not count, as with mknod -m.
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode.bits());
    std::fs::set_permissions(path, permissions)
        .doing(|| format!("set the permissions of {}", path.display()))
}

/// Where a device shows that it is there: `vda` and `/dev/vda` in `/dev` or `/sys/class/block`, `254:0` in
/// `/sys/dev`, a network interface in `/sys/class/net`.
pub fn places(name: &str) -> Vec<PathBuf> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if let Some((major, minor)) = name.split_once(':')
        && is_number(major)
        && is_number(minor)
    {
        return ["block", "char"]
            .map(|kind| format!("/sys/dev/{kind}/{name}").into())
            .into();
    }
    let short = name.strip_prefix("/dev/").unwrap_or(name);
    let mut places: Vec<PathBuf> = vec![Path::new("/dev").join(short)];
    if !name.starts_with('/') {
        places.push(format!("/sys/class/block/{name}").into());
        places.push(format!("/sys/class/net/{name}").into());
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_devices() {
        let shown = |name| {
            places(name)
                .iter()
                .map(|p| p.display().to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            shown("254:0"),
            ["/sys/dev/block/254:0", "/sys/dev/char/254:0"]
        );
        assert_eq!(
            shown("vda"),
            ["/dev/vda", "/sys/class/block/vda", "/sys/class/net/vda"]
        );
        assert_eq!(shown("/dev/mapper/x"), ["/dev/mapper/x"]);
    }

    #[test]
    fn a_pipe_is_made_once() {
        let root = std::env::temp_dir().join(format!("initsh-node-{}", std::process::id()));
        let path = root.join("deep/pipe");
        let mode = Some(Mode::from_bits_truncate(0o640));
        make_node(&path, Node::Pipe, mode).unwrap();
        make_node(&path, Node::Pipe, None).unwrap();
        let meta = std::fs::metadata(&path).unwrap();
        assert_eq!(meta.mode(), libc::S_IFIFO | 0o640);
        let failure = make_node(&path, Node::Character(1, 3), mode).unwrap_err();
        assert_eq!(failure.cause(), Some(Errno::EEXIST));
        std::fs::remove_dir_all(&root).unwrap();
    }
}
