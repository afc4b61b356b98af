//! The command registry: the one list of built-ins, what a command is, and how one is called.
//! Dispatch, `help`, completion, `docs/commands.md` and the README's table all read [`COMMANDS`].
//!
//! To add a command: write `src/cmd/NAME.rs` with its `COMMAND` constant, and add NAME to the list.

pub mod call;
mod clients;
pub mod docs;
pub mod options;
pub mod packed;
pub mod search;
pub mod suggest;
pub mod table;
#[cfg(test)]
mod tests;
pub mod topics;
pub mod words;

#[cfg(debug_assertions)]
mod crash_test;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

pub use call::{Call, Flow};
pub use options::{Given, Opt, Parse};

use crate::failure::Failure;
use crate::script::Shell;
use packed::{Packed, lean};

macro_rules! commands {
    ($($name:ident)*) => {
        $(mod $name;)*
        /// Every built-in command, sorted by name.
        pub static COMMANDS: &[&Command] = &[$({
            const PACKED: Packed = Packed::of(&$name::COMMAND);
            static TEXTS: [u8; PACKED.length()] = PACKED.bytes();
            static OPTIONS: [Opt; $name::COMMAND.options.len()] = lean($name::COMMAND.options);
            static LEAN: Command = Command {
                details: "",
                options: &OPTIONS,
                examples: &[],
                packed: &TEXTS,
                ..$name::COMMAND
            };
            &LEAN
        }),*];
    };
}

commands! {
    addr bg r#break cat cd coldplug command r#continue dhcp4 dhcp6 dmesg echo eval exec exit export
    r#false fg get halt help hostname ifconfig insmod jobs kill lease link local logs ls lsmod mkdir mknod
    modprobe mount net on pd poweroff printf prompt ps pwd ra read readonly reap reboot restart retry r#return rm
    rmmod route run service services set shift signal slaac sleep spawn start stop switch_root sync sysctl
    tap test timeout trap r#true r#type umask umount uname unset upgrade uptime wait waitfor watchdog
}

/// What a built-in is: everything that dispatch, help, completion and the manual need.
pub struct Command {
    /// The name it is called by.
    pub name: &'static str,
    /// Other names it answers to (`[` for `test`).
    pub aliases: &'static [&'static str],
    /// The chapter of the manual that it stands in.
    pub group: Group,
    /// One line, lower case, no full stop: what it does.
    pub summary: &'static str,
    /// What follows the name, in the notation of man pages: `[-t TYPE] SOURCE TARGET`.
    pub usage: &'static str,
    /// The manual's body: paragraphs that tell what the usage line cannot. May be empty. [`COMMANDS`] have
    /// this, what their options are for, and the examples in `packed` alone: [`packed::Long::of`].
    pub details: &'static str,
    /// How its arguments are read before `run` sees them.
    pub parse: Parse,
    /// The options that it takes.
    pub options: &'static [Opt],
    /// Related commands.
    pub see: &'static [&'static str],
    /// Words that a person may search for and that the summary does not contain.
    pub terms: &'static [&'static str],
    /// Whole command lines with what each is for.
    pub examples: &'static [(&'static str, &'static str)],
    /// What kind of word an operand is, for completion.
    pub operands: Operand,
    /// The long texts; the registry makes them.
    pub packed: &'static [u8],
    /// Does it. Output goes to `call.out`; a returned failure is printed with its place.
    pub run: fn(&mut Call<'_>) -> Result<Flow, Failure>,
}

impl Command {
    /// What a `COMMAND` constant leaves out: `..Command::DEFAULT`.
    pub const DEFAULT: Self = Self {
        name: "",
        aliases: &[],
        group: Group::System,
        summary: "",
        usage: "",
        details: "",
        parse: Parse::Permute,
        options: &[],
        see: &[],
        terms: &[],
        examples: &[],
        operands: Operand::Path,
        packed: &[],
        run: |_| Ok(Flow::OK),
    };
}

/// The chapters of the manual, in the order in which `help` prints them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Links, addresses, routes, DHCP.
    Network,
    /// Services, processes and power.
    Services,
    /// Mounts, modules, kernel.
    System,
    /// Files and text.
    Files,
    /// The language itself.
    Language,
}

/// What kind of word a command's operands are; completion offers these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    /// Nothing to offer.
    None,
    /// A path.
    Path,
    /// A directory.
    Directory,
    /// A network interface.
    Interface,
    /// The name of a built-in or of a program in `PATH`.
    Command,
    /// A setting's dotted name.
    Setting,
    /// A service's name.
    Service,
    /// A kernel module's name.
    Module,
    /// One of these words, then paths.
    Words(&'static [&'static str]),
    /// One of these words, then an interface.
    InterfaceAfter(&'static [&'static str]),
}

/// The command of that name or alias.
pub fn find(name: &OsStr) -> Option<&'static Command> {
    let name = name.as_bytes();
    #[cfg(debug_assertions)]
    if name == crash_test::COMMAND.name.as_bytes() {
        return Some(&crash_test::COMMAND);
    }
    // Lengths first: they tell nearly all of them apart.
    let is = |own: &str| own.len() == name.len() && own.as_bytes() == name;
    let mut commands = COMMANDS.iter().copied();
    commands.find(|command| is(command.name) || command.aliases.iter().any(|own| is(own)))
}

/// Reads the options of `args` as `command` declares them and runs it. `--help` alone prints its
/// manual. Standard output is flushed before this returns.
pub fn dispatch(
    command: &'static Command,
    shell: &mut Shell,
    name: &OsStr,
    args: Vec<OsString>,
) -> Result<Flow, Failure> {
    let mut call = Call::new(command, shell, name.to_owned(), args)?;
    let flow = if call.wants_help() {
        call.print_manual()
    } else {
        (command.run)(&mut call)
    };
    let flushed = call.flush();
    // The command's own failure says more than that of the flush after it.
    let flow = flow?;
    flushed.map(|()| flow)
}
