//! `ps`: list processes.

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::json::Json;
use crate::system::processes::{self, Process, user_name};

pub(super) const COMMAND: Command = Command {
    name: "ps",
    group: Group::Services,
    summary: "list processes",
    usage: "[-A] [--json]",
    details: "MEMORY is what is in RAM, in kB; TIME is processor time in minutes:seconds. STATE: R running,
S sleeping, D waiting for a device, T stopped, Z ended and not reaped. Threads of the kernel are
left out without -A.",
    options: &[
        Opt::flag("all", "threads of the kernel, too").short('A'),
        Opt::letter('e', "the same"),
        Opt::flag("json", "for programs: memory in kB, time and start in ms"),
    ],
    examples: &[("ps", "every process"), ("ps -A", "with the threads of the kernel")],
    see: &["kill", "services", "jobs"],
    terms: &["processes", "tasks", "top"],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    call.none()?;
    let mut all = processes::list()?;
    if !call.given.flag("all") && !call.given.flag("e") {
        all.retain(|process| !process.kernel);
    }
    let passwd = std::fs::read("/etc/passwd").unwrap_or_default();
    let user = |uid: u32| user_name(&passwd, uid).unwrap_or_else(|| uid.to_string());
    if call.given.flag("json") {
        let text = json(&all);
        call.print(format_args!("{text}"));
    } else {
        table(call, &all, &user);
    }
    Ok(Flow::OK)
}

fn table(call: &mut Call<'_>, all: &[Process], user: &dyn Fn(u32) -> String) {
    call.print(format_args!("{:>5} {:>5} {:<8} STATE  MEMORY   TIME COMMAND\n", "PID", "PPID", "USER"));
    for process in all {
        let seconds = process.time.as_secs();
        call.print(format_args!(
            "{:>5} {:>5} {:<8} {:<5} {:>7} {:>3}:{:02} {}\n",
            process.pid,
            process.parent,
            user(process.uid),
            process.state,
            process.rss,
            seconds / 60,
            seconds % 60,
            process.command()
        ));
    }
}

fn json(all: &[Process]) -> String {
    let mut json = Json::default();
    json.array();
    for process in all {
        let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        json.object();
        json.key("pid").signed(process.pid.into());
        json.key("ppid").signed(process.parent.into());
        json.key("uid").number(process.uid);
        json.key("state").text(process.state.encode_utf8(&mut [0; 4]));
        json.key("memory").number(process.rss);
        json.key("time").number(millis(process.time));
        json.key("started").number(millis(process.started));
        json.key("name").bytes(&process.name);
        json.key("kernel").boolean(process.kernel);
        json.key("argv").array();
        process.argv.iter().for_each(|word| {
            json.bytes(word);
        });
        json.end_array().end_object();
    }
    json.end_array().line();
    json.as_str().to_owned()
}
