//! The roles that the one binary plays, and how one is chosen: from the PID and the arguments, the name
//! that it was called by included.
//! Invariant: only the first process of a machine or of a PID namespace becomes `pid1`, or what asks for
//! container mode.

pub mod boot;
pub mod container;
pub mod pid1;
pub mod shell;

use std::ffi::OsString;
use std::path::Path;

use nix::sys::signal::Signal;

use self::pid1::resume::Resume;
use crate::cmd;
use crate::sys::{entry, power, signal};

/// A role, and the arguments that are left for it.
#[derive(Debug, PartialEq, Eq)]
pub enum Role {
    /// The machine's first process; the kernel's leftover words are not for us.
    Machine,
    /// `--pid1`: the first process of a PID namespace, for tests.
    Namespace(Vec<OsString>),
    /// `--container`: in place of a container's PID 1.
    Container(Vec<OsString>),
    /// `--resume=…`, `--recover=…`: what was PID 1 before; our first argument.
    Again(OsString, Resume),
    /// `--check-state=…`: whether this program could become PID 1.
    Check(String),
    /// `--boot`: the child of PID 1 that runs the boot script and the shell.
    Boot(Vec<OsString>),
    /// Anything else: a script, `-c`, a built-in (also by the name of a link to the binary), the prompt.
    Shell(Vec<OsString>),
}

/// Plays the role that `args` (program name first) and the PID ask for; the exit status.
pub fn start(args: Vec<OsString>) -> u8 {
    let role = choose(args, power::is_machine());
    if matches!(role, Role::Boot(_) | Role::Shell(_)) {
        entry::secure_standard_fds();
        // Built-ins report EPIPE; children get the default back.
        let _ = signal::ignore(Signal::SIGPIPE);
    }
    // Each is a function of its own, not part of this one: PID 1's stack would have room for all of
    // them for as long as it lives.
    match role {
        Role::Machine => pid1::machine(),
        Role::Again(name, given) => pid1::resume::run(&name, given),
        Role::Check(state) => pid1::resume::check(&state),
        Role::Namespace(args) => pid1::namespace(args),
        Role::Container(args) => container::run(args),
        Role::Boot(args) => boot::run(args),
        Role::Shell(args) => shell::run(args),
    }
}

/// In front of the number of a state's descriptor.
const CHECK: &str = "--check-state=";

fn choose(args: Vec<OsString>, machine: bool) -> Role {
    let resume = args.get(1).and_then(Resume::read);
    let mut args = args.into_iter();
    let called = args.next().unwrap_or_default();
    if let Some(given) = resume {
        return Role::Again(called, given);
    }
    if machine {
        return Role::Machine;
    }
    let called = Path::new(&called).file_name().unwrap_or_default();
    if cmd::find(called).is_some() {
        return Role::Shell([called.to_owned()].into_iter().chain(args).collect());
    }
    let mut rest = args.peekable();
    match rest.peek().and_then(|first| first.to_str()) {
        Some("--pid1") => Role::Namespace(rest.skip(1).collect()),
        Some("--container") => Role::Container(rest.skip(1).collect()),
        Some(text) if text.starts_with(CHECK) => Role::Check(text[CHECK.len()..].to_owned()),
        Some("--boot") => Role::Boot(rest.skip(1).collect()),
        _ => Role::Shell(rest.collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn chosen_from_pid_and_arguments() {
        assert_eq!(choose(words("/init quiet --boot"), true), Role::Machine);
        assert_eq!(choose(vec![], false), Role::Shell(vec![]));
        let shell = Role::Shell(words("-c true"));
        assert_eq!(choose(words("initsh -c true"), false), shell);
        let boot = Role::Boot(words("--again --control-fd=5"));
        let called = words("initsh --boot --again --control-fd=5");
        assert_eq!(choose(called, false), boot);
        let namespace = Role::Namespace(words("-- sh"));
        assert_eq!(choose(words("initsh --pid1 -- sh"), false), namespace);
    }

    #[test]
    fn a_link_named_like_a_command_is_that_command() {
        // How the kernel asks for a module.
        let called = words("/sbin/modprobe -q -- rtnl-link-dummy");
        let shell = Role::Shell(words("modprobe -q -- rtnl-link-dummy"));
        assert_eq!(choose(called, false), shell);
    }
}
