//! Hooks: scripts that run when a lease comes, changes or goes. [`changes`] compares records before and
//! after and says what happened (pure), [`follow`] watches the records for one hook, [`service`] keeps
//! hooks as services of PID 1. Invariant: a script is told only words of ours (event, interface,
//! protocol); what a server has said it looks up itself, as settings.

pub mod changes;
pub mod follow;
pub mod service;

use changes::Event;

/// A hook as it is described to its service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The service's name, under which it remembers what it has seen; empty: it remembers nothing.
    pub name: String,
    /// The interface.
    pub interface: String,
    /// When the script runs.
    pub events: Vec<Event>,
}
