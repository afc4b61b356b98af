//! The shell's functions. Invariant: in the order of their names, each name once.

use std::rc::Rc;

use super::ast::Command;
use super::source::Source;

/// A function, with the text that its errors point into.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    pub body: Rc<Command>,
    pub source: Option<Rc<Source>>,
}

/// Functions by name. A list: a map of its own would cost 5 kB of program.
#[derive(Debug, Clone, Default)]
pub(crate) struct Functions(Vec<(String, Function)>);

impl Functions {
    pub fn define(&mut self, name: &str, function: Function) {
        match self.place(name) {
            Ok(at) => self.0[at].1 = function,
            Err(at) => self.0.insert(at, (name.to_owned(), function)),
        }
    }

    pub fn get(&self, name: &str) -> Option<&Function> {
        let at = self.place(name).ok()?;
        Some(&self.0[at].1)
    }

    pub fn remove(&mut self, name: &str) {
        if let Ok(at) = self.place(name) {
            self.0.remove(at);
        }
    }

    /// Sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Where a name is, or belongs.
    fn place(&self, name: &str) -> Result<usize, usize> {
        let by_name = |(known, _): &(String, Function)| known.as_str().cmp(name);
        self.0.binary_search_by(by_name)
    }
}
