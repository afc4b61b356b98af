//! `waitfor`: wait for a path, link, device, service, setting or the network.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use super::{Call, Command, Flow, Group, Operand, Opt};
use crate::failure::Failure;
use crate::net::netlink::{link, socket::Socket};
use crate::net::online::{self, Wanted};
use crate::script::settings;
use crate::supervise::client::Client;
use crate::system::device;
use crate::system::waiting;

pub(super) const COMMAND: Command = Command {
    name: "waitfor",
    group: Group::Language,
    summary: "wait for a path, link, device, service, setting or network",
    usage: "[-q] [-t SECONDS] KIND NAME [STATE]",
    details: "path PATH                 until it exists
link IF [up|carrier]      until the interface is there (is up, has a carrier)
device NAME|MAJOR:MINOR   until the device is there: vda, /dev/vda, 254:0
service NAME [STATE]      until it is ready (or in that state)
setting NAME[=VALUE]      until it has a value (this value)
online [4|6|any]          until there are a global address, checked, and a default route of that
                          family (default any)
When the time is over the status is 1 and the error says how things stood.",
    options: &[
        Opt::value("timeout", "SECONDS", "how long at most (default 30)").short('t'),
        Opt::flag("quiet", "no error when the time is over, only the status").short('q'),
    ],
    examples: &[
        ("waitfor link eth0 carrier", "until the cable is plugged in"),
        ("waitfor --timeout 5 device vda", "until the disk is there"),
        ("waitfor setting net.eth0.ip4", "until there is a lease"),
        ("waitfor service web", "until it is ready"),
        ("waitfor online 6", "until IPv6 works"),
    ],
    see: &["retry", "timeout", "sleep", "get", "net"],
    terms: &["poll", "until", "ready", "udevadm", "settle", "network"],
    operands: Operand::Words(&["path", "link", "device", "service", "setting", "online"]),
    run,
    ..Command::DEFAULT
};

/// How things stand; `None`: as they are waited for.
type Look<'a> = Box<dyn FnMut() -> Result<Option<String>, Failure> + 'a>;

fn run(call: &mut Call<'_>) -> Result<Flow, Failure> {
    let limit = call.given.duration("timeout")?.unwrap_or(Duration::from_secs(30));
    let args = std::mem::take(&mut call.args);
    if args.first().is_some_and(|kind| kind == "online") {
        let wanted = online_wanted(call, &args[1..])?;
        return over(call, &args, limit, online::wait(wanted, limit)?);
    }
    let (kind, name, state) = match args.as_slice() {
        [kind, name] => (call.text(kind)?, name, None),
        [kind, name, state] => (call.text(kind)?, name, Some(call.text(state)?)),
        _ => return Err(Failure::usage("expected KIND NAME [STATE]")),
    };
    let mut look: Look<'_> = match (kind, state) {
        ("path", None) => Box::new(|| path(Path::new(name))),
        ("link", state) => link_look(call.text(name)?, state)?,
        ("device", None) => device_look(call.text(name)?),
        ("service", state) => service_look(call.text(name)?, state)?,
        ("setting", None) => setting_look(name.as_bytes())?,
        ("path" | "device" | "setting", Some(extra)) => {
            return Err(Failure::usage(format!("unexpected '{extra}'")));
        }
        _ => {
            let known = "path, link, device, service, setting or online";
            return Err(Failure::usage(format!("'{kind}' cannot be waited for: expected {known}")));
        }
    };
    let state = waiting::until(limit, &mut look)?;
    over(call, &args, limit, state)
}

/// The end: `state` is how things stand if they are not as they were waited for.
fn over(call: &Call<'_>, args: &[OsString], limit: Duration, state: Option<String>) -> Result<Flow, Failure> {
    match state {
        None => Ok(Flow::OK),
        Some(_) if call.given.flag("quiet") => Ok(Flow::Status(1)),
        Some(state) => {
            let millis = limit.as_millis();
            let shown = if millis.is_multiple_of(1000) { format!("{} s", millis / 1000) } else { format!("{millis} ms") };
            let what = args.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
            Err(Failure::new(format!("waited {shown} for {what}: {state}")))
        }
    }
}

fn online_wanted(call: &Call<'_>, words: &[OsString]) -> Result<Wanted, Failure> {
    match words {
        [] => Ok(Wanted::Any),
        [word] => {
            let word = call.text(word)?;
            let bad = || Failure::usage(format!("'{word}' is no family: expected 4, 6 or any"));
            Wanted::read(word).ok_or_else(bad)
        }
        [_, extra, ..] => Err(Failure::usage(format!("unexpected '{}'", extra.to_string_lossy()))),
    }
}

fn path(path: &Path) -> Result<Option<String>, Failure> {
    let there = std::fs::symlink_metadata(path);
    Ok(there.err().map(|error| match error.raw_os_error() {
        Some(libc::ENOENT) => "it does not exist".into(),
        _ => error.to_string(),
    }))
}

fn link_look<'a>(name: &'a str, state: Option<&str>) -> Result<Look<'a>, Failure> {
    let (up, carrier) = match state {
        None => (false, false),
        Some("up") => (true, false),
        Some("carrier") => (true, true),
        Some(other) => {
            return Err(Failure::usage(format!("'{other}' is no state of a link: expected up or carrier")));
        }
    };
    link::check_name(name)?;
    let mut socket = Socket::open()?;
    Ok(Box::new(move || match link::by_name(&mut socket, name) {
        Ok(found) if (up && !found.up) || (carrier && !found.carrier) => {
            Ok(Some(format!("it is {}", found.state())))
        }
        Ok(_) => Ok(None),
        Err(failure) if failure.cause() == Some(nix::errno::Errno::ENODEV) => {
            Ok(Some("there is no such link".into()))
        }
        Err(failure) => Err(failure),
    }))
}

fn device_look(name: &str) -> Look<'_> {
    let places = device::places(name);
    Box::new(move || {
        let there = places.iter().any(|place| place.exists());
        Ok((!there).then(|| "it is not there".into()))
    })
}

fn service_look<'a>(name: &'a str, wanted: Option<&'a str>) -> Result<Look<'a>, Failure> {
    let mut client = Client::required()?;
    Ok(Box::new(move || {
        let Some(service) = client.find(name)? else {
            return Ok(Some("there is no such service".into()));
        };
        if wanted.map_or(service.ready, |state| service.state.eq_ignore_ascii_case(state)) {
            return Ok(None);
        }
        let reason = if service.reason.is_empty() { String::new() } else { format!(" ({})", service.reason) };
        let state = format!("it is {}{reason}", service.state);
        // Nothing will change that any more.
        if service.is_live() { Ok(Some(state)) } else { Err(Failure::new(format!("service {name}: {state}"))) }
    }))
}

fn setting_look(word: &[u8]) -> Result<Look<'_>, Failure> {
    let (name, wanted) = match word.iter().position(|&b| b == b'=') {
        Some(at) => (&word[..at], Some(&word[at + 1..])),
        None => (word, None),
    };
    let name = str::from_utf8(name).map_err(|_| Failure::usage("the setting's name is not valid UTF-8"))?;
    Ok(Box::new(move || match (settings::get(name), wanted) {
        (None, _) => Ok(Some("it has no value".into())),
        (Some(value), Some(wanted)) if value != wanted => {
            Ok(Some(format!("it is '{}'", String::from_utf8_lossy(&value))))
        }
        (Some(_), _) => Ok(None),
    }))
}
