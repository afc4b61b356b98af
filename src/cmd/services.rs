//! `services`: list the services and their states.

use super::{Call, Command, Flow, Group, Operand};
use crate::failure::Failure;
use crate::supervise::client::{Client, ServiceInfo};
use crate::time::Instant;

pub(super) const COMMAND: Command = Command {
    name: "services",
    group: Group::Services,
    summary: "list the services and their states",
    usage: "[NAME…]",
    details: "\
One line each: name, state, pid, seconds in this state, processes so far, why. With names, only
those; a name that is not there is an error.

Pending: waits for a process; Starting: not ready yet; Running; Backoff: ended, is started again;
Stopping; Stopped: ended well or on request; Failed: ended badly and is not started again.",
    see: &["spawn", "stop", "reap", "ps"],
    terms: &["daemons", "systemctl"],
    examples: &[("services", "list every service"), ("services web", "show one")],
    operands: Operand::Service,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let mut all = Client::required()?.services()?;
    for name in &call.args {
        let text = call.text(name)?;
        if !all.iter().any(|service| service.name == text) {
            return Err(Failure::new(format!("there is no service '{text}'")));
        }
    }
    if !call.args.is_empty() {
        all.retain(|service| call.args.iter().any(|name| *name == *service.name));
    }
    let width = all.iter().map(|s| s.name.len()).max().unwrap_or(0).max(4);
    if !all.is_empty() {
        let head = ["NAME", "STATE", "PID", "SECONDS", "STARTS", "REASON"];
        print_row(call, width, head);
    }
    let now = Instant::now();
    for service in &all {
        print_service(call, width, service, now);
    }
    Ok(Flow::OK)
}

fn print_service(call: &mut Call<'_>, width: usize, service: &ServiceInfo, now: Instant) {
    let pid = service.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
    let seconds = now.since(service.since).as_secs().to_string();
    let starts = service.starts.to_string();
    let row = [
        service.name.as_str(),
        &service.state,
        &pid,
        &seconds,
        &starts,
        &service.reason,
    ];
    print_row(call, width, row);
}

fn print_row(call: &mut Call<'_>, width: usize, row: [&str; 6]) {
    let [name, state, pid, seconds, starts, reason] = row;
    let line = format!("{name:width$}  {state:8}  {pid:>7}  {seconds:>7}  {starts:>6}  {reason}");
    call.print(format_args!("{}\n", line.trim_end()));
}
