//! An error in a script, with its place, and how the person at the serial line sees it.

use super::ast::Span;

/// Text that is not a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// What was found and what was expected.
    pub message: String,
    /// Where.
    pub span: Span,
    /// The text ended too early: at a prompt, read another line and try again.
    pub incomplete: bool,
}
