//! Network tests in namespaces of their own. They need root and iproute2; `INITSH_SKIP_NET=1` skips
//! them, anything else that is lacking fails them.

mod json;
mod netlink;
mod support;
