//! `umask`: the permissions that new files do not get.

use nix::sys::stat::Mode;

use super::{Call, Command, Flow, Group, Operand, Opt, Parse};
use crate::failure::Failure;

pub(super) const COMMAND: Command = Command {
    name: "umask",
    group: Group::Language,
    summary: "the permissions that new files do not get",
    usage: "[-S] [OCTAL]",
    parse: Parse::Posix,
    options: &[Opt::letter('S', "print in letters")],
    terms: &["mode", "permission"],
    examples: &[("umask 077", "new files are for their owner alone")],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    if call.args.is_empty() {
        let mask = nix::sys::stat::umask(Mode::empty());
        nix::sys::stat::umask(mask);
        let bits = mask.bits();
        if call.given.flag("S") {
            let (user, group, other) = (letters(bits >> 6), letters(bits >> 3), letters(bits));
            call.print(format_args!("u={user},g={group},o={other}\n"));
        } else {
            call.print(format_args!("{bits:04o}\n"));
        }
        return Ok(Flow::OK);
    }
    let text = call.text(call.one("mask")?)?;
    let bits = u32::from_str_radix(text, 8).ok().filter(|&bits| bits <= 0o777);
    let bits = bits.ok_or_else(|| Failure::usage(format!("'{text}' is not an octal mask (0–777)")))?;
    nix::sys::stat::umask(Mode::from_bits_truncate(bits));
    Ok(Flow::OK)
}

/// The letters of the three lowest bits that are not masked.
fn letters(mask: u32) -> String {
    let bits = [(4, 'r'), (2, 'w'), (1, 'x')].into_iter();
    bits.filter(|(bit, _)| mask & bit == 0).map(|(_, letter)| letter).collect()
}
