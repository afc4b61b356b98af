//! `sleep`: wait for some time.

use std::time::Duration;

use super::{Call, Command, Flow, Group, Operand};
use crate::failure::Failure;
use crate::sys::signal;
use crate::time::{Instant, parse_duration};

pub(super) const COMMAND: Command = Command {
    name: "sleep",
    group: Group::Language,
    summary: "wait for some time",
    usage: "TIME…",
    details: "Seconds, or with a unit: 200ms, 1.5s, 2m, 1h, 1d; 'infinity' until Ctrl-C. Several are added up.",
    see: &["waitfor", "timeout"],
    terms: &["delay", "pause"],
    examples: &[("sleep 0.2", "a fifth of a second")],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    if call.args.is_empty() {
        return Err(Failure::usage("missing time"));
    }
    let mut total = Some(Duration::ZERO);
    for word in &call.args {
        let time = match call.text(word)? {
            "infinity" => None,
            text => Some(parse_duration(text).map_err(Failure::usage)?),
        };
        total = total.zip(time).map(|(a, b)| a.saturating_add(b));
    }
    signal::sleep_until(total.map(|total| Instant::now() + total))?;
    Ok(Flow::OK)
}
