//! What the commands that run network clients (`dhcp4`, `dhcp6`, `slaac`, `ra`) have in common: their
//! interfaces, and the options that say for how long and by whom a client is run. Invariant: a command
//! declares the options below under these names, and every other option that it is given is passed on to
//! its service.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::sys::stat::fstat;

use super::call::write_all;
use super::{Call, Flow, Opt};
use crate::failure::Failure;
use crate::net::client::{Client, Note, Protocol};
use crate::net::confine::Needs;
use crate::net::resolv;
use crate::net::run::{self, Outcome};
use crate::net::service::{self, Request};
use crate::paths;
use crate::supervise::client::Client as Pid1;
use crate::supervise::spec::READY_FD;

/// `--timeout S`
pub(super) const TIMEOUT: Opt =
    Opt::value("timeout", "S", "wait for S seconds in all (default 10)").short('t');
/// `--once`
pub(super) const ONCE: Opt = Opt::flag("once", "configure once, without a service that goes on");
/// `--foreground`
pub(super) const FOREGROUND: Opt = Opt::flag("foreground", "be the client, until SIGTERM");
/// `--background`
pub(super) const BACKGROUND: Opt = Opt::flag("background", "start the service, wait for nothing");
/// `--release`
pub(super) const RELEASE: Opt = Opt::flag("release", "give up what the client has configured");
/// `--no-dns`
pub(super) const NO_DNS: Opt = Opt::flag("no-dns", "leave resolv.conf alone");
/// `--dns`
pub(super) const DNS: Opt = Opt::flag("dns", "write resolv.conf even without a PID 1");
/// `--verbose`
pub(super) const VERBOSE: Opt = Opt::flag("verbose", "print all that was learned").short('v');

/// Options that say how a client is run, not what it does: a service is not told them.
const OF_THE_RUN: [&str; 7] = [
    "timeout",
    "once",
    "foreground",
    "background",
    "release",
    "dns",
    "no-dns",
];

/// How a client is to run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mode {
    /// It configures once and ends; nobody is there afterwards.
    pub(super) once: bool,
    /// It writes `resolv.conf`.
    pub(super) dns: bool,
}

/// Starts the client of an interface.
pub(super) type Start<'a> = &'a dyn Fn(&str, Mode) -> Result<Box<dyn Client>, Failure>;

/// One protocol's clients as its command runs them.
pub(super) struct Clients<'a> {
    /// The protocol.
    pub(super) protocol: &'a Protocol,
    /// How long to wait where `--timeout` is not given.
    pub(super) timeout: Duration,
    /// Starts the client of an interface.
    pub(super) start: Start<'a>,
    /// Gives up what the client of an interface has; whether it had anything. Its service has ended.
    pub(super) release: &'a dyn Fn(&str) -> Result<bool, Failure>,
}

impl Clients<'_> {
    /// Does what the command was called for.
    ///
    /// Errors: wrong usage, Ctrl-C, and what failed on the interfaces.
    pub(super) fn run(&self, call: &mut Call<'_>) -> Result<Flow, Failure> {
        exclusive(
            call,
            &[
                &["once", "foreground", "background", "release"],
                &["dns", "no-dns"],
            ],
        )?;
        let names = interfaces(call)?;
        let timeout = call.given.duration("timeout")?.unwrap_or(self.timeout);
        if call.given.flag("foreground") {
            if call.shell.is_last() {
                return self.keep(call, &names);
            }
            // What a client gives up does not come back, and a shell that goes on needs it.
            let mut words = vec![self.protocol.kind.into()];
            words.extend(call.given.words_but(&[]));
            words.push("--".into());
            words.extend(names.into_iter().map(OsString::from));
            return Ok(call.shell.run_apart(words));
        }
        let mut pid1 = match call.given.flag("background") {
            true => Some(Pid1::required()?),
            false => Pid1::connect()?,
        };
        if call.given.flag("release") {
            return self.give_up(pid1.as_mut(), &names);
        }
        let dns = writes_dns(call)
            && !call.given.flag("no-dns")
            && (pid1.is_some() || call.given.flag("dns"));
        // What `--inform` asks for is not leased: there is nothing to keep.
        let once = call.given.flag("once") || call.given.flag("inform");
        let outcomes = match pid1.as_mut().filter(|_| !once) {
            Some(pid1) => {
                let request = Request {
                    protocol: *self.protocol,
                    names: &names,
                    options: &passed_on(call),
                    env: call.shell.environment(),
                    timeout,
                };
                if call.given.flag("background") {
                    return service::begin(pid1, &request).map(|()| Flow::OK);
                }
                service::request(pid1, &request)?
            }
            None => {
                let mode = Mode { once: true, dns };
                run::acquire(
                    self.protocol,
                    &names,
                    &mut |name| (self.start)(name, mode),
                    timeout,
                )?
            }
        };
        let bound = self.report(call, &outcomes)?;
        if bound && pid1.is_none() && !once {
            call.warn("nobody renews it: no initsh is PID 1 here");
        }
        self.failed(&outcomes)
    }

    fn keep(&self, call: &mut Call<'_>, names: &[String]) -> Result<Flow, Failure> {
        let (verbose, dns) = (
            call.given.flag("verbose"),
            writes_dns(call) && call.given.flag("dns"),
        );
        call.flush()?;
        let logged = has_log();
        let mode = Mode { once: false, dns };
        let mut writes: Vec<_> = paths::state_dir().into_iter().collect();
        writes.push(paths::run_dir().join(match self.protocol.kind {
            // It only reads there.
            "ra" => "resolv",
            kind => kind,
        }));
        if dns {
            // The client tells that it cannot write, should it want to.
            writes.extend(resolv::prepare().unwrap_or_default());
        }
        let needs = Needs {
            kind: self.protocol.kind,
            writes: &writes,
        };
        run::keep(
            &needs,
            names,
            &mut |name| (self.start)(name, mode),
            &mut |name, note| {
                let (text, told) = match note {
                    Note::Bound(text) => (text, verbose),
                    Note::Problem(text) | Note::Remark(text) => (text, true),
                };
                let line = format!("{}: {name}: {text}\n", self.protocol.kind);
                if logged {
                    let _ = write_all(&std::io::stdout(), line.as_bytes());
                }
                if told {
                    // Nobody to tell where standard error is gone.
                    let _ = write_all(&std::io::stderr(), line.as_bytes());
                }
            },
        )?;
        Ok(Flow::OK)
    }

    fn give_up(&self, mut pid1: Option<&mut Pid1>, names: &[String]) -> Result<Flow, Failure> {
        let mut failures = Vec::new();
        for name in names {
            let stopped = match &mut pid1 {
                Some(pid1) => service::end(pid1, self.protocol, name)?,
                None => false,
            };
            match (self.release)(name) {
                Ok(released) if released || stopped => {}
                Ok(_) => failures.push(format!("{name}: nothing to release")),
                Err(failure) => failures.push(format!("{name}: {failure}")),
            }
        }
        all(failures)
    }

    /// Prints what was achieved; whether anything was.
    fn report(&self, call: &mut Call<'_>, outcomes: &[Outcome]) -> Result<bool, Failure> {
        let mut bound = false;
        for outcome in outcomes {
            for remark in &outcome.remarks {
                call.warn(format_args!("{}: {remark}", outcome.name));
            }
            let Ok(lease) = &outcome.lease else { continue };
            bound = true;
            call.print(format_args!("{}\n", outcome.line(self.protocol)));
            if call.given.flag("verbose") {
                for (key, value) in lease.iter() {
                    call.print(format_args!("  net.{}.{key}={value}\n", outcome.name));
                }
            }
        }
        call.flush().map(|()| bound)
    }

    fn failed(&self, outcomes: &[Outcome]) -> Result<Flow, Failure> {
        let failed = outcomes.iter().filter(|outcome| outcome.lease.is_err());
        all(failed.map(|outcome| outcome.line(self.protocol)).collect())
    }
}

/// Whether standard output is a service's log, and not where standard error goes, too: it is told all.
fn has_log() -> bool {
    let place = |fd: BorrowedFd<'_>| fstat(fd).ok().map(|file| (file.st_dev, file.st_ino));
    std::env::var_os(READY_FD).is_some()
        && place(std::io::stdout().as_fd()) != place(std::io::stderr().as_fd())
}

fn all(failures: Vec<String>) -> Result<Flow, Failure> {
    match failures.is_empty() {
        true => Ok(Flow::OK),
        false => Err(Failure::new(failures.join("\n  "))),
    }
}

/// The interfaces that were named, each once.
pub(super) fn interfaces(call: &Call<'_>) -> Result<Vec<String>, Failure> {
    let mut names: Vec<String> = Vec::new();
    for word in &call.args {
        let name = call.text(word)?;
        if names.iter().any(|known| known == name) {
            return Err(Failure::usage(format!("{name} is given twice")));
        }
        names.push(name.to_owned());
    }
    match names.is_empty() {
        true => Err(Failure::usage("missing interface")),
        false => Ok(names),
    }
}

/// Refuses two options of the same group.
pub(super) fn exclusive(call: &Call<'_>, groups: &[&[&str]]) -> Result<(), Failure> {
    for group in groups {
        let mut given = group.iter().filter(|option| call.given.flag(option));
        if let (Some(one), Some(other)) = (given.next(), given.next()) {
            return Err(Failure::usage(format!(
                "--{one} and --{other} exclude each other"
            )));
        }
    }
    Ok(())
}

/// Whether the command has the options [`DNS`] and [`NO_DNS`].
fn writes_dns(call: &Call<'_>) -> bool {
    let mut options = call.command.options.iter();
    options.any(|option| option.long == NO_DNS.long)
}

/// What the service is told; it always writes resolv.conf unless that is refused here.
fn passed_on(call: &Call<'_>) -> Vec<OsString> {
    if !writes_dns(call) {
        return call.given.words_but(&OF_THE_RUN[..5]);
    }
    let mut words = call.given.words_but(&OF_THE_RUN);
    if !call.given.flag("no-dns") {
        words.push("--dns".into());
    }
    words
}
