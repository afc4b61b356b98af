//! What a client keeps in files: the lease as a record, for others and for the client that comes after it;
//! its address across boots, where there is a disk. Invariant: a record says only what is configured, and
//! whatever stands in these files is checked as if a server had sent it.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use super::apply::Policy;
use super::driver::KIND;
use super::lease::Lease;
use super::lease::record::{bytes, hexadecimal};
use super::options::is_host;
use crate::failure::Failure;
use crate::net::lease::{self, Record};
use crate::net::netlink::addr;
use crate::net::netlink::socket::Socket as Netlink;
use crate::net::store;
use crate::paths;
use crate::time::Instant;

/// What the client before this one has configured.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The lease.
    pub lease: Lease,
    /// From when it counts.
    pub since: Instant,
    /// When it was first configured, in seconds since the boot.
    pub bound: u64,
    /// How long that took, in milliseconds.
    pub took: u64,
    /// What of it is used; whether DNS is, it does not say.
    pub policy: Policy,
    /// Option 61 of the client that got it.
    pub client_id: Vec<u8>,
}

impl Kept {
    /// The record for it. `now`: it was confirmed.
    pub fn record(&self, now: Instant) -> Record {
        let mut record = self.lease.record();
        if self.policy.no_routes {
            record.set("no-routes", "yes");
        }
        record.set_some("metric", self.policy.metric);
        record.set("client-id", hexadecimal(&self.client_id));
        record.set("since", self.since.since_boot().as_secs());
        record.set("bound", self.bound);
        record.set("renewed", now.since_boot().as_millis());
        record.set("took", self.took);
        record
    }

    /// The lease that the interface's record holds, if it is one of this boot.
    pub fn load(interface: &str, now: Instant) -> Option<Self> {
        let record = lease::load(interface, KIND)?;
        let number = |key: &str| record.get(key)?.parse::<u64>().ok();
        let since = Instant::from_boot(std::time::Duration::from_secs(number("since")?));
        let kept = Self {
            lease: Lease::from_record(&record)?,
            since,
            bound: number("bound").unwrap_or(0),
            took: number("took").unwrap_or(0),
            policy: Policy {
                no_routes: record.get("no-routes").is_some(),
                dns: false,
                metric: number("metric").and_then(|metric| metric.try_into().ok()),
            },
            client_id: bytes(record.get("client-id")?)?,
        };
        (since <= now).then_some(kept)
    }

    /// What has become of it. `client_id` is that of the client that asks.
    pub fn state(
        &self,
        netlink: &mut Netlink,
        index: u32,
        client_id: &[u8],
        now: Instant,
    ) -> Found {
        let seconds = self.lease.times.expire();
        if seconds.is_some_and(|seconds| now.since(self.since).as_secs() >= u64::from(seconds)) {
            return Found::Ended;
        }
        let addresses = addr::list(netlink, Some(index)).unwrap_or_default();
        let own = IpAddr::V4(self.lease.address);
        match addresses.iter().any(|known| known.ip == own) {
            false => Found::Gone,
            true if self.client_id == client_id => Found::InUse,
            true => Found::Other,
        }
    }
}

/// What has become of a lease that a record tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It is configured, and this client's.
    InUse,
    /// It is configured; the client had another identifier.
    Other,
    /// It has ended.
    Ended,
    /// Somebody has removed its address.
    Gone,
}

/// The address of an interface's client, remembered across boots.
#[derive(Debug, Clone)]
pub struct Memory(Option<PathBuf>);

impl Memory {
    /// Where the machine has a disk for it; else it remembers nothing.
    pub fn of(interface: &str) -> Self {
        let file =
            |directory: PathBuf| directory.join("leases").join(format!("{interface}.{KIND}"));
        Self(paths::state_dir().map(file))
    }

    /// Remembers the address that the client has.
    ///
    /// Errors: the file cannot be written.
    pub fn keep(&self, client_id: &[u8], address: Ipv4Addr) -> Result<(), Failure> {
        let Some(path) = &self.0 else { return Ok(()) };
        let mut record = Record::default();
        record.set("ip4", address);
        record.set("client-id", hexadecimal(client_id));
        let text = record.text();
        // A renewal changes nothing, and disks wear out.
        if std::fs::read(path).is_ok_and(|old| old == text.as_bytes()) {
            return Ok(());
        }
        store::replace(path, text.as_bytes())
    }

    /// The address that this client had before.
    pub fn recall(&self, client_id: &[u8]) -> Option<Ipv4Addr> {
        let text = std::fs::read(self.0.as_ref()?).ok()?;
        let record = Record::parse(&String::from_utf8_lossy(&text));
        let same = bytes(record.get("client-id")?)? == client_id;
        let address = record.get("ip4")?.parse().ok()?;
        (same && is_host(address)).then_some(address)
    }

    /// Remembers it no more. Errors: the file cannot be removed.
    pub fn forget(&self) -> Result<(), Failure> {
        self.0.as_ref().map_or(Ok(()), |path| store::remove(path))
    }
}
