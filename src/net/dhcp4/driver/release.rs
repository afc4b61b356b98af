//! Giving up what a client has configured, after it has ended.

use std::time::Duration;

use super::{Client, KIND, Options, PROTOCOL};
use crate::failure::Failure;
use crate::net::client::Note;
use crate::net::dhcp4::event::Input;
use crate::net::dhcp4::kept::Kept;
use crate::net::lease as record;
use crate::net::netlink::watch::Watch;
use crate::net::resolv;
use crate::net::station::Station;
use crate::sys::signal::sleep_until;
use crate::time::Instant;

/// How long the RELEASE may take to leave, which is how long ARP may take to find the server.
const SENDING: Duration = Duration::from_secs(1);

/// Tells the server that the address is free, removes address, routes, record and DNS; whether there was
/// a lease at all.
///
/// Errors: the interface is gone; Ctrl-C.
pub fn release(name: &str) -> Result<bool, Failure> {
    let station = Station::open(&PROTOCOL, name, Watch::open()?)?;
    let now = Instant::now();
    let Some(kept) = Kept::load(name, now) else {
        return forget(name);
    };
    let options = Options {
        client_id: Some(kept.client_id),
        policy: kept.policy,
        ..Options::default()
    };
    let mut client = Client::idle(station, options)?;
    client.give_up(now)?;
    Ok(true)
}

/// What INFORM has left.
fn forget(name: &str) -> Result<bool, Failure> {
    let there = record::load(name, KIND).is_some();
    record::remove(name, KIND)?;
    resolv::withdraw(&format!("{name}.{KIND}"))?;
    Ok(there)
}

impl Client {
    /// The message leaves from the address, so that the address stays until it has left.
    fn give_up(&mut self, now: Instant) -> Result<(), Failure> {
        self.machine.handle(Input::Release, now);
        let mut outputs = Vec::new();
        while let Some(output) = self.machine.poll() {
            outputs.push(output);
        }
        for output in outputs {
            match output {
                super::Output::Send(message, to) => {
                    self.send(&message, to);
                    let end = Instant::now() + SENDING;
                    while self.sockets.is_sending() && Instant::now() < end {
                        sleep_until(Some(Instant::now() + Duration::from_millis(2)))?;
                    }
                }
                super::Output::Deconfigure(loss) => self.deconfigure(loss),
                _ => {}
            }
        }
        match self.station.take_notes().pop() {
            Some(Note::Problem(text) | Note::Remark(text)) => Err(Failure::new(text)),
            _ => Ok(()),
        }
    }
}
