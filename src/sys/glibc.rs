//! Functions of glibc that would bring half of it into a static program: translations, which load
//! character sets, which load shared libraries; and printf with floating point. A program that never sets
//! a locale has no use for them. glibc calls these from its own startup, `malloc` and `strerror_r`; they
//! are taken where they are defined first, which is here. Invariant: whatever the arguments, they
//! do no more than what each says.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::io::Write;

unsafe extern "C" {
    /// The text of an error (glibc 2.32); null where there is none.
    safe fn strerrordesc_np(error: c_int) -> *const c_char;
}

/// An assertion of glibc does not hold: its heap is damaged, say.
// SAFETY: glibc calls it by this name with three strings (assert.h) and expects it not to return.
#[unsafe(no_mangle)]
extern "C" fn __assert_fail(
    assertion: *const c_char,
    _file: *const c_char,
    _line: c_uint,
    _function: *const c_char,
) -> ! {
    if !assertion.is_null() {
        // SAFETY: not null, so it is the text of the assertion, a constant that ends with a zero byte.
        let text = unsafe { CStr::from_ptr(assertion) };
        let mut stderr = std::io::stderr();
        // Nobody is left to be told that this fails.
        let _ = stderr.write_all(text.to_bytes());
        let _ = stderr.write_all(b": assertion failed in libc\n");
    }
    std::process::abort()
}

/// A message in the language of the locale, which is always C's.
// SAFETY: glibc calls it by this name with a domain, a text that it keeps, and a category (libintl.h).
#[unsafe(no_mangle)]
extern "C" fn __dcgettext(
    _domain: *const c_char,
    text: *const c_char,
    _category: c_int,
) -> *const c_char {
    text
}

/// std's texts of errors, without printf for those that have none.
// SAFETY: std calls it by this name (the declaration in its `sys/io/error`) with a buffer of `length` bytes.
#[unsafe(no_mangle)]
extern "C" fn __xpg_strerror_r(error: c_int, buffer: *mut c_char, length: usize) -> c_int {
    let known = strerrordesc_np(error);
    let unknown = format!("Unknown error {error}");
    let text = if known.is_null() {
        unknown.as_bytes()
    } else {
        // SAFETY: not null, so it is one of glibc's constants, which end with a zero byte.
        unsafe { CStr::from_ptr(known) }.to_bytes()
    };
    let kept = text.len().min(length.saturating_sub(1));
    if length > 0 {
        // SAFETY: the buffer has `length` bytes, of which `kept` and a zero are written.
        unsafe {
            std::ptr::copy_nonoverlapping(text.as_ptr(), buffer.cast(), kept);
            buffer.add(kept).write(0);
        }
    }
    0
}

/// Printing of glibc's that nobody asks for: `malloc_stats`. Nothing is printed.
// SAFETY: it uses none of its arguments (stdio.h), however many those are.
#[unsafe(no_mangle)]
extern "C" fn fprintf(_to: *mut c_void) -> c_int {
    0
}

/// As [`fprintf`], into a buffer that is left an empty string.
// SAFETY: glibc calls it by this name with a buffer of `length` bytes (stdio.h).
#[unsafe(no_mangle)]
extern "C" fn __snprintf(buffer: *mut c_char, length: usize) -> c_int {
    if length > 0 {
        // SAFETY: the buffer has at least one byte.
        unsafe { buffer.write(0) };
    }
    0
}

/// As [`fprintf`], into memory that it would have to allocate: -1 says that there is none.
// SAFETY: it uses none of its arguments (stdio.h).
#[unsafe(no_mangle)]
extern "C" fn __asprintf(_buffer: *mut *mut c_char) -> c_int {
    -1
}
