//! What `set -e` and its like turn on: one table for `set`, `$-` and the command line.

/// A shell option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// `-a`: whatever is assigned is exported.
    AllExport,
    /// `-C`: `>` does not overwrite a file.
    NoClobber,
    /// `-e`: the first failed command ends the script.
    ErrExit,
    /// `-f`: no pathname expansion.
    NoGlob,
    /// `-n`: reads, but runs nothing.
    NoExec,
    /// `-o pipefail`: a pipeline fails where any of its commands does.
    PipeFail,
    /// `-u`: an unset variable is an error.
    NoUnset,
    /// `-v`: shows the text as it is read.
    Verbose,
    /// `-x`: shows each command before it runs.
    XTrace,
}

/// Every option: letter (space: none) and name, sorted by name.
pub const ALL: &[(Flag, char, &str)] = &[
    (Flag::AllExport, 'a', "allexport"),
    (Flag::ErrExit, 'e', "errexit"),
    (Flag::NoClobber, 'C', "noclobber"),
    (Flag::NoExec, 'n', "noexec"),
    (Flag::NoGlob, 'f', "noglob"),
    (Flag::NoUnset, 'u', "nounset"),
    (Flag::PipeFail, ' ', "pipefail"),
    (Flag::Verbose, 'v', "verbose"),
    (Flag::XTrace, 'x', "xtrace"),
];

/// Which options are on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options(u16);

impl Options {
    /// Whether it is on.
    pub fn has(self, flag: Flag) -> bool {
        self.0 & (1 << flag as u16) != 0
    }

    /// Turns it on or off.
    pub fn set(&mut self, flag: Flag, on: bool) {
        let bit = 1 << flag as u16;
        self.0 = if on { self.0 | bit } else { self.0 & !bit };
    }

    /// The letters of those that are on: `$-`.
    pub fn letters(self) -> String {
        let on = ALL.iter().filter(|(flag, ..)| self.has(*flag));
        on.map(|&(_, letter, _)| letter)
            .filter(|&letter| letter != ' ')
            .collect()
    }
}

/// The option with that letter.
pub fn by_letter(letter: char) -> Option<Flag> {
    let found = ALL.iter().find(|&&(_, l, _)| l == letter && l != ' ');
    found.map(|&(flag, ..)| flag)
}

/// The option with that name.
pub fn by_name(name: &str) -> Option<Flag> {
    let found = ALL.iter().find(|&&(.., n)| n == name);
    found.map(|&(flag, ..)| flag)
}
