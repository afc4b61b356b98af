//! A compressed module: damaged files are refused, large ones stop at the limit.
#![no_main]

use initsh::system::modules::unpack::{Packing, unpack};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = unpack(Packing::of(bytes), bytes);
});
