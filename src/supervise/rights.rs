//! What a running process may do, from `/proc/PID/status`, in words.

use super::capabilities;

/// The rights of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rights {
    /// Its effective capabilities, by bit.
    pub caps: u64,
    /// Whether no exec gives it more.
    pub no_new_privs: bool,
    /// Whether a filter decides on its system calls.
    pub seccomp: bool,
    /// Whether it has told that it is under Landlock; the kernel does not say.
    pub landlock: bool,
}

impl Rights {
    /// Those of a process; `None` where it has ended.
    pub fn of(pid: i32, under_landlock: &[i32]) -> Option<Self> {
        let status = std::fs::read(format!("/proc/{pid}/status")).ok()?;
        let landlock = under_landlock.contains(&pid);
        let rights = Self::parse(&String::from_utf8_lossy(&status));
        Some(Self { landlock, ..rights })
    }

    fn parse(status: &str) -> Self {
        let value = |key| {
            let mut lines = status.lines();
            lines
                .find_map(|line| line.strip_prefix(key))
                .map_or("", str::trim)
        };
        Self {
            caps: u64::from_str_radix(value("CapEff:"), 16).unwrap_or(0),
            no_new_privs: value("NoNewPrivs:") == "1",
            seccomp: value("Seccomp:") == "2",
            landlock: false,
        }
    }

    /// In a word: `all`, `some` or `none` of the capabilities; `confined` where there are limits besides.
    pub fn word(&self) -> &'static str {
        match self.caps {
            _ if self.no_new_privs && (self.seccomp || self.landlock) => "confined",
            0 => "none",
            caps if capabilities::is_all(caps) => "all",
            _ => "some",
        }
    }

    /// `net_bind_service net_admin net_raw, no_new_privs, landlock, seccomp`; `all`, `all but
    /// sys_resource`, or `none` for the capabilities.
    pub fn text(&self) -> String {
        let mut text = capabilities::show(self.caps);
        for (holds, word) in [
            (self.no_new_privs, ", no_new_privs"),
            (self.landlock, ", landlock"),
            (self.seccomp, ", seccomp"),
        ] {
            if holds {
                text.push_str(word);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_words() {
        let client = "Name:\tinitsh\nCapEff:\t0000000000003400\nNoNewPrivs:\t1\nSeccomp:\t2\n";
        let client = Rights::parse(client);
        let expected = "net_bind_service net_admin net_raw, no_new_privs, seccomp";
        assert_eq!(
            (client.word(), client.text().as_str()),
            ("confined", expected)
        );
        for (caps, word, text) in [
            ("000001ffffffffff", "all", "all"),
            ("ffffffffffffffff", "all", "all"),
            ("000001fffeffffff", "some", "all but sys_resource"),
            ("0", "none", "none"),
            ("400000", "some", "sys_boot"),
            ("x", "none", "none"),
        ] {
            let rights = Rights::parse(&format!("CapEff:\t{caps}\nNoNewPrivs:\t0\nSeccomp:\t0\n"));
            assert_eq!(
                (rights.word(), rights.text().as_str()),
                (word, text),
                "{caps}"
            );
        }
        assert_eq!(Rights::of(-1, &[]), None);
        assert!(Rights::of(std::process::id() as i32, &[]).is_some());
    }
}
