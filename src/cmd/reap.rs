//! `reap`: print which processes ended, or wait for one.

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::supervise::client::Client;
use crate::supervise::protocol::{Target, Until};

pub(super) const COMMAND: Command = Command {
    name: "reap",
    group: Group::Services,
    summary: "print which processes ended, or wait for one",
    usage: "[--wait NAME|PID [--timeout TIME]]",
    details: "\
Prints what PID 1 has reaped since the last call, one line each: pid, name, exit status or signal,
seconds since boot when it ended. Services have their names, the process of the boot script is
'boot', other programs stand in parentheses, '-' is unknown. PID 1 remembers the last 256.

With --wait it waits until the process of a service, or a child of PID 1, has ended, and takes over
its status: 128 plus the signal where one ended it, 124 when the time is over. A service that has
ended already gives its last status at once.",
    options: &[
        Opt::value("wait", "NAME|PID", "wait for this service or process").short('w'),
        Opt::value("timeout", "TIME", "wait no longer than this").short('t'),
    ],
    see: &["spawn", "services", "wait"],
    terms: &["zombie", "exit", "orphan", "children"],
    examples: &[
        ("reap", "show what has ended"),
        ("reap --wait job --timeout 30", "wait for the service 'job'"),
    ],
    operands: Operand::Service,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    call.none()?;
    let timeout = call.given.duration("timeout")?;
    let name = call.given.text("wait")?.map(str::to_owned);
    let target = name.as_deref().map(|text| match text.parse() {
        Ok(pid) => Target::Pid(pid),
        Err(_) => Target::Name(text.to_owned()),
    });
    if target.is_none() && timeout.is_some() {
        return Err(Failure::usage("--timeout is for --wait"));
    }
    let mut client = Client::required()?;
    let Some(target) = target else {
        return print_all(call, &mut client);
    };
    match client.wait_end(target, Until::Exit, timeout)? {
        Some(exit) => Ok(Flow::Status(exit.status())),
        None => {
            let name = name.unwrap_or_default();
            Err(Failure::new(format!("{name} is still running")).with_status(124))
        }
    }
}

fn print_all(call: &mut Call<'_>, client: &mut Client) -> Result<Flow, Failure> {
    let (exits, forgotten) = client.exits()?;
    for ended in exits {
        let (pid, exit) = (ended.pid, ended.exit.to_string());
        let name = Some(ended.name).filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| "-".to_owned());
        let at = ended.at.since_boot();
        let (seconds, millis) = (at.as_secs(), at.subsec_millis());
        call.print(format_args!(
            "{pid:>7}  {name:16}  {exit:8}  {seconds:>6}.{millis:03}\n"
        ));
    }
    if forgotten > 0 {
        call.warn(format_args!("{forgotten} earlier exits were forgotten"));
    }
    Ok(Flow::OK)
}
