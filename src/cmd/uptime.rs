//! `uptime`: print how long this machine has been running.

use super::{Call, Command, Flow, Group, Operand};
use crate::failure::{Doing, Failure};
use crate::time::Instant;

pub(super) const COMMAND: Command = Command {
    name: "uptime",
    group: Group::System,
    summary: "print how long this machine has been running",
    usage: "",
    details: "And the load: how many processes wanted to run in the last 1, 5 and 15 minutes.",
    examples: &[("uptime", "up 1:02:03, load 0.08 0.03 0.01")],
    see: &["uname", "ps"],
    terms: &["load", "time"],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    call.none()?;
    let seconds = Instant::now().since_boot().as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let days = match days {
        0 => String::new(),
        1 => "1 day ".into(),
        days => format!("{days} days "),
    };
    let load = std::fs::read_to_string("/proc/loadavg").doing(|| "read /proc/loadavg");
    let load = load.map_or_else(
        |_| String::new(),
        |text| {
            let words: Vec<_> = text.split_ascii_whitespace().take(3).collect();
            format!(", load {}", words.join(" "))
        },
    );
    let (hours, minutes, seconds) = (rest / 3600, rest / 60 % 60, rest % 60);
    call.print(format_args!("up {days}{hours}:{minutes:02}:{seconds:02}{load}\n"));
    Ok(Flow::OK)
}
