//! Who this client is: its DUID (RFC 8415 §11, RFC 6355) and the IAIDs of its interfaces (§12). Invariant:
//! the same machine makes the same ones at each boot, and a clone with another hardware address others.
//!
//! Deviation: §11 wants one DUID for all interfaces, which outlives a change of the card. Here it is made
//! from the interface's own hardware address where there is no disk to keep it on, and one that was kept
//! is given up when no interface has its hardware address: disks of VMs are cloned more often than cards
//! are changed, and two clients with one DUID take each other's addresses away.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::duid;
use crate::failure::{Doing, Failure};
use crate::net::netlink::link::{self, Link};
use crate::net::netlink::socket::Socket;
use crate::net::store;
use crate::paths;

/// Where the kernel shows the UUID that the VM's monitor gave it.
const SMBIOS: &str = "/sys/class/dmi/id/product_uuid";

/// Which DUID a client is to have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Choice {
    /// The one that was kept, else a DUID-LL.
    #[default]
    Kept,
    /// From the interface's hardware address alone.
    LinkLayer,
    /// From a hardware address and the time at which it was made; kept.
    LinkLayerTime,
    /// From the UUID that the machine's firmware has.
    Firmware,
    /// Just this.
    Exact(Vec<u8>),
}

impl Choice {
    /// Reads `ll`, `llt`, `uuid`, `en:NUMBER:HEX`, or a whole DUID in hexadecimal digits, with or without
    /// colons.
    ///
    /// Errors name the text and what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bytes = match text {
            "ll" => return Ok(Self::LinkLayer),
            "llt" => return Ok(Self::LinkLayerTime),
            "uuid" => return Ok(Self::Firmware),
            _ => match text.strip_prefix("en:") {
                Some(rest) => enterprise(rest),
                None => parse_hex(text),
            },
        };
        let bytes = bytes.filter(|bytes| duid::is_valid(bytes));
        bytes.map(Self::Exact).ok_or_else(|| {
            format!(
                "'{text}' is not a DUID: expected ll, llt, uuid, en:NUMBER:HEX, or 3 to 130 bytes in \
                 hexadecimal"
            )
        })
    }
}

/// DUID-EN (RFC 8415 §11.3) from `NUMBER:HEX`.
fn enterprise(text: &str) -> Option<Vec<u8>> {
    let (number, identifier) = text.split_once(':')?;
    let number: u32 = number.parse().ok()?;
    let identifier = parse_hex(identifier)?;
    (identifier.len() <= 124).then(|| duid::enterprise(number, &identifier))
}

/// The DUID of a client on this interface.
///
/// Errors: no firmware UUID; no directory that a DUID-LLT could be kept in; the file cannot be written.
pub fn obtain(choice: &Choice, link: &Link) -> Result<Vec<u8>, Failure> {
    obtain_in(choice, link, paths::state_dir().as_deref())
}

fn obtain_in(choice: &Choice, link: &Link, state: Option<&Path>) -> Result<Vec<u8>, Failure> {
    let plain = || duid::link_layer(link.hardware, &link.mac);
    match (choice, state) {
        (Choice::Exact(bytes), _) => Ok(bytes.clone()),
        (Choice::Firmware, _) => firmware(Path::new(SMBIOS)),
        (Choice::LinkLayer, _) | (Choice::Kept, None) => Ok(plain()),
        (Choice::LinkLayerTime, None) => Err(Failure::new(
            "a DUID with its time (llt) has to be kept, and there is no /var/lib/initsh on a disk",
        )
        .with_hint("make that directory, or choose --duid ll")),
        (Choice::Kept, Some(state)) => keep(state, &plain(), false),
        (Choice::LinkLayerTime, Some(state)) => {
            let made = duid::link_layer_time(link.hardware, unix_time(), &link.mac);
            keep(state, &made, true)
        }
    }
}

/// Seconds since 1970 on the wall clock.
fn unix_time() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    since_1970.map_or(0, |since| since.as_secs())
}

/// DUID-UUID (RFC 6355) from a file with its text.
fn firmware(path: &Path) -> Result<Vec<u8>, Failure> {
    let text = fs::read_to_string(path).doing(|| format!("read {}", path.display()))?;
    let digits: String = text.trim().chars().filter(|&c| c != '-').collect();
    let uuid = parse_hex(&digits).and_then(|uuid| <[u8; 16]>::try_from(uuid).ok());
    // What firmware without a UUID shows.
    let uuid = uuid.filter(|uuid| uuid.iter().any(|byte| !matches!(byte, 0 | 0xff)));
    let uuid = uuid.ok_or_else(|| {
        let shown = text.trim().escape_default();
        Failure::new(format!("{}: '{shown}' is not a UUID", path.display()))
    })?;
    Ok(duid::uuid(uuid))
}

/// The DUID that is kept in the directory; where there is none that fits, `made` is kept from now on.
/// Two clients that come at the same time agree on one.
fn keep(state: &Path, made: &[u8], timed: bool) -> Result<Vec<u8>, Failure> {
    let path = state.join("duid");
    let is_timed = |kept: &[u8]| kept.starts_with(&[0, 1]);
    let load = || load(&path).filter(|kept| (!timed || is_timed(kept)) && is_of_this_machine(kept));
    if let Some(kept) = load() {
        return Ok(kept);
    }
    let what = || format!("write {}", path.display());
    let temporary = temporary(&path);
    let mut text = hex(made);
    text.push('\n');
    store::replace(&temporary, text.as_bytes())?;
    // Gone: what does not fit.
    let linked = store::remove(&path).and_then(|()| fs::hard_link(&temporary, &path).doing(what));
    let _ = fs::remove_file(&temporary);
    match linked {
        Ok(()) => Ok(made.to_vec()),
        // Another client was faster.
        Err(failure) => load().ok_or(failure),
    }
}

fn temporary(path: &Path) -> PathBuf {
    path.with_file_name(format!(".duid.{}.new", nix::unistd::getpid()))
}

fn load(path: &Path) -> Option<Vec<u8>> {
    let text = fs::read_to_string(path).ok()?;
    parse_hex(text.trim()).filter(|bytes| duid::is_valid(bytes))
}

/// Whether an interface has the hardware address that the DUID was made from; `true` for those that were
/// made from something else.
fn is_of_this_machine(duid: &[u8]) -> bool {
    let mac = match duid {
        [0, 1, _, _, _, _, _, _, mac @ ..] | [0, 3, _, _, mac @ ..] => mac,
        _ => return true,
    };
    let links = Socket::open().and_then(|mut socket| link::list(&mut socket));
    // Not knowing is no reason to become somebody else.
    links.map_or(true, |links| links.iter().any(|link| link.mac == mac))
}

/// The IAID of an interface's `nth` identity association of a kind (RFC 8415 §12.1: unique among those of
/// one client). From the hardware address: the order in which a kernel finds its cards is not stable.
pub fn iaid(link: &Link, nth: usize) -> u32 {
    let mut id = link
        .mac
        .iter()
        .fold(0_u32, |id, &byte| id << 8 | u32::from(byte));
    // VLANs have the hardware address of the interface below them.
    if matches!(link.kind.as_deref(), Some("vlan" | "macvlan")) {
        for byte in link.name.bytes() {
            id = (id ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }
    another(id, nth)
}

/// The `nth` IAID of a client whose first is `first`: far from those of a card with the next address.
pub fn another(first: u32, nth: usize) -> u32 {
    first.wrapping_add((nth as u32).wrapping_shl(24))
}

/// Whether two IAIDs may be of the same client: of [`another`] of its identity associations.
pub fn is_same_client(one: u32, other: u32) -> bool {
    (one ^ other) << 8 == 0
}

/// Hexadecimal digits, two a byte.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('?');
    let pairs = bytes
        .iter()
        .flat_map(|&byte| [digit(byte >> 4), digit(byte & 15)]);
    pairs.collect()
}

/// Bytes from pairs of hexadecimal digits, with or without colons between them.
pub fn parse_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|&byte| byte != b':').collect();
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some((digit(*high)? << 4) | digit(*low)?),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests;
