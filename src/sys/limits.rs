//! PID 1's own limit of open files: thousands of services have more descriptors in it than the 1,024
//! that programs are started with. Invariant: what PID 1 executes gets the limit that PID 1 was started
//! with; a program that uses select(2) must not see a higher one.

use std::sync::OnceLock;

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

use super::call::look;

/// What PID 1 asks for: 4,096 services with a dozen descriptors each. The kernel keeps memory only for
/// those that are open.
const OPEN_FILES: rlim_t = 65_536;

static BEFORE: OnceLock<(rlim_t, rlim_t)> = OnceLock::new();

/// Raises the limit as far as it is needed and allowed. What cannot be had is not missed before there
/// are thousands of services.
pub fn raise_open_files() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return;
    };
    let _ = BEFORE.set((soft, hard));
    if soft >= OPEN_FILES {
        return;
    }
    // Above the hard limit with CAP_SYS_RESOURCE alone, and never above fs.nr_open.
    let set = |soft, hard| {
        look("setrlimit", || {
            setrlimit(Resource::RLIMIT_NOFILE, soft, hard)
        })
    };
    let _ = set(OPEN_FILES, hard.max(OPEN_FILES)).or_else(|_| set(hard.min(OPEN_FILES), hard));
}

/// The soft and the hard limit that PID 1 was started with, once [`raise_open_files`] has changed them.
pub fn before() -> Option<(u64, u64)> {
    BEFORE.get().map(|&(soft, hard)| (soft, hard))
}

/// Takes over what an earlier program of this process was started with.
pub fn remember((soft, hard): (u64, u64)) {
    let _ = BEFORE.set((soft, hard));
}

/// Gives this process the limit that PID 1 was started with. Its last step before exec: files that it
/// opens afterwards may find no number.
pub fn restore_open_files() {
    if let Some(&(soft, hard)) = BEFORE.get() {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, soft, hard);
    }
}
