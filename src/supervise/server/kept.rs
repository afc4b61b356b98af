//! How clients are written into the journal, and come back.

use super::{ClientId, Peer, Server};
use crate::supervise::journal::{Section, Sink, State};
use crate::supervise::table::keep_good;
use crate::supervise::wire::{Malformed, wire_struct};

wire_struct!(Peer {
    id,
    pid,
    socket,
    heard,
    waiting,
    unsent;
    sum = 0,
});

impl Server {
    /// Puts what has changed since the last time; everything with `all`.
    pub fn save(&mut self, to: &mut dyn Sink, all: bool) {
        for id in self.gone.drain(..) {
            to.batch().remove(Section::Client.key(id));
        }
        for peer in &mut self.peers {
            let before = if all { 0 } else { peer.sum };
            let key = Section::Client.key(peer.id);
            peer.sum = to.batch().put_changed(key, &*peer, before);
        }
    }

    /// Takes every client back. Strict: see [`crate::supervise::table::Table::restore`].
    pub fn restore(&mut self, state: &State<'_>, strict: bool) -> Result<(), Malformed> {
        keep_good(state.section(Section::Client), strict, |_, peer| {
            self.peers.push(peer);
        })
    }

    /// Takes one client back.
    pub fn restore_one(&mut self, state: &State<'_>, id: ClientId) {
        if let Ok(Some(peer)) = state.get(Section::Client.key(id)) {
            self.peers.push(peer);
        }
    }

    /// Who waits for an answer that comes from elsewhere.
    pub fn held(&self) -> Vec<ClientId> {
        let held = |peer: &&Peer| peer.waiting.as_ref().is_some_and(|wait| wait.is_held());
        self.peers.iter().filter(held).map(|peer| peer.id).collect()
    }

    /// Whether anybody waits for this process.
    pub fn minds(&self, pid: i32) -> bool {
        self.waiting().any(|(_, waiting)| waiting.is_for(pid))
    }
}
