//! How deep a script may nest. Invariant: it gets an error before the stack overflows, whatever the
//! stack's size.

use nix::unistd::{getpid, gettid};

use crate::failure::Failure;

/// How deep functions, sourced files and `eval` may call each other.
pub(super) const DEEPEST: u32 = 1000;

/// The part of the thread's stack that scripts may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stack {
    top: usize,
    size: usize,
}

impl Stack {
    /// What a thread of Rust's standard library has to spare.
    const OTHER_THREAD: usize = 1 << 20;
    /// More than this is not used even where the limit is higher.
    const MOST: usize = 64 << 20;

    /// The stack of the calling thread, whose innermost call this is not much deeper than.
    pub fn here() -> Self {
        use nix::sys::resource::{Resource, getrlimit};
        let limit = getrlimit(Resource::RLIMIT_STACK).map_or(8 << 20, |(soft, _)| soft);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(Self::MOST);
        let size = if gettid() == getpid() {
            // A quarter is left for what runs below the deepest command: built-ins, the parser.
            limit / 4 * 3
        } else {
            Self::OTHER_THREAD
        };
        Self {
            top: address(),
            size,
        }
    }

    /// Whether what runs now is too deep to go on.
    pub fn is_used_up(self) -> bool {
        self.top.abs_diff(address()) > self.size
    }
}

/// Roughly where the stack ends now.
#[inline(never)]
fn address() -> usize {
    let here = 0u8;
    std::ptr::from_ref(std::hint::black_box(&here)).addr()
}

/// What is said instead of a stack overflow.
pub(super) fn too_deep() -> Failure {
    Failure::new("calls nested too deep")
        .with_status(2)
        .with_hint(format!("at most {DEEPEST} functions, files and evals deep"))
}
