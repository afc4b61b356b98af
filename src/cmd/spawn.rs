//! `spawn`: start a supervised service.

use super::{Call, Command, Flow, Group, Operand, Opt, Parse};
use crate::failure::{Doing, Failure};
use crate::supervise::client::Client;
use crate::supervise::program;
use crate::supervise::protocol::{Target, Until};
use crate::supervise::spec::{Ready, Restart, ServiceSpec, check_name};

pub(super) const COMMAND: Command = Command {
    name: "spawn",
    group: Group::Services,
    summary: "start a supervised service",
    usage: "[OPTION…] [--] COMMAND [ARGUMENT…]",
    details: "\
PID 1 starts the command as its own child and, as the policy says, starts it again when it has
ended: after 250 ms, then twice as long each time, 60 s at most; 30 s of running start over. A
program that is missing, not executable, or ends with status 125 is not started again.

The command is a built-in or a program in PATH. It runs in a session of its own, with the
environment and the working directory of the caller, reads nothing and writes on the console,
whatever 'spawn' itself is redirected to. The call ends once the program is executed.

With --ready fd the service counts as running when it writes a newline to the descriptor whose
number is in its environment as INITSH_READY_FD.

A name in use is refused; a service that has ended makes room for a new one of its name.",
    parse: Parse::Posix,
    options: &[
        Opt::value("name", "NAME", "the service's name (the program's by default)").short('n'),
        Opt::value(
            "restart",
            "WHEN",
            "start it again: never (default), on-failure, always",
        ),
        Opt::value("ready", "HOW", "it is running once executed: exec (default); fd: it says so"),
        Opt::flag("wait", "wait until it has ended for good; take over its status").short('w'),
    ],
    see: &["services", "stop", "reap"],
    terms: &["daemon", "supervise", "start", "background", "nohup", "systemctl"],
    examples: &[
        ("spawn --restart always -- /bin/web --port 80", "keep a server running"),
        ("spawn --name job --wait -- make -C /src", "run a job under PID 1 and wait for it"),
    ],
    operands: Operand::Command,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let spec = describe(call)?;
    let mut client = Client::required()?;
    client.spawn(&spec)?;
    if !call.given.flag("wait") {
        return Ok(Flow::OK);
    }
    let target = Target::Name(spec.name);
    let ended = client.wait_end(target, Until::Settled, None)?;
    Ok(Flow::Status(ended.map_or(1, |exit| exit.status())))
}

fn describe(call: &Call<'_>) -> Result<ServiceSpec, Failure> {
    let Some(command) = call.args.first() else {
        return Err(Failure::usage("missing COMMAND"));
    };
    let given = call.given.text("name")?.map(str::to_owned);
    let name = given.unwrap_or_else(|| program::default_name(command));
    check_name(&name).map_err(|why| match call.given.flag("name") {
        true => why,
        false => why.with_hint("give it a name with --name"),
    })?;
    let restart = match call.given.text("restart")? {
        None | Some("never") => Restart::Never,
        Some("on-failure") => Restart::OnFailure,
        Some("always") => Restart::Always,
        Some(other) => return Err(unexpected("restart", other, "never, on-failure or always")),
    };
    let ready = match call.given.text("ready")? {
        None | Some("exec") => Ready::Exec,
        Some("fd") => Ready::Descriptor,
        Some(other) => return Err(unexpected("ready", other, "exec or fd")),
    };
    let cwd = std::env::current_dir().doing(|| "find the working directory")?;
    let program = program::find(command, call.shell.variable("PATH"))?;
    Ok(ServiceSpec {
        env: call.shell.environment(),
        cwd: cwd.into_os_string(),
        restart,
        ready,
        ..ServiceSpec::new(&name, program, call.args.clone())
    })
}

fn unexpected(option: &str, value: &str, expected: &str) -> Failure {
    Failure::usage(format!("--{option} '{value}': expected {expected}"))
}
