//! `test`: tests a condition.

use super::{Call, Command, Flow, Group, Parse};
use crate::failure::Failure;
use crate::script::condition::holds;

pub(super) const COMMAND: Command = Command {
    name: "test",
    aliases: &["["],
    group: Group::Language,
    summary: "test a condition",
    usage: "CONDITION   or   [ CONDITION ]",
    details: "Status 0 where the condition holds, 1 where it does not, 2 where it is none.

  -e -f -d -h PATH     exists, is a file, a directory, a symbolic link (also -L)
  -b -c -p -S PATH     is a block device, a character device, a pipe, a socket
  -r -w -x -s PATH     may be read, written, executed; is not empty
  -u -g -k -O -G PATH  has setuid, setgid, sticky; belongs to this user, this group
  -t N                 descriptor N is a terminal
  A -nt B, A -ot B     A was changed after, before B; A -ef B: both are the same file
  -n TEXT, -z TEXT     is not empty, is empty; TEXT alone: is not empty
  A = B, A != B        texts are equal, differ; A < B, A > B: their order (quote the signs)
  A -eq B              numbers are equal; also -ne -lt -le -gt -ge
  ! C, C -a D, C -o D  not, and, or; parentheses (quoted) group",
    parse: Parse::Verbatim,
    see: &["waitfor", "true", "false"],
    terms: &["if", "compare", "exists", "equal", "empty", "number", "file"],
    examples: &[
        ("test -e /dev/vda", "is there such a device"),
        ("[ \"${cmdline.root:-none}\" = none ]", "was root= given"),
        ("[ $# -ge 2 ] || exit 2", "at least two parameters"),
    ],
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let mut words = call.args.as_slice();
    if call.name == "[" {
        words = match words {
            [words @ .., last] if last == "]" => words,
            _ => return Err(Failure::usage("missing ']' at the end")),
        };
    }
    Ok(Flow::Status(u8::from(!holds(words)?)))
}
