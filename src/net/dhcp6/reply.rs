//! An ADVERTISE or a REPLY as checked values. Invariant: lifetimes are in order, prefixes have 1–128 bits
//! and no host bits, and each IA, address and prefix is there once; what was left out is in
//! [`Reply::dropped`].

use std::net::Ipv6Addr;

use super::duid;
use super::lease::{Lifetimes, Other};
use super::options::{
    Status, excluded, hosts, is_routable, masked, number, search, status, time_servers,
};
use super::wire::{Dropped, Message, Options, code};

/// Addresses or prefixes of one IA that are kept.
const MAX_ITEMS: usize = 16;
/// IAs of one message that are read.
const MAX_ASSOCIATIONS: usize = 32;
/// Deviation: a shorter prefix than any network has been given is not taken: packets into what is delegated
/// and not used go nowhere, so 2000::/3 would cut the machine off.
const LEAST_LENGTH: u8 = 16;
/// Seconds that options 82 and 83 may say (RFC 8415 §21.24, §21.25).
const MAX_RT: std::ops::RangeInclusive<u32> = 60..=86_400;
/// RFC 8415 §21.23: what counts where a server does not say, and the least that it may say.
const REFRESH_DEFAULT: u32 = 86_400;
const REFRESH_MINIMUM: u32 = 600;

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its DUID.
    pub server: Vec<u8>,
    /// The client that it is meant for.
    pub client: Vec<u8>,
    /// Status of the whole; success where it says none.
    pub status: Status,
    /// Option 7; 0 where there is none.
    pub preference: u8,
    /// Option 14 is there.
    pub rapid_commit: bool,
    /// Its IAs.
    pub associations: Vec<Granted>,
    /// Options 82 and 83, seconds, where they are within their bounds.
    pub max_rt: [Option<u32>; 2],
    /// What is not bound to an IA; `refresh` is what counts after an INFORMATION-REQUEST.
    pub other: Other,
    /// What was dropped of it.
    pub dropped: Dropped,
}

/// What a server says about one IA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// Which one.
    pub which: Which,
    /// Status inside of it; success where it says none.
    pub status: Status,
    /// T1 in seconds; 0: as the client likes.
    pub renew: u32,
    /// T2.
    pub rebind: u32,
    /// Its addresses or prefixes.
    pub items: Vec<Item>,
}

/// An IA's type and number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Which {
    /// IA_PD, else IA_NA.
    pub prefix: bool,
    /// IAID.
    pub iaid: u32,
}

/// An address or a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// The address, or the network.
    pub address: Ipv6Addr,
    /// Prefix length; 128 for an address.
    pub length: u8,
    /// Its lifetimes; valid 0: not to be used any more.
    pub times: Lifetimes,
    /// The excluded part of a prefix.
    pub excluded: Option<(Ipv6Addr, u8)>,
}

impl Item {
    /// Whether it is about the same address or prefix.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.address, self.length) == (other.address, other.length)
    }
}

impl Reply {
    /// Reads a message; `requested` are the options to keep as they are. Errors: a key for the statistics,
    /// if it must be dropped as a whole (RFC 8415 §16.3, §16.10).
    pub fn read(message: &Message<'_>, requested: &[u16]) -> Result<Self, &'static str> {
        let options = message.options;
        let identity = |code, missing, bad| match options.first(code) {
            None => Err(missing),
            Some(duid) if duid::is_valid(duid) => Ok(duid.to_vec()),
            Some(_) => Err(bad),
        };
        let mut dropped = Dropped::default();
        options.inspect(&mut dropped);
        let status = read(options, code::STATUS, Status::read, &mut dropped);
        let preference = |value: &[u8]| <[u8; 1]>::try_from(value).ok();
        let preference = read(options, code::PREFERENCE, preference, &mut dropped);
        let mut max_rt = |code| {
            let seconds = read(options, code, number, &mut dropped);
            seconds.filter(|seconds| MAX_RT.contains(seconds))
        };
        Ok(Self {
            server: identity(code::SERVER_ID, "dropped-no-server-id", "dropped-server-id")?,
            client: identity(code::CLIENT_ID, "dropped-no-client-id", "dropped-client-id")?,
            status: status.unwrap_or_default(),
            preference: preference.map_or(0, |[preference]| preference),
            rapid_commit: options.first(code::RAPID_COMMIT).is_some(),
            max_rt: [max_rt(code::SOL_MAX_RT), max_rt(code::INF_MAX_RT)],
            associations: associations(options, &mut dropped),
            other: other(options, requested, &mut dropped),
            dropped,
        })
    }
}

/// The first option of that code, if it is well-formed.
fn read<T>(
    options: Options<'_>,
    code: u16,
    typed: impl Fn(&[u8]) -> Option<T>,
    dropped: &mut Dropped,
) -> Option<T> {
    let value = typed(options.first(code)?);
    if value.is_none() {
        dropped.note("dropped-option");
    }
    value
}

fn other(options: Options<'_>, requested: &[u16], dropped: &mut Dropped) -> Other {
    let mut ntp = read(options, code::NTP_SERVER, time_servers, dropped).unwrap_or_default();
    if ntp.is_empty() {
        ntp = read(options, code::SNTP_SERVERS, hosts, dropped).unwrap_or_default();
    }
    let refresh = read(options, code::REFRESH_TIME, number, dropped);
    let refresh = refresh.unwrap_or(REFRESH_DEFAULT).max(REFRESH_MINIMUM);
    let raw = requested
        .iter()
        .filter_map(|&code| Some((code, options.first(code)?.to_vec())));
    Other {
        dns: read(options, code::DNS_SERVERS, hosts, dropped).unwrap_or_default(),
        search: read(options, code::DOMAIN_LIST, search, dropped).unwrap_or_default(),
        ntp,
        refresh: Some(refresh).filter(|&seconds| seconds != u32::MAX),
        options: raw.collect(),
    }
}

fn associations(options: Options<'_>, dropped: &mut Dropped) -> Vec<Granted> {
    let mut all: Vec<Granted> = Vec::new();
    for (code, value) in options.iter() {
        let prefix = match code {
            code::IA_NA => false,
            code::IA_PD => true,
            _ => continue,
        };
        match association(prefix, value, dropped) {
            Ok(granted) if all.iter().any(|known| known.which == granted.which) => {
                dropped.note("dropped-duplicate");
            }
            Ok(_) if all.len() == MAX_ASSOCIATIONS => dropped.note("dropped-too-many"),
            Ok(granted) => all.push(granted),
            Err(reason) => dropped.note(reason),
        }
    }
    all
}

fn association(prefix: bool, value: &[u8], dropped: &mut Dropped) -> Result<Granted, &'static str> {
    let (iaid, rest) = word(value).ok_or("dropped-option")?;
    let (renew, rest) = word(rest).ok_or("dropped-option")?;
    let (rebind, rest) = word(rest).ok_or("dropped-option")?;
    // RFC 8415 §21.4: as though the server had not included it.
    if renew > rebind && rebind != 0 {
        return Err("dropped-t1-after-t2");
    }
    let options = Options(rest);
    options.inspect(dropped);
    let mut granted = Granted {
        which: Which { prefix, iaid },
        status: read(options, code::STATUS, Status::read, dropped).unwrap_or_default(),
        renew,
        rebind,
        items: Vec::new(),
    };
    let wanted = if prefix {
        code::IA_PREFIX
    } else {
        code::IA_ADDRESS
    };
    for (_, value) in options.iter().filter(|(code, _)| *code == wanted) {
        match item(prefix, value, dropped) {
            Ok((_, status)) if status.code != status::SUCCESS => {
                // RFC 3315 had the status of an address inside of it.
                if granted.status.code == status::SUCCESS {
                    granted.status = status;
                }
            }
            Ok((item, _)) if granted.items.iter().any(|known| known.is_same(&item)) => {
                dropped.note("dropped-duplicate");
            }
            Ok(_) if granted.items.len() == MAX_ITEMS => dropped.note("dropped-too-many"),
            Ok((item, _)) => granted.items.push(item),
            Err(reason) => dropped.note(reason),
        }
    }
    Ok(granted)
}

/// An address (RFC 8415 §21.6) or a prefix (§21.22), with the status inside of it.
fn item(prefix: bool, value: &[u8], dropped: &mut Dropped) -> Result<(Item, Status), &'static str> {
    let fixed = if prefix { 25 } else { 24 };
    let (fixed, rest) = value.split_at_checked(fixed).ok_or("dropped-option")?;
    let (times, length, address) = match prefix {
        true => (&fixed[..8], fixed[8], &fixed[9..]),
        false => (&fixed[16..], 128, &fixed[..16]),
    };
    let (preferred, valid) = times.split_at(4);
    let (preferred, valid) = (number(preferred).unwrap_or(0), number(valid).unwrap_or(0));
    let address = <[u8; 16]>::try_from(address).map_err(|_| "dropped-option")?;
    if preferred > valid {
        return Err("dropped-preferred-after-valid");
    }
    if !(LEAST_LENGTH..=128).contains(&length) {
        return Err("dropped-prefix-length");
    }
    let address = masked(address.into(), length);
    if !is_routable(&address) {
        return Err("dropped-address");
    }
    let options = Options(rest);
    options.inspect(dropped);
    let status = read(options, code::STATUS, Status::read, dropped).unwrap_or_default();
    let within = |value: &[u8]| excluded(value, address, length);
    let excluded = match prefix {
        true => read(options, code::PD_EXCLUDE, within, dropped),
        false => None,
    };
    let item = Item {
        address,
        length,
        times: Lifetimes { preferred, valid },
        excluded,
    };
    Ok((item, status))
}

fn word(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (word, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*word), rest))
}

#[cfg(test)]
mod tests;
