//! Transaction numbers and jitter from a seed. Invariant: the same seed gives the same sequence, so that a
//! test can repeat what a machine did.

use crate::net::netlink::link::Link;
use crate::time::Instant;

/// SplitMix64: small, and as good as jitter and transaction numbers need.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A sequence that `seed` decides.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 32) as u32
    }

    /// Changes the sequence by `entropy`.
    pub fn mix(&mut self, entropy: u64) {
        self.0 ^= entropy;
    }

    /// A number from 0 up to but not including `limit`, which is not zero.
    pub fn below(&mut self, limit: u32) -> u32 {
        let scaled = u64::from(self.next_u32()) * u64::from(limit);
        (scaled >> 32) as u32
    }
}

/// A seed for the client of an interface: getrandom(2) may have nothing to give early in a boot, and
/// must not be waited for.
pub fn entropy(link: &Link) -> u64 {
    let mac = link
        .mac
        .iter()
        .fold(0, |sum: u64, &byte| sum << 8 | u64::from(byte));
    let time = Instant::now().since_boot().as_nanos() as u64;
    let pid = u64::from(nix::unistd::getpid().as_raw().unsigned_abs());
    crate::sys::random::bits() ^ mac ^ time.rotate_left(24) ^ pid.rotate_left(48)
}
