//! Where services' control groups are (cgroup v2): `initsh.slice/NAME` below PID 1's own group. Looked up
//! by the client, so that PID 1 reads no files.

use std::ffi::OsString;
use std::path::Path;

use crate::failure::Failure;

/// The group in which every service's is made.
pub const SLICE: &str = "initsh.slice";

/// PID 1 and whoever was with it, once its own group had to be emptied.
pub const LEAF: &str = "initsh.init";

/// The directory in which [`SLICE`] is to be.
///
/// Errors: cgroup2 is not mounted.
pub fn locate() -> Result<OsString, Failure> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let missing = || {
        let text = "--cgroup: cgroup2 is not mounted";
        Failure::new(text).with_hint("'mount cgroup2' mounts it on /sys/fs/cgroup")
    };
    let mount = mount_point(&read("/proc/self/mounts")).ok_or_else(missing)?;
    let group = Path::new(&mount).join(own_group(&read("/proc/1/cgroup")));
    // In a namespace the path may be one of the outside.
    Ok(match group.join("cgroup.procs").exists() {
        true => group.into_os_string(),
        false => mount.into(),
    })
}

/// Where cgroup2 is, from `/proc/self/mounts`; a mount with controllers (not that of a hybrid system)
/// cannot be told by it and is first come, first served.
fn mount_point(mounts: &str) -> Option<String> {
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let target = fields.nth(1)?;
        (fields.next()? == "cgroup2").then(|| target.replace("\\040", " "))
    })
}

/// The path of a process's group below the mount, from `/proc/PID/cgroup`: the line `0::/…`.
fn own_group(cgroup: &str) -> &str {
    let path = cgroup.lines().find_map(|line| line.strip_prefix("0::/"));
    let path = path
        .filter(|path| !path.starts_with(".."))
        .unwrap_or_default();
    path.strip_suffix(LEAF)
        .unwrap_or(path)
        .trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_from_what_the_kernel_says() {
        let mounts = "proc /proc proc rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n\
            cgroup2 /sys/fs/my\\040groups cgroup2 rw 0 0\n";
        assert_eq!(mount_point(mounts).as_deref(), Some("/sys/fs/my groups"));
        assert_eq!(mount_point("proc /proc proc rw 0 0\n"), None);
        for (text, group) in [
            ("1:cpu:/a\n0::/\n", ""),
            ("0::/docker/1\n", "docker/1"),
            ("0::/docker/1/initsh.init\n", "docker/1"),
            ("0::/initsh.init\n", ""),
            ("0::/../..\n", ""),
            ("", ""),
        ] {
            assert_eq!(own_group(text), group, "{text}");
        }
    }
}
