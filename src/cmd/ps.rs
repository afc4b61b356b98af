//! `ps`: list processes.

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::json::Json;
use crate::net::confine;
use crate::supervise::rights::Rights;
use crate::system::processes::{self, Process, user_name};

pub(super) const COMMAND: Command = Command {
    name: "ps",
    group: Group::Services,
    summary: "list processes",
    usage: "[-A] [--rights | --json]",
    details: "MEMORY is what is in RAM, in kB; TIME is processor time in minutes:seconds. STATE: R running,
S sleeping, D waiting for a device, T stopped, Z ended and not reaped. Threads of the kernel are
left out without -A.

RIGHTS: all, some or none of the capabilities; confined: a few of them, and limits besides, as
network clients have. --rights names the capabilities, no_new_privs, a filter of system calls
(seccomp), and limits on files (landlock), which only our own network clients tell of.",
    options: &[
        Opt::flag("all", "threads of the kernel, too").short('A'),
        Opt::letter('e', "the same"),
        Opt::flag("rights", "what each may do, in full"),
        Opt::flag("json", "for programs: memory in kB, time and start in ms"),
    ],
    examples: &[
        ("ps", "every process"),
        ("ps -A", "with the threads of the kernel"),
        ("ps --rights", "what each may do"),
    ],
    see: &["kill", "services", "jobs"],
    terms: &["processes", "tasks", "top", "capabilities", "privileges"],
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
    if call.given.flag("json") && call.given.flag("rights") {
        return Err(Failure::usage("--json and --rights exclude each other"));
    }
    let landlock = confine::under_landlock();
    let passwd = std::fs::read("/etc/passwd").unwrap_or_default();
    let user = |uid: u32| user_name(&passwd, uid).unwrap_or_else(|| uid.to_string());
    if call.given.flag("json") {
        let text = json(&all, &landlock);
        call.print(format_args!("{text}"));
    } else if call.given.flag("rights") {
        for process in &all {
            let rights = Rights::of(process.pid, &landlock).unwrap_or_default().text();
            let (pid, command) = (process.pid, process.command());
            call.print(format_args!("{pid:>5} {command}\n      {rights}\n"));
        }
    } else {
        table(call, &all, &landlock, &user);
    }
    Ok(Flow::OK)
}

fn table(call: &mut Call<'_>, all: &[Process], landlock: &[i32], user: &dyn Fn(u32) -> String) {
    let (pid, parent, name, rights) = ("PID", "PPID", "USER", "RIGHTS");
    let head = format_args!("{pid:>5} {parent:>5} {name:<8} {rights:<8} STATE  MEMORY   TIME COMMAND\n");
    call.print(head);
    for process in all {
        let seconds = process.time.as_secs();
        call.print(format_args!(
            "{:>5} {:>5} {:<8} {:<8} {:<5} {:>7} {:>3}:{:02} {}\n",
            process.pid,
            process.parent,
            user(process.uid),
            Rights::of(process.pid, landlock).unwrap_or_default().word(),
            process.state,
            process.rss,
            seconds / 60,
            seconds % 60,
            process.command()
        ));
    }
}

fn json(all: &[Process], landlock: &[i32]) -> String {
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
        json.key("rights").text(&Rights::of(process.pid, landlock).unwrap_or_default().text());
        json.key("argv").array();
        process.argv.iter().for_each(|word| {
            json.bytes(word);
        });
        json.end_array().end_object();
    }
    json.end_array().line();
    json.as_str().to_owned()
}
