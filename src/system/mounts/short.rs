//! The short forms of `mount`: one word for what every machine mounts in the same place.

/// One short form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Short {
    /// What is written: `mount proc`.
    pub name: &'static str,
    /// Another word for it; empty if there is none.
    pub alias: &'static str,
    /// What is mounted.
    pub source: &'static str,
    /// Where.
    pub target: &'static str,
    /// The filesystem's type.
    pub kind: &'static str,
    /// As after `-o`.
    pub options: &'static str,
    /// Symbolic links that belong to it, `(path, target)`: made where they are missing.
    pub links: &'static [(&'static str, &'static str)],
}

/// The 9p protocol over virtio; messages of 128 KiB, so that a guest with little memory can have them.
const NINEP: &str = "trans=virtio,version=9p2000.L,msize=131072";

const fn form(
    name: &'static str,
    kind: &'static str,
    target: &'static str,
    options: &'static str,
) -> Short {
    Short {
        name,
        alias: "",
        source: kind,
        target,
        kind,
        options,
        links: &[],
    }
}

const KERNEL: &str = "nosuid,nodev,noexec";

/// All of them, in the order in which a machine wants them.
pub const SHORT: &[Short] = &[
    form("proc", "proc", "/proc", KERNEL),
    Short {
        alias: "sysfs",
        ..form("sys", "sysfs", "/sys", KERNEL)
    },
    Short {
        alias: "devtmpfs",
        links: &[
            ("/dev/fd", "/proc/self/fd"),
            ("/dev/stdin", "/proc/self/fd/0"),
            ("/dev/stdout", "/proc/self/fd/1"),
            ("/dev/stderr", "/proc/self/fd/2"),
        ],
        ..form("dev", "devtmpfs", "/dev", "nosuid,mode=0755")
    },
    Short {
        links: &[("/dev/ptmx", "pts/ptmx")],
        ..form(
            "devpts",
            "devpts",
            "/dev/pts",
            "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5",
        )
    },
    form("shm", "tmpfs", "/dev/shm", "nosuid,nodev,mode=1777"),
    // Memory that files hold cannot be had back by killing anybody: where a runaway pid or log file could
    // fill half of it, as tmpfs allows, a small machine panics ("deadlocked on memory").
    form("run", "tmpfs", "/run", "nosuid,nodev,size=20%,mode=0755"),
    form("tmp", "tmpfs", "/tmp", "nosuid,nodev,mode=1777"),
    Short {
        alias: "cgroup",
        ..form("cgroup2", "cgroup2", "/sys/fs/cgroup", KERNEL)
    },
    Short {
        source: "host-code",
        ..form("9p", "9p", "/mnt/host", NINEP)
    },
    Short {
        source: "host-code",
        ..form("virtiofs", "virtiofs", "/mnt/host", "")
    },
    Short {
        alias: "debug",
        ..form("debugfs", "debugfs", "/sys/kernel/debug", KERNEL)
    },
    Short {
        alias: "tracing",
        ..form("tracefs", "tracefs", "/sys/kernel/tracing", KERNEL)
    },
    form("configfs", "configfs", "/sys/kernel/config", KERNEL),
    form("securityfs", "securityfs", "/sys/kernel/security", KERNEL),
    form("bpf", "bpf", "/sys/fs/bpf", "nosuid,nodev,noexec,mode=0700"),
    form("pstore", "pstore", "/sys/fs/pstore", KERNEL),
    form("efivarfs", "efivarfs", "/sys/firmware/efi/efivars", KERNEL),
    form("mqueue", "mqueue", "/dev/mqueue", KERNEL),
    form("hugetlbfs", "hugetlbfs", "/dev/hugepages", "nosuid,nodev"),
    form(
        "binfmt_misc",
        "binfmt_misc",
        "/proc/sys/fs/binfmt_misc",
        KERNEL,
    ),
];

/// The short form of that name.
pub fn find(word: &[u8]) -> Option<&'static Short> {
    let is = |name: &str| !name.is_empty() && name.as_bytes() == word;
    SHORT.iter().find(|short| is(short.name) || is(short.alias))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_by_name_and_alias() {
        assert_eq!(find(b"sysfs"), find(b"sys"));
        assert_eq!(find(b"proc").map(|short| short.target), Some("/proc"));
        assert_eq!(find(b""), None);
        let mut names: Vec<_> = SHORT.iter().flat_map(|s| [s.name, s.alias]).collect();
        names.retain(|name| !name.is_empty());
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
