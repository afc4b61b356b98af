//! A client as a service of PID 1: `dhcp4.IF` runs `initsh dhcp4 --foreground IF`, and so with the others.

use std::ffi::OsString;
use std::time::Duration;

use super::client::Protocol;
use super::run::Outcome;
use crate::failure::Failure;
use crate::net::lease;
use crate::net::netlink::socket::Socket;
use crate::supervise::client::Client;
use crate::supervise::setup::Stdio;
use crate::supervise::spec::{Program, Ready, Restart, ServiceSpec};
use crate::time::Instant;

/// How long a client that is to be replaced may take to end.
const STOP: Duration = Duration::from_secs(3);

/// What the services are started with.
pub struct Request<'a> {
    /// Whose clients.
    pub protocol: Protocol,
    /// The interfaces, one service each.
    pub names: &'a [String],
    /// Options of the command that are passed on.
    pub options: &'a [OsString],
    /// The environment.
    pub env: Vec<(OsString, OsString)>,
    /// How long to wait for all of them together.
    pub timeout: Duration,
}

/// Has PID 1 start the services and waits until they have leases or the time is over; the services go on
/// in either case.
///
/// Errors: Ctrl-C, PID 1 does not answer. What fails on an interface is in its outcome.
pub fn request(pid1: &mut Client, request: &Request<'_>) -> Result<Vec<Outcome>, Failure> {
    let began = Instant::now();
    let started: Vec<_> = request
        .names
        .iter()
        .map(|name| start(pid1, name, request))
        .collect();
    let mut outcomes = Vec::with_capacity(started.len());
    for (name, started) in request.names.iter().zip(started) {
        let left = (began + request.timeout).since(Instant::now());
        let lease = match started {
            Ok(()) => wait(pid1, name, left, request)?,
            Err(failure) if failure.is_silent() => return Err(failure),
            Err(failure) => Err(failure.to_string()),
        };
        outcomes.push(Outcome {
            name: name.clone(),
            lease,
            remarks: Vec::new(),
            took: Instant::now().since(began),
        });
    }
    Ok(outcomes)
}

/// Has PID 1 start the services and waits for nothing.
///
/// Errors: no client can work on an interface, PID 1 refuses. The others are started all the same.
pub fn begin(pid1: &mut Client, request: &Request<'_>) -> Result<(), Failure> {
    let started = request.names.iter().map(|name| start(pid1, name, request));
    let failures: Vec<_> = started.filter_map(Result::err).collect();
    match failures.as_slice() {
        [] => Ok(()),
        [only] => Err(only.clone()),
        several => {
            let lines: Vec<_> = several.iter().map(Failure::to_string).collect();
            Err(Failure::new(lines.join("\n  ")))
        }
    }
}

/// Has PID 1 end the service of an interface; whether there was one. Errors: PID 1 does not answer.
pub fn end(pid1: &mut Client, protocol: &Protocol, interface: &str) -> Result<bool, Failure> {
    let name = service_name(protocol, interface);
    if protocol.kind == "dhcp6" {
        make_room(pid1, interface)?;
    }
    if !is_live(pid1, &name)? {
        return Ok(false);
    }
    pid1.stop(&name, STOP).map(|()| true)
}

fn is_live(pid1: &mut Client, name: &str) -> Result<bool, Failure> {
    let service = pid1.find(name)?;
    Ok(service.is_some_and(|service| service.is_live()))
}

/// `dhcp4.eth0`
pub fn service_name(protocol: &Protocol, interface: &str) -> String {
    format!("{}.{interface}", protocol.kind)
}

/// The option of `slaac` that has it run a DHCPv6 client of its own. An interface has room for one.
const FOLLOW: &str = "--follow";

/// Ends the DHCPv6 client of `slaac --follow`: another one, with options of its own, takes up what it has.
fn make_room(pid1: &mut Client, interface: &str) -> Result<(), Failure> {
    let name = format!("slaac.{interface}");
    if !is_live(pid1, &name)? {
        return Ok(());
    }
    let mut spec = pid1.describe(&name)?;
    let words = spec.argv.len();
    spec.argv.retain(|word| word != FOLLOW);
    if spec.argv.len() == words {
        return Ok(());
    }
    pid1.redefine(&spec)?;
    pid1.restart(&name).map(drop)
}

/// Starts it; one that is there already is replaced, as its options may be others.
fn start(pid1: &mut Client, interface: &str, request: &Request<'_>) -> Result<(), Failure> {
    // A client that cannot work at all is not left for PID 1 to start again and again.
    (request.protocol.usable)(&mut Socket::open()?, interface)?;
    let mut argv: Vec<OsString> = [request.protocol.kind, "--foreground"]
        .map(OsString::from)
        .into();
    argv.extend_from_slice(request.options);
    match request.protocol.kind {
        "dhcp6" => make_room(pid1, interface)?,
        "slaac" if is_live(pid1, &format!("dhcp6.{interface}"))? => {
            argv.retain(|word| word != FOLLOW);
        }
        _ => {}
    }
    argv.extend(["--", interface].map(OsString::from));
    let mut spec = ServiceSpec {
        env: request.env.clone(),
        restart: Restart::OnFailure,
        ready: Ready::Descriptor,
        ..ServiceSpec::new(
            &service_name(&request.protocol, interface),
            Program::Own,
            argv,
        )
    };
    spec.setup.stdout = Stdio::Log;
    let Err(failure) = pid1.spawn(&spec) else {
        return Ok(());
    };
    if !is_live(pid1, &spec.name)? {
        return Err(failure);
    }
    pid1.stop(&spec.name, STOP)?;
    pid1.spawn(&spec).map(drop)
}

/// The lease, or why there is none. Errors: Ctrl-C.
fn wait(
    pid1: &mut Client,
    interface: &str,
    left: Duration,
    request: &Request<'_>,
) -> Result<Result<lease::Record, String>, Failure> {
    let protocol = &request.protocol;
    let name = service_name(protocol, interface);
    let reason = match pid1.wait_ready(&name, left) {
        Ok(service) if service.state == "Running" => {
            let why = || told(interface, protocol).unwrap_or("its lease cannot be read".to_owned());
            return Ok(lease::load(interface, protocol.kind).ok_or_else(why));
        }
        Ok(service) if !service.is_live() => return Ok(Err(service.reason)),
        Ok(service) => service.reason,
        Err(failure) if failure.is_silent() => return Err(failure),
        Err(failure) => failure.to_string(),
    };
    let why = told(interface, protocol).unwrap_or(reason);
    let seconds = request.timeout.as_millis() as u64;
    let limit = match (seconds / 1000, seconds % 1000) {
        (whole, 0) => format!("{whole} s"),
        _ => format!("{seconds} ms"),
    };
    Ok(Err(format!(
        "{why} in {limit}; {name} goes on in the background"
    )))
}

/// Why a service that is a client has nothing yet, as the client says it; `None` where it does not, or is none.
pub fn explain(service: &str) -> Option<String> {
    let (kind, interface) = service.split_once('.')?;
    let record = lease::load(interface, &format!("{kind}.state"))?;
    record.get("reason").map(str::to_owned)
}

/// Why there is no lease, as the client says it.
fn told(interface: &str, protocol: &Protocol) -> Option<String> {
    explain(&service_name(protocol, interface))
}
