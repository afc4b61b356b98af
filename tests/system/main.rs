//! The commands on mounts, modules, files and processes, run as programs: in mount namespaces of their
//! own, and beside coreutils, util-linux, kmod and procps where those say the same.
//!
//! They need root; `INITSH_SKIP_NET=1`, which stands for namespaces, skips those that do.

#![allow(clippy::expect_used, clippy::print_stderr)] // in what the tests share, as in the tests

mod files;
mod kernel;
mod modules;
mod mounts;
mod processes;
mod support;
mod waiting;
