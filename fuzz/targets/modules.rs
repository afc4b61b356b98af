//! The module tables: dependencies, soft dependencies, aliases, options. Parts are separated by NUL.
#![no_main]

use initsh::system::modules::{alias, config, depend};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.split(|&byte| byte == 0);
    let mut part = || parts.next().unwrap_or_default();
    let (name, dep, aliases, options) = (part(), part(), part(), part());
    for pair in depend::entries(dep).windows(2) {
        assert!(pair[0].name != pair[1].name);
    }
    let _ = depend::soft(options);
    let _ = depend::is_builtin(dep, name);
    let found = alias::modules_of(aliases, name);
    assert!(found.len() <= aliases.len());
    let _ = config::is_blacklisted(options, aliases, name);
    let _ = config::parameters(options, aliases, name, dep);
});
