//! What a client is asked to do, and what its machine is to know of it. Invariant: a value; nothing here asks
//! the kernel.

use std::net::Ipv6Addr;

use crate::failure::Failure;
use crate::net::dhcp6::apply::Policy;
use crate::net::dhcp6::event::{Config, Timing, WantedPrefix};
use crate::net::dhcp6::identity::{self, Choice};
use crate::net::netlink::link::Link;

/// What a client is asked to do. With neither address nor prefixes it only asks for information.
#[derive(Debug, Clone)]
pub struct Options {
    /// What of a lease is used.
    pub policy: Policy,
    /// An address is wanted (IA_NA).
    pub address: bool,
    /// Prefixes are wanted (one IA_PD each).
    pub prefixes: Vec<Hint>,
    /// When messages are repeated.
    pub timing: Timing,
    /// SOLICIT asks for rapid commit.
    pub rapid_commit: bool,
    /// The server may send RECONFIGURE.
    pub reconfigure: bool,
    /// Options to ask for besides the usual.
    pub requested: Vec<u16>,
    /// Who the client is.
    pub duid: Choice,
    /// IAID of the first identity association of each kind; `None`: from the hardware address.
    pub iaid: Option<u32>,
}

/// The prefix that is hoped for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint {
    /// Unspecified where only the length is hoped for.
    pub prefix: Ipv6Addr,
    /// 0: any.
    pub length: u8,
}

impl Hint {
    /// No hopes.
    pub const ANY: Self = Self {
        prefix: Ipv6Addr::UNSPECIFIED,
        length: 0,
    };
}

impl Default for Options {
    /// An address and no prefix.
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            address: true,
            prefixes: Vec::new(),
            timing: Timing::Fast,
            rapid_commit: true,
            reconfigure: false,
            requested: Vec::new(),
            duid: Choice::Kept,
            iaid: None,
        }
    }
}

/// What the machine is to know of them. Errors: no DUID as it was chosen.
pub(super) fn config(link: &Link, options: &Options) -> Result<Config, Failure> {
    let first = options.iaid.unwrap_or_else(|| identity::iaid(link, 0));
    let wanted = options.prefixes.iter().enumerate();
    let wanted = wanted.map(|(nth, hint)| WantedPrefix {
        iaid: identity::another(first, nth),
        prefix: hint.prefix,
        length: hint.length,
    });
    Ok(Config {
        duid: identity::obtain(&options.duid, link)?,
        address: options.address.then_some(first),
        prefixes: wanted.collect(),
        timing: options.timing,
        rapid_commit: options.rapid_commit,
        reconfigure: options.reconfigure,
        requested: options.requested.clone(),
    })
}
