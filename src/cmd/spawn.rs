//! `spawn`: start a supervised service.

use super::{Call, Command, Flow, Group, Operand, Opt, Parse};
use crate::failure::{Doing, Failure};
use crate::supervise::client::Client;
use crate::supervise::describe::{Place, describe};
use crate::supervise::protocol::{Target, Until};

pub(super) const COMMAND: Command = Command {
    name: "spawn",
    group: Group::Services,
    summary: "start a supervised service",
    usage: "[OPTION…] [--] COMMAND [ARGUMENT…]",
    details: "\
PID 1 starts the command as its own child and, as the policy says, starts it again when it has
ended: after MIN, then twice as long each time, MAX at most; 30 s of running start over. A program
that is missing, not executable, or ends with status 125 is not started again.

The command is a built-in, 'initsh' or a program in PATH. It runs in a session of its own, with the
environment and the working directory of the caller, reads nothing and writes on the console,
whatever 'spawn' itself is redirected to. The call ends once the program is executed.

With --ready fd the service counts as running when it writes a newline to the descriptor whose
number is in its environment as INITSH_READY_FD; with notify when it sends READY=1 to
NOTIFY_SOCKET, as sd_notify(3) has it.

Files of --stdin, --stdout (appended to) and --stderr are found from the service's own working
directory. --tty makes a terminal its controlling one and its standard input, output and error;
whatever is started there again says so on the terminal.

--user sets the group, the supplementary groups, HOME, USER and LOGNAME, too. --caps leaves exactly
these capabilities, also to another user than root: names, 'all', 'none', '-NAME' takes one away.
--cgroup needs 'mount cgroup2'; the service gets the group initsh.slice/NAME, which is ended and
removed with it. --keep-fds hands over the caller's descriptors from 3 on.

A name in use is refused; a service that has ended makes room for a new one of its name.",
    parse: Parse::Posix,
    options: &[
        Opt::value("name", "NAME", "the service's name (the program's by default)").short('n'),
        Opt::value("restart", "WHEN", "start it again: never (default), on-failure, always"),
        Opt::value("backoff", "MIN..MAX", "pause before it is started again (250ms..60s)"),
        Opt::value("max-restarts", "N/SECONDS", "more starts within this time: given up"),
        Opt::value("needs", "A,B", "services that must be ready; it stops with them"),
        Opt::value("after", "A,B", "services that it only comes after"),
        Opt::value("ready", "HOW", "exec (default), fd, notify, pidfile=PATH, tcp=PORT, after=TIME"),
        Opt::value("stop-timeout", "TIME", "between the stop signal and SIGKILL (5 s)"),
        Opt::value("stop-signal", "SIGNAL", "what asks it to end (TERM)"),
        Opt::flag("critical", "the machine ends when it has failed"),
        Opt::flag("oneshot", "ready when it has ended with status 0"),
        Opt::value("user", "USER", "by name or number").short('u'),
        Opt::value("group", "GROUP", "by name or number"),
        Opt::value("cwd", "DIR", "working directory"),
        Opt::value("env", "NAME=VALUE", "environment variable (repeatable)"),
        Opt::value("stdin", "WHAT", "a file, null (default), console"),
        Opt::value("stdout", "WHAT", "a file, null, console (default), log"),
        Opt::value("stderr", "WHAT", "a file, null, console (default), log"),
        Opt::value("log-file", "FILE", "append the log to this file, too"),
        Opt::value("log-size", "BYTES", "begin the file anew at this size (1M)"),
        Opt::value("nice", "N", "-20 to 19"),
        Opt::value("oom-score", "N", "oom_score_adj, -1000 to 1000"),
        Opt::value("rlimit", "NAME=SOFT[:HARD]", "resource limit, as nofile=1024 (repeatable)"),
        Opt::value("cgroup", "LIMITS", "memory.max=64M,pids.max=100,cpu.max=50000/100000"),
        Opt::value("caps", "LIST", "the capabilities that it keeps"),
        Opt::flag("no-new-privs", "exec gives no more privileges"),
        Opt::value("tty", "DEV", "its terminal, such as ttyS1"),
        Opt::flag("keep-fds", "hand over descriptors: spawn --keep-fds PROGRAM 3<FILE"),
        Opt::flag("wait", "wait until it has ended for good; take over its status").short('w'),
    ],
    see: &["services", "stop", "reap"],
    terms: &["daemon", "supervise", "start", "background", "nohup", "systemctl", "getty", "limit"],
    examples: &[
        ("spawn --restart always -- /bin/web --port 80", "keep a server running"),
        ("spawn --name job --wait -- make -C /src", "run a job under PID 1 and wait for it"),
        ("spawn --restart always --tty ttyS1 -- initsh", "a shell on another console"),
        ("spawn --user www --caps net_bind_service web", "with few privileges"),
    ],
    operands: Operand::Command,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let mut place = Place {
        env: call.shell.environment(),
        cwd: std::env::current_dir().doing(|| "find the working directory")?,
        path: call.shell.variable("PATH").map(Into::into),
        ..Place::default()
    };
    place.look_up(&call.given)?;
    let spec = describe(&call.given, &call.args, &place)?;
    let mut client = Client::required()?;
    let service = client.spawn(&spec)?;
    if let Some(why) = Client::held_up(&service)
        && service.state != "Pending"
    {
        call.warn(format_args!("{} {why}; going on without waiting for it", spec.name));
    }
    if !call.given.flag("wait") {
        return Ok(Flow::OK);
    }
    let target = Target::Name(spec.name);
    let ended = client.wait_end(target, Until::Settled, None)?;
    Ok(Flow::Status(ended.map_or(1, |exit| exit.status())))
}
