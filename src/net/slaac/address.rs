//! Prefixes → addresses, pure: modified EUI-64 (RFC 4291, appendix A) or stable and opaque ones
//! (RFC 7217). Invariant: the same prefix, hardware address and counter give the same address.

use std::net::Ipv6Addr;

/// The last 64 bits of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identifier {
    /// Made of the hardware address, so that whoever made a VM knows its address.
    Eui64,
    /// A different one on every network, which only this secret can tell.
    Stable([u8; 16]),
}

impl Identifier {
    /// The address in a /64. `counter` is how many addresses of it have been found in use by others.
    pub fn address(&self, prefix: Ipv6Addr, mac: [u8; 6], counter: u32) -> Ipv6Addr {
        let [a, b, c, d, e, f] = mac;
        let low = match self {
            Self::Eui64 => u64::from_be_bytes([a ^ 2, b, c, 0xff, 0xfe, d, e, f]),
            Self::Stable(secret) => stable(secret, prefix, mac, counter),
        };
        let high = prefix.to_bits() >> 64 << 64;
        Ipv6Addr::from_bits(high | u128::from(low))
    }

    /// Whether another counter gives another address.
    pub fn varies(&self) -> bool {
        matches!(self, Self::Stable(_))
    }
}

/// RFC 7217 §5 with SipHash-2-4 as its pseudorandom function. Reserved identifiers (RFC 5453) are passed
/// over.
fn stable(secret: &[u8; 16], prefix: Ipv6Addr, mac: [u8; 6], counter: u32) -> u64 {
    let mut round = 0_u32;
    loop {
        let mut data = prefix.octets()[..8].to_vec();
        data.extend(mac);
        data.extend(counter.to_be_bytes());
        data.extend(round.to_be_bytes());
        let found = siphash(secret, &data);
        let reserved = found == 0
            || found >> 24 == 0x02_005e_fffe
            || (0xfdff_ffff_ffff_ff80..=0xfdff_ffff_ffff_ffff).contains(&found);
        if !reserved || round == 8 {
            return found;
        }
        round += 1;
    }
}

/// SipHash-2-4 (Aumasson and Bernstein, 2012).
fn siphash(key: &[u8; 16], data: &[u8]) -> u64 {
    let word = |bytes: &[u8]| {
        bytes
            .iter()
            .rev()
            .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
    };
    let (k0, k1) = (word(&key[..8]), word(&key[8..]));
    let mut v = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let (whole, rest) = data.as_chunks::<8>();
    let last = (data.len() as u64) << 56 | word(rest);
    for block in whole.iter().map(|block| word(block)).chain([last]) {
        v[3] ^= block;
        rounds(&mut v, 2);
        v[0] ^= block;
    }
    v[2] ^= 0xff;
    rounds(&mut v, 4);
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn rounds(v: &mut [u64; 4], count: u32) {
    for _ in 0..count {
        for (a, b, left) in [(0, 1, 13), (2, 3, 16)] {
            v[a] = v[a].wrapping_add(v[b]);
            v[b] = v[b].rotate_left(left) ^ v[a];
        }
        v[0] = v[0].rotate_left(32);
        for (a, b, left) in [(2, 1, 17), (0, 3, 21)] {
            v[a] = v[a].wrapping_add(v[b]);
            v[b] = v[b].rotate_left(left) ^ v[a];
        }
        v[2] = v[2].rotate_left(32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

    #[test]
    fn siphash_gives_its_authors_vectors() {
        let key = std::array::from_fn(|at| at as u8);
        let data: Vec<u8> = (0..15).collect();
        assert_eq!(siphash(&key, &data), 0xa129_ca61_49be_45e5);
        assert_eq!(siphash(&key, &[]), 0x726f_db47_dd0e_0e31);
        assert_eq!(siphash(&key, &data[..8]), 0x93f5_f579_9a93_2462);
    }

    #[test]
    fn from_the_hardware_address() {
        let prefix = "2001:db8:1:2:ffff::".parse().unwrap();
        let made = Identifier::Eui64.address(prefix, MAC, 0);
        assert_eq!(made.to_string(), "2001:db8:1:2:5054:ff:fe12:3456");
        assert_eq!(Identifier::Eui64.address(prefix, MAC, 7), made);
    }

    #[test]
    fn a_stable_one_depends_on_all_that_it_should() {
        let prefix: Ipv6Addr = "2001:db8:1:2::".parse().unwrap();
        let made = |secret: u8, prefix: Ipv6Addr, mac: u8, counter| {
            let mut other = MAC;
            other[5] = mac;
            let made = Identifier::Stable([secret; 16]).address(prefix, other, counter);
            assert_eq!(made.segments()[..4], prefix.segments()[..4]);
            made.segments()[4..].to_vec()
        };
        let first = made(1, prefix, 1, 0);
        assert_eq!(made(1, prefix, 1, 0), first);
        let elsewhere = "2001:db8:1:3::".parse().unwrap();
        for other in [
            made(2, prefix, 1, 0),
            made(1, elsewhere, 1, 0),
            made(1, prefix, 2, 0),
            made(1, prefix, 1, 1),
        ] {
            assert_ne!(other, first);
        }
    }
}
