//! Service files, and with them every option of `spawn`; users and groups.
#![no_main]

use std::path::Path;

use initsh::supervise::{accounts, service_file};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err((line, failure)) = service_file::parse(text, Path::new("/etc/web")) {
        assert!((1..=text.lines().count().max(1)).contains(&line));
        assert!(!failure.to_string().is_empty());
    }
    if let Some(user) = accounts::user(text, "web") {
        let _ = accounts::groups_of(text, &user);
    }
    let _ = accounts::group(text, "web");
});
