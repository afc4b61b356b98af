//! The manual's long texts in half their size. Invariant: a command's file has them in plain words; the
//! compiler packs them, and nothing but [`Long::of`] sees them packed.
//!
//! A byte from 0x80 on, or one of [`LOW`], stands for a word of [`WORDS`]; [`QUOTE`] makes a byte of UTF-8 of
//! the next one; [`END`] ends a text. What costs more than the two bytes of a character that is not ASCII is
//! nothing, so that any text may be packed.

use super::{Command, Opt};

/// The next byte stands for itself.
const QUOTE: u8 = 0;
/// Between two texts. No text has it.
const END: u8 = 0x1f;
/// The first of the control characters that stand for words, behind the 128 of the upper half.
const LOW: u8 = 0x0b;
/// Texts of one command that can be packed, in bytes.
const ROOM: usize = 8192;

/// What the manual says over and over: by their first letters, the longer ones first.
#[rustfmt::skip]
const WORDS: [&str; 148] = [
    "\n  ", "\n ", "        ", " and ", " the ", " is ", " --", " a", "'s ", "(defaul", ")\n ", "), ",
    ", ", "--", ".\n", ". ", ": ", "; ", "PID 1 ", "PID 1", "The ", "With", "addres", "and ", "are ",
    "and", "as ", "at ", "a ", "ac", "al", "an", "ar", "at", "be", "confi", "comm", "cli", "con",
    "defaul", "ded", "ds ", "d ", "de", "do", "e is ", "each ", "ends ", "ent ", "es, ", "eth0", "ever",
    "e, ", "ed ", "en ", "es ", "e ", "en", "er", "es", "for ", "fi", "gain", "has ", "interfac",
    "it is ", "init", "its ", "in ", "ing", "is ", "it ", "ic", "in", "is", "it", "ke", "leas", "le ",
    "lin", "l ", "le", "lo", "machin", "moun", "mod", "nothing", "not ", "nam", "net", "no ", "ne",
    "of the ", "only ", "one ", "out ", "of ", "on ", "or ", "ol", "on", "or", "print ", "proces", "pre",
    "pro", "read", "rout", "res", "re", "ro", "service ", "s the ", "servic", "secon", "statu", "star",
    "stop", "s, ", "se ", "s\n", "s ", "se", "st", "that ", "thing", "this ", "the ", "ther", "ted",
    "ter", "the", "tim", "to ", "ts ", "t ", "ti", "until ", "ve ", "ver", "without ", "where ", "wait ",
    "what ", "with ", "was ", "wh", "y ",
];

/// Where in [`WORDS`] those begin that begin with a letter; the next entry is where they end.
const FIRST: [u8; 129] = {
    let mut first = [0; 129];
    let (mut letter, mut word) = (0, 0);
    while letter < 128 {
        while word < WORDS.len() && (WORDS[word].as_bytes()[0] as usize) < letter {
            word += 1;
        }
        first[letter] = word as u8;
        letter += 1;
    }
    first[128] = WORDS.len() as u8;
    first
};

/// Texts as they stand in the program.
pub struct Packed {
    bytes: [u8; ROOM],
    length: usize,
}

impl Packed {
    /// The long texts of a command: its details, what each option is for, and its examples.
    pub const fn of(command: &Command) -> Self {
        let mut packed = Self::text(command.details);
        let mut nth = 0;
        while nth < command.options.len() {
            packed.end();
            packed.push(command.options[nth].help);
            nth += 1;
        }
        nth = 0;
        while nth < command.examples.len() {
            packed.end();
            packed.push(command.examples[nth].0);
            packed.end();
            packed.push(command.examples[nth].1);
            nth += 1;
        }
        packed
    }

    /// One text.
    pub const fn text(text: &str) -> Self {
        let mut packed = Self {
            bytes: [0; ROOM],
            length: 0,
        };
        packed.push(text);
        packed
    }

    /// Bytes that it takes.
    pub const fn length(&self) -> usize {
        self.length
    }

    /// The same without the room behind it. `N`: [`Self::length`].
    pub const fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.bytes.split_at(N).0);
        bytes
    }

    const fn end(&mut self) {
        self.byte(END);
    }

    const fn byte(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    const fn push(&mut self, text: &str) {
        let text = text.as_bytes();
        let mut at = 0;
        while at < text.len() {
            let byte = text[at];
            if byte >= 0x80 {
                self.byte(QUOTE);
                self.byte(byte);
                at += 1;
                continue;
            }
            match word_at(text, at) {
                Some(word) => {
                    self.byte(match word {
                        0..128 => 0x80 | word as u8,
                        _ => LOW + (word - 128) as u8,
                    });
                    at += WORDS[word].len();
                }
                None => {
                    self.byte(byte);
                    at += 1;
                }
            }
        }
    }
}

/// The longest word that a text goes on with.
const fn word_at(text: &[u8], at: usize) -> Option<usize> {
    let letter = text[at] as usize;
    let mut word = FIRST[letter] as usize;
    while word < FIRST[letter + 1] as usize {
        let wanted = WORDS[word].as_bytes();
        let mut same = 1;
        while same < wanted.len() && at + same < text.len() && text[at + same] == wanted[same] {
            same += 1;
        }
        if same == wanted.len() {
            return Some(word);
        }
        word += 1;
    }
    None
}

/// The options of a command as its arguments are read by: without what they are for. `N`: how many.
pub const fn lean<const N: usize>(options: &[Opt]) -> [Opt; N] {
    let mut lean = [Opt::flag("", ""); N];
    let mut nth = 0;
    while nth < N {
        lean[nth] = Opt {
            help: "",
            ..options[nth]
        };
        nth += 1;
    }
    lean
}

/// The text again; what separates two is `\x1f`.
pub fn unpack(packed: &[u8]) -> String {
    let mut text = Vec::with_capacity(packed.len() * 2);
    let mut quoted = false;
    for &byte in packed {
        let word = match byte {
            _ if quoted => None,
            0x80.. => WORDS.get(usize::from(byte - 0x80)),
            LOW..END => WORDS.get(usize::from(byte - LOW) + 128),
            _ => None,
        };
        match word {
            Some(word) => text.extend_from_slice(word.as_bytes()),
            None if byte == QUOTE && !quoted => {
                quoted = true;
                continue;
            }
            None => text.push(byte),
        }
        quoted = false;
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// A command's long texts, unpacked.
pub struct Long(String);

impl Long {
    /// Those of a command of the registry.
    pub fn of(command: &Command) -> Self {
        Self(unpack(command.packed))
    }

    /// The manual's body.
    pub fn details(&self) -> &str {
        self.nth(0)
    }

    /// What the option with that number is for.
    pub fn help(&self, option: usize) -> &str {
        self.nth(1 + option)
    }

    /// Command lines with what each is for; `command` is the one that this was made of.
    pub fn examples(&self, command: &Command) -> Vec<(&str, &str)> {
        let mut rest = self
            .0
            .split(char::from(END))
            .skip(1 + command.options.len());
        let mut examples = Vec::new();
        while let (Some(line), Some(purpose)) = (rest.next(), rest.next()) {
            examples.push((line, purpose));
        }
        examples
    }

    fn nth(&self, number: usize) -> &str {
        self.0.split(char::from(END)).nth(number).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(text: &str) -> (usize, String) {
        let packed = Packed::text(text);
        (packed.length, unpack(&packed.bytes[..packed.length]))
    }

    #[test]
    fn any_text_comes_back() {
        let all: String = (0x20..0x300).filter_map(char::from_u32).collect();
        for text in ["", "the interface", "\n\t", "…–×", "a…the … the", &all] {
            assert_eq!(round(text).1, text);
        }
        for word in WORDS {
            assert_eq!(round(word), (1, word.to_owned()), "{word:?}");
        }
    }

    #[test]
    fn texts_are_found_again() {
        const COMMAND: Command = Command {
            details: "what the service is for…",
            options: &[Opt::flag("a", "one"), Opt::flag("b", "")],
            examples: &[("run x", "with it"), ("run", "without")],
            ..Command::DEFAULT
        };
        let packed = Packed::of(&COMMAND);
        let long = Long(unpack(&packed.bytes[..packed.length]));
        assert_eq!(long.details(), COMMAND.details);
        assert_eq!((long.help(0), long.help(1)), ("one", ""));
        assert_eq!(long.examples(&COMMAND), COMMAND.examples);
    }

    #[test]
    fn the_manual_takes_little_more_than_half() {
        let commands = super::super::COMMANDS;
        let plain: usize = commands
            .iter()
            .map(|known| unpack(known.packed).len())
            .sum();
        let packed: usize = commands.iter().map(|known| known.packed.len()).sum();
        assert!(packed * 100 < plain * 60, "{packed} of {plain} bytes");
    }
}
