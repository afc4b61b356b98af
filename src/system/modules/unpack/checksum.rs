//! The checksums of gzip and xz files. Invariant: no table in the file; sixteen words are made per call.

/// RFC 1952 §8; also the xz format's check 1.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    reflected(bytes, 0xedb8_8320, u32::MAX.into()) as u32
}

/// ECMA-182, the xz format's check 4.
#[cfg(feature = "xz")]
pub(super) fn crc64(bytes: &[u8]) -> u64 {
    reflected(bytes, 0xc96c_5795_d787_0f42, u64::MAX)
}

/// A CRC of any width up to 64, lowest bit first, four bits at a time; `ones` is all its bits set.
fn reflected(bytes: &[u8], polynomial: u64, ones: u64) -> u64 {
    let mut table = [0_u64; 16];
    for (value, at) in table.iter_mut().zip(0..) {
        *value = at;
        for _ in 0..4 {
            *value = (*value >> 1) ^ if *value & 1 == 1 { polynomial } else { 0 };
        }
    }
    let mut crc = ones;
    for &byte in bytes {
        crc ^= u64::from(byte);
        crc = (crc >> 4) ^ table[(crc & 15) as usize];
        crc = (crc >> 4) ^ table[(crc & 15) as usize];
    }
    crc ^ ones
}

#[cfg(test)]
#[test]
fn checksums_of_the_standard_text() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    assert_eq!(crc32(b""), 0);
    #[cfg(feature = "xz")]
    assert_eq!(crc64(b"123456789"), 0x995d_c9bb_df19_39fa);
}
