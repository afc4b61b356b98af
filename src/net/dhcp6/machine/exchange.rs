//! One exchange: a message, its repetitions and what ends them (RFC 8415 §15). Invariant: it has one
//! transaction, and [`Exchange::next`] always says when it goes on.

use super::super::event::Config;
use super::super::timing::{Limits, Pace};
use super::super::wire::{Kind, Writer, code, set_elapsed};
use super::bindings::Wish;
use crate::time::Instant;

/// Asked for with every lease: DNS, time servers, SOL_MAX_RT (RFC 8415 §21.24 wants it always).
const PARAMETERS: [u16; 5] = [
    code::DNS_SERVERS,
    code::DOMAIN_LIST,
    code::SNTP_SERVERS,
    code::NTP_SERVER,
    code::SOL_MAX_RT,
];

/// A message that was sent and may have to be sent again.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// What is sent.
    pub kind: Kind,
    /// Its transaction, not 0, 24 bits.
    pub xid: u32,
    /// The server that it is for.
    pub server: Option<Vec<u8>>,
    /// The datagram.
    pub message: Vec<u8>,
    /// Messages sent.
    pub count: u32,
    /// When the first was sent.
    pub began: Instant,
    /// When to send the next.
    pub next: Instant,
    /// When to give up.
    pub end: Option<Instant>,
    /// A REBIND in place of a CONFIRM (§18.2.12).
    pub moved: bool,
    /// The best ADVERTISE so far.
    pub best: Option<Offer>,
    /// How often, how long.
    pub limits: Limits,
    /// The waits between.
    pub pace: Pace,
}

/// What a server has advertised.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Its DUID.
    pub server: Vec<u8>,
    /// IAs that it fills.
    pub filled: usize,
    /// Option 7.
    pub preference: u8,
    /// What is to be requested.
    pub wishes: Vec<Wish>,
}

impl Exchange {
    /// Whether it has been tried for as long as it may (MRC, MRD).
    pub fn is_over(&self, now: Instant) -> bool {
        (self.limits.count > 0 && self.count >= self.limits.count)
            || self.end.is_some_and(|end| end <= now)
    }

    /// The datagram with the time since the first of them (RFC 8415 §21.9).
    pub fn datagram(&mut self, now: Instant) -> Vec<u8> {
        let elapsed = now.since(self.began).as_millis() / 10;
        let elapsed = u16::try_from(elapsed).unwrap_or(u16::MAX);
        set_elapsed(&mut self.message, elapsed);
        self.message.clone()
    }
}

/// The datagram of one kind (RFC 8415 §18.2.1–§18.2.8): RFC 8415's table of §24 says what goes into which.
pub fn compose(
    config: &Config,
    kind: Kind,
    xid: u32,
    server: Option<&[u8]>,
    wishes: &[Wish],
) -> Vec<u8> {
    let mut writer = Writer::message(kind, xid);
    writer.option(code::CLIENT_ID, &config.duid);
    if let Some(server) = server {
        writer.option(code::SERVER_ID, server);
    }
    if kind == Kind::Solicit && config.rapid_commit {
        writer.option(code::RAPID_COMMIT, &[]);
    }
    if !matches!(kind, Kind::Confirm | Kind::Release | Kind::Decline) {
        request_options(&mut writer, config, kind);
        if config.reconfigure {
            writer.option(code::RECONFIGURE_ACCEPT, &[]);
        }
    }
    wishes
        .iter()
        .for_each(|wish| association(&mut writer, wish));
    writer.finish()
}

/// Option 6.
fn request_options(writer: &mut Writer, config: &Config, kind: Kind) {
    let start = writer.open(code::OPTION_REQUEST);
    let mut codes = PARAMETERS.to_vec();
    if kind == Kind::InformationRequest {
        codes.extend([code::REFRESH_TIME, code::INF_MAX_RT]);
    } else if !config.prefixes.is_empty() {
        codes.push(code::PD_EXCLUDE);
    }
    codes.extend(&config.requested);
    for code in codes {
        writer.put(&code.to_be_bytes());
    }
    writer.close(start);
}

/// An IA with T1, T2 and all lifetimes 0: as the server likes (RFC 8415 §21.4, §21.6, §21.22).
fn association(writer: &mut Writer, wish: &Wish) {
    let (outer, inner) = match wish.which.prefix {
        true => (code::IA_PD, code::IA_PREFIX),
        false => (code::IA_NA, code::IA_ADDRESS),
    };
    let start = writer.open(outer);
    writer.put(&wish.which.iaid.to_be_bytes());
    writer.put(&[0; 8]);
    for (address, length) in &wish.items {
        let item = writer.open(inner);
        if wish.which.prefix {
            writer.put(&[0; 8]);
            writer.put(&[*length]);
            writer.put(&address.octets());
        } else {
            writer.put(&address.octets());
            writer.put(&[0; 8]);
        }
        writer.close(item);
    }
    writer.close(start);
}
