//! `services`: list the services and their states.

use super::clients::exclusive;
use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::json::Json;
use crate::net::confine;
use crate::net::service::explain;
use crate::supervise::client::{Client, ServiceInfo};
use crate::supervise::order::{self, Branch};
use crate::supervise::rights::Rights;
use crate::sys::child::Exit;
use crate::time::Instant;

pub(super) const COMMAND: Command = Command {
    name: "services",
    group: Group::Services,
    summary: "list the services and their states",
    usage: "[--json | --tree | --rights] [NAME…]",
    details: "\
One line each: name, state, pid, seconds in this state, processes so far, why. With names, only
those; a name that is not there is an error.

Pending: waits for other services, or for a process; Starting: not ready yet; Running; Backoff:
ended, is started again; Stopping; Stopped: ended well or on request; Failed: ended badly and is not
started again.

--tree shows below each service what it needs, and in parentheses what it only comes after. What is
below a service is shown once.

--rights: the capabilities of each service's process, and its other limits ('help ps').

--json: name, state, ready, reason, pid (or null), exit ({\"code\": N}, {\"signal\": N} or null),
starts, since (milliseconds since boot), needs, after, critical,
rights (or null).",
    options: &[
        Opt::flag("json", "print as JSON: one array of objects"),
        Opt::flag("tree", "print who needs whom"),
        Opt::flag("rights", "print what each may do"),
    ],
    see: &["spawn", "start", "stop", "restart", "logs", "reap", "ps"],
    terms: &["daemons", "systemctl", "dependencies", "status"],
    examples: &[
        ("services", "list every service"),
        ("services web", "show one"),
        ("services --tree", "show what depends on what"),
        ("services --rights", "show what each may do"),
    ],
    operands: Operand::Service,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    exclusive(call, &[&["json", "tree", "rights"]])?;
    let (json, tree) = (call.given.flag("json"), call.given.flag("tree"));
    let mut all = Client::required()?.services()?;
    let args = call.args.clone();
    let names: Vec<&str> = args.iter().map(|name| call.text(name)).collect::<Result<_, _>>()?;
    for name in &names {
        if !all.iter().any(|service| service.name == *name) {
            return Err(Failure::new(format!("there is no service '{name}'")));
        }
    }
    for service in all.iter_mut().filter(|service| service.state == "Starting") {
        // A network client leaves it in a record.
        service.reason = explain(&service.name).unwrap_or(std::mem::take(&mut service.reason));
    }
    if tree {
        for branch in order::tree(&all, &names) {
            print_branch(call, &branch);
        }
        return Ok(Flow::OK);
    }
    if !names.is_empty() {
        all.retain(|service| names.contains(&service.name.as_str()));
    }
    match json {
        true => call.print(format_args!("{}", to_json(&all).as_str())),
        false if call.given.flag("rights") => print_rights(call, &all),
        false => print_table(call, &all),
    }
    Ok(Flow::OK)
}

fn print_table(call: &mut Call<'_>, all: &[ServiceInfo]) {
    let width = all.iter().map(|s| s.name.len()).max().unwrap_or(0).max(4);
    if !all.is_empty() {
        let head = ["NAME", "STATE", "PID", "SECONDS", "STARTS", "REASON"];
        print_row(call, width, head);
    }
    let now = Instant::now();
    for service in all {
        print_service(call, width, service, now);
    }
}

fn print_rights(call: &mut Call<'_>, all: &[ServiceInfo]) {
    let width = all.iter().map(|s| s.name.len()).max().unwrap_or(0).max(4);
    let landlock = confine::under_landlock();
    for service in all {
        let rights = service.pid.and_then(|pid| Rights::of(pid, &landlock));
        let text = rights.map_or_else(|| "-".to_owned(), |rights| rights.text());
        call.print(format_args!("{:width$}  {text}\n", service.name));
    }
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

fn print_branch(call: &mut Call<'_>, branch: &Branch<'_>) {
    let name = match branch.after {
        true => format!("({})", branch.name),
        false => branch.name.to_owned(),
    };
    let state = match branch.service {
        None => "not there".to_owned(),
        Some(service) if service.reason.is_empty() => service.state.clone(),
        Some(service) => format!("{}: {}", service.state, service.reason),
    };
    let more = if branch.again { " (see above)" } else { "" };
    call.print(format_args!("{}{name}  {state}{more}\n", branch.lead));
}

fn to_json(all: &[ServiceInfo]) -> Json {
    let mut json = Json::default();
    let landlock = confine::under_landlock();
    json.array();
    for service in all {
        json.object();
        json.key("name").text(&service.name);
        json.key("state").text(&service.state);
        json.key("ready").boolean(service.ready);
        json.key("reason").text(&service.reason);
        json.key("pid");
        match service.pid {
            Some(pid) => json.signed(i64::from(pid)),
            None => json.null(),
        };
        json.key("exit");
        match service.exit {
            Some(Exit::Code(code)) => json.object().key("code").number(code).end_object(),
            Some(Exit::Signal(signal)) => json.object().key("signal").number(signal).end_object(),
            None => json.null(),
        };
        json.key("starts").number(service.starts);
        let since = service.since.since_boot().as_millis();
        json.key("since").number(u64::try_from(since).unwrap_or(u64::MAX));
        for (key, names) in [("needs", &service.needs), ("after", &service.after)] {
            json.key(key).array();
            for name in names {
                json.text(name);
            }
            json.end_array();
        }
        json.key("critical").boolean(service.critical);
        json.key("rights");
        match service.pid.and_then(|pid| Rights::of(pid, &landlock)) {
            Some(rights) => json.text(&rights.text()),
            None => json.null(),
        };
        json.end_object();
    }
    json.end_array().line();
    json
}
