//! `$((…))`: evaluates the text of an arithmetic expression after its expansion.

/// The variables that an expression reads and assigns.
pub trait Variables {
    /// The value of a variable; `None` where it is unset (counts as 0).
    fn get(&mut self, name: &str) -> Option<Vec<u8>>;

    /// Assigns a variable.
    ///
    /// Errors: why it cannot be assigned (`x: read-only`).
    fn set(&mut self, name: &str, value: i64) -> Result<(), String>;
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArithError {
    /// For people: what was found and what was expected.
    pub message: String,
}

/// The value of an expression (POSIX XCU 2.6.4, all operators of C but `++`, `--`, `,` and `sizeof`).
///
/// Errors: not an expression, not a number, division by zero, nesting over 200.
pub fn evaluate(_text: &[u8], _variables: &mut dyn Variables) -> Result<i64, ArithError> {
    Err(ArithError {
        message: "arithmetic: not built yet".to_owned(),
    })
}
