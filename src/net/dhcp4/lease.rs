//! What a server grants, as checked values: the only form in which a reply leaves the machine.
//! Invariant: every field can be handed to the kernel or written to a file as it is.

use std::net::Ipv4Addr;

use dhcproto::v4::OptionCode;

use super::event::Wants;
use super::options::{StaticRoute, is_host};
use super::wire::Message;
use crate::net::address::{self, classful_prefix, netmask};

pub mod record;

/// A lease time that never ends (RFC 2131 §3.3).
const INFINITE: u32 = u32::MAX;
/// Deviation: an ACK without a lease time (option 51 is a MUST) is taken for an hour.
const DEFAULT_SECONDS: u32 = 3600;
/// A shorter lease would keep the client and the network busy with renewing it.
const LEAST_SECONDS: u32 = 10;

/// An address and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The client's address.
    pub address: Ipv4Addr,
    /// 1–32.
    pub prefix: u8,
    /// Option 28, else the last address of the network; `None` for /31 and /32.
    pub broadcast: Option<Ipv4Addr>,
    /// Routes to install, the default route among them.
    pub routes: Vec<StaticRoute>,
    /// Name servers, best first.
    pub dns: Vec<Ipv4Addr>,
    /// Domains to search: option 119, else 15.
    pub search: Vec<String>,
    /// Option 15.
    pub domain: Option<String>,
    /// Option 12.
    pub hostname: Option<String>,
    /// Time servers.
    pub ntp: Vec<Ipv4Addr>,
    /// Bytes, at least 576.
    pub mtu: Option<u16>,
    /// Who granted it; some servers do not say.
    pub server: Option<Ipv4Addr>,
    /// How long it is valid.
    pub times: Times,
    /// Options that were wanted as they are, by code.
    pub raw: Vec<(u8, Vec<u8>)>,
}

/// Seconds from the request that was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// For ever.
    Infinite,
    /// `renew` < `rebind` < `expire`.
    Limited {
        /// T1: ask the server that granted it.
        renew: u32,
        /// T2: ask any server.
        rebind: u32,
        /// The address must not be used any more.
        expire: u32,
    },
}

impl Times {
    /// T1 and T2 are taken where they are in order, else 0.5 and 0.875 of the lease (RFC 2131 §4.4.5).
    pub fn new(lease: Option<u32>, renew: Option<u32>, rebind: Option<u32>) -> Self {
        let expire = match lease.unwrap_or(DEFAULT_SECONDS) {
            INFINITE => return Self::Infinite,
            seconds => seconds.max(LEAST_SECONDS),
        };
        let default_rebind = expire - (expire / 8).max(1);
        let rebind = rebind.filter(|&rebind| rebind < expire && rebind > 1);
        let rebind = rebind.unwrap_or(default_rebind);
        let renew = renew.filter(|&renew| renew < rebind && renew > 0);
        Self::Limited {
            renew: renew.unwrap_or((expire / 2).min(rebind - 1)),
            rebind,
            expire,
        }
    }

    /// Seconds until it must not be used any more; `None`: never.
    pub fn expire(self) -> Option<u32> {
        match self {
            Self::Infinite => None,
            Self::Limited { expire, .. } => Some(expire),
        }
    }
}

impl Lease {
    /// What an ACK grants; `None` where its address cannot be a host's.
    pub fn read(reply: &Message, wants: &Wants) -> Option<Self> {
        let (address, options) = (reply.yiaddr, &reply.options);
        if !is_host(address) {
            return None;
        }
        let prefix = options
            .address(OptionCode::SubnetMask)
            .and_then(prefix_of)
            .unwrap_or_else(|| classful_prefix(address.into()));
        Some(Self::settings(reply, address, prefix, wants))
    }

    /// What the answer to an INFORM says besides the address, which the interface has already (RFC 2131
    /// §3.4). It ends never.
    pub fn inform(reply: &Message, address: Ipv4Addr, prefix: u8, wants: &Wants) -> Self {
        Self {
            times: Times::Infinite,
            ..Self::settings(reply, address, prefix, wants)
        }
    }

    fn settings(reply: &Message, address: Ipv4Addr, prefix: u8, wants: &Wants) -> Self {
        let options = &reply.options;
        let broadcast = options
            .address(OptionCode::BroadcastAddr)
            .filter(|_| prefix < 31)
            .or_else(|| address::broadcast(address, prefix));
        let domains = options.names(OptionCode::DomainName);
        let search = Some(options.search()).filter(|search| !search.is_empty());
        let raw = wants.raw.iter().filter_map(|&code| {
            let value = options.get(code.into())?;
            Some((code, value.to_vec()))
        });
        Self {
            address,
            prefix,
            broadcast,
            routes: options.routes(wants.classless),
            dns: options.addresses(OptionCode::DomainNameServer),
            domain: domains.first().cloned(),
            search: search.unwrap_or(domains),
            hostname: options.names(OptionCode::Hostname).into_iter().next(),
            ntp: options.addresses(OptionCode::NtpServers),
            mtu: options.mtu(),
            server: options.address(OptionCode::ServerIdentifier),
            times: Times::new(
                options.seconds(OptionCode::AddressLeaseTime),
                options.seconds(OptionCode::Renewal),
                options.seconds(OptionCode::Rebinding),
            ),
            raw: raw.collect(),
        }
    }

    /// The gateway of the default route.
    pub fn gateway(&self) -> Option<Ipv4Addr> {
        let default = self.routes.iter().find(|route| route.prefix == 0)?;
        is_host(default.gateway).then_some(default.gateway)
    }

    /// Whether an address is on the link by this lease's own prefix.
    pub fn on_link(&self, other: Ipv4Addr) -> bool {
        let network = |ip: Ipv4Addr| ip.to_bits() & netmask(self.prefix).to_bits();
        network(self.address) == network(other)
    }
}

/// The length of a contiguous mask that is not zero.
fn prefix_of(mask: Ipv4Addr) -> Option<u8> {
    let prefix = mask.to_bits().leading_ones() as u8;
    (prefix > 0 && netmask(prefix) == mask).then_some(prefix)
}

#[cfg(test)]
mod tests;
