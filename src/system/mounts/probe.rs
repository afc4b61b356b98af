//! Which filesystem a block device holds: by its magic bytes, and which types the kernel knows.

use std::os::fd::AsFd;
use std::path::Path;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::sys::uio::pread;

/// Type, offset in bytes, what stands there. ext2 and ext3 are mounted by ext4.
const MAGIC: &[(&str, i64, &[u8])] = &[
    ("ext4", 0x438, b"\x53\xef"),
    ("squashfs", 0, b"hsqs"),
    ("erofs", 0x400, b"\xe2\xe1\xf5\xe0"),
    ("xfs", 0, b"XFSB"),
    ("btrfs", 0x1_0040, b"_BHRfS_M"),
    ("f2fs", 0x400, b"\x10\x20\xf5\xf2"),
    ("vfat", 0x52, b"FAT32"),
    ("vfat", 0x36, b"FAT1"),
    ("exfat", 3, b"EXFAT   "),
    ("iso9660", 0x8001, b"CD001"),
];

/// The type that the device's first bytes tell; `None` if none is known or it cannot be read.
pub fn by_magic(device: &Path) -> Option<&'static str> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let device = open(device, flags, Mode::empty()).ok()?;
    let found = MAGIC
        .iter()
        .find(|(_, at, magic)| holds(&device, *at, magic));
    found.map(|(kind, _, _)| *kind)
}

fn holds(device: &impl AsFd, at: i64, magic: &[u8]) -> bool {
    let mut bytes = [0; 8];
    let bytes = &mut bytes[..magic.len()];
    pread(device, bytes, at).is_ok_and(|length| length == magic.len()) && bytes == magic
}

/// The types of `/proc/filesystems` that live on block devices (`devices`), or those that do not.
pub fn known(text: &str, devices: bool) -> impl Iterator<Item = &str> {
    text.lines().filter_map(move |line| {
        let (flag, kind) = line.split_once('\t')?;
        ((flag != "nodev") == devices && !kind.is_empty()).then_some(kind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_the_kernel_knows() {
        let text = "nodev\tsysfs\nnodev\ttmpfs\n\text3\n\text4\nbroken\n\t\n";
        assert_eq!(known(text, true).collect::<Vec<_>>(), ["ext3", "ext4"]);
        assert_eq!(known(text, false).collect::<Vec<_>>(), ["sysfs", "tmpfs"]);
    }

    #[test]
    fn magic_bytes() {
        let path = std::env::temp_dir().join(format!("initsh-magic-{}", std::process::id()));
        let mut image = vec![0; 4096];
        std::fs::write(&path, &image).unwrap();
        assert_eq!(by_magic(&path), None);
        image[0x438..0x43a].copy_from_slice(b"\x53\xef");
        std::fs::write(&path, &image).unwrap();
        assert_eq!(by_magic(&path), Some("ext4"));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(by_magic(&path), None);
    }
}
