//! What a client makes of a list of services: who depends on whom.

use super::super::protocol::ServiceInfo;

/// One line of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch<'a> {
    /// What stands before the name: `|- `.
    pub lead: String,
    /// The name.
    pub name: &'a str,
    /// The service; `None`: nobody has declared it.
    pub service: Option<&'a ServiceInfo>,
    /// Whether the one above only comes after it.
    pub after: bool,
    /// Whether what is below it was shown further up.
    pub again: bool,
}

fn find<'a>(all: &'a [ServiceInfo], name: &str) -> Option<&'a ServiceInfo> {
    all.iter().find(|service| service.name == name)
}

/// Every service below those that depend on it; the ones on which nobody depends, or those in `roots`,
/// stand at the left. What is below a service is shown once.
pub fn tree<'a>(all: &'a [ServiceInfo], roots: &[&str]) -> Vec<Branch<'a>> {
    let is_root = |service: &&ServiceInfo| match roots {
        [] => !all
            .iter()
            .any(|other| edges(other).any(|(name, _)| name == service.name)),
        _ => roots.contains(&service.name.as_str()),
    };
    let mut shown: Vec<&str> = Vec::new();
    let mut lines = Vec::new();
    // The next line last: lead, what the lines below it begin with, name, after.
    let mut open: Vec<(String, String, &str, bool)> = all
        .iter()
        .filter(is_root)
        .rev()
        .map(|root| (String::new(), String::new(), root.name.as_str(), false))
        .collect();
    while let Some((lead, below, name, after)) = open.pop() {
        let service = find(all, name);
        let again = shown.contains(&name) && service.is_some_and(|one| edges(one).count() > 0);
        lines.push(Branch {
            lead,
            name,
            service,
            after,
            again,
        });
        let Some(service) = service.filter(|_| !shown.contains(&name)) else {
            continue;
        };
        shown.push(name);
        let children: Vec<_> = edges(service).collect();
        for (place, (child, after)) in children.iter().enumerate().rev() {
            let (fork, bar) = match place + 1 == children.len() {
                true => ("`- ", "   "),
                false => ("|- ", "|  "),
            };
            open.push((
                format!("{below}{fork}"),
                format!("{below}{bar}"),
                child,
                *after,
            ));
        }
    }
    lines
}

fn edges(service: &ServiceInfo) -> impl Iterator<Item = (&str, bool)> {
    let needs = service.needs.iter().map(|name| (name.as_str(), false));
    needs.chain(service.after.iter().map(|name| (name.as_str(), true)))
}
