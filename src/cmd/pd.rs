//! `pd`: subnets of delegated prefixes for downstream links and nested machines.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::clients::{BACKGROUND, Clients, FOREGROUND, ONCE, RELEASE, TIMEOUT, VERBOSE};
use super::table::Table;
use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::json::Json;
use crate::net::pd::delegation::{self, show};
use crate::net::pd::driver::{self, Client, Options, PROTOCOL};
use crate::net::pd::listing::{self, Row};
use crate::net::pd::pool::{self, User, Wish};
use crate::net::pd::store;
use crate::time::Instant;

pub(super) const COMMAND: Command = Command {
    name: "pd",
    group: Group::Network,
    summary: "share delegated IPv6 prefixes among links and nested machines",
    usage: "[list] [--json] | assign IF | allocate NAME | free NAME   [OPTION…]",
    details: "\
'dhcp6 --pd' gets prefixes; this gives parts of them away, numbered subnets of /64 each. Whoever has
a number keeps it: when the client is restarted, when the prefix changes, and after a boot where
/var/lib/initsh is on a disk. Parts that the provider excludes (RFC 6603) are given to nobody.

assign IF    the address ::1 of the link's subnet, with the lifetimes of the prefix, and thereby the
             route to it. As PID 1's service pd.IF it follows the prefix: the new address first,
             then the old one deprecated for the rest of its time, two hours at most. Makes the
             machine a router (net.ipv6.conf.all.forwarding); interfaces that accepted
             advertisements go on to (accept_ra=2), IF itself takes none any more.
             --release takes the address away and gives the subnet back.
allocate NAME  prints a subnet for whatever NAME is: the same one each time. The route to it is the
             caller's business. 'free NAME' gives it back.

If none is left, that is an error that names the users; a link that does not exist any more loses
its subnet then. Without --from, the only interface that has a prefix is taken.",
    options: &[
        Opt::value("from", "WAN", "the interface whose prefix is used"),
        Opt::value("len", "LENGTH", "length of the subnet (default 64)"),
        Opt::value("subnet", "N", "this subnet and no other"),
        Opt::value("token", "::1|eui64", "the address within the subnet (default ::1)"),
        Opt::flag("no-forwarding", "leave the kernel's forwarding and accept_ra alone"),
        Opt::flag("json", "print the list as JSON: one array of objects"),
        TIMEOUT,
        ONCE,
        FOREGROUND,
        BACKGROUND,
        RELEASE,
        VERBOSE,
    ],
    see: &["dhcp6", "ra", "addr", "route", "services"],
    terms: &["prefix", "delegation", "ipv6", "subnet", "dhcp6", "downstream", "router", "network"],
    examples: &[
        ("pd", "the prefixes and who uses which part"),
        ("pd assign lan0", "give lan0 a /64 and keep it in step"),
        ("pd assign --subnet 0x10 --from eth0 lan1", "just this one"),
        ("P=$(pd allocate web)", "a /64 for a nested machine"),
        ("pd free web", "give it back"),
    ],
    operands: Operand::InterfaceAfter(&["list", "assign", "allocate", "free"]),
    run,
    ..Command::DEFAULT
};

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    // The service is given its interface and no verb.
    if call.given.flag("foreground") {
        return assign(call);
    }
    let verb = match call.args.is_empty() {
        true => "list".to_owned(),
        false => call.args.remove(0).to_string_lossy().into_owned(),
    };
    match verb.as_str() {
        "list" => list(call),
        "assign" => assign(call),
        "allocate" => allocate(call),
        "free" => free(call),
        _ => Err(Failure::usage(format!("unexpected '{verb}'"))
            .with_hint("list, assign IF, allocate NAME, or free NAME?")),
    }
}

fn assign(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let given = &call.given;
    let wish = wish(call)?;
    let options = Options {
        from: wish.wan.map(str::to_owned),
        length: wish.length,
        number: wish.number,
        host: token(given.text("token")?.unwrap_or("::1"), wish.length.unwrap_or(64))?,
        forwarding: !given.flag("no-forwarding"),
    };
    call.one("interface")?;
    Clients {
        protocol: &PROTOCOL,
        timeout: Duration::from_secs(10),
        start: &|name, _| Ok(Box::new(Client::start(name, options.clone())?)),
        release: &driver::release,
    }
    .run(call)
}

fn allocate(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let user = named(call)?;
    let now = Instant::now();
    let placed = store::place(&user, &wish(call)?, now)?;
    if let Some(failure) = &placed.forgetful {
        call.warn(failure);
    }
    let subnets = pool::subnets(&placed.claim, &placed.wans, now);
    if let Some(best) = subnets.first() {
        call.print(format_args!("{}\n", show(best.network)));
    }
    Ok(Flow::OK)
}

fn free(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let user = named(call)?;
    match store::free(&user)? {
        true => Ok(Flow::OK),
        false => Err(Failure::new(format!("nothing is allocated to {}", call.args[0].display()))
            .with_hint("'pd' lists who has what; a link's is given back with 'pd assign --release IF'")),
    }
}

fn named(call: &Call<'_>) -> Result<User, Failure> {
    let name = call.text(call.one("NAME")?)?;
    match store::is_name(name) {
        true => Ok(User::Name(name.to_owned())),
        false => Err(Failure::usage(format!(
            "'{name}': a name has letters, digits, '-', '_' and '.', 64 at most"
        ))),
    }
}

fn wish<'a>(call: &'a Call<'_>) -> Result<Wish<'a>, Failure> {
    let length = call.given.number("len", "a length from 1 to 127")?;
    if length.is_some_and(|length| !(1..128).contains(&length)) {
        return Err(Failure::usage(format!("--len {}: expected 1 to 127", length.unwrap_or(0))));
    }
    let number = call.given.text("subnet")?.map(|text| {
        let read = match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => text.parse(),
        };
        let bad = || Failure::usage(format!("--subnet '{text}': expected a number, or 0x and digits"));
        read.map_err(|_| bad())
    });
    Ok(Wish {
        wan: call.given.text("from")?,
        length,
        number: number.transpose()?,
    })
}

/// The bits behind a subnet of this length; `None` for those that are made of the hardware address.
fn token(text: &str, length: u8) -> Result<Option<Ipv6Addr>, Failure> {
    if text == "eui64" {
        return Ok(None);
    }
    let mask = u128::MAX.checked_shr(length.into()).unwrap_or(0);
    match text.parse() {
        Ok(IpAddr::V6(ip)) if ip.to_bits() & !mask == 0 && !ip.is_unspecified() => Ok(Some(ip)),
        _ => Err(Failure::usage(format!(
            "--token '{text}': expected eui64, or an address such as ::1 of {} bits",
            128 - length
        ))),
    }
}

fn list(call: &mut Call<'_>) -> Result<Flow, Failure> {
    call.none()?;
    let now = Instant::now();
    let rows = listing::rows(&delegation::wans(now), &store::load(), now);
    if call.given.flag("json") {
        let json = json(&rows);
        call.out.print(format_args!("{}", json.as_str()));
        return Ok(Flow::OK);
    }
    let mut table = Table::new(&["FROM", "PREFIX", "SUBNET", "USER", "PREFERRED", "VALID"]);
    for row in rows {
        let seconds = |time: Option<Option<u64>>| match time {
            None => "-".to_owned(),
            Some(None) => "forever".to_owned(),
            Some(Some(seconds)) => format!("{seconds}s"),
        };
        let Row { from, prefix, number, user, preferred, valid, size, used } = row;
        table.row(vec![
            from,
            prefix.unwrap_or_else(|| "-".to_owned()),
            number.map_or_else(|| format!("{used} of {size} used"), |number| number.to_string()),
            user.map_or_else(String::new, |user| user.shown()),
            seconds(preferred),
            seconds(valid),
        ]);
    }
    table.print(&mut call.out);
    Ok(Flow::OK)
}

fn json(rows: &[Row]) -> Json {
    let mut json = Json::default();
    json.array();
    for row in rows {
        json.object();
        json.key("from").text(&row.from);
        match &row.prefix {
            Some(prefix) => json.key("prefix").text(prefix),
            None => json.key("prefix").null(),
        };
        match (&row.user, row.number) {
            (Some(user), Some(number)) => {
                let (kind, name) = match user {
                    User::Link(name) => ("link", name),
                    User::Name(name) => ("name", name),
                };
                json.key(kind).text(name).key("subnet").number(number);
            }
            _ => {
                json.key("subnets").number(row.size).key("used").number(row.used);
            }
        }
        for (key, time) in [("preferred", row.preferred), ("valid", row.valid)] {
            match time.flatten() {
                Some(seconds) => json.key(key).number(seconds),
                None => json.key(key).null(),
            };
        }
        json.end_object();
    }
    json.end_array().line();
    json
}
