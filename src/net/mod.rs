//! Network: kernel configuration over netlink ([`netlink`]), the clients ([`dhcp4`], [`dhcp6`]), leases and
//! DNS. `docs/network.md` is the map.

pub mod address;
pub mod client;
pub mod confine;
pub mod dhcp4;
pub mod dhcp6;
pub mod driver;
pub mod forwarding;
pub mod hook;
pub mod ifconfig;
pub mod lease;
pub mod lease_watch;
pub mod link_local;
pub mod nd;
pub mod netlink;
pub mod online;
pub mod pd;
pub mod put_back;
pub mod ra;
pub mod random;
pub mod resolv;
pub mod run;
pub mod service;
pub mod settings;
pub mod slaac;
pub mod station;
pub mod stats;
pub mod status;
pub mod store;
pub mod talk;
pub mod tun;
