//! Compressed modules (`.ko.gz`, `.ko.xz`, `.ko.zst`) for kernels that do not decompress them
//! themselves. Invariant: what a file claims is never believed: the output is bounded by [`LIMIT`], and
//! checksums are verified (not Zstandard's, nor those of xz that modules do not have).

use crate::failure::Failure;

#[cfg(any(feature = "gz", feature = "xz"))]
mod checksum;
#[cfg(feature = "xz")]
mod xz;

/// Bytes that a module may have when unpacked. The largest of Debian's has 60 MB with debug data.
pub const LIMIT: usize = 256 << 20;

/// How a module file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// An ELF file, or something for the kernel to judge.
    Plain,
    /// gzip, RFC 1952.
    Gzip,
    /// xz.
    Xz,
    /// Zstandard, RFC 8878.
    Zstd,
}

impl Packing {
    /// Told from the first bytes of a file.
    pub fn of(head: &[u8]) -> Self {
        if head.starts_with(&[0x1f, 0x8b]) {
            Self::Gzip
        } else if head.starts_with(b"\xfd7zXZ\0") {
            Self::Xz
        } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Self::Zstd
        } else {
            Self::Plain
        }
    }

    /// Its name as `/sys/module/compression` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "none",
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        }
    }
}

/// Unpacks a whole file. Errors: it is damaged, larger than [`LIMIT`], or initsh was built without that
/// format.
pub fn unpack(packing: Packing, file: &[u8]) -> Result<Vec<u8>, Failure> {
    let unpacked = match packing {
        Packing::Plain => Ok(file.to_vec()),
        #[cfg(feature = "gz")]
        Packing::Gzip => gzip::unpack(file),
        #[cfg(feature = "xz")]
        Packing::Xz => xz::unpack(file),
        #[cfg(feature = "zst")]
        Packing::Zstd => zstd(file),
        #[allow(unreachable_patterns)] // with all formats built in
        _ => Err("this initsh was built without it"),
    };
    unpacked.map_err(|why| Failure::new(format!("decompress {}: {why}", packing.name())))
}

/// Block by block, each at most 128 KiB.
#[cfg(feature = "zst")]
fn zstd(mut file: &[u8]) -> Result<Vec<u8>, &'static str> {
    use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
    const ONE: BlockDecodingStrategy = BlockDecodingStrategy::UptoBlocks(1);
    let mut decoder = FrameDecoder::new();
    if decoder.init(&mut file).is_err() {
        return Err("damaged frame header");
    }
    let mut unpacked = Vec::new();
    while !decoder.is_finished() {
        let decoded = decoder.decode_blocks(&mut file, ONE).is_ok();
        if !decoded || decoder.collect_to_writer(&mut unpacked).is_err() {
            return Err("the file is damaged");
        }
        if unpacked.len() > LIMIT {
            return Err("larger than 256 MiB");
        }
    }
    Ok(unpacked)
}

/// RFC 1952 around miniz_oxide, which knows only the DEFLATE inside.
#[cfg(feature = "gz")]
mod gzip {
    use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_with_limit};

    use super::LIMIT;
    use super::checksum::crc32;

    const HAS_CHECKSUM: u8 = 2;
    const HAS_EXTRA: u8 = 4;
    const HAS_NAME: u8 = 8;
    const HAS_COMMENT: u8 = 16;
    /// CRC32 and length.
    const TRAILER: usize = 8;

    pub(super) fn unpack(file: &[u8]) -> Result<Vec<u8>, &'static str> {
        let body = body(file).ok_or("the header is cut short or not gzip")?;
        let (deflated, trailer) = body
            .split_last_chunk::<TRAILER>()
            .ok_or("the file is cut short")?;
        let unpacked =
            decompress_to_vec_with_limit(deflated, LIMIT).map_err(|error| match error.status {
                TINFLStatus::HasMoreOutput => "larger than 256 MiB",
                TINFLStatus::FailedCannotMakeProgress => "the file is cut short",
                _ => "the file is damaged",
            })?;
        let [a, b, c, d, length @ ..] = *trailer;
        let same_length = u32::from_le_bytes(length) as usize == unpacked.len();
        if same_length && u32::from_le_bytes([a, b, c, d]) == crc32(&unpacked) {
            Ok(unpacked)
        } else {
            Err("the file is damaged: wrong checksum")
        }
    }

    /// What follows the header (RFC 1952 §2.3).
    fn body(file: &[u8]) -> Option<&[u8]> {
        let (header, mut rest) = file.split_first_chunk::<10>()?;
        let [0x1f, 0x8b, 8, flags, ..] = *header else {
            return None;
        };
        if flags & HAS_EXTRA != 0 {
            let (length, after) = rest.split_first_chunk::<2>()?;
            rest = after.get(usize::from(u16::from_le_bytes(*length))..)?;
        }
        for flag in [HAS_NAME, HAS_COMMENT] {
            if flags & flag != 0 {
                let end = rest.iter().position(|&b| b == 0)?;
                rest = &rest[end + 1..];
            }
        }
        if flags & HAS_CHECKSUM != 0 {
            rest = rest.get(2..)?;
        }
        Some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    const FORMATS: &[(Packing, &[&str])] = &[
        (Packing::Gzip, &["gzip", "-9c"]),
        (
            Packing::Xz,
            &["xz", "--check=crc32", "--lzma2=dict=1MiB", "-c"],
        ),
        (Packing::Zstd, &["zstd", "-19", "-c", "-q"]),
    ];

    fn pack(argv: &[&str], text: &[u8]) -> Vec<u8> {
        let mut child = Command::new(argv[0])
            .args(&argv[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; apt install it", argv[0]));
        let mut stdin = child.stdin.take().unwrap();
        let text = text.to_vec();
        let writer = std::thread::spawn(move || stdin.write_all(&text));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert!(output.status.success());
        output.stdout
    }

    #[test]
    fn xz_of_every_kind() {
        let sample = sample();
        let text = &sample[..100_001];
        for options in [
            "--check=none",
            "--check=crc32",
            "--check=crc64",
            "--check=sha256",
            "--block-size=4096",
            "-T2 --block-size=30000", // sizes in the block headers
            "-9e",
        ] {
            let argv: Vec<&str> = ["xz", "-c"].into_iter().chain(options.split(' ')).collect();
            let mut packed = pack(&argv, text);
            assert!(unpack(Packing::Xz, &packed).unwrap() == text, "{options}");
            packed.extend(b"a signature");
            assert!(unpack(Packing::Xz, &packed).unwrap() == text, "{options}");
        }
        let filtered = pack(&["xz", "-c", "--x86", "--lzma2"], text);
        let failure = unpack(Packing::Xz, &filtered).unwrap_err().to_string();
        assert_eq!(
            failure,
            "decompress xz: it is packed with other filters than LZMA2"
        );
    }

    #[test]
    fn one_wrong_bit_in_xz_is_noticed() {
        let text = b"a module that is short enough to try every bit of it";
        for check in ["--check=crc32", "--check=crc64"] {
            let packed = pack(&["xz", "-c", check], text);
            // The magic number is `Packing::of`'s.
            for bit in 48..packed.len() * 8 {
                let mut damaged = packed.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert!(unpack(Packing::Xz, &damaged).is_err(), "{check} bit {bit}");
            }
        }
    }

    fn sample() -> Vec<u8> {
        (0..200_000u32)
            .flat_map(|n| (n.wrapping_mul(n) / 7).to_le_bytes())
            .collect()
    }

    #[test]
    fn what_the_tools_pack_comes_back() {
        for (packing, argv) in FORMATS {
            for text in [sample(), b"x".to_vec(), Vec::new()] {
                let packed = pack(argv, &text);
                assert_eq!(Packing::of(&packed), *packing);
                assert!(unpack(*packing, &packed).unwrap() == text, "{packing:?}");
            }
        }
    }

    #[test]
    fn damage_and_cuts_are_errors() {
        for (packing, argv) in FORMATS {
            let packed = pack(argv, &sample());
            for keep in [0, 1, 6, 10, 17, packed.len() / 2, packed.len() - 9] {
                let failure = unpack(*packing, &packed[..keep]);
                assert!(failure.is_err(), "{packing:?} cut to {keep}");
            }
            // zstd(1) adds a checksum by default for pipes; ruzstd verifies structure only, so the
            // damage goes where every format notices it.
            let mut damaged = packed.clone();
            let from = packed.len() / 3;
            for byte in &mut damaged[from..from + 400] {
                *byte = !*byte;
            }
            let failure = unpack(*packing, &damaged).unwrap_err().to_string();
            assert!(failure.starts_with("decompress "), "{failure}");
        }
    }

    #[test]
    fn names_in_a_gzip_header_are_skipped() {
        let plain = pack(&["gzip", "-c"], b"module");
        let mut fancy = plain[..10].to_vec();
        fancy[3] = 2 | 4 | 8 | 16;
        fancy.extend(b"\x03\x00abcname\0comment\0\x12\x34");
        fancy.extend(&plain[10..]);
        assert_eq!(unpack(Packing::Gzip, &fancy).unwrap(), b"module");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_behind_a_good_header(tail in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            for head in [&b"\x1f\x8b\x08\0\0\0\0\0\0\0"[..], b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4\x46", b"\x28\xb5\x2f\xfd"] {
                let file = [head, &tail].concat();
                let _ = unpack(Packing::of(&file), &file);
            }
        }
    }
}
