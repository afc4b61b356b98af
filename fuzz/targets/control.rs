//! A message on PID 1's control socket: what is understood is written again as the same message.
#![no_main]

use initsh::supervise::protocol::{Reply, Request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = Request::decode(bytes) {
        let again = Request::decode(&request.encode()).expect("its own bytes");
        assert_eq!(format!("{again:?}"), format!("{request:?}"));
    }
    if let Ok(reply) = Reply::decode(bytes) {
        let again = Reply::decode(&reply.encode()).expect("its own bytes");
        assert_eq!(format!("{again:?}"), format!("{reply:?}"));
    }
});
