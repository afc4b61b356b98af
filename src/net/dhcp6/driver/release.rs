//! Giving up what a client has configured, after it has ended.

use std::time::Duration;

use super::{Client, Hint, KIND, Options, PROTOCOL};
use crate::failure::Failure;
use crate::net::dhcp6::apply::Policy;
use crate::net::dhcp6::event::{Input, Loss, Phase};
use crate::net::dhcp6::identity::Choice;
use crate::net::dhcp6::record;
use crate::net::driver::{Turn, turn};
use crate::net::lease;
use crate::time::Instant;

/// How long a server may take to confirm a RELEASE; the lease is not used any more in any case.
const RELEASE: Duration = Duration::from_secs(3);

/// Gives back what the client of an interface has, and stops using it; whether it had anything. Servers
/// that do not answer are not waited for longer than [`RELEASE`].
///
/// Errors: no such interface, Ctrl-C.
pub fn release(name: &str) -> Result<bool, Failure> {
    let Some(record) = lease::load(name, KIND) else {
        return Ok(false);
    };
    let known = record::read(&record);
    let policy = Policy {
        dns: true,
        ..Policy::default()
    };
    let options = match &known {
        Some((lease, _, holder)) => Options {
            policy,
            address: holder.iaid.is_some(),
            iaid: holder.iaid,
            duid: Choice::Exact(holder.duid.clone()),
            prefixes: vec![Hint::ANY; lease.prefixes.len()],
            ..Options::default()
        },
        None => Options {
            policy,
            address: false,
            ..Options::default()
        },
    };
    let mut client = [Client::prepare(name, options)?];
    let [only] = &mut client;
    if only.station.link.carrier {
        only.connect();
    }
    let end = Instant::now() + RELEASE;
    only.handle(Input::Release, Instant::now());
    while client[0].machine.phase() == Phase::Releasing && client[0].udp.is_some() {
        if turn(&mut client, None, Some(end))? == Turn::Over {
            break;
        }
    }
    let [only] = &mut client;
    // What the machine has not taken up: configuration without a lease, or what has ended.
    let _ = only.held.deconfigure(&only.station.link, Loss::Released);
    let _ = lease::remove(name, &PROTOCOL.state());
    Ok(true)
}
