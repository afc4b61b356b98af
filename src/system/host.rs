//! What machine this is: the settings `host.*`. Invariant: what cannot be found out has no setting; it
//! is never guessed.

use crate::script::settings::Branch;
use crate::sys::cpuid;
use crate::system::cmdline;
use crate::time::Instant;

/// `${host.kernel}` and the others of [`FACTS`].
pub const SETTINGS: Branch = Branch {
    name: "host",
    summary: "this machine: cpus, hostname, kernel, machine, memory (MiB), uptime (s), version, vmm",
    get: |name| {
        let (_, fact) = FACTS.iter().find(|(known, _)| *known == name)?;
        fact().map(String::into_bytes)
    },
    list: || {
        let known = |(name, fact): &(&str, Fact)| Some(((*name).to_owned(), fact()?.into_bytes()));
        FACTS.iter().filter_map(known).collect()
    },
};

type Fact = fn() -> Option<String>;

/// Every fact, sorted by name.
const FACTS: &[(&str, Fact)] = &[
    ("cpus", || cpus().map(|count| count.to_string())),
    ("hostname", || of_uname(|uname| uname.nodename())),
    ("kernel", || of_uname(|uname| uname.release())),
    ("machine", || of_uname(|uname| uname.machine())),
    ("memory", || memory().map(|mib| mib.to_string())),
    ("uptime", || {
        Some(Instant::now().since_boot().as_secs().to_string())
    }),
    ("version", || of_uname(|uname| uname.version())),
    ("vmm", || vmm().map(str::to_owned)),
];

fn of_uname(part: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr) -> Option<String> {
    let uname = nix::sys::utsname::uname().ok()?;
    Some(part(&uname).to_string_lossy().into_owned())
}

/// Processors that are at work.
pub fn cpus() -> Option<u64> {
    use nix::unistd::{SysconfVar, sysconf};
    let count = sysconf(SysconfVar::_NPROCESSORS_ONLN).ok().flatten()?;
    u64::try_from(count).ok()
}

/// Memory that the kernel has, in MiB.
pub fn memory() -> Option<u64> {
    use nix::unistd::{SysconfVar, sysconf};
    let ask = |variable| u64::try_from(sysconf(variable).ok().flatten()?).ok();
    let pages = ask(SysconfVar::_PHYS_PAGES)?;
    Some(pages.saturating_mul(ask(SysconfVar::PAGE_SIZE)?) >> 20)
}

/// The virtual machine monitor below: `qemu`, `firecracker`, `cloud-hypervisor`, `virtualbox`, `vmware`,
/// `hyperv`, `xen`, `amazon`, `google`, `bhyve`, `acrn`, or `kvm` where only that is known; `none` on bare
/// metal; `None` where it cannot be told.
pub fn vmm() -> Option<&'static str> {
    let dmi = ["sys_vendor", "product_name", "bios_vendor"]
        .map(|name| read(&format!("/sys/class/dmi/id/{name}")));
    let acpi = ["DSDT", "FACP", "APIC"]
        .map(|name| oem(&read(&format!("/sys/firmware/acpi/tables/{name}"))));
    let hypervisor = cpuid::hypervisor();
    by_dmi(&dmi)
        .or_else(|| acpi.iter().find_map(|oem| by_acpi(oem)))
        .or_else(|| by_cpuid(hypervisor.as_deref()?, &cmdline::read().unwrap_or_default()))
        .or((cfg!(target_arch = "x86_64") && hypervisor.is_none()).then_some("none"))
}

fn read(path: &str) -> Vec<u8> {
    std::fs::read(path).unwrap_or_default()
}

const DMI: &[(&[u8], &str)] = &[
    (b"Firecracker", "firecracker"),
    (b"Cloud Hypervisor", "cloud-hypervisor"),
    (b"Amazon EC2", "amazon"),
    (b"Google", "google"),
    (b"innotek", "virtualbox"),
    (b"VirtualBox", "virtualbox"),
    (b"VMware", "vmware"),
    (b"Virtual Machine", "hyperv"),
    (b"Xen", "xen"),
    (b"BHYVE", "bhyve"),
    (b"QEMU", "qemu"),
    (b"Bochs", "qemu"),
    (b"SeaBIOS", "qemu"),
];

fn by_dmi(texts: &[Vec<u8>]) -> Option<&'static str> {
    let found = DMI
        .iter()
        .find(|(word, _)| texts.iter().any(|text| text.starts_with(word)));
    found.map(|(_, name)| *name)
}

/// The OEM id of an ACPI table: six bytes at offset 10 (ACPI 6.5 §5.2.6).
fn oem(table: &[u8]) -> Vec<u8> {
    table.get(10..16).unwrap_or_default().to_vec()
}

fn by_acpi(oem: &[u8]) -> Option<&'static str> {
    match oem {
        b"FIRECK" => Some("firecracker"),
        b"CLOUDH" => Some("cloud-hypervisor"),
        b"BOCHS " => Some("qemu"),
        _ => None,
    }
}

fn by_cpuid(signature: &[u8], command_line: &[u8]) -> Option<&'static str> {
    match signature {
        b"TCGTCGTCGTCG" => Some("qemu"),
        b"VMwareVMware" => Some("vmware"),
        b"Microsoft Hv" => Some("hyperv"),
        b"XenVMMXenVMM" => Some("xen"),
        b"VBoxVBoxVBox" => Some("virtualbox"),
        b"bhyve bhyve " => Some("bhyve"),
        b"ACRNACRNACRN" => Some("acrn"),
        // Firecracker before 1.8 has neither DMI nor ACPI and names its devices on the command line.
        b"KVMKVMKVM" => {
            let is_device = |a: &cmdline::Argument<'_>| a.name == b"virtio_mmio.device";
            let firecracker = cmdline::parse(command_line).iter().any(is_device);
            Some(if firecracker { "firecracker" } else { "kvm" })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines() {
        let text = |words: [&str; 3]| words.map(|word| word.as_bytes().to_vec());
        assert_eq!(
            by_dmi(&text([
                "QEMU\n",
                "Standard PC (i440FX + PIIX, 1996)",
                "SeaBIOS"
            ])),
            Some("qemu")
        );
        assert_eq!(
            by_dmi(&text(["Amazon EC2", "m5.large", "Amazon EC2"])),
            Some("amazon")
        );
        assert_eq!(by_dmi(&text(["Dell Inc.", "PowerEdge", "Dell Inc."])), None);
        assert_eq!(by_dmi(&text(["", "", ""])), None);
        assert_eq!(
            by_acpi(&oem(b"DSDT\0\0\0\0\x02\0FIRECKFCVMDSDT")),
            Some("firecracker")
        );
        assert_eq!(oem(b"short"), b"");
        assert_eq!(by_cpuid(b"KVMKVMKVM", b"quiet"), Some("kvm"));
        let line = b"console=ttyS0 virtio_mmio.device=4K@0xd0000000:5";
        assert_eq!(by_cpuid(b"KVMKVMKVM", line), Some("firecracker"));
        assert_eq!(by_cpuid(b"", b""), None);
    }

    #[test]
    fn facts_are_sorted_and_found() {
        assert!(FACTS.is_sorted_by(|a, b| a.0 < b.0));
        let listed = (SETTINGS.list)();
        for name in ["cpus", "hostname", "kernel", "machine", "memory", "uptime"] {
            assert!(
                listed
                    .iter()
                    .any(|(known, value)| known == name && !value.is_empty()),
                "{name}"
            );
        }
        assert_eq!((SETTINGS.get)("nothing"), None);
    }
}
