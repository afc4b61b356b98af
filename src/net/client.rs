//! What the clients of all protocols have in common, so that one process loop ([`super::run`]) and one kind
//! of service ([`super::service`]) serve them all.

use crate::failure::Failure;
use crate::net::driver::Session;
use crate::net::lease::Record;
use crate::net::netlink::link::Link;
use crate::net::netlink::socket::Socket;
use crate::net::station::Station;
use crate::sys::packet::PacketSocket;

/// A protocol as the command, the service and the record know it.
#[derive(Debug, Clone, Copy)]
pub struct Protocol {
    /// Name of the command, of the services (`KIND.IF`) and of the record
    /// (`$INITSH_RUN/leases/IF.KIND`).
    pub kind: &'static str,
    /// The record in one line, for whoever asked for it.
    pub summary: fn(&Record) -> String,
    /// The interface, if a client can work on it. Errors: no such interface, not the right kind of link.
    pub usable: fn(&mut Socket, &str) -> Result<Link, Failure>,
}

impl Protocol {
    /// The kind of the record that says why there is no lease.
    pub fn state(&self) -> String {
        format!("{}.state", self.kind)
    }
}

/// What happened to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// It has something new: a summary of all that it has.
    Bound(String),
    /// Something failed, or a lease is gone: what waits for the client has not got what it wants.
    Problem(String),
    /// Worth a line in the log, and nothing else: the first packet dropped for a reason.
    Remark(String),
}

impl Note {
    /// With how many before it were left out.
    pub fn after(mut self, left_out: u32) -> Self {
        let (Self::Bound(text) | Self::Problem(text) | Self::Remark(text)) = &mut self;
        if left_out > 0 {
            text.push_str(&format!(" ({left_out} lines before it were left out)"));
        }
        self
    }
}

/// A client of one interface, with its sockets.
pub trait Client: Session {
    /// Its place on its interface.
    fn station(&self) -> &Station;

    /// The same, to take what there is to tell.
    fn station_mut(&mut self) -> &mut Station;

    /// Whether it has configured what it was started for.
    fn is_ready(&self) -> bool;

    /// Why it is not ready, in words for the person who waits, while its interface is there.
    fn why(&self) -> String;

    /// Says good-bye to the network: SIGTERM or Ctrl-C has come. Nothing that was configured goes.
    fn leave(&mut self) {}

    /// Closes what only an acquisition needs; called when nobody waits any more. A packet socket, which
    /// the kernel takes 8–20 ms to close, is handed over, to be dropped by whoever has the time.
    fn settle(&mut self) -> Option<PacketSocket> {
        None
    }
}
