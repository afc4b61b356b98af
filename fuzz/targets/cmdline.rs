//! The kernel command line: words and initsh's parameters.
#![no_main]

use initsh::system::{cmdline, params::Params};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let arguments = cmdline::parse(bytes);
    assert!(arguments.len() <= bytes.len());
    let _ = cmdline::last(&arguments, b"root");
    let (_, complaints) = Params::from_cmdline(bytes);
    assert!(complaints.len() <= bytes.len());
});
