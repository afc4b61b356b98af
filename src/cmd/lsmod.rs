//! `lsmod`: list loaded kernel modules.

use super::{Call, Command, Flow, Group, Operand};
use crate::failure::Failure;
use crate::system::modules::loaded;

pub(super) const COMMAND: Command = Command {
    name: "lsmod",
    group: Group::System,
    summary: "list loaded kernel modules",
    usage: "",
    examples: &[("lsmod", "name, size in bytes, number of users and who they are")],
    see: &["modprobe", "rmmod"],
    terms: &["driver"],
    operands: Operand::None,
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    call.none()?;
    let modules = loaded::list()?;
    call.print(format_args!("{:<24} {:>8}  Used by\n", "Module", "Size"));
    for module in modules {
        let uses = module.uses.map_or_else(|| "-".to_owned(), |uses| uses.to_string());
        let users = module.users.join(",");
        let line = format!("{:<24} {:>8}  {uses} {users}", module.name, module.size);
        call.print(format_args!("{}\n", line.trim_end()));
    }
    Ok(Flow::OK)
}
