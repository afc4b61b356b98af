//! Services that would wait for each other: found when they are declared, and named.

use super::super::spec::ServiceSpec;
use super::super::table::Table;
use super::check_needs;
use crate::failure::Failure;

/// Refuses a description that needs a service which is not there, or that would have services wait for
/// each other.
///
/// Errors name the service, and every one in the circle.
pub fn check(table: &Table, spec: &ServiceSpec) -> Result<(), Failure> {
    check_needs(table, spec)?;
    match circle(table, spec) {
        None => Ok(()),
        Some(path) => Err(Failure::new(format!(
            "service '{}' would wait for itself: {path}",
            spec.name
        ))),
    }
}

/// Whom a service waits for, and the word for it.
fn edges(spec: &ServiceSpec) -> impl Iterator<Item = (&str, &'static str)> {
    let needs = spec.needs.iter().map(|name| (name.as_str(), "needs"));
    needs.chain(spec.after.iter().map(|name| (name.as_str(), "after")))
}

/// The shortest way from a service back to itself: `a needs b needs a`.
fn circle(table: &Table, spec: &ServiceSpec) -> Option<String> {
    let mut reached = Reached::default();
    let mut found = vec![spec];
    let mut at = 0;
    while let Some(from) = found.get(at).copied() {
        at += 1;
        for (name, word) in edges(from) {
            if name == spec.name {
                return Some(reached.words(&from.name, word, name));
            }
            let Err(place) = reached.find(name) else {
                continue;
            };
            reached.0.insert(place, (name, word, &from.name));
            // What it is now and what it is from its next start on: both must do.
            if let Some(service) = table.named(name) {
                found.extend(service.spec.as_deref());
                found.extend(service.next.as_deref());
            }
        }
    }
    None
}

/// Who was reached, by which word and from whom first; sorted.
#[derive(Default)]
struct Reached<'a>(Vec<(&'a str, &'a str, &'a str)>);

impl<'a> Reached<'a> {
    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, ..)| (*other).cmp(name))
    }

    fn words(&self, last: &'a str, word: &'a str, name: &'a str) -> String {
        let mut path = vec![name, word, last];
        let mut at = last;
        while let Ok(place) = self.find(at) {
            let (_, word, from) = self.0[place];
            path.extend([word, from]);
            at = from;
        }
        path.reverse();
        path.join(" ")
    }
}
