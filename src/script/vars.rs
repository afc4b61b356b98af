//! Variables, positional parameters and the scopes of `local`. Invariant: names are
//! `[A-Za-z_][A-Za-z0-9_]*` (dotted names are settings); a read-only variable never changes.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::failure::Failure;

/// The value of `IFS` in a new shell.
const IFS: &[u8] = b" \t\n";

/// One variable; `None` as a value: exported or read-only, but not set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variable {
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Given to programs.
    pub exported: bool,
    /// Never changes.
    pub readonly: bool,
}

/// What ends with a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeKind {
    /// A function's: `local` adds to it.
    Function,
    /// The assignments before one command.
    Command,
}

#[derive(Debug)]
struct Scope {
    kind: ScopeKind,
    saved: Vec<(String, Option<Variable>)>,
}

/// All variables of a shell.
#[derive(Debug, Default)]
pub struct Vars {
    all: BTreeMap<String, Variable>,
    /// What the environment held under names that no script can spell; programs still get it.
    foreign: Vec<(OsString, OsString)>,
    scopes: Vec<Scope>,
    /// `$0`
    pub name: Vec<u8>,
    /// `$1`, `$2`, …
    pub positional: Vec<Vec<u8>>,
    /// `set -a`: whatever is assigned is exported.
    pub export_all: bool,
}

/// Whether `name` can name a variable.
pub fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

impl Vars {
    /// The variables of a shell with this environment.
    pub fn from_environment(environment: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let mut vars = Self::default();
        for (name, value) in environment {
            match name.to_str().filter(|name| is_name(name)) {
                Some(name) => {
                    let variable = Variable {
                        value: Some(value.into_vec()),
                        exported: true,
                        readonly: false,
                    };
                    vars.all.insert(name.to_owned(), variable);
                }
                None => vars.foreign.push((name, value)),
            }
        }
        // POSIX XCU 2.5.3: the environment's IFS is ignored.
        let ifs = Variable {
            value: Some(IFS.to_vec()),
            ..Variable::default()
        };
        vars.all.insert("IFS".to_owned(), ifs);
        vars
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.all.get(name)?.value.as_deref()
    }

    /// The variable with its attributes.
    pub fn variable(&self, name: &str) -> Option<&Variable> {
        self.all.get(name)
    }

    /// Every variable, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Variable)> {
        self.all.iter().map(|(name, v)| (name.as_str(), v))
    }

    /// Assigns.
    ///
    /// Errors: not a name, read-only.
    pub fn set(&mut self, name: &str, value: Vec<u8>) -> Result<(), Failure> {
        let export = self.export_all;
        let variable = self.writable(name)?;
        variable.value = Some(value);
        variable.exported |= export;
        Ok(())
    }

    /// Gives a variable to programs, or no longer.
    ///
    /// Errors: not a name.
    pub fn export(&mut self, name: &str, exported: bool) -> Result<(), Failure> {
        self.entry(name)?.exported = exported;
        Ok(())
    }

    /// Makes a variable read-only, for good.
    ///
    /// Errors: not a name.
    pub fn freeze(&mut self, name: &str) -> Result<(), Failure> {
        self.entry(name)?.readonly = true;
        Ok(())
    }

    /// Removes a variable; one that does not exist is fine.
    ///
    /// Errors: not a name, read-only.
    pub fn unset(&mut self, name: &str) -> Result<(), Failure> {
        if self.all.contains_key(name) || !is_name(name) {
            self.writable(name)?;
            self.all.remove(name);
        }
        Ok(())
    }

    fn entry(&mut self, name: &str) -> Result<&mut Variable, Failure> {
        if !self.all.contains_key(name) {
            if !is_name(name) {
                return Err(Failure::usage(format!(
                    "'{name}' is not a variable's name (letters, digits and _)"
                )));
            }
            self.all.insert(name.to_owned(), Variable::default());
        }
        // Inserted above.
        self.all
            .get_mut(name)
            .ok_or_else(|| Failure::new(name.to_owned()))
    }

    fn writable(&mut self, name: &str) -> Result<&mut Variable, Failure> {
        let variable = self.entry(name)?;
        if variable.readonly {
            return Err(Failure::usage(format!("{name} is read-only")));
        }
        Ok(variable)
    }

    /// Begins a scope; [`Vars::leave`] ends it.
    pub fn enter(&mut self, kind: ScopeKind) {
        self.scopes.push(Scope {
            kind,
            saved: Vec::new(),
        });
    }

    /// Ends the innermost scope: what was made local in it has its former value again.
    pub fn leave(&mut self) {
        let Some(scope) = self.scopes.pop() else {
            return;
        };
        for (name, saved) in scope.saved.into_iter().rev() {
            match saved {
                Some(variable) => self.all.insert(name, variable),
                None => self.all.remove(&name),
            };
        }
    }

    /// Makes a variable local to the innermost scope of that kind; it keeps its value, as in dash.
    ///
    /// Errors: there is no such scope; not a name.
    pub fn make_local(&mut self, kind: ScopeKind, name: &str) -> Result<(), Failure> {
        if !is_name(name) {
            self.entry(name)?;
        }
        let scope = self.scopes.iter_mut().rev().find(|s| s.kind == kind);
        let scope = scope.ok_or_else(|| Failure::usage("not in a function"))?;
        if !scope.saved.iter().any(|(saved, _)| saved == name) {
            let saved = self.all.get(name).cloned();
            scope.saved.push((name.to_owned(), saved));
        }
        Ok(())
    }

    /// `$N` for N from 0.
    pub fn position(&self, index: u32) -> Option<&[u8]> {
        match (index as usize).checked_sub(1) {
            None => Some(&self.name),
            Some(at) => self.positional.get(at).map(Vec::as_slice),
        }
    }

    /// The characters that separate fields.
    pub fn ifs(&self) -> &[u8] {
        self.get("IFS").unwrap_or(IFS)
    }

    /// What programs are given.
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        let exported = self.all.iter().filter(|(_, v)| v.exported);
        exported
            .filter_map(|(name, variable)| {
                let value = variable.value.as_deref()?;
                Some((name.into(), OsStr::from_bytes(value).to_owned()))
            })
            .chain(self.foreign.iter().cloned())
            .collect()
    }
}

/// `NAME` or `NAME=VALUE`, as `export` takes it.
///
/// Errors: what stands before `=` is not a name.
pub fn split_assignment(word: &OsStr) -> Result<(String, Option<Vec<u8>>), Failure> {
    let bytes = word.as_bytes();
    let at = bytes.iter().position(|&b| b == b'=');
    let name = String::from_utf8_lossy(&bytes[..at.unwrap_or(bytes.len())]).into_owned();
    if !is_name(&name) {
        return Err(Failure::usage(format!("'{name}' is not a variable's name")));
    }
    Ok((name, at.map(|at| bytes[at + 1..].to_vec())))
}

/// Variables as `export -p` lists them: lines that read back.
pub fn declarations<'a>(
    command: &str,
    variables: impl Iterator<Item = (&'a str, &'a Variable)>,
) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, variable) in variables {
        text.extend([command.as_bytes(), b" ", name.as_bytes()].concat());
        if let Some(value) = &variable.value {
            text.push(b'=');
            text.extend(single_quoted(value));
        }
        text.push(b'\n');
    }
    text
}

/// A word in single quotes, so that it reads back as itself; as dash writes it.
pub fn single_quoted(text: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(text.len() + 2);
    let mut rest = text;
    while !rest.is_empty() || quoted.is_empty() {
        let plain = rest.iter().take_while(|&&b| b != b'\'').count();
        let quotes = rest[plain..].iter().take_while(|&&b| b == b'\'').count();
        quoted.extend([b"'", &rest[..plain], b"'"].concat());
        if quotes > 0 {
            quoted.extend([b"\"", &rest[plain..plain + quotes], b"\""].concat());
        }
        rest = &rest[plain + quotes..];
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars() -> Vars {
        let environment = [("A", "1"), ("with.dot", "2"), ("IFS", ":")];
        Vars::from_environment(environment.into_iter().map(|(n, v)| (n.into(), v.into())))
    }

    #[test]
    fn environment_goes_through_unchanged() {
        let vars = vars();
        assert_eq!(vars.get("A"), Some(b"1".as_slice()));
        assert_eq!(vars.ifs(), b" \t\n");
        let environment = vars.environment();
        assert!(environment.contains(&("with.dot".into(), "2".into())));
        assert!(environment.contains(&("A".into(), "1".into())));
        assert!(!environment.iter().any(|(name, _)| name == "IFS"));
    }

    #[test]
    fn read_only_is_for_good() {
        let mut vars = vars();
        vars.freeze("A").unwrap();
        assert_eq!(
            vars.set("A", b"2".to_vec()).unwrap_err().to_string(),
            "A is read-only"
        );
        assert!(vars.unset("A").is_err());
        assert_eq!(vars.get("A"), Some(b"1".as_slice()));
    }

    #[test]
    fn bad_names_are_refused() {
        let mut vars = vars();
        for name in ["", "1a", "a-b", "a.b", "é"] {
            assert!(vars.set(name, Vec::new()).is_err(), "{name}");
            assert!(vars.unset(name).is_err(), "{name}");
            assert!(vars.export(name, true).is_err(), "{name}");
        }
    }

    #[test]
    fn locals_end_with_their_function() {
        let mut vars = vars();
        assert!(vars.make_local(ScopeKind::Function, "A").is_err());
        vars.enter(ScopeKind::Function);
        vars.make_local(ScopeKind::Function, "A").unwrap();
        vars.make_local(ScopeKind::Function, "B").unwrap();
        assert_eq!(vars.get("A"), Some(b"1".as_slice()));
        vars.set("A", b"inner".to_vec()).unwrap();
        vars.set("B", b"inner".to_vec()).unwrap();
        vars.leave();
        assert_eq!(vars.get("A"), Some(b"1".as_slice()));
        assert_eq!(vars.variable("B"), None);
    }

    #[test]
    fn positions_count_from_one() {
        let mut vars = vars();
        vars.name = b"sh".to_vec();
        vars.positional = vec![b"a".to_vec()];
        assert_eq!(vars.position(0), Some(b"sh".as_slice()));
        assert_eq!(vars.position(1), Some(b"a".as_slice()));
        assert_eq!(vars.position(2), None);
    }

    #[test]
    fn quoted_as_dash_does() {
        for (text, quoted) in [
            ("", "''"),
            ("a'b", r#"'a'"'"'b'"#),
            ("'q'", r#"''"'"'q'"'""#),
            ("a''", r#"'a'"''""#),
        ] {
            assert_eq!(single_quoted(text.as_bytes()), quoted.as_bytes());
        }
    }
}
