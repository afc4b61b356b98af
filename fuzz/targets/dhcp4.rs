//! A DHCP reply: packet, message, every typed option, lease; what is emitted again reads the same.
#![no_main]

use initsh::net::dhcp4::event::Wants;
use initsh::net::dhcp4::lease::Lease;
use initsh::net::dhcp4::{frame, wire::Message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = frame::parse(bytes, false);
    let _ = frame::parse(bytes, true);
    let Ok(message) = Message::parse(bytes) else {
        return;
    };
    let _ = (
        message.options.message_type(),
        message.options.mtu(),
        message.options.search(),
        message.options.routes(true),
        message.options.routes(false),
    );
    if let Some(lease) = Lease::read(&message, &Wants::default()) {
        let _ = (lease.gateway(), lease.record());
    }
    let again = Message::parse(&message.emit()).expect("its own bytes");
    assert_eq!(again.xid, message.xid);
    assert_eq!(again.yiaddr, message.yiaddr);
});
