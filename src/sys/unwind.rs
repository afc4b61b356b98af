//! The unwinder of a program that has no unwind tables (build.rs) and aborts on panic. The C library and
//! std name these functions, and would bring theirs: with std's, everything that reads debug information
//! for a backtrace. Invariant: nothing is ever unwound, and every backtrace is empty, as it
//! would be without the tables.

use std::ffi::{c_int, c_void};

/// No frame is left (`_URC_END_OF_STACK`, Itanium C++ ABI: Exception Handling, 1.2).
const END_OF_STACK: c_int = 5;

/// Calls `each` for every frame: there is none.
// SAFETY: std and the C library call it by this name with these arguments, and expect no more of it.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Backtrace(_each: *const c_void, _argument: *mut c_void) -> c_int {
    END_OF_STACK
}

/// Functions that only an unwinder calls, or one that unwinds.
macro_rules! never_called {
    ($($name:ident)+) => {
        $(
            // SAFETY: whoever called it, with whatever arguments: it does not return.
            #[unsafe(no_mangle)]
            extern "C" fn $name() -> ! {
                std::process::abort()
            }
        )+
    };
}

never_called! {
    _Unwind_Resume _Unwind_ForcedUnwind _Unwind_GetCFA _Unwind_GetIP _Unwind_GetIPInfo
    _Unwind_GetLanguageSpecificData _Unwind_GetRegionStart _Unwind_GetTextRelBase
    _Unwind_GetDataRelBase _Unwind_SetGR _Unwind_SetIP _Unwind_FindEnclosingFunction
    __gcc_personality_v0
}
