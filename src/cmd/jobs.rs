//! `jobs`: list what runs in the background.

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "jobs",
    group: Group::Language,
    summary: "list what this shell runs in the background",
    usage: "[-p]",
    details: "Ctrl-Z stops a program or a list in parentheses; a built-in command runs in the shell itself, which
nothing stops: only Ctrl-C ends it. So '(sleep 60)' can be stopped, 'sleep 60' cannot.",
    options: &[Opt::letter('p', "only the pids")],
    see: &["fg", "bg", "wait", "services"],
    examples: &[("jobs", "what '&' started and Ctrl-Z stopped")],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    call.none()?;
    call.shell.jobs.poll();
    let jobs = call.shell.jobs.iter();
    let lines: Vec<_> = if call.given.flag("p") {
        jobs.filter_map(|job| Some(job.processes.first()?.0.to_string()))
            .collect()
    } else {
        jobs.map(|job| job.line()).collect()
    };
    for line in lines {
        call.print(format_args!("{line}\n"));
    }
    Ok(Flow::OK)
}
