//! Mounting and unmounting. `table` reads what is mounted, `options` the `-o` words, `short` has the one
//! table of short forms (`mount proc`), `probe` recognises a block device's filesystem, `attach` and
//! `detach` call the kernel. Invariant: a target that was made for a mount is a directory that was
//! missing; nothing that exists is ever replaced.

pub mod attach;
pub mod detach;
pub mod options;
pub mod probe;
pub mod short;
pub mod table;
