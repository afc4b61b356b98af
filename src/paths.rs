//! Where state and configuration files live. Tests, containers and namespaces choose their own with
//! `INITSH_RUN` and `INITSH_ETC`.

use std::path::PathBuf;

/// The directory for run-time state (control socket, leases): `$INITSH_RUN`, else `/run/initsh`.
pub fn run_dir() -> PathBuf {
    from_environment("INITSH_RUN", "/run/initsh")
}

/// The directory for `resolv.conf`: `$INITSH_ETC`, else `/etc`.
pub fn etc_dir() -> PathBuf {
    from_environment("INITSH_ETC", "/etc")
}

fn from_environment(variable: &str, default: &str) -> PathBuf {
    std::env::var_os(variable)
        .filter(|value| !value.is_empty())
        .map_or_else(|| default.into(), PathBuf::from)
}
