//! `logs`: print what a service has written.

use std::io::IsTerminal;
use std::time::Duration;

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::supervise::log::reader::{Piece, Reader, harmless, last_lines};

pub(super) const COMMAND: Command = Command {
    name: "logs",
    group: Group::Services,
    summary: "print what a service has written",
    usage: "[-f] [-n LINES] [--raw] NAME",
    details: "\
PID 1 keeps the last 64 KiB of what a service writes, in memory, where it is started with
--stdout log or --stderr log; what is kept outlives the service's process. Lines that had to make
room are counted, and the rest of a line that is longer than 8 KiB is cut.

On a terminal, control characters and what is no UTF-8 are shown as \\xNN; elsewhere bytes stay as
they are. Remarks about lost lines go to standard error.",
    options: &[
        Opt::flag("follow", "go on with what comes, over restarts, until Ctrl-C").short('f'),
        Opt::value("lines", "LINES", "begin with the last LINES lines").short('n'),
        Opt::flag("raw", "bytes as they are, on a terminal, too"),
    ],
    see: &["spawn", "services", "dmesg"],
    terms: &["journal", "journalctl", "output", "tail"],
    examples: &[
        ("logs web", "everything that is kept"),
        ("logs -f -n 10 web", "the last ten lines, then what comes"),
    ],
    operands: Operand::Service,
    run,
    ..Command::DEFAULT
};

/// How long one question to PID 1 waits for more; then the next is asked.
const WAIT: Duration = Duration::from_secs(3600);

/// Pieces of what is there already: a service that writes faster than is read here would have no end.
const PIECES: usize = 32;

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let name = call.text(call.one("NAME")?)?.to_owned();
    let lines = call.given.number::<usize>("lines", "a number of lines")?;
    let mut log = Reader::open(&name)?;
    let mut kept = Vec::new();
    for _ in 0..PIECES {
        let piece = log.next(Duration::ZERO)?;
        if lines.is_none() {
            remark(call, &piece);
        }
        kept.extend_from_slice(&piece.bytes);
        if !piece.more {
            break;
        }
    }
    let raw = call.given.flag("raw") || !std::io::stdout().is_terminal();
    print(call, last_lines(&kept, lines.unwrap_or(usize::MAX)), raw);
    while call.given.flag("follow") {
        call.flush()?;
        let piece = log.next(WAIT)?;
        remark(call, &piece);
        print(call, &piece.bytes, raw);
    }
    Ok(Flow::OK)
}

fn remark(call: &mut Call<'_>, piece: &Piece) {
    match piece.missed {
        0 => {}
        1 => call.warn("1 line is lost here: overwritten by newer ones"),
        lost => call.warn(format_args!("{lost} lines are lost here: overwritten by newer ones")),
    }
}

fn print(call: &mut Call<'_>, bytes: &[u8], raw: bool) {
    match raw {
        true => call.out.bytes(bytes),
        false => call.out.bytes(&harmless(bytes)),
    }
}
