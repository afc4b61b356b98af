//! The IPv4 and UDP headers around a DHCP message, for the packet socket of a host that has no address
//! yet (RFC 791, RFC 768). Invariant: what [`parse`] accepts is one whole datagram with good checksums,
//! from a server's port to a client's.

use std::net::Ipv4Addr;

use super::arp::Mac;
use super::wire::Malformed;
use crate::sys::packet::{ARP, IPV4, Instruction};

/// The port that servers and relays listen on.
pub const SERVER_PORT: u16 = 67;
/// The port that clients listen on.
pub const CLIENT_PORT: u16 = 68;

const IP_HEADER: usize = 20;
const UDP_HEADER: usize = 8;
const PROTOCOL_UDP: u8 = 17;
/// More-fragments flag and fragment offset; the don't-fragment bit 0x4000 is not one of them.
const FRAGMENT: u16 = 0x3fff;
/// The offset alone: where it is not zero there is no UDP header.
const OFFSET: u16 = 0x1fff;
const TTL: u8 = 64;

/// A filter for the packet socket: UDP to the client's port, but for the fragments that have no port, and
/// ARP packets of others about `guarded`. Offsets count from the network header.
pub fn filter(mac: Mac, guarded: Option<Ipv4Addr>) -> Vec<Instruction> {
    /// Jumps there end at the last instructions, wherever those are.
    const ACCEPT: u8 = u8::MAX - 1;
    const DROP: u8 = u8::MAX;
    let [a, b, c, d, e, f] = mac.map(u32::from);
    let address = guarded.unwrap_or(Ipv4Addr::UNSPECIFIED).to_bits();
    // Nobody guarded: no ARP packet is of interest.
    let is_arp = if guarded.is_some() { 0 } else { DROP };
    // linux/bpf_common.h: loads of a byte, half word or word at an offset, or at X and an offset.
    let (byte, half, word, half_x) = (0x30, 0x28, 0x20, 0x48);
    let (header_to_x, equals, any_bit, end) = (0xb1, 0x15, 0x45, 0x06);
    // linux/filter.h: SKF_AD_OFF + SKF_AD_PROTOCOL
    let protocol = 0xffff_f000;
    let program = [
        (half, 0, 0, protocol),
        (equals, 0, 7, IPV4.into()),
        (byte, 0, 0, 9),
        (equals, 0, DROP, PROTOCOL_UDP.into()),
        (half, 0, 0, 6),
        (any_bit, DROP, 0, OFFSET.into()),
        (header_to_x, 0, 0, 0),
        (half_x, 0, 0, 2),
        (equals, ACCEPT, DROP, CLIENT_PORT.into()),
        (equals, is_arp, DROP, ARP.into()),
        // The sender's address is the guarded one, or none and the target's is.
        (word, 0, 0, 14),
        (equals, 3, 0, address),
        (equals, 0, DROP, 0),
        (word, 0, 0, 24),
        (equals, 0, DROP, address),
        // The sender is another host.
        (word, 0, 0, 8),
        (equals, 0, ACCEPT, a << 24 | b << 16 | c << 8 | d),
        (half, 0, 0, 12),
        (equals, DROP, ACCEPT, e << 8 | f),
        (end, 0, 0, u32::from(u16::MAX)),
        (end, 0, 0, 0),
    ];
    let last = program.len() - 1;
    let instructions = program.iter().enumerate();
    let instructions = instructions.map(|(at, &(code, jt, jf, k))| {
        let jump = |to: u8| match to {
            ACCEPT => (last - at - 2) as u8,
            DROP => (last - at - 1) as u8,
            to => to,
        };
        let (jt, jf) = (jump(jt), jump(jf));
        Instruction { code, jt, jf, k }
    });
    instructions.collect()
}

/// An IPv4 packet that carries `payload` from the client's port to the server's. `payload` is at most
/// 1472 bytes long.
pub fn build(payload: &[u8], source: Ipv4Addr, destination: Ipv4Addr) -> Vec<u8> {
    let udp_len = UDP_HEADER + payload.len();
    let mut packet = Vec::with_capacity(IP_HEADER + udp_len);
    packet.extend_from_slice(&[0x45, 0x10]);
    packet.extend_from_slice(&length(IP_HEADER + udp_len));
    packet.extend_from_slice(&[0, 0, 0x40, 0, TTL, PROTOCOL_UDP, 0, 0]);
    packet.extend_from_slice(&source.octets());
    packet.extend_from_slice(&destination.octets());
    let checksum = !sum(&packet, 0);
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());

    packet.extend_from_slice(&CLIENT_PORT.to_be_bytes());
    packet.extend_from_slice(&SERVER_PORT.to_be_bytes());
    packet.extend_from_slice(&length(udp_len));
    packet.extend_from_slice(&[0, 0]);
    packet.extend_from_slice(payload);
    let checksum = match !udp_sum(&packet, IP_HEADER) {
        // RFC 768: zero on the wire would mean "no checksum".
        0 => 0xffff,
        checksum => checksum,
    };
    packet[IP_HEADER + 6..IP_HEADER + 8].copy_from_slice(&checksum.to_be_bytes());
    packet
}

/// The UDP payload of an IPv4 packet to the client's port.
///
/// `partial_checksum`: the sender left the UDP checksum to its network card (TP_STATUS_CSUMNOTREADY,
/// as between a host and its guest), so only the pseudo header is in it.
pub fn parse(packet: &[u8], partial_checksum: bool) -> Result<&[u8], Malformed> {
    let header = ip_header(packet)?;
    let total = usize::from(number(packet, 2)?);
    // Ethernet pads short frames: what follows the IP length is not part of the packet.
    let packet = packet.get(..total).ok_or(Malformed::Short)?;
    let udp = packet.get(header..).ok_or(Malformed::Short)?;
    if (number(udp, 0)?, number(udp, 2)?) != (SERVER_PORT, CLIENT_PORT) {
        return Err(Malformed::Ports);
    }
    let udp_len = usize::from(number(udp, 4)?);
    if udp_len < UDP_HEADER || udp_len > udp.len() {
        return Err(Malformed::Short);
    }
    let packet = &packet[..header + udp_len];
    let checked = number(udp, 6)? != 0 && !partial_checksum;
    if checked && udp_sum(packet, header) != 0xffff {
        return Err(Malformed::Checksum);
    }
    Ok(&packet[header + UDP_HEADER..])
}

/// The length of a good IPv4 header that begins an unfragmented UDP packet.
fn ip_header(packet: &[u8]) -> Result<usize, Malformed> {
    let first = *packet.first().ok_or(Malformed::Short)?;
    if first >> 4 != 4 {
        return Err(Malformed::NotIpv4);
    }
    let length = usize::from(first & 0xf) * 4;
    if length < IP_HEADER {
        return Err(Malformed::NotIpv4);
    }
    let header = packet.get(..length).ok_or(Malformed::Short)?;
    if sum(header, 0) != 0xffff {
        return Err(Malformed::Checksum);
    }
    if number(packet, 6)? & FRAGMENT != 0 {
        return Err(Malformed::Fragment);
    }
    if header[9] != PROTOCOL_UDP {
        return Err(Malformed::NotUdp);
    }
    if usize::from(number(packet, 2)?) < length {
        return Err(Malformed::Short);
    }
    Ok(length)
}

fn number(bytes: &[u8], at: usize) -> Result<u16, Malformed> {
    match bytes.get(at..at + 2) {
        Some(pair) => Ok(u16::from_be_bytes([pair[0], pair[1]])),
        None => Err(Malformed::Short),
    }
}

fn length(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

/// The ones' complement sum of RFC 1071.
fn sum(bytes: &[u8], start: u32) -> u16 {
    let mut sum = start;
    for pair in bytes.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([pair[0], low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// The sum over a packet's UDP part and its pseudo header.
fn udp_sum(packet: &[u8], header: usize) -> u16 {
    let udp = &packet[header..];
    let pseudo = u32::from(sum(&packet[12..20], 0))
        + u32::from(PROTOCOL_UDP)
        + u32::try_from(udp.len()).unwrap_or(0);
    sum(udp, pseudo)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

    /// A reply: what [`build`] makes, with the ports the other way round (the sum stays).
    fn reply(payload: &[u8]) -> Vec<u8> {
        let mut packet = build(payload, SOURCE, Ipv4Addr::BROADCAST);
        packet[20..24].copy_from_slice(&[0, 67, 0, 68]);
        packet
    }

    fn fix_ip_checksum(packet: &mut [u8]) {
        let header = usize::from(packet[0] & 0xf) * 4;
        packet[10..12].fill(0);
        let checksum = !sum(&packet[..header], 0);
        packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    }

    #[test]
    fn what_is_built_parses() {
        for length in [0, 1, 2, 300, 301, 1472] {
            let payload = vec![0xa5; length];
            let mut packet = reply(&payload);
            packet.extend_from_slice(&[0; 18]);
            assert_eq!(parse(&packet, false), Ok(&payload[..]));
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed_or_harmless() {
        let packet = reply(&[1, 2, 3, 4, 5]);
        for bit in 0..packet.len() * 8 {
            let mut bad = packet.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            if let Ok(payload) = parse(&bad, false) {
                panic!("bit {bit} of byte {}: accepted {payload:?}", bit / 8);
            }
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        let packet = reply(&[7; 30]);
        for length in 0..packet.len() {
            assert_eq!(
                parse(&packet[..length], false).err(),
                Some(Malformed::Short)
            );
        }
    }

    #[test]
    fn partial_checksums_are_accepted_when_flagged() {
        let mut packet = reply(&[1, 2, 3]);
        packet[26..28].copy_from_slice(&[0x12, 0x34]);
        assert_eq!(parse(&packet, false), Err(Malformed::Checksum));
        assert_eq!(parse(&packet, true), Ok(&[1, 2, 3][..]));
        packet[26..28].fill(0);
        assert_eq!(parse(&packet, false), Ok(&[1, 2, 3][..]), "no checksum");
    }

    #[test]
    fn fragments_are_dropped_and_dont_fragment_is_not_one() {
        for (bits, expected) in [
            (0x4000_u16, Ok(())),
            (0x8000, Ok(())),
            (0x2000, Err(Malformed::Fragment)),
            (0x1000, Err(Malformed::Fragment)),
            (0x0001, Err(Malformed::Fragment)),
        ] {
            let mut packet = reply(&[1]);
            packet[6..8].copy_from_slice(&bits.to_be_bytes());
            fix_ip_checksum(&mut packet);
            assert_eq!(parse(&packet, false).map(drop), expected, "{bits:#x}");
        }
    }

    #[test]
    fn other_ports_are_refused() {
        for ports in [[0, 66, 0, 68], [0, 67, 0, 67]] {
            let mut packet = reply(&[1]);
            packet[20..24].copy_from_slice(&ports);
            assert_eq!(parse(&packet, true), Err(Malformed::Ports));
        }
    }

    #[test]
    fn ip_options_are_skipped() {
        let mut packet = reply(&[9, 9]);
        packet[0] = 0x46;
        packet.splice(20..20, [1, 1, 1, 0]);
        packet[3] += 4;
        fix_ip_checksum(&mut packet);
        assert_eq!(parse(&packet, false), Ok(&[9, 9][..]));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(0_u8.., 0..200), partial: bool) {
            let _ = parse(&bytes, partial);
        }
    }
}
