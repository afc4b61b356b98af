//! Tokens → tree: all of a script, before its first command runs.

use super::ast::List;
use super::error::SyntaxError;
use super::source::Source;

/// Parses a whole script.
///
/// Errors: the first place where the text is not a script, or is over a limit (16 MiB, a line of
/// 1 MiB, nesting 200 deep, a NUL byte).
pub fn parse(_source: &Source) -> Result<List, SyntaxError> {
    Ok(List::default())
}
