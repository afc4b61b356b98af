//! The x86 instruction that tells which hypervisor runs below the kernel.

/// The 12 bytes by which a hypervisor names itself (`KVMKVMKVM`, `TCGTCGTCGTCG`), without trailing NULs;
/// `None` on bare metal and on other architectures.
pub fn hypervisor() -> Option<Vec<u8>> {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::__cpuid;
        const PRESENT: u32 = 1 << 31;
        if __cpuid(1).ecx & PRESENT == 0 {
            return None;
        }
        let leaf = __cpuid(0x4000_0000);
        let name = [leaf.ebx, leaf.ecx, leaf.edx]
            .map(u32::to_le_bytes)
            .concat();
        let end = name.iter().rposition(|&b| b != 0).map_or(0, |at| at + 1);
        Some(name[..end].to_vec())
    }
    #[cfg(not(target_arch = "x86_64"))]
    None
}
