//! What a kept client gives up before it reads its first packet: all capabilities but three, files but
//! its own, system calls that a client does not need. Invariant: what was given up does not come back;
//! what the kernel cannot take away is recorded and never fatal.

mod filter;

use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::lease::{self, Record};
use crate::paths;
use crate::sys::landlock::{MAKE, READ, Ruleset, WRITE};
use crate::sys::{call, privileges, seccomp};

/// CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW.
pub const CAPABILITIES: u64 = 1 << 10 | 1 << 12 | 1 << 13;

/// What a client needs besides its sockets, its records and the sysctls of its interfaces.
#[derive(Debug, Clone, Copy)]
pub struct Needs<'a> {
    /// The protocol; [`CONFINED`] follows it in the kind of the record that is left. `$INITSH_RUN/KIND` is
    /// the protocol's own directory, if it is there by then.
    pub kind: &'static str,
    /// Files and directories that it writes besides these and `$INITSH_RUN/leases`.
    pub writes: &'a [PathBuf],
}

/// What it has given up is in `eth0.dhcp4.confined`.
const CONFINED: &str = "confined";

/// Gives it all up, for this thread, which is the only one, and for ever.
pub fn enter(needs: &Needs<'_>, interfaces: &[String]) {
    let mut record = Record::default();
    let pid = std::process::id();
    record.set("pid", pid);
    let steps: [(&str, Result<(), Errno>); 4] = [
        ("no_new_privs", call::set_no_new_privs()),
        ("landlock", lock_files(needs, interfaces)),
        ("capabilities", drop_capabilities()),
        ("seccomp", filter_calls(pid)),
    ];
    for (step, done) in steps {
        match done {
            Ok(()) => record.set(step, "yes"),
            Err(errno) => record.set(step, format_args!("no ({})", errno.desc())),
        }
    }
    for interface in interfaces {
        // Whoever looks for it finds that nothing is known.
        let _ = lease::save(interface, &format!("{}.{CONFINED}", needs.kind), &record);
    }
}

/// The pids of the clients that have said that they are under Landlock, which the kernel does not tell.
pub fn under_landlock() -> Vec<i32> {
    let entries = std::fs::read_dir(paths::run_dir().join("leases"));
    let records = entries.into_iter().flatten().flatten().filter_map(|entry| {
        let name = entry.file_name();
        let (rest, _) = name.to_str()?.rsplit_once(&format!(".{CONFINED}"))?;
        let (interface, kind) = rest.rsplit_once('.')?;
        lease::load(interface, &format!("{kind}.{CONFINED}"))
    });
    let told = records.filter(|record| record.get("landlock") == Some("yes"));
    told.filter_map(|record| record.get("pid")?.parse().ok())
        .collect()
}

/// The pid of the client of that protocol that keeps an interface, where it is another than this process.
pub fn keeper(interface: &str, kind: &str) -> Option<u32> {
    let record = lease::load(interface, &format!("{kind}.{CONFINED}"))?;
    let pid = record.get("pid")?.parse().ok()?;
    // It may have been killed, and its number be another's: empty where there is none any more.
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = String::from_utf8_lossy(&words);
    let is_it = pid != std::process::id() && words.contains(kind) && words.contains(interface);
    is_it.then_some(pid)
}

fn drop_capabilities() -> Result<(), Errno> {
    let kept = privileges::caps()?.permitted & CAPABILITIES;
    // Without CAP_SETPCAP the bounding set stays as it is; no exec passes anything on all the same.
    let bounded = privileges::bound_caps(CAPABILITIES);
    privileges::set_ambient(0)?;
    privileges::keep_only(kept)?;
    bounded
}

fn filter_calls(pid: u32) -> Result<(), Errno> {
    let machine = seccomp::MACHINE.ok_or(Errno::ENOSYS)?;
    seccomp::install(&filter::filter(machine, pid))
}

fn lock_files(needs: &Needs<'_>, interfaces: &[String]) -> Result<(), Errno> {
    let rules = Ruleset::new()?;
    // What is not there cannot be allowed, and is not missed.
    let allow = |path: &Path, access| rules.allow(path, access);
    let run = paths::run_dir();
    let records = run.join("leases");
    let _ = std::fs::create_dir_all(&records);
    for place in [records, run.join(needs.kind)].iter().chain(needs.writes) {
        let _ = allow(place, READ | WRITE | MAKE);
    }
    let sysctl = Path::new("/proc/sys/net");
    let mut held = vec![allow(sysctl, READ)];
    for table in ["ipv4/conf", "ipv4/neigh", "ipv6/conf", "ipv6/neigh"] {
        let table = sysctl.join(table);
        // A name with a slash in it would be another place.
        let names = interfaces
            .iter()
            .filter(|name| lease::is_interface_name(name));
        held.extend(names.map(|name| allow(&table.join(name), READ | WRITE)));
    }
    rules.restrict()?;
    // The rules hold while the descriptors do.
    std::mem::forget(held);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::net::UdpSocket;
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use crate::sys::privileges;

    /// Everything here is a thread's own: a thread of its own is confined, and ends.
    #[test]
    fn a_confined_thread_keeps_what_it_needs_and_no_more() {
        let other = std::env::temp_dir().join(format!("initsh-confine-{}", std::process::id()));
        let own = other.join("own");
        fs::create_dir_all(&own).unwrap();
        let (places, program) = (other.clone(), std::env::current_exe().unwrap());
        let confined = move || {
            let (other, own) = (places.as_path(), places.join("own"));
            let directories = [own.clone()];
            let needs = Needs {
                kind: "none",
                writes: &directories,
            };
            call::set_no_new_privs().unwrap();
            let files = lock_files(&needs, &[]);
            drop_capabilities().unwrap();
            filter_calls(std::process::id()).unwrap();

            let caps = privileges::caps().unwrap();
            assert_eq!((caps.permitted, caps.inheritable), (CAPABILITIES, 0));
            assert_eq!(caps.effective, CAPABILITIES);
            let refused = |error: std::io::Error| error.raw_os_error() == Some(libc::EPERM);
            assert!(refused(UnixDatagram::unbound().unwrap_err()));
            UdpSocket::bind("127.0.0.1:0").unwrap();
            let command = std::process::Command::new("/bin/true").status();
            assert!(refused(command.unwrap_err()));
            assert!(refused(
                fs::set_permissions(&own, fs::metadata(&own).unwrap().permissions()).unwrap_err()
            ));
            crate::net::store::replace(&own.join("record"), b"text").unwrap();
            assert_eq!(fs::read(own.join("record")).unwrap(), b"text");
            if files.is_ok() {
                let outside = File::create(other.join("outside")).unwrap_err();
                assert_eq!(outside.raw_os_error(), Some(libc::EACCES));
                assert!(File::open(&program).is_err());
            }
        };
        let ended = std::thread::spawn(confined).join();
        let _ = fs::remove_dir_all(other);
        ended.unwrap();
    }
}
