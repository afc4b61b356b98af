//! rtnetlink(7): links, addresses and routes. Only the attributes that are used are parsed; a reply
//! that cannot be understood is skipped, never fatal.

pub mod addr;
pub mod link;
pub mod route;
pub mod socket;
