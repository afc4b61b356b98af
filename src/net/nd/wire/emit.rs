//! Messages → bytes. The checksum is left zero: the kernel fills it in. Invariant: what is emitted can be
//! parsed; what does not fit one option is split over several, or left out.

use super::parse::MOST;
use super::{
    ADVERTISEMENT, Preference, PrefixInformation, RecursiveDns, RouteInformation,
    RouterAdvertisement, RouterSolicitation, SOLICITATION, SearchList,
};

/// Servers in one option: its length is at most 255 units of 8 bytes.
const MOST_SERVERS: usize = 127;
/// Bytes of one search list option.
const LONGEST_SEARCH: usize = 255 * 8;
/// Names of up to 255 bytes in one option of what has to be split: less than half of 1280.
const DOMAINS_AT_ONCE: usize = 2;

impl RouterSolicitation {
    /// The message (RFC 4861 §4.1).
    pub fn emit(&self) -> Vec<u8> {
        let mut bytes = vec![SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
        source(&mut bytes, self.source);
        bytes
    }
}

impl RouterAdvertisement {
    /// The same in messages of at most `room` bytes, of which each has a part of the options (RFC 4861
    /// §6.2.3), and no more of them than a host of this program takes. `room` is enough for the largest option
    /// and what every message has.
    pub fn parts(&self, room: usize) -> Vec<Self> {
        let fits = |part: &Self| {
            let mut servers = part.dns.iter().map(|list| list.servers.len());
            let counts = part.prefixes.len().max(part.routes.len());
            counts <= MOST && servers.all(|count| count <= MOST) && part.emit().len() <= room
        };
        if fits(self) {
            return vec![self.clone()];
        }
        let bare = Self {
            prefixes: Vec::new(),
            routes: Vec::new(),
            dns: Vec::new(),
            search: Vec::new(),
            ..self.clone()
        };
        let (mut done, mut last) = (Vec::new(), bare.clone());
        let mut put = |add: &dyn Fn(&mut Self)| {
            let before = last.clone();
            add(&mut last);
            if !fits(&last) {
                last = bare.clone();
                add(&mut last);
                done.push(before);
            }
        };
        for item in &self.prefixes {
            put(&|part| part.prefixes.push(*item));
        }
        for item in &self.routes {
            put(&|part| part.routes.push(*item));
        }
        for list in &self.dns {
            for servers in list.servers.chunks(MOST) {
                put(&|part| {
                    part.dns.push(RecursiveDns {
                        lifetime: list.lifetime,
                        servers: servers.to_vec(),
                    });
                });
            }
        }
        for list in &self.search {
            for domains in list.domains.chunks(DOMAINS_AT_ONCE) {
                put(&|part| {
                    part.search.push(SearchList {
                        lifetime: list.lifetime,
                        domains: domains.to_vec(),
                    });
                });
            }
        }
        done.push(last);
        done
    }

    /// The message (RFC 4861 §4.2).
    pub fn emit(&self) -> Vec<u8> {
        let flags = u8::from(self.managed) << 7 | u8::from(self.other) << 6 | bits(self.preference);
        let mut bytes = vec![ADVERTISEMENT, 0, 0, 0, self.hop_limit, flags];
        bytes.extend(self.lifetime.to_be_bytes());
        bytes.extend(self.reachable.to_be_bytes());
        bytes.extend(self.retransmit.to_be_bytes());
        source(&mut bytes, self.source);
        if let Some(mtu) = self.mtu {
            bytes.extend([5, 1, 0, 0]);
            bytes.extend(mtu.to_be_bytes());
        }
        self.prefixes
            .iter()
            .for_each(|item| prefix(&mut bytes, item));
        self.routes.iter().for_each(|item| route(&mut bytes, item));
        for list in &self.dns {
            for servers in list.servers.chunks(MOST_SERVERS) {
                bytes.extend([25, 1 + 2 * servers.len() as u8, 0, 0]);
                bytes.extend(list.lifetime.to_be_bytes());
                bytes.extend(servers.iter().flat_map(|ip| ip.octets()));
            }
        }
        for list in &self.search {
            search(&mut bytes, list.lifetime, &list.domains);
        }
        bytes
    }
}

fn bits(preference: Preference) -> u8 {
    match preference {
        Preference::Medium => 0,
        Preference::High => 1 << 3,
        Preference::Low => 3 << 3,
    }
}

fn source(bytes: &mut Vec<u8>, source: Option<[u8; 6]>) {
    if let Some(mac) = source {
        bytes.extend([1, 1]);
        bytes.extend(mac);
    }
}

fn prefix(bytes: &mut Vec<u8>, item: &PrefixInformation) {
    let flags = u8::from(item.on_link) << 7 | u8::from(item.autonomous) << 6;
    bytes.extend([3, 4, item.length, flags]);
    bytes.extend(item.valid.to_be_bytes());
    bytes.extend(item.preferred.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(item.prefix.octets());
}

fn route(bytes: &mut Vec<u8>, item: &RouteInformation) {
    let units = item.length.min(128).div_ceil(64);
    bytes.extend([24, 1 + units, item.length, bits(item.preference)]);
    bytes.extend(item.lifetime.to_be_bytes());
    bytes.extend(&item.prefix.octets()[..usize::from(units) * 8]);
}

/// Names that are too long for one option are left out.
fn search(bytes: &mut Vec<u8>, lifetime: u32, domains: &[String]) {
    let start = bytes.len();
    bytes.extend([31, 0, 0, 0]);
    bytes.extend(lifetime.to_be_bytes());
    for domain in domains {
        // Every dot becomes a length, and one comes before and one after.
        if bytes.len() - start + domain.len() + 2 > LONGEST_SEARCH {
            break;
        }
        for label in domain.split('.') {
            bytes.push(label.len() as u8);
            bytes.extend(label.as_bytes());
        }
        bytes.push(0);
    }
    let length = (bytes.len() - start).next_multiple_of(8);
    bytes.resize(start + length, 0);
    bytes[start + 1] = (length / 8) as u8;
}
