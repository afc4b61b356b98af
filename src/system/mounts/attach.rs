//! mount(2), with what a person means by it: directories are made, modules are loaded, types are found,
//! and what is mounted already is fine for a short form.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};

use super::options::Options;
use super::short::Short;
use super::{probe, table};
use crate::failure::{Doing, Failure};
use crate::system::modules::load::request as request_module;

/// One mount that is wanted.
#[derive(Debug, Clone)]
pub struct Request {
    /// What: a device, a directory (`bind`, `move`), a tag, or any word.
    pub source: OsString,
    /// Where.
    pub target: PathBuf,
    /// The type; `None` or `auto`: found out.
    pub kind: Option<OsString>,
    /// As after `-o`.
    pub options: Options,
}

/// Mounts a short form, at its usual place or at `target`. If the same type is mounted there already,
/// only the links that are missing are made.
pub fn short(form: &Short, target: Option<&Path>, extra: &[u8]) -> Result<(), Failure> {
    let usual = target.is_none();
    let target = target.unwrap_or(Path::new(form.target));
    let mut options = Options::default();
    options.add(form.options.as_bytes());
    if form.kind == "tmpfs" && !form.options.contains("size=") {
        let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        // Without /proc the kernel's own limit.
        options.add(share(&memory).unwrap_or_default().as_bytes());
    }
    options.add(extra);
    if !is_mounted(target, form.kind) {
        let request = Request {
            source: form.source.into(),
            target: target.to_owned(),
            kind: Some(form.kind.into()),
            options,
        };
        match attach(&request) {
            // The same instance is there: devtmpfs that the kernel mounted, before /proc could tell.
            Err(failure) if failure.cause() == Some(Errno::EBUSY) => {}
            done => done?,
        }
    }
    for (path, points_to) in form.links.iter().filter(|_| usual) {
        match symlink(points_to, path) {
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {}
            made => made.doing(|| format!("make the link {path}"))?,
        }
    }
    Ok(())
}

/// A third of what can be had, as an option. Half of the memory, the kernel's limit, is more than a small
/// machine has left, and it panics where files have taken all.
fn share(meminfo: &str) -> Option<String> {
    let mut lines = meminfo.lines();
    let available = lines.find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = available.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(format!("size={}k", kilobytes / 3))
}

/// Whether a filesystem of this type is mounted right there.
fn is_mounted(target: &Path, kind: &str) -> bool {
    let device = |path: &Path| std::fs::metadata(path).ok().map(|meta| meta.dev());
    let here = device(target);
    // Not a mount point; saves reading the table.
    if here.is_none() || here == device(&target.join("..")) && target != Path::new("/") {
        return false;
    }
    let Ok(target) = target.canonicalize() else {
        return false;
    };
    let last = table::read().ok().and_then(|all| {
        let there = |mount: &table::Mount| mount.target == target.as_os_str().as_bytes();
        all.into_iter().rev().find(there)
    });
    last.is_some_and(|mount| mount.kind == kind.as_bytes())
}

/// Carries out a request. The target directory is made where it is missing, and removed again if
/// nothing could be mounted on it.
pub fn attach(request: &Request) -> Result<(), Failure> {
    let made = !request.options.flags.contains(MsFlags::MS_REMOUNT) && make_target(request)?;
    let done = carry_out(request);
    if made && done.is_err() && std::fs::remove_dir(&request.target).is_err() {
        let _ = std::fs::remove_file(&request.target);
    }
    done
}

fn carry_out(request: &Request) -> Result<(), Failure> {
    let Options {
        flags, propagation, ..
    } = request.options;
    let existing = flags.intersects(MsFlags::MS_REMOUNT | MsFlags::MS_MOVE | MsFlags::MS_BIND);
    let only_propagation = !propagation.is_empty() && flags.is_empty() && request.kind.is_none();
    if existing {
        call(request, None, flags)?;
        // The kernel takes no other flags together with a new bind mount.
        let rest =
            flags - MsFlags::MS_BIND - MsFlags::MS_REC - MsFlags::MS_REMOUNT - MsFlags::MS_SILENT;
        if flags.contains(MsFlags::MS_BIND)
            && !flags.contains(MsFlags::MS_REMOUNT)
            && !rest.is_empty()
        {
            // It has the flags of its source, which a remount would take away.
            let mut kept = Options::default();
            kept.add(&table::options_at(&request.target));
            let all = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | rest | kept.flags;
            call(request, None, all)?;
        }
    } else if !only_propagation {
        match request.kind.as_deref().filter(|kind| *kind != "auto") {
            Some(kind) => of_kind(request, kind, flags)?,
            None => of_unknown_kind(request, flags)?,
        }
    }
    if !propagation.is_empty() {
        call(request, None, propagation)?;
    }
    Ok(())
}

/// Whether it had to be made.
fn make_target(request: &Request) -> Result<bool, Failure> {
    let target = &request.target;
    if std::fs::symlink_metadata(target).is_ok() {
        return Ok(false);
    }
    let binds_file =
        request.options.flags.contains(MsFlags::MS_BIND) && !Path::new(&request.source).is_dir();
    if binds_file {
        // A file is bound onto a file.
        let made = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(target);
        return made
            .map(|_| true)
            .doing(|| format!("make the file {}", target.display()));
    }
    let made = std::fs::create_dir_all(target).map(|()| true);
    made.doing(|| format!("make the directory {}", target.display()))
}

/// mount(2) with a type; where the kernel lacks it, its module is loaded first.
fn of_kind(request: &Request, kind: &OsStr, flags: MsFlags) -> Result<(), Failure> {
    let mut done = call(request, Some(kind), flags);
    if done
        .as_ref()
        .is_err_and(|f| f.cause() == Some(Errno::ENODEV))
        && load_module_of(kind.as_bytes())
    {
        done = call(request, Some(kind), flags);
    }
    let lacks_transport =
        |f: &Failure| matches!(f.cause(), Some(Errno::EINVAL | Errno::EPROTONOSUPPORT));
    if kind == "9p" && done.as_ref().is_err_and(lacks_transport) && request_module(b"9pnet_virtio")
    {
        done = call(request, Some(kind), flags);
    }
    done.map_err(|failure| explain(request, kind, failure))
}

fn load_module_of(kind: &[u8]) -> bool {
    request_module(&[b"fs-", kind].concat()) || request_module(kind)
}

fn of_unknown_kind(request: &Request, flags: MsFlags) -> Result<(), Failure> {
    let source = Path::new(&request.source);
    let known = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if !source.is_absolute()
        && let Some(kind) = probe::known(&known, false).find(|kind| request.source == *kind)
    {
        return of_kind(request, kind.as_ref(), flags);
    }
    let meta = std::fs::metadata(source)
        .doing(|| what(request, None))
        .map_err(|failure| failure.with_hint(format!("there is no {}", source.display())))?;
    if !meta.file_type().is_block_device() {
        let failure = Failure::errno(what(request, None), Errno::ENOTBLK);
        return Err(failure.with_hint(if meta.is_dir() {
            "a directory is mounted elsewhere with --bind"
        } else {
            "give the type with -t; a file needs a loop device"
        }));
    }
    if let Some(kind) = probe::by_magic(source) {
        return of_kind(request, kind.as_ref(), flags);
    }
    for kind in probe::known(&known, true) {
        match call(request, Some(kind.as_ref()), flags) {
            Err(failure) if failure.cause() == Some(Errno::EINVAL) => {}
            done => return done,
        }
    }
    Err(Failure::new(format!(
        "{}: no filesystem is recognised on it",
        what(request, None)
    ))
    .with_hint("give its type with -t"))
}

/// `mount ext4 /dev/vda on /data`
fn what(request: &Request, kind: Option<&OsStr>) -> String {
    let (source, target) = (request.source.to_string_lossy(), request.target.display());
    let flags = request.options.flags;
    if flags.contains(MsFlags::MS_REMOUNT) {
        return format!("remount {target}");
    }
    match kind {
        _ if flags.contains(MsFlags::MS_MOVE) => format!("move the mount {source} to {target}"),
        _ if flags.contains(MsFlags::MS_BIND) => format!("bind {source} to {target}"),
        Some(kind) if kind == request.source => format!("mount {source} on {target}"),
        Some(kind) => format!("mount {} {source} on {target}", kind.to_string_lossy()),
        None => format!("mount {source} on {target}"),
    }
}

fn call(request: &Request, kind: Option<&OsStr>, flags: MsFlags) -> Result<(), Failure> {
    let data = CString::new(request.options.data.as_slice())
        .map_err(|_| Failure::usage("an option contains a NUL byte"))?;
    let data = Some(data.as_c_str()).filter(|data| !data.is_empty());
    let source = Some(request.source.as_os_str()).filter(|source| !source.is_empty());
    mount(source, request.target.as_path(), kind, flags, data).doing(|| what(request, kind))
}

fn explain(request: &Request, kind: &OsStr, failure: Failure) -> Failure {
    let kind = kind.to_string_lossy();
    let hint = match failure.cause() {
        Some(Errno::ENODEV) => {
            format!(
                "the kernel has no filesystem '{kind}' and there is no module for it; 'modprobe {kind}' says more"
            )
        }
        Some(Errno::ENOENT | Errno::EINVAL) if kind == "9p" || kind == "virtiofs" => {
            tags(request, &kind)
        }
        Some(Errno::ENOENT) if !Path::new(&request.source).exists() => {
            format!("there is no {}", request.source.to_string_lossy())
        }
        Some(Errno::EPERM) => "that needs root (CAP_SYS_ADMIN)".into(),
        Some(Errno::EBUSY) => "it is mounted already, or in use".into(),
        Some(Errno::EINVAL) => {
            format!("no {kind} on it, or an option it does not know: 'dmesg 3' may tell")
        }
        Some(Errno::ENOTBLK) => "that type needs a block device".into(),
        Some(Errno::EROFS | Errno::EACCES) => "the device is write-protected; try -r".into(),
        _ => return failure,
    };
    failure.with_hint(hint)
}

/// What the host offers instead of the tag that was not found.
fn tags(request: &Request, kind: &str) -> String {
    let driver = if kind == "9p" {
        "9pnet_virtio"
    } else {
        "virtiofs"
    };
    let wanted = request.source.to_string_lossy();
    let directory = format!("/sys/bus/virtio/drivers/{driver}");
    let Ok(entries) = std::fs::read_dir(&directory) else {
        return format!(
            "the module {driver} is not loaded ('coldplug' loads it where the host shares something)"
        );
    };
    let tags: Vec<String> = entries
        .flatten()
        .filter_map(|entry| std::fs::read(entry.path().join("mount_tag")).ok())
        .map(|tag| {
            let text = tag.trim_ascii_end();
            let text = text.strip_suffix(b"\0").unwrap_or(text);
            String::from_utf8_lossy(text).into_owned()
        })
        .collect();
    if tags.is_empty() {
        format!("the host shares nothing; '{wanted}' must be the tag of a share")
    } else {
        format!("the host shares {}, not '{wanted}'", tags.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(source: &str, target: &str, options: &str) -> Request {
        let mut read = Options::default();
        read.add(options.as_bytes());
        Request {
            source: source.into(),
            target: target.into(),
            kind: None,
            options: read,
        }
    }

    #[test]
    fn files_in_memory_leave_room() {
        let memory = "MemTotal:  47132 kB\nMemFree:  12476 kB\nMemAvailable:  19380 kB\n";
        assert_eq!(share(memory).as_deref(), Some("size=6460k"));
        for odd in [
            "",
            "MemAvailable: 1 MB",
            "MemAvailable: kB",
            "MemTotal: 9 kB",
        ] {
            assert_eq!(share(odd), None, "{odd}");
        }
    }

    #[test]
    fn failures_say_what_was_tried() {
        let failure = attach(&request("/nowhere/disk", "/tmp", "")).unwrap_err();
        assert_eq!(
            failure.to_string(),
            "mount /nowhere/disk on /tmp: ENOENT (No such file or directory)"
        );
        let failure = attach(&request("/dev/null", "/tmp", "")).unwrap_err();
        assert_eq!(failure.cause(), Some(Errno::ENOTBLK));
        assert_eq!(what(&request("", "/", "remount,ro"), None), "remount /");
        assert_eq!(what(&request("/a", "/b", "bind"), None), "bind /a to /b");
        assert_eq!(
            what(&request("proc", "/proc", ""), Some("proc".as_ref())),
            "mount proc on /proc"
        );
    }
}
