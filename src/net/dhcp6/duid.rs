//! DUIDs as bytes (RFC 8415 §11): what identifies a client or a server for all its life. Invariant: what is
//! built here is 3–130 bytes, and another host compares it, but never reads meaning into it.

/// Type and at least one byte; RFC 8415 §11.1 has 128 bytes beside the type.
const LENGTHS: std::ops::RangeInclusive<usize> = 3..=130;

const LLT: u16 = 1;
const EN: u16 = 2;
const LL: u16 = 3;
const UUID: u16 = 4;
/// Seconds between 1970-01-01 and 2000-01-01, from when DUID-LLT counts.
const EPOCH_2000: u64 = 946_684_800;

/// Whether bytes can be a DUID.
pub fn is_valid(bytes: &[u8]) -> bool {
    LENGTHS.contains(&bytes.len())
}

/// DUID-LLT (§11.2): hardware type (1 is Ethernet), seconds since 1970 on the wall clock, link-layer address.
pub fn link_layer_time(hardware: u16, unix: u64, address: &[u8]) -> Vec<u8> {
    // Modulo 2^32, as the RFC says.
    let time = unix.wrapping_sub(EPOCH_2000) as u32;
    build(
        LLT,
        &[&hardware.to_be_bytes(), &time.to_be_bytes(), address],
    )
}

/// DUID-EN (§11.3): IANA enterprise number, and what is unique within it.
pub fn enterprise(number: u32, identifier: &[u8]) -> Vec<u8> {
    build(EN, &[&number.to_be_bytes(), identifier])
}

/// DUID-LL (§11.4): hardware type (1 is Ethernet), link-layer address.
pub fn link_layer(hardware: u16, address: &[u8]) -> Vec<u8> {
    build(LL, &[&hardware.to_be_bytes(), address])
}

/// DUID-UUID (§11.5, RFC 6355).
pub fn uuid(uuid: [u8; 16]) -> Vec<u8> {
    build(UUID, &[&uuid])
}

/// Whatever is longer than a DUID can be is cut.
fn build(kind: u16, parts: &[&[u8]]) -> Vec<u8> {
    let mut duid = kind.to_be_bytes().to_vec();
    parts.iter().for_each(|part| duid.extend_from_slice(part));
    duid.truncate(*LENGTHS.end());
    duid
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

    #[test]
    fn layouts() {
        assert_eq!(
            link_layer_time(1, EPOCH_2000 + 0x0102_0304, &MAC),
            [0, 1, 0, 1, 1, 2, 3, 4, 0x52, 0x54, 0, 0x12, 0x34, 0x56]
        );
        assert_eq!(
            link_layer(1, &MAC),
            [0, 3, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56]
        );
        // The example of RFC 8415 §11.3.
        assert_eq!(
            enterprise(9, &[0x0c, 0xc0, 0x84, 0xd3, 3, 0, 9, 0x12]),
            [0, 2, 0, 0, 0, 9, 0x0c, 0xc0, 0x84, 0xd3, 3, 0, 9, 0x12]
        );
        assert_eq!(uuid([7; 16])[..3], [0, 4, 7]);
        assert_eq!(uuid([7; 16]).len(), 18);
    }

    #[test]
    fn lengths() {
        assert_eq!(enterprise(9, &[1; 500]).len(), 130);
        for length in 0..200 {
            assert_eq!(is_valid(&vec![0; length]), (3..=130).contains(&length));
        }
    }
}
