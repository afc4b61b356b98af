//! The tree of a script. Every word, command and redirection has its span in the source, so that
//! whatever fails can point at it. Text is bytes: a script may hold any but NUL.

use std::rc::Rc;

/// A range of byte offsets in the source, `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// A list of and-or lists: a script, the body of a loop, what `$(…)` holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List {
    /// In order; each ended by `;`, `&` or a newline.
    pub items: Vec<Item>,
}

/// One and-or list and whether it runs in the background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The first pipeline.
    pub first: Pipeline,
    /// What follows, each with its connector.
    pub rest: Vec<(Connector, Pipeline)>,
    /// Ended by `&`.
    pub background: bool,
    /// All of it.
    pub span: Span,
}

/// What stands between two pipelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connector {
    /// `&&`
    And,
    /// `||`
    Or,
}

/// Commands joined by `|`; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// Begins with `!`.
    pub negated: bool,
    /// The commands.
    pub commands: Vec<Command>,
}

/// A command with its redirections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What it is.
    pub kind: Kind,
    /// In order of writing.
    pub redirects: Vec<Redirect>,
    /// All of it, redirections included.
    pub span: Span,
}

/// The kinds of command (POSIX XCU 2.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Assignments, then words; either may be empty.
    Simple {
        /// `name=value` before the first word.
        assignments: Vec<Assignment>,
        /// The command's name and arguments.
        words: Vec<Word>,
    },
    /// `{ list; }`
    Group(List),
    /// `( list )`
    Subshell(List),
    /// `if … then … elif … then … else … fi`
    If {
        /// Conditions with what to run, in order; at least one.
        branches: Vec<(List, List)>,
        /// `else`
        otherwise: Option<List>,
    },
    /// `for name in words; do body; done`; `None` words: the positional parameters.
    For {
        /// The variable.
        name: String,
        /// What it runs over.
        words: Option<Vec<Word>>,
        /// The body.
        body: List,
    },
    /// `while` or `until`
    While {
        /// `until`: goes on while the condition fails.
        until: bool,
        /// The condition.
        condition: List,
        /// The body.
        body: List,
    },
    /// `case word in pattern|pattern) list ;; … esac`
    Case {
        /// What is matched.
        subject: Word,
        /// In order.
        arms: Vec<Arm>,
    },
    /// `name() command`
    Function {
        /// Its name.
        name: String,
        /// What it runs; shared, because a function outlives its definition's turn.
        body: Rc<Command>,
    },
}

/// One arm of `case`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arm {
    /// Any of them matches.
    pub patterns: Vec<Word>,
    /// What is run then.
    pub body: List,
}

/// `name=value`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The variable.
    pub name: String,
    /// Its value.
    pub value: Word,
    /// All of it.
    pub span: Span,
}

/// A redirection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The descriptor; `None`: 0 for input, 1 for output.
    pub fd: Option<u32>,
    /// What is done to it.
    pub kind: RedirectKind,
    /// All of it.
    pub span: Span,
}

/// The kinds of redirection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedirectKind {
    /// `< file`
    Read(Word),
    /// `> file` (and `>|`)
    Write(Word),
    /// `>> file`
    Append(Word),
    /// `<> file`
    ReadWrite(Word),
    /// `<& word`: a descriptor's number, or `-` to close.
    DuplicateIn(Word),
    /// `>& word`
    DuplicateOut(Word),
    /// `<< word`: the body; with a quoted delimiter it is one `Quoted` part, else expanded as in
    /// double quotes (one `Double` part).
    Here(Word),
}

/// A word: its parts joined.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Word {
    /// In order.
    pub parts: Vec<Part>,
    /// Where it stands.
    pub span: Span,
}

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Unquoted text: may be a pattern.
    Literal(Vec<u8>),
    /// Text from `'…'`, or a character after `\`: never split, never a pattern.
    Quoted(Vec<u8>),
    /// `"…"`: `Literal` parts in it are quoted text; the rest is expanded but not split.
    Double(Vec<Part>),
    /// `~` (empty) or `~user` where a word or an assigned value begins with it.
    Tilde(Vec<u8>),
    /// `$name`, `${name…}`
    Parameter(Box<Parameter>),
    /// `$(…)` or backquotes
    Substitution(Box<List>, Span),
    /// `$((…))`: expanded as in double quotes, then evaluated.
    Arithmetic(Box<Word>),
}

/// `${name…}`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Which.
    pub name: Name,
    /// What is done with it.
    pub operation: Operation,
    /// All of it, from `$`.
    pub span: Span,
}

/// What a parameter expansion names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// A variable.
    Variable(String),
    /// `$1`, `${12}`; `$0` is position 0.
    Position(u32),
    /// One of `? # @ * $ ! -`
    Special(u8),
    /// A dotted name.
    Setting(String),
}

/// What is done with a parameter's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// `${x}`
    Value,
    /// `${#x}`
    Length,
    /// `${x-w}`; `colon` as in `${x:-w}`: empty counts as unset, here and below.
    Default {
        /// `:` given.
        colon: bool,
        /// The word.
        word: Word,
    },
    /// `${x+w}`
    Alternative {
        /// `:` given.
        colon: bool,
        /// The word.
        word: Word,
    },
    /// `${x=w}`
    Assign {
        /// `:` given.
        colon: bool,
        /// The word.
        word: Word,
    },
    /// `${x?w}`
    Require {
        /// `:` given.
        colon: bool,
        /// The message.
        word: Word,
    },
    /// `${x#p}`, `${x##p}`
    TrimStart {
        /// `##`
        longest: bool,
        /// The pattern.
        pattern: Word,
    },
    /// `${x%p}`, `${x%%p}`
    TrimEnd {
        /// `%%`
        longest: bool,
        /// The pattern.
        pattern: Word,
    },
}
