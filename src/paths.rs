//! Where state and configuration files live. Tests, containers and namespaces choose their own with
//! `INITSH_RUN`, `INITSH_ETC` and `INITSH_STATE`.

use std::path::{Path, PathBuf};

use nix::sys::statfs::{FsType, TMPFS_MAGIC, statfs};

/// RAMFS_MAGIC of linux/magic.h.
const RAMFS: u32 = 0x8584_58f6;

/// The directory for run-time state (control socket, leases): `$INITSH_RUN`, else `/run/initsh`.
pub fn run_dir() -> PathBuf {
    from_environment("INITSH_RUN", "/run/initsh")
}

/// The directory for `resolv.conf`: `$INITSH_ETC`, else `/etc`.
pub fn etc_dir() -> PathBuf {
    from_environment("INITSH_ETC", "/etc")
}

/// The directory for what is to survive a boot (DUID, leases as hints): `$INITSH_STATE`, else
/// `/var/lib/initsh`. `None` where there is no such directory, or it is in memory and survives nothing:
/// whoever wants files kept makes it. What `INITSH_STATE` names is taken as it is.
pub fn state_dir() -> Option<PathBuf> {
    let directory = from_environment("INITSH_STATE", "");
    if !directory.as_os_str().is_empty() {
        return Some(directory);
    }
    let directory = Path::new("/var/lib/initsh");
    let kind = statfs(directory).ok()?.filesystem_type();
    // The type of the number differs between C libraries.
    let in_memory = kind == TMPFS_MAGIC || kind == FsType(RAMFS as _);
    (!in_memory && directory.is_dir()).then(|| directory.to_owned())
}

fn from_environment(variable: &str, default: &str) -> PathBuf {
    std::env::var_os(variable)
        .filter(|value| !value.is_empty())
        .map_or_else(|| default.into(), PathBuf::from)
}
