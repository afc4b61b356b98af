//! Whom the kernel ends when memory runs out (proc(5), `oom_score_adj`). PID 1 it never takes; without a
//! word from us it would take the console's shell next, which is larger than each of a thousand small
//! children. Invariant: what the shell starts is judged like everything else.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

const FILE: &str = "/proc/self/oom_score_adj";

/// In thousandths of the memory. A shell that has itself grown beyond that is no longer spared.
const SPARED: &str = "-200";

/// This process is spared.
static SPARING: AtomicBool = AtomicBool::new(false);

/// Spares this process while there are others. Without `/proc`, nothing.
pub fn spare() {
    let spared = fs::write(FILE, SPARED).is_ok();
    SPARING.store(spared, Ordering::Relaxed);
}

/// In a child of a process that is spared: like everybody else.
pub fn spare_no_longer() {
    if SPARING.swap(false, Ordering::Relaxed) {
        // Written a moment ago, so it can be; otherwise there is a child more that is spared.
        let _ = fs::write(FILE, "0");
    }
}
