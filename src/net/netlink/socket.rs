//! One request, its acknowledgement or dump, its deadline.

use crate::failure::Failure;

/// An rtnetlink socket in this process's network namespace.
pub struct Socket {}

impl Socket {
    /// Opens one.
    pub fn open() -> Result<Self, Failure> {
        Err(Failure::new("not built yet"))
    }
}
