//! What the kernel will make of a program, from its first bytes (elf(5), execve(2)). Pure; any bytes.

/// How much of a file is looked at.
pub const HEAD: usize = 4096;

/// How much of it the kernel looks at for `#!` (BINPRM_BUF_SIZE).
const LINE: usize = 256;

/// PT_INTERP
const INTERPRETER: u64 = 3;

/// The processors (`e_machine`) whose programs run here; empty where that is not known.
const MACHINES: &[u64] = if cfg!(target_arch = "x86_64") {
    &[62, 3]
} else if cfg!(target_arch = "aarch64") {
    &[183, 40]
} else {
    &[]
};

/// A program as the kernel sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    /// It runs by itself.
    Alone,
    /// It needs this program to run: a dynamic loader, or what its `#!` names.
    Needs(Vec<u8>),
    /// It is for another processor.
    Foreign,
    /// Neither ELF nor `#!`.
    Unknown,
}

/// What a file is, from its first [`HEAD`] bytes.
pub fn of(head: &[u8]) -> Image {
    if let Some(line) = head.strip_prefix(b"#!") {
        return script(&line[..line.len().min(LINE - 2)]);
    }
    match head.starts_with(b"\x7fELF") {
        true => elf(head).unwrap_or(Image::Unknown),
        false => Image::Unknown,
    }
}

fn script(line: &[u8]) -> Image {
    let end = line.iter().position(|&b| b == b'\n');
    let line = line[..end.unwrap_or(line.len())].trim_ascii_start();
    let end = line.iter().position(|&b| b == b' ' || b == b'\t' || b == 0);
    match &line[..end.unwrap_or(line.len())] {
        [] => Image::Unknown,
        path => Image::Needs(path.to_vec()),
    }
}

/// `None`: not even its header is whole.
fn elf(head: &[u8]) -> Option<Image> {
    let wide = match head.get(4)? {
        1 => false,
        2 => true,
        _ => return None,
    };
    let big = *head.get(5)? == 2;
    let field = |at: usize, size: usize| number(head, at, size, big);
    let machine = field(18, 2)?;
    if !MACHINES.is_empty() && !MACHINES.contains(&machine) {
        return Some(Image::Foreign);
    }
    let (table, size, count) = match wide {
        true => (field(32, 8)?, field(54, 2)?, field(56, 2)?),
        false => (field(28, 4)?, field(42, 2)?, field(44, 2)?),
    };
    for index in 0..count {
        let at = usize::try_from(table.checked_add(index * size)?).ok()?;
        // Beyond what was read: nothing is known of it.
        let Some(kind) = field(at, 4) else { break };
        if kind != INTERPRETER {
            continue;
        }
        let (offset, length) = match wide {
            true => (
                field(at.checked_add(8)?, 8)?,
                field(at.checked_add(32)?, 8)?,
            ),
            false => (
                field(at.checked_add(4)?, 4)?,
                field(at.checked_add(16)?, 4)?,
            ),
        };
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        let Some(path) = head.get(start..end) else {
            break;
        };
        let end = path.iter().position(|&b| b == 0).unwrap_or(path.len());
        return Some(Image::Needs(path[..end].to_vec()));
    }
    Some(Image::Alone)
}

fn number(bytes: &[u8], at: usize, size: usize, big: bool) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(size)?)?;
    let join = |all: u64, &byte: &u8| all << 8 | u64::from(byte);
    Some(match big {
        true => bytes.iter().fold(0, join),
        false => bytes.iter().rev().fold(0, join),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn scripts() {
        let needs = |path: &str| Image::Needs(path.into());
        for (text, image) in [
            ("#!/bin/sh\necho", needs("/bin/sh")),
            ("#! \t/bin/sh -e\n", needs("/bin/sh")),
            ("#!/bin/busybox\tsh", needs("/bin/busybox")),
            ("#!\n/bin/sh", Image::Unknown),
            ("#!", Image::Unknown),
            ("echo hello\n", Image::Unknown),
            ("", Image::Unknown),
        ] {
            assert_eq!(of(text.as_bytes()), image, "{text}");
        }
    }

    fn program(machine: u8, interpreter: &[u8]) -> Vec<u8> {
        let mut file = vec![0; 64 + 56];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[18] = machine;
        file[32] = 64;
        file[54] = 56;
        file[56] = 1;
        file[64] = if interpreter.is_empty() { 1 } else { 3 };
        file[64 + 8] = 120;
        file[64 + 32] = u8::try_from(interpreter.len()).unwrap();
        file.extend_from_slice(interpreter);
        file
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn elf_files() {
        assert_eq!(of(&program(62, b"")), Image::Alone);
        let loader = b"/lib64/ld-linux-x86-64.so.2\0";
        let needs = Image::Needs(loader[..loader.len() - 1].to_vec());
        assert_eq!(of(&program(62, loader)), needs);
        assert_eq!(of(&program(183, loader)), Image::Foreign);
        assert_eq!(of(&program(62, loader)[..40]), Image::Unknown);
        assert_eq!(of(b"\x7fELF"), Image::Unknown);
        let own = std::fs::read("/proc/self/exe").unwrap();
        assert!(matches!(of(&own[..HEAD]), Image::Needs(_) | Image::Alone));
    }

    proptest! {
        #[test]
        fn any_bytes(rest in proptest::collection::vec(any::<u8>(), 0..300)) {
            of(&rest);
            of(&[b"\x7fELF\x02\x01", &rest[..]].concat());
            of(&[b"\x7fELF\x01\x02", &rest[..]].concat());
            of(&[b"#!", &rest[..]].concat());
        }
    }
}
