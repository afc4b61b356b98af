//! The modules that are loaded: `/proc/modules`, and unloading.

use std::ffi::CString;

use nix::errno::Errno;
use nix::kmod::{DeleteModuleFlags, delete_module};

use super::kernel_name;
use crate::failure::{Doing, Failure};

/// One line of `/proc/modules`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Its name, with `_`.
    pub name: String,
    /// Bytes of kernel memory.
    pub size: u64,
    /// How many uses it has; `None` where it cannot be unloaded.
    pub uses: Option<u64>,
    /// The modules that use it.
    pub users: Vec<String>,
    /// `Live`, `Loading` or `Unloading`.
    pub state: String,
}

/// Every loaded module, the latest first. Errors: no `/proc`, or a kernel without modules.
pub fn list() -> Result<Vec<Module>, Failure> {
    let text = std::fs::read("/proc/modules").doing(|| "read /proc/modules")?;
    Ok(parse(&String::from_utf8_lossy(&text)))
}

/// Whether the kernel can load modules at all; `true` where `/proc` is not there to tell.
pub fn has_modules() -> bool {
    let exists = |path: &str| nix::unistd::access(path, nix::unistd::AccessFlags::F_OK).is_ok();
    exists("/proc/modules") || !exists("/proc/self")
}

/// Reads `NAME SIZE USES USER,USER, STATE ADDRESS`; a line that is not so is skipped.
pub fn parse(text: &str) -> Vec<Module> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Module> {
    let mut fields = line.split_ascii_whitespace();
    let name = fields.next()?.to_owned();
    let size = fields.next()?.parse().ok()?;
    let uses = fields.next()?;
    let uses = if uses == "-" {
        None
    } else {
        Some(uses.parse().ok()?)
    };
    // A module that cannot be unloaded has `[permanent]` among its users.
    let users = fields.next().unwrap_or("-").split(',');
    let users = users.filter(|user| !user.is_empty() && *user != "-");
    Some(Module {
        name,
        size,
        uses,
        users: users.map(str::to_owned).collect(),
        state: fields.next().unwrap_or("Live").to_owned(),
    })
}

/// Whether a module is loaded, by its directory in `/sys/module`; `false` where `/sys` is not mounted.
pub fn is_loaded(name: &[u8]) -> bool {
    let path = [b"/sys/module/", &kernel_name(name)[..], b"/initstate"].concat();
    nix::unistd::access(&path[..], nix::unistd::AccessFlags::F_OK).is_ok()
}

/// Unloads a module; `force` also where it is in use (a kernel built for that only).
///
/// Errors: EWOULDBLOCK or EBUSY (in use, by whom is in the hint), ENOENT (not loaded).
pub fn unload(name: &[u8], force: bool) -> Result<(), Failure> {
    let shown = String::from_utf8_lossy(name).into_owned();
    let what = format!("unload module {shown}");
    let name = CString::new(kernel_name(name)).map_err(|_| Failure::usage(what.clone()))?;
    let mut flags = DeleteModuleFlags::O_NONBLOCK;
    if force {
        flags |= DeleteModuleFlags::O_TRUNC;
    }
    let failure = match delete_module(&name, flags) {
        Ok(()) => return Ok(()),
        Err(errno) => Failure::errno(what, errno),
    };
    Err(match failure.cause() {
        Some(Errno::ENOENT) => failure.with_hint("it is not loaded ('lsmod' lists what is)"),
        Some(Errno::EAGAIN | Errno::EBUSY) => match users_of(name.as_bytes()) {
            Some(users) if !users.is_empty() => {
                failure.with_hint(format!("it is used by {}", users.join(", ")))
            }
            _ => failure.with_hint("it is in use"),
        },
        Some(Errno::EPERM) => failure.with_hint("that needs root (CAP_SYS_MODULE)"),
        _ => failure,
    })
}

fn users_of(name: &[u8]) -> Option<Vec<String>> {
    let all = list().ok()?;
    let module = all.into_iter().find(|m| m.name.as_bytes() == name)?;
    Some(module.users)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let text = "9p 77824 1 - Live 0x0000000000000000\n\
            9pnet 110592 2 9p,9pnet_virtio, Live 0xffffffffc0480000 (E)\n\
            odd 4096 - - Loading 0x0\nfixed 1 1 [permanent], Live 0x0\n\
            broken\nbroken x 1 -\n\n";
        let all = parse(text);
        assert_eq!(all.len(), 4);
        assert_eq!((all[0].uses, all[0].users.len()), (Some(1), 0));
        assert_eq!(all[1].users, ["9p", "9pnet_virtio"]);
        assert_eq!((all[2].uses, all[2].state.as_str()), (None, "Loading"));
        assert_eq!(all[3].users, ["[permanent]"]);
    }
}
