//! What has to be unmounted before a machine ends, and in which order: from the text of
//! `/proc/self/mountinfo` (proc_pid_mountinfo(5)). Pure. Invariant: a file system that keeps data is
//! always in the list; one that only lives in memory is left alone unless it stands on one that keeps data.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::system::mounts::table;

/// File systems without anything to lose.
const IN_MEMORY: &[&[u8]] = &[
    b"autofs",
    b"binfmt_misc",
    b"bpf",
    b"cgroup",
    b"cgroup2",
    b"configfs",
    b"debugfs",
    b"devpts",
    b"devtmpfs",
    b"efivarfs",
    b"fusectl",
    b"hugetlbfs",
    b"mqueue",
    b"nsfs",
    b"proc",
    b"pstore",
    b"ramfs",
    b"rootfs",
    b"rpc_pipefs",
    b"securityfs",
    b"selinuxfs",
    b"sysfs",
    b"tmpfs",
    b"tracefs",
];

/// The mount points to unmount, in this order; what is busy is to be made read-only.
pub fn to_unmount(mountinfo: &[u8]) -> Vec<OsString> {
    let mut kept: Vec<u32> = Vec::new();
    let mut order = Vec::new();
    // A mount stands after the one that it is mounted on.
    for mount in table::parse(mountinfo) {
        let root = mount.target == b"/";
        if !IN_MEMORY.contains(&&mount.kind[..]) || kept.contains(&mount.parent) {
            // What is mounted on the root need not go for the root to become read-only.
            if !root {
                kept.push(mount.id);
            }
            order.push(OsString::from_vec(mount.target));
        }
    }
    order.reverse();
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(text: &str) -> Vec<OsString> {
        to_unmount(text.as_bytes())
    }

    #[test]
    fn an_initramfs_with_a_share_and_a_disk() {
        let text = "\
1 1 0:2 / / rw - rootfs rootfs rw
20 1 0:4 / /proc rw - proc proc rw
21 1 0:6 / /dev rw shared:2 - devtmpfs dev rw
22 21 0:20 / /dev/pts rw - devpts devpts rw
23 1 0:30 / /mnt/host rw - 9p host-code rw
24 1 254:0 / /mnt/my\\040disk rw shared:3 master:1 - ext4 /dev/vda rw
25 24 0:31 / /mnt/my\\040disk/tmp rw - tmpfs tmpfs rw
26 24 254:16 / /mnt/my\\040disk/a\\134b rw - ext4 /dev/vdb rw
";
        assert_eq!(
            order(text),
            [
                "/mnt/my disk/a\\b",
                "/mnt/my disk/tmp",
                "/mnt/my disk",
                "/mnt/host"
            ]
        );
    }

    #[test]
    fn a_root_on_a_disk_is_last() {
        let text = "\
30 1 254:0 / / rw - ext4 /dev/vda rw
31 30 0:4 / /proc rw - proc proc rw
32 30 254:1 / /home rw - xfs /dev/vdb rw
";
        assert_eq!(order(text), ["/home", "/"]);
    }

    #[test]
    fn nonsense_is_passed_over() {
        assert!(order("\n1\n1 2\n1 2 3 / /x rw\nx 1 0:1 / /y rw - ext4 a rw\n").is_empty());
    }
}
