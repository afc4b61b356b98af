//! Addresses as people write them: `192.168.1.1/24`, `2001:db8::1/64`, netmasks, hardware addresses.
//! Invariant: what is accepted is unambiguous; an error names the text and what was expected.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest prefix of an address's family: 32 or 128.
pub const fn longest_prefix(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// Reads `ADDRESS` or `ADDRESS/LENGTH`; for IPv4 also `ADDRESS/NETMASK`.
pub fn parse_prefixed(text: &str) -> Result<(IpAddr, Option<u8>), String> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let ip: IpAddr = address
        .parse()
        .map_err(|_| format!("'{address}' is not an IP address"))?;
    let prefix = length.map(|length| parse_prefix(ip, length)).transpose()?;
    Ok((ip, prefix))
}

/// Reads an IP address.
pub fn parse_ip(text: &str) -> Result<IpAddr, String> {
    let parsed = text.parse();
    parsed.map_err(|_| format!("'{text}' is not an IP address"))
}

fn parse_prefix(ip: IpAddr, text: &str) -> Result<u8, String> {
    let longest = longest_prefix(ip);
    if ip.is_ipv4() && text.contains('.') {
        return parse_netmask(text);
    }
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(prefix) if digits && prefix <= longest => Ok(prefix),
        _ => Err(format!(
            "'{text}' is not a prefix length: expected 0 to {longest}"
        )),
    }
}

/// Reads an IPv4 netmask (`255.255.255.0`, `0xffffff00`) as a prefix length.
pub fn parse_netmask(text: &str) -> Result<u8, String> {
    let bad = || format!("'{text}' is not a netmask: expected one such as 255.255.255.0");
    let mask = match text.strip_prefix("0x") {
        Some(digits) if digits.len() == 8 => u32::from_str_radix(digits, 16).map_err(|_| bad())?,
        Some(_) => return Err(bad()),
        None => text.parse::<Ipv4Addr>().map_err(|_| bad())?.to_bits(),
    };
    let prefix = mask.leading_ones();
    if mask.count_ones() == prefix {
        Ok(prefix as u8)
    } else {
        Err(format!("'{text}' is not a netmask: its ones have gaps"))
    }
}

/// The netmask of a prefix length (more than 32 counts as 32).
pub fn netmask(prefix: u8) -> Ipv4Addr {
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32)));
    Ipv4Addr::from_bits(mask.unwrap_or(0))
}

/// The broadcast address of a network; none for /31 (RFC 3021) and /32.
pub fn broadcast(ip: Ipv4Addr, prefix: u8) -> Option<Ipv4Addr> {
    let mask = netmask(prefix).to_bits();
    (prefix < 31).then(|| Ipv4Addr::from_bits(ip.to_bits() | !mask))
}

/// The network that an address is in: its host bits cleared.
pub fn network(ip: IpAddr, prefix: u8) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() & netmask(prefix).to_bits()).into(),
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128)));
            Ipv6Addr::from_bits(ip.to_bits() & mask.unwrap_or(0)).into()
        }
    }
}

/// The prefix length that an address without one had before CIDR (RFC 791 classes), as ifconfig(8)
/// takes it; 128 for IPv6.
pub fn classful_prefix(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V6(_) => 128,
        IpAddr::V4(ip) => match ip.octets()[0] {
            0..128 => 8,
            128..192 => 16,
            192..224 => 24,
            224.. => 32,
        },
    }
}

/// The address in network byte order.
pub fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// The address of 4 or 16 bytes in network byte order.
pub fn from_octets(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

/// Reads an Ethernet address: six pairs of hexadecimal digits, `:` or `-` between them.
pub fn parse_mac(text: &str) -> Result<Vec<u8>, String> {
    let byte = |pair: &str| match pair.as_bytes() {
        [a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
            u8::from_str_radix(pair, 16).ok()
        }
        _ => None,
    };
    let bytes: Option<Vec<u8>> = text.split([':', '-']).map(byte).collect();
    bytes.filter(|bytes| bytes.len() == 6).ok_or_else(|| {
        format!("'{text}' is not an Ethernet address: expected one such as 52:54:00:12:34:56")
    })
}

/// `52:54:00:12:34:56`; empty for no bytes.
pub fn show_mac(mac: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(mac.len() * 3);
    for (at, byte) in mac.iter().enumerate() {
        if at > 0 {
            text.push(':');
        }
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixed_addresses() {
        let read = |text| parse_prefixed(text).unwrap();
        assert_eq!(read("192.168.1.1/24"), ([192, 168, 1, 1].into(), Some(24)));
        assert_eq!(read("10.0.0.1"), ([10, 0, 0, 1].into(), None));
        assert_eq!(read("10.0.0.1/255.255.0.0").1, Some(16));
        assert_eq!(read("2001:db8::1/64").1, Some(64));
        assert_eq!(read("::/0").1, Some(0));
        for bad in [
            "",
            "/",
            "10.0.0.1/",
            "10.0.0.1/33",
            "10.0.0.1/+8",
            "10.0.0.1/-1",
            "::1/129",
            "10.0.0",
            "10.0.0.1/8/8",
            "010.0.0.1",
            "::1/255.0.0.0",
            "10.0.0.1/255.0.255.0",
            "fe80::1%eth0",
        ] {
            assert!(parse_prefixed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn masks_and_networks() {
        for prefix in 0..=32 {
            assert_eq!(parse_netmask(&netmask(prefix).to_string()), Ok(prefix));
        }
        assert_eq!(parse_netmask("0xffffff00"), Ok(24));
        assert!(parse_netmask("255.0.255.0").is_err());
        assert!(parse_netmask("0xfff").is_err());
        assert_eq!(
            broadcast([192, 168, 1, 1].into(), 24),
            Some([192, 168, 1, 255].into())
        );
        assert_eq!(broadcast([10, 0, 0, 1].into(), 31), None);
        assert_eq!(broadcast([10, 0, 0, 1].into(), 0), Some([255; 4].into()));
        let cut = network("2001:db8:1:2::5".parse().unwrap(), 48);
        assert_eq!(cut.to_string(), "2001:db8:1::");
        assert_eq!(network([10, 1, 2, 3].into(), 0).to_string(), "0.0.0.0");
        assert_eq!(network("ff::1".parse().unwrap(), 0).to_string(), "::");
        assert_eq!(classful_prefix([192, 168, 0, 1].into()), 24);
        assert_eq!(classful_prefix([172, 16, 0, 1].into()), 16);
    }

    #[test]
    fn hardware_addresses() {
        let mac = parse_mac("52:54:00:12:34:aB").unwrap();
        assert_eq!(show_mac(&mac), "52:54:00:12:34:ab");
        assert_eq!(parse_mac("52-54-00-12-34-ab").unwrap(), mac);
        assert_eq!(show_mac(&[]), "");
        for bad in [
            "",
            "52:54:00:12:34",
            "52:54:00:12:34:+1",
            "5254:00:12:34:56:78",
            "ä:0:0:0:0:0",
        ] {
            assert!(parse_mac(bad).is_err(), "{bad}");
        }
    }
}
