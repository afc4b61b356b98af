//! Hooks as services of PID 1: `on.eth0.bound` runs `initsh on --foreground …`. Invariant: the same hook
//! is there once, however often it is asked for.

use std::ffi::OsString;

use super::follow::forget;
use crate::failure::Failure;
use crate::supervise::client::Client;
use crate::supervise::spec::{Program, Restart, ServiceSpec, check_name};

/// What the names of all hooks begin with.
const PREFIX: &str = "on.";
/// How many hooks of the same event and interface there may be.
const MOST: u32 = 100;

/// A hook that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The service.
    pub name: String,
    /// Its state: `Running`.
    pub state: String,
    /// The words of the command, without the command's name and `--foreground --name NAME`.
    pub words: Vec<OsString>,
}

/// Every hook that is not over.
///
/// Errors: PID 1 does not answer.
pub fn all(pid1: &mut Client) -> Result<Vec<Registered>, Failure> {
    let mut all = Vec::new();
    for service in pid1.services()? {
        if service.name.starts_with(PREFIX) && service.is_live() {
            let spec = pid1.describe(&service.name)?;
            all.push(Registered {
                name: service.name,
                state: service.state,
                words: spec
                    .argv
                    .get(own_words("").len()..)
                    .unwrap_or_default()
                    .to_vec(),
            });
        }
    }
    Ok(all)
}

fn own_words(name: &str) -> [OsString; 4] {
    ["on", "--foreground", "--name", name].map(OsString::from)
}

/// Has PID 1 keep a hook that runs `initsh on --foreground --name NAME WORDS…`. `base`: the name, to which
/// a number is added where it is another hook's; `spec` has its environment and working directory. The
/// hook's name.
///
/// Errors: not a service's name; PID 1 refuses.
pub fn add(
    pid1: &mut Client,
    base: &str,
    words: &[OsString],
    spec: &ServiceSpec,
) -> Result<String, Failure> {
    let there = all(pid1)?;
    if let Some(same) = there.iter().find(|hook| hook.words == words) {
        return Ok(same.name.clone());
    }
    let taken = |name: &String| there.iter().any(|hook| hook.name == *name);
    let numbered = (2..MOST).map(|number| format!("{base}.{number}"));
    let mut names = [base.to_owned()].into_iter().chain(numbered);
    let name = names.find(|name| !taken(name));
    let name = name.ok_or_else(|| Failure::new(format!("{MOST} hooks are called {base}")))?;
    check_name(&name)?;
    forget(&name)?;
    let mut argv = own_words(&name).to_vec();
    argv.extend_from_slice(words);
    let spec = ServiceSpec {
        restart: Restart::OnFailure,
        env: spec.env.clone(),
        cwd: spec.cwd.clone(),
        ..ServiceSpec::new(&name, Program::Own, argv)
    };
    pid1.spawn(&spec)?;
    Ok(name)
}

/// The name of a hook where none is given: `on.eth0.bound`, `on.eth0.bound-expire`.
pub fn default_name(interface: &str, events: &[&str]) -> String {
    format!("{PREFIX}{interface}.{}", events.join("-"))
}

/// Ends a hook; a script that runs is ended, too.
///
/// Errors: there is no such hook.
pub fn remove(pid1: &mut Client, name: &str) -> Result<(), Failure> {
    if !all(pid1)?.iter().any(|hook| hook.name == name) {
        let failure = Failure::new(format!("there is no hook '{name}'"));
        return Err(failure.with_hint("'on' alone lists them"));
    }
    pid1.stop_in_order(name, None)?;
    forget(name)
}
