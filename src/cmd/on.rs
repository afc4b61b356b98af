//! `on`: run a script when a lease comes, changes or goes.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::call::write_all;
use super::table::Table;
use super::{Call, Command, Flow, Given, Group, Operand, Opt};
use crate::failure::{Doing, Failure};
use crate::net::hook::changes::{Change, Event};
use crate::net::hook::{Hook, follow, service};
use crate::net::lease::is_interface_name;
use crate::supervise::client::Client;
use crate::supervise::spec::{Program, ServiceSpec};
use crate::sys::signal;

const TIMEOUT: Duration = Duration::from_secs(60);

pub(super) const COMMAND: Command = Command {
    name: "on",
    group: Group::Network,
    summary: "run a script when a lease comes, changes or goes",
    usage: "[--timeout S] EVENT[,EVENT…] IF {SCRIPT | -c TEXT} | --remove NAME… | (nothing)",
    details: "\
events, of any protocol (dhcp4, slaac, dhcp6) on the interface:
  bound    there is a lease where there was none, or with other addresses
  renew    the lease was confirmed, or something else of it has changed
  expire   the lease is gone: it ended, was refused or given back
  prefix   the delegated prefixes are others or gone; on a downstream link: its own prefix

The script is one for initsh. It has the variables event, interface and protocol, and asks for what
it needs: ${net.eth0.ip4}, or 'get net.$interface.pd'. Nothing that a server has said is ever put
into its text. While it runs nothing else of this hook does; what happens meanwhile is looked at
afterwards, and only the difference counts. A lease that is there already counts as bound.

A hook is a service, on.IF.EVENT; it remembers what its script has run for, and a script that was
interrupted runs again, so it may run twice for one event, never not at all. A script that fails or
takes longer than S is told of on the console. Without arguments the hooks are listed.",
    options: &[
        Opt::value("timeout", "S", "end the script after S seconds (default 60)").short('t'),
        Opt::letter_value('c', "TEXT", "commands in place of a script"),
        Opt::value("name", "NAME", "the service's name (default on.IF.EVENT)"),
        Opt::flag("remove", "remove these hooks"),
        Opt::flag("foreground", "be the hook; needs no PID 1"),
    ],
    see: &["lease", "net", "get", "services", "dhcp4"],
    terms: &["hook", "event", "trigger", "udhcpc", "dispatcher", "script"],
    examples: &[
        ("on bound,expire eth0 /etc/net.run", "a script"),
        ("on bound eth0 -c 'echo $interface has ${net.eth0.ip4}'", "a line"),
        ("on prefix wan /etc/prefix.run", "when the provider delegates another prefix"),
        ("on --remove on.eth0.bound", "no more"),
    ],
    operands: Operand::Words(&["bound", "renew", "expire", "prefix"]),
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    if call.given.flag("remove") {
        let mut pid1 = Client::required()?;
        let names = call.names()?;
        return call.for_each(&names, |call, name| service::remove(&mut pid1, call.text(name)?));
    }
    if call.args.is_empty() {
        return list(call);
    }
    let (hook, script) = read(call)?;
    if call.given.flag("foreground") {
        return keep(call, &hook, &script);
    }
    let mut pid1 = Client::required()?;
    let names: Vec<_> = hook.events.iter().map(|event| event.name()).collect();
    let base = match hook.name.as_str() {
        "" => service::default_name(&hook.interface, &names),
        name => name.to_owned(),
    };
    let mut words = call.given.words_but(&["name"]);
    words.extend(["--".into(), names.join(",").into(), hook.interface.into()]);
    words.extend(script.file);
    let mut spec = ServiceSpec::new(&base, Program::Own, Vec::new());
    spec.env = call.shell.environment();
    let cwd = std::env::current_dir().doing(|| "find the working directory")?;
    spec.cwd = cwd.into_os_string();
    service::add(&mut pid1, &base, &words, &spec)?;
    Ok(Flow::OK)
}

/// What is run, and for how long at most.
struct Script {
    file: Option<OsString>,
    text: Option<OsString>,
    limit: Duration,
}

impl Script {
    fn words(&self) -> Vec<OsString> {
        let (word, what) = match (&self.file, &self.text) {
            (Some(file), _) => ("run", file),
            (None, Some(text)) => ("eval", text),
            (None, None) => return Vec::new(),
        };
        vec![word.into(), what.clone()]
    }
}

fn read(call: &Call<'_>) -> Result<(Hook, Script), Failure> {
    let text = call.given.value("c").map(OsStr::to_owned);
    let (events, interface, file) = match (call.args.as_slice(), &text) {
        ([events, interface], Some(_)) => (events, interface, None),
        ([events, interface, file], None) => (events, interface, Some(absolute(file)?)),
        (_, Some(_)) => return Err(Failure::usage("expected EVENT IF -c TEXT")),
        (_, None) => return Err(Failure::usage("expected EVENT IF SCRIPT")),
    };
    let interface = call.text(interface)?;
    if !is_interface_name(interface) {
        return Err(Failure::usage(format!("'{interface}' cannot be an interface")));
    }
    let read = |word: &str| {
        let bad = || Failure::usage(format!("'{word}' is no event: expected bound, renew, expire or prefix"));
        Event::read(word).ok_or_else(bad)
    };
    let events: Vec<_> = call.text(events)?.split(',').map(read).collect::<Result<_, _>>()?;
    let hook = Hook {
        name: call.given.text("name")?.unwrap_or_default().to_owned(),
        interface: interface.to_owned(),
        events,
    };
    let limit = call.given.duration("timeout")?.unwrap_or(TIMEOUT);
    Ok((hook, Script { file, text, limit }))
}

/// The script's path from anywhere. Errors: it cannot be read now.
fn absolute(file: &OsStr) -> Result<OsString, Failure> {
    let path = std::fs::canonicalize(file).doing(|| format!("find {}", file.to_string_lossy()))?;
    Ok(path.into_os_string())
}

fn keep(call: &mut Call<'_>, hook: &Hook, script: &Script) -> Result<Flow, Failure> {
    call.flush()?;
    let shell = &mut *call.shell;
    follow::follow(hook, &mut |Change { event, kind }| {
        let values = [("event", event.name()), ("interface", &hook.interface), ("protocol", kind)];
        for (name, value) in values {
            shell.set_variable(name, OsStr::new(value))?;
            shell.vars.export(name, true)?;
        }
        // It ends this process while it waits, and the script first while one runs.
        let _ = signal::catch(Signal::SIGTERM);
        let flow = shell.run_limited(script.words(), script.limit);
        let _ = signal::default(Signal::SIGTERM);
        if signal::caught() == Some(Signal::SIGTERM as u8) {
            return Err(Failure::interrupted().with_status(128 + Signal::SIGTERM as u8));
        }
        let why = match flow?.status() {
            0 => return Ok(()),
            124 => "ended, as it took too long".to_owned(),
            status => format!("status {status}"),
        };
        let what = script.file.as_deref().unwrap_or(OsStr::new("-c")).to_string_lossy();
        let line = format!("on: {}: {} ({kind}): {what}: {why}\n", hook.interface, event.name());
        // Nobody to tell where standard error is gone.
        let _ = write_all(&std::io::stderr(), line.as_bytes());
        Ok(())
    })?;
    Ok(Flow::OK)
}

fn list(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let hooks = service::all(&mut Client::required()?)?;
    if hooks.is_empty() {
        return Ok(Flow::OK);
    }
    let mut table = Table::new(&["NAME", "STATE", "EVENTS", "INTERFACE", "SCRIPT"]);
    for hook in hooks {
        let (given, operands) = Given::parse(call.command, hook.words)?;
        let mut cells = vec![hook.name, hook.state];
        cells.extend(operands.iter().map(|word| word.to_string_lossy().into_owned()));
        cells.extend(given.value("c").map(|text| format!("-c {}", shell_words::quote(&text.to_string_lossy()))));
        table.row(cells);
    }
    table.print(&mut call.out);
    Ok(Flow::OK)
}
