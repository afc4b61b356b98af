//! The machine below the scripts: mounts, modules, devices, processes, the kernel's command line and
//! log. Invariant: nothing here prints; it returns values and [`crate::failure::Failure`]s.

pub mod cmdline;
pub mod device;
pub mod files;
pub mod host;
pub mod kmsg;
pub mod listing;
pub mod modules;
pub mod mounts;
pub mod oom;
pub mod params;
pub mod processes;
pub mod sysctl;
pub mod waiting;
