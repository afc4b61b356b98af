//! `dmesg`: print the kernel's log.

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::sys::signal::check_interrupt;
use crate::system::kmsg::{self, LEVELS, Next, Reader, Record};

pub(super) const COMMAND: Command = Command {
    name: "dmesg",
    group: Group::System,
    summary: "print the kernel's log",
    usage: "[-f] [-l LEVEL] [-x] [-n LEVEL] [N]",
    details: "N prints the last N records only. Levels are emerg, alert, crit, err, warn, notice, info, debug
or 0 to 7.",
    options: &[
        Opt::flag("follow", "go on with what comes, until Ctrl-C").short('f'),
        Opt::value("level", "LEVEL", "only records of this level or more urgent").short('l'),
        Opt::flag("decode", "print each record's level").short('x'),
        Opt::value("console-level", "LEVEL", "print on the console what is more urgent than LEVEL").short('n'),
    ],
    examples: &[
        ("dmesg 20", "the last 20 records"),
        ("dmesg -l warn", "what went wrong"),
        ("dmesg -f", "follow the log"),
    ],
    see: &["modprobe"],
    terms: &["log", "printk", "kmsg", "syslog"],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    if let Some(level) = level_of(call, "console-level")? {
        kmsg::set_console_level(level.max(1))?;
        return Ok(Flow::OK);
    }
    let worst = level_of(call, "level")?.unwrap_or(7);
    let count = match call.args.as_slice() {
        [] => usize::MAX,
        [_] => {
            let word = call.text(call.one("N")?)?;
            let number = word.parse();
            number.map_err(|_| Failure::usage(format!("'{word}' is not a number of records")))?
        }
        [_, ..] => return call.one("N").map(|_| Flow::OK),
    };
    let decode = call.given.flag("decode");
    // One at least, so that it is known where following begins.
    let (mut records, lost) = kmsg::last(if worst < 7 { usize::MAX } else { count.max(1) })?;
    let newest = records.last().map_or(0, |record| record.sequence);
    records.retain(|record| record.level <= worst);
    records.drain(..records.len().saturating_sub(count));
    if lost {
        call.warn("older records were overwritten while reading");
    }
    for record in &records {
        show(call, record, decode);
    }
    if call.given.flag("follow") {
        follow(call, newest, worst, decode)?;
    }
    Ok(Flow::OK)
}

fn level_of(call: &Call<'_>, key: &str) -> Result<Option<u8>, Failure> {
    let Some(word) = call.given.text(key)? else {
        return Ok(None);
    };
    let number = word.parse().ok().filter(|&level| level < 8);
    let level = number.or_else(|| {
        let at = LEVELS.iter().position(|name| *name == word);
        at.and_then(|at| u8::try_from(at).ok())
    });
    let wrong = || Failure::usage(format!("'{word}' is not a level: {} or 0 to 7", LEVELS.join(", ")));
    level.map(Some).ok_or_else(wrong)
}

fn show(call: &mut Call<'_>, record: &Record, decode: bool) {
    if decode {
        call.print(format_args!("{:<6} ", record.level_name()));
    }
    call.out.bytes(&record.line());
    call.out.bytes(b"\n");
}

fn follow(call: &mut Call<'_>, seen: u64, worst: u8, decode: bool) -> Result<(), Failure> {
    let mut reader = Reader::open()?;
    loop {
        check_interrupt()?;
        match reader.read_next()? {
            Next::Record(record) => {
                if record.sequence > seen && record.level <= worst {
                    show(call, &record, decode);
                }
            }
            Next::Lost => call.warn("records were overwritten before they could be printed"),
            Next::End => {
                call.flush()?;
                reader.wait()?;
            }
        }
    }
}
