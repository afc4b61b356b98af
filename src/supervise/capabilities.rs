//! The names of capabilities (capabilities(7)) and sets of them, by bit. Pure.

/// Every name without `CAP_`; its place is its number (`include/uapi/linux/capability.h`).
const NAMES: &[&str] = &[
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// In a set that was made from `all`: what PID 1 itself lacks is not asked for. No capability has this
/// number.
pub const AT_MOST: u64 = 1 << 63;

/// The set that a list means: `net_admin,net_raw`, `none`, `all`, `all,-sys_boot`, `-sys_boot`; `cap_`
/// in front is allowed.
///
/// Errors: the word that is none.
pub fn parse(list: &str) -> Result<u64, &str> {
    let mut set = match list.starts_with('-') {
        true => u64::MAX,
        false => 0,
    };
    for word in list.split(',').map(str::trim) {
        let (minus, name) = match word.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, word),
        };
        match name.to_ascii_lowercase().as_str() {
            "none" if !minus => set = 0,
            "all" if !minus => set = u64::MAX,
            name => {
                let name = name.strip_prefix("cap_").unwrap_or(name);
                let place = NAMES.iter().position(|known| *known == name);
                let bit = 1_u64 << place.ok_or(word)?;
                set = if minus { set & !bit } else { set | bit };
            }
        }
    }
    Ok(set)
}

/// Whether a set has every capability that has a name. A kernel may know more of them, or fewer.
pub fn is_all(set: u64) -> bool {
    let all = (1 << NAMES.len()) - 1;
    set & all == all
}

/// The names in a set with spaces between them; `all but …` where few are missing, `none`, `all`.
pub fn show(set: u64) -> String {
    let names = |inside: bool| {
        let numbered = NAMES.iter().enumerate();
        let chosen = numbered.filter(|(number, _)| (set >> number & 1 == 1) == inside);
        chosen.map(|(_, name)| *name).collect::<Vec<_>>()
    };
    let (inside, outside) = (names(true), names(false));
    match (inside.len(), outside.len()) {
        (0, _) => "none".to_owned(),
        (_, 0) => "all".to_owned(),
        (_, 1..10) => format!("all but {}", outside.join(" ")),
        _ => inside.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_as_people_write_them() {
        for (list, set) in [
            ("none", 0),
            ("chown", 1),
            ("net_bind_service,CAP_NET_RAW", 1 << 10 | 1 << 13),
            ("checkpoint_restore", 1 << 40),
            ("all", u64::MAX),
            ("all,-sys_boot", !(1 << 22)),
            ("-cap_sys_boot", !(1 << 22)),
            ("chown,-chown", 0),
        ] {
            assert_eq!(parse(list), Ok(set), "{list}");
        }
        assert_eq!(parse("chown,nope"), Err("nope"));
        assert_eq!(parse("-all"), Err("-all"));
        assert_eq!(parse(""), Err(""));
    }
}
