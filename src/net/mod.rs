//! Network: kernel configuration over netlink ([`netlink`]), DHCPv4 ([`dhcp4`]), leases and DNS.

pub mod address;
pub mod dhcp4;
pub mod driver;
pub mod ifconfig;
pub mod lease;
pub mod netlink;
pub mod resolv;
pub mod settings;
pub mod store;
pub mod tun;
