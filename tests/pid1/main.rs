//! PID 1 in PID namespaces of its own: the binary as it is, another program in the place of the boot
//! role. Needs root and util-linux's `unshare`; every namespace ends with its test.

mod ends;
mod hostile;
mod reaping;
mod services;
mod support;
