//! What a server grants, as checked values: the only form in which a reply leaves the machine. Invariant:
//! every field can be handed to the kernel or written to a file as it is.

use std::net::{IpAddr, Ipv6Addr};

use crate::net::address::{network, parse_prefixed};

/// Everything that one REPLY (or several, one after the other) has granted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lease {
    /// DUID of the server that granted it, 3–130 bytes (RFC 8415 §11.1).
    pub server: Vec<u8>,
    /// Addresses of the IA_NA.
    pub addresses: Vec<LeasedAddress>,
    /// Prefixes of every IA_PD.
    pub prefixes: Vec<DelegatedPrefix>,
    /// T1 in seconds from when it was granted, the smallest over all IAs; `None`: never.
    pub renew: Option<u32>,
    /// T2, not before T1.
    pub rebind: Option<u32>,
    /// What is not bound to an address.
    pub other: Other,
}

/// One address of an IA_NA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeasedAddress {
    /// The address.
    pub ip: Ipv6Addr,
    /// Its lifetimes.
    pub times: Lifetimes,
}

/// One prefix of an IA_PD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DelegatedPrefix {
    /// The IA_PD that it belongs to.
    pub iaid: u32,
    /// Network address, host bits zero.
    pub prefix: Ipv6Addr,
    /// 1–64 in practice, 1–128 by the RFC.
    pub length: u8,
    /// Its lifetimes.
    pub times: Lifetimes,
    /// The part that the delegating router keeps on the link to us (RFC 6603), as address and length.
    pub excluded: Option<(Ipv6Addr, u8)>,
}

impl DelegatedPrefix {
    /// One word of the record's key `delegations`: `2001:db8::/56,IAID,PREFERRED,VALID`, and
    /// `,2001:db8:0:ff::/64` where a part is excluded. Times count from the record's `renewed`.
    pub fn word(&self) -> String {
        let Self {
            prefix,
            length,
            iaid,
            times,
            ..
        } = self;
        let Lifetimes { preferred, valid } = times;
        let mut word = format!("{prefix}/{length},{iaid},{preferred},{valid}");
        if let Some((prefix, length)) = self.excluded {
            word.push_str(&format!(",{prefix}/{length}"));
        }
        word
    }

    /// Reads what [`Self::word`] has written; `None` where it is anything else.
    pub fn read(word: &str) -> Option<Self> {
        let mut parts = word.split(',');
        let (prefix, length) = network_of(parts.next()?)?;
        let mut number = || parts.next()?.parse().ok();
        let (iaid, preferred, valid) = (number()?, number()?, number()?);
        let excluded = match parts.next() {
            Some(text) => Some(network_of(text)?),
            None => None,
        };
        Some(Self {
            iaid,
            prefix,
            length,
            times: Lifetimes { preferred, valid },
            excluded,
        })
    }
}

/// Reads `2001:db8::/56`; host bits are cleared.
fn network_of(text: &str) -> Option<(Ipv6Addr, u8)> {
    let Ok((IpAddr::V6(ip), Some(length))) = parse_prefixed(text) else {
        return None;
    };
    match network(ip.into(), length) {
        IpAddr::V6(prefix) => Some((prefix, length)),
        IpAddr::V4(_) => None,
    }
}

/// Lifetimes in seconds from when they were granted; `u32::MAX` is for ever. Preferred is not longer than
/// valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Until when new connections should use it.
    pub preferred: u32,
    /// Until when it may be used at all.
    pub valid: u32,
}

/// Configuration without a lifetime of its own: a REPLY to INFORMATION-REQUEST has nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Other {
    /// Name servers, best first (option 23).
    pub dns: Vec<Ipv6Addr>,
    /// Domains to search (option 24).
    pub search: Vec<String>,
    /// Time servers (options 31 and 56).
    pub ntp: Vec<Ipv6Addr>,
    /// Seconds until it is to be asked for again (option 32), with its bounds applied; `None`: never.
    pub refresh: Option<u32>,
    /// The options that were asked for by their numbers, as they came: any bytes.
    pub options: Vec<(u16, Vec<u8>)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delegations_as_words() {
        let plain = DelegatedPrefix {
            iaid: 7,
            prefix: "2001:db8:1::".parse().unwrap(),
            length: 56,
            times: Lifetimes {
                preferred: 3600,
                valid: u32::MAX,
            },
            excluded: None,
        };
        assert_eq!(plain.word(), "2001:db8:1::/56,7,3600,4294967295");
        let excluding = DelegatedPrefix {
            excluded: Some(("2001:db8:1:ff::".parse().unwrap(), 64)),
            ..plain
        };
        for delegation in [plain, excluding] {
            assert_eq!(DelegatedPrefix::read(&delegation.word()), Some(delegation));
        }
        for bad in [
            "",
            "::/0",
            "::/0,1,2",
            "::,1,2,3",
            "10.0.0.0/8,1,2,3",
            "::/0,1,2,3,x",
            "::/0,1,-2,3",
        ] {
            assert_eq!(DelegatedPrefix::read(bad), None, "{bad}");
        }
    }
}
