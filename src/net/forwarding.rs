//! What a machine must do to be a router for IPv6. Invariant: no interface that has learned its network from
//! advertisements of others loses it.

use crate::failure::Failure;
use crate::system::sysctl;

const FORWARDING: &str = "net/ipv6/conf/all/forwarding";

/// Forwards packets between all links, and takes no advertisement for itself on `link`, where the machine is
/// the router.
///
/// The kernel gives up what it has learned by itself when forwarding is turned on, unless `accept_ra` is 2:
/// that is what it becomes on every other interface where it was 1.
///
/// Errors: a parameter cannot be set.
pub fn enable(link: &str) -> Result<(), Failure> {
    sysctl::set(&accept_ra(link), b"0")?;
    if sysctl::get(FORWARDING)? == b"1" {
        return Ok(());
    }
    for name in interfaces() {
        let parameter = accept_ra(&name);
        if name != link && sysctl::get(&parameter).is_ok_and(|value| value == b"1") {
            sysctl::set(&parameter, b"2")?;
        }
    }
    sysctl::set(FORWARDING, b"1")
}

fn accept_ra(link: &str) -> String {
    format!("net/ipv6/conf/{link}/accept_ra")
}

/// Those that have IPv6; `all` and `default` are none.
fn interfaces() -> Vec<String> {
    let entries = std::fs::read_dir("/proc/sys/net/ipv6/conf");
    let names = entries.into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter(|name| name != "all" && name != "default")
        .collect()
}
