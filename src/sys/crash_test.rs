//! Real faults, for `crash-test`. Debug builds only.

use std::hint::black_box;

/// Ends this process's normal life in the named way; returns where there is no such way.
pub fn crash(how: &str) {
    match how {
        "segv" => segv(),
        "bus" => bus(),
        "ill" => ill(),
        "fpe" => fpe(),
        // SAFETY: abort has no preconditions.
        "abort" => unsafe { libc::abort() },
        "panic" => drop(
            black_box(&[0_u8; 4][..])
                .get(..)
                .map(|bytes| bytes[black_box(4)]),
        ),
        "overflow" => drop(overflow(black_box(1))),
        _ => {}
    }
}

fn segv() {
    // SAFETY: none; it is the point. The kernel keeps this page unmapped.
    unsafe { black_box(16 as *mut u8).write_volatile(1) }
}

/// A page of a mapping behind the end of its file.
fn bus() {
    // SAFETY: none; it is the point.
    unsafe {
        let fd = libc::memfd_create(c"bus".as_ptr(), libc::MFD_CLOEXEC);
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let page = libc::mmap(
            std::ptr::null_mut(),
            4096,
            protection,
            libc::MAP_SHARED,
            fd,
            0,
        );
        page.cast::<u8>().write_volatile(1);
    }
}

fn ill() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: none; it is the point.
    unsafe {
        core::arch::asm!("ud2")
    }
    // SAFETY: raise has no preconditions.
    #[cfg(not(target_arch = "x86_64"))]
    unsafe {
        libc::raise(libc::SIGILL);
    }
}

fn fpe() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: none; it is the point: a division by zero.
    unsafe {
        core::arch::asm!("xor edx, edx", "div {0:e}", in(reg) 0_u32, inout("eax") 1_u32 => _, out("edx") _)
    }
    // SAFETY: raise has no preconditions.
    #[cfg(not(target_arch = "x86_64"))]
    unsafe {
        libc::raise(libc::SIGFPE);
    }
}

#[allow(unconditional_recursion)] // It is the point.
fn overflow(depth: u64) -> u64 {
    let block = black_box([depth; 512]);
    overflow(depth + 1) + block[usize::try_from(depth % 512).unwrap_or(0)]
}
