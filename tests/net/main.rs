//! Network tests in namespaces of their own. They need root and iproute2; `INITSH_SKIP_NET=1` skips
//! them, anything else that is lacking fails them.

// What a test's helper does not get passes for a failure of the test.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr
)]

mod confine;
mod dhcp4;
mod dhcp4_conflict;
mod dhcp4_kept;
mod dhcp4_lab;
mod dhcp4_options;
mod dhcp4_release;
mod dhcp6;
mod dhcp_server;
mod dhcpd4;
mod dhcpd6;
mod dnsmasq6;
mod hooks;
mod json;
mod kea4;
mod kea6;
mod leases;
mod many;
mod nested;
mod netlink;
mod online;
mod pd;
mod ra;
mod radvd;
mod relay;
mod resolv;
mod servers;
mod slaac;
mod support;
mod two_servers;
