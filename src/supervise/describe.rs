//! From the options of `spawn` (on the command line, or in a service file) to a [`ServiceSpec`]. Pure but
//! for the program, which must be there. Invariant: every error names the option, its value, and what is
//! expected.

mod values;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::setup::{Setup, Stdio};
use super::spec::{Program, Ready, Restart, ServiceSpec, check_name};
use super::{accounts, capabilities, cgroup, descriptors, program};
use crate::cmd::Given;
use crate::console::tty::Kind;
use crate::failure::Failure;
use crate::paths::etc_dir;
use values::Read;

/// The size at which a log file is begun anew, unless told otherwise.
const LOG_SIZE: u64 = 1 << 20;

/// What a description is read against.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// The environment that the service gets before its options.
    pub env: Vec<(OsString, OsString)>,
    /// Where relative paths begin.
    pub cwd: PathBuf,
    /// Where programs are looked for, unless the options say.
    pub path: Option<OsString>,
    /// The text of `/etc/passwd`.
    pub passwd: String,
    /// The text of `/etc/group`.
    pub group: String,
    /// See [`cgroup::locate`].
    pub cgroup: Option<OsString>,
    /// See [`descriptors::open_numbers`].
    pub kept: Vec<u8>,
}

impl Place {
    /// Looks up what these options need: accounts, control groups, descriptors.
    ///
    /// Errors: cgroup2 is not mounted; there are no descriptors to keep.
    pub fn look_up(&mut self, given: &Given) -> Result<(), Failure> {
        let read = |name: &str| {
            let bytes = std::fs::read(etc_dir().join(name)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        if given.flag("user") || given.flag("group") {
            self.passwd = read("passwd");
            self.group = read("group");
        }
        if given.flag("cgroup") {
            self.cgroup = Some(cgroup::locate()?);
        }
        if given.flag("keep-fds") {
            self.kept = descriptors::open_numbers()?;
        }
        Ok(())
    }
}

/// A signal's number by number or name, `SIG` in front or not; `RTMIN+3`, as systemd counts them.
///
/// Errors name the text and what was expected.
pub fn signal(text: &str) -> Result<u8, Failure> {
    values::signal(text).map_err(|expected| Failure::usage(format!("'{text}': {expected}")))
}

/// The service that these options and this command describe.
///
/// Errors: a value that is none; a program that is not there (127) or not executable (126).
pub fn describe(
    given: &Given,
    command: &[OsString],
    place: &Place,
) -> Result<ServiceSpec, Failure> {
    let Some(first) = command.first() else {
        return Err(Failure::usage("missing COMMAND"));
    };
    let name = name(given, first)?;
    let cwd = given
        .value("cwd")
        .map_or(place.cwd.clone(), |cwd| place.cwd.join(cwd));
    let mut spec = ServiceSpec::new(&name, Program::Own, command.to_vec());
    policy(given, &mut spec, &cwd)?;
    spec.setup = setup(given, place)?;
    spec.env = environment(given, place, spec.setup.tty.as_deref())?;
    let path = spec.env.iter().find(|(name, _)| name == "PATH");
    let path = match given
        .all("env")
        .any(|text| text.as_bytes().starts_with(b"PATH="))
    {
        true => path.map(|(_, path)| path.as_os_str()),
        false => place.path.as_deref(),
    };
    spec.program = match program::find(&place.rooted(first), path)? {
        Program::Path(found) => Program::Path(place.cwd.join(found).into_os_string()),
        own => own,
    };
    spec.cwd = cwd.into_os_string();
    Ok(spec)
}

impl Place {
    /// A command with a slash in it is a path from here; others are looked up.
    fn rooted(&self, command: &OsStr) -> OsString {
        match command.as_bytes().contains(&b'/') {
            true => self.cwd.join(command).into_os_string(),
            false => command.to_owned(),
        }
    }
}

fn name(given: &Given, command: &OsStr) -> Result<String, Failure> {
    let named = given.text("name")?.map(str::to_owned);
    let name = named.unwrap_or_else(|| program::default_name(command));
    check_name(&name).map_err(|why| match given.flag("name") {
        true => why,
        false => why.with_hint("give it a name with --name"),
    })?;
    Ok(name)
}

/// When it is started, started again and stopped.
fn policy(given: &Given, spec: &mut ServiceSpec, cwd: &Path) -> Result<(), Failure> {
    set(&mut spec.restart, text(given, "restart", values::restart)?);
    set(&mut spec.backoff, text(given, "backoff", values::backoff)?);
    spec.max_restarts = text(given, "max-restarts", values::max_restarts)?;
    set(
        &mut spec.ready,
        word(given, "ready", |text| values::ready(text, cwd))?,
    );
    set(&mut spec.stop_timeout, given.duration("stop-timeout")?);
    set(
        &mut spec.stop_signal,
        text(given, "stop-signal", values::signal)?,
    );
    spec.needs = names(given, "needs")?;
    spec.after = names(given, "after")?;
    spec.critical = given.flag("critical");
    spec.oneshot = given.flag("oneshot");
    if spec.oneshot && spec.restart == Restart::Always {
        return Err(clash(
            "restart always",
            "oneshot",
            "it does its work by ending",
        ));
    }
    if spec.oneshot && spec.ready != Ready::Exec {
        return Err(clash(
            "ready",
            "oneshot",
            "it is ready when it has ended with status 0",
        ));
    }
    Ok(())
}

/// What its process is given.
fn setup(given: &Given, place: &Place) -> Result<Setup, Failure> {
    let mut setup = Setup {
        nice: text(given, "nice", |text| values::within(text, -20, 19))?,
        oom_score: text(given, "oom-score", |text| values::within(text, -1000, 1000))?,
        rlimits: texts(given, "rlimit", values::rlimit)?,
        cgroup: texts(given, "cgroup", values::cgroup)?.concat(),
        cgroup_at: place.cgroup.clone().filter(|_| given.flag("cgroup")),
        caps: text(given, "caps", caps)?,
        no_new_privs: given.flag("no-new-privs"),
        tty: word(given, "tty", values::terminal)?,
        keep_fds: place.kept.clone(),
        ..Setup::default()
    };
    set(
        &mut setup.stdin,
        word(given, "stdin", |text| values::stdio(text, false))?,
    );
    set(
        &mut setup.stdout,
        word(given, "stdout", |text| values::stdio(text, true))?,
    );
    set(
        &mut setup.stderr,
        word(given, "stderr", |text| values::stdio(text, true))?,
    );
    account(given, place, &mut setup)?;
    log_file(given, place, &mut setup)?;
    Ok(setup)
}

fn account(given: &Given, place: &Place, setup: &mut Setup) -> Result<(), Failure> {
    let unknown = |option, name: &str, what, file| {
        Failure::new(format!("--{option} '{name}': no such {what} in {file}"))
    };
    if let Some(name) = given.text("user")? {
        let user = accounts::user(&place.passwd, name);
        let user = user.ok_or_else(|| unknown("user", name, "user", "/etc/passwd"))?;
        setup.groups = accounts::groups_of(&place.group, &user);
        setup.user = Some(user.uid);
        setup.group = Some(user.gid);
    }
    if let Some(name) = given.text("group")? {
        let group = accounts::group(&place.group, name);
        let group = group.ok_or_else(|| unknown("group", name, "group", "/etc/group"))?;
        setup.group = Some(group);
    }
    Ok(())
}

/// A log file without a word about standard output and error has them logged.
fn log_file(given: &Given, place: &Place, setup: &mut Setup) -> Result<(), Failure> {
    let size = text(given, "log-size", |text| match values::bytes(text) {
        Some(size) if size >= 1024 => Ok(size),
        _ => Err("expected bytes (also 64K, 2M, 1G), 1K or more".to_owned()),
    })?;
    let Some(file) = given.value("log-file") else {
        return match size {
            Some(_) => Err(Failure::usage(
                "--log-size makes no sense without --log-file",
            )),
            None => Ok(()),
        };
    };
    let path = place.cwd.join(file).into_os_string();
    setup.log_file = Some((path, size.unwrap_or(LOG_SIZE)));
    if setup.stdout == Stdio::Default && setup.stderr == Stdio::Default {
        (setup.stdout, setup.stderr) = (Stdio::Log, Stdio::Log);
    }
    if setup.stdout != Stdio::Log && setup.stderr != Stdio::Log {
        return Err(Failure::usage(
            "--log-file makes no sense without --stdout log or --stderr log",
        ));
    }
    Ok(())
}

/// Later ones win; who runs and on what terminal is said where nobody else says it.
fn environment(
    given: &Given,
    place: &Place,
    tty: Option<&OsStr>,
) -> Result<Vec<(OsString, OsString)>, Failure> {
    let mut env = place.env.clone();
    let mut put = |name: &OsStr, value: &OsStr| {
        env.retain(|(known, _)| known != name);
        env.push((name.to_owned(), value.to_owned()));
    };
    let user = given.text("user")?;
    if let Some(user) = user.and_then(|name| accounts::user(&place.passwd, name)) {
        let known = [
            ("HOME", &user.home),
            ("USER", &user.name),
            ("LOGNAME", &user.name),
        ];
        for (name, value) in known.into_iter().filter(|(_, value)| !value.is_empty()) {
            put(OsStr::new(name), OsStr::new(value));
        }
    }
    if let Some(tty) = tty {
        let name = Path::new(tty).file_name().unwrap_or_default();
        let term = Kind::of(&name.to_string_lossy()).term();
        put(OsStr::new("TERM"), OsStr::new(term));
    }
    for text in given.all("env") {
        let (name, value) = values::variable(text).map_err(|why| bad("env", text, &why))?;
        put(&name, &value);
    }
    Ok(env)
}

fn names(given: &Given, key: &'static str) -> Result<Vec<String>, Failure> {
    let mut names: Vec<String> = Vec::new();
    for list in texts(given, key, |text| Ok(text.to_owned()))? {
        for name in list.split(',') {
            check_name(name).map_err(|why| why.about(&format!("--{key}")))?;
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
    }
    Ok(names)
}

fn caps(list: &str) -> Read<u64> {
    capabilities::parse(list).map_err(|word| {
        format!("'{word}' is no capability; expected names such as net_admin, all, none")
    })
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn word<T>(
    given: &Given,
    key: &str,
    read: impl Fn(&OsStr) -> Read<T>,
) -> Result<Option<T>, Failure> {
    let value = given.value(key);
    value
        .map(|value| read(value).map_err(|why| bad(key, value, &why)))
        .transpose()
}

fn text<T>(given: &Given, key: &str, read: impl Fn(&str) -> Read<T>) -> Result<Option<T>, Failure> {
    word(given, key, |value| read(plain(value)?))
}

/// Every value of an option that may be given several times.
fn texts<T>(
    given: &Given,
    key: &'static str,
    read: impl Fn(&str) -> Read<T>,
) -> Result<Vec<T>, Failure> {
    let one = |value| {
        plain(value)
            .and_then(&read)
            .map_err(|why| bad(key, value, &why))
    };
    given.all(key).map(one).collect()
}

fn plain(value: &OsStr) -> Read<&str> {
    value.to_str().ok_or_else(|| "not valid UTF-8".to_owned())
}

fn bad(key: &str, value: &OsStr, why: &str) -> Failure {
    Failure::usage(format!("--{key} '{}': {why}", value.to_string_lossy()))
}

fn clash(one: &str, other: &str, why: &str) -> Failure {
    Failure::usage(format!("--{one} with --{other}: {why}"))
}

#[cfg(test)]
mod tests;
