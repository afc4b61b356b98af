//! Delegated prefixes and who uses which part of them (RFC 8415 §6.3, RFC 6603, RFC 7084 §4.3): [`pool`]
//! gives each user a subnet, [`store`] keeps who has which, [`delegation`] is what the WANs have at the
//! moment. [`assign`] says what that means for a downstream link, [`driver`] does it. Invariant: a user
//! keeps the number of its subnet across restarts and changes of the prefix for as long as it fits.

pub mod assign;
pub mod delegation;
pub mod driver;
pub mod listing;
pub mod pool;
pub mod store;
