//! The client as a service of PID 1: `dhcp4.IF` runs `initsh dhcp4 --foreground IF`.

use std::ffi::OsString;
use std::time::Duration;

use super::driver::{KIND, STATE, usable};
use super::run::Outcome;
use crate::failure::Failure;
use crate::net::lease;
use crate::net::netlink::socket::Socket;
use crate::supervise::client::Client;
use crate::supervise::spec::{Program, Ready, Restart, ServiceSpec};
use crate::time::Instant;

/// How long a client that is to be replaced may take to end.
const STOP: Duration = Duration::from_secs(3);

/// What the services are started with.
pub struct Request<'a> {
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
    let started: Vec<Result<(), Failure>> = request
        .names
        .iter()
        .map(|name| start(pid1, name, request))
        .collect();
    let mut outcomes = Vec::with_capacity(started.len());
    for (name, started) in request.names.iter().zip(started) {
        let left = (began + request.timeout).since(Instant::now());
        let lease = match started {
            Ok(()) => wait(pid1, name, left, request.timeout)?,
            Err(failure) if failure.is_silent() => return Err(failure),
            Err(failure) => Err(failure.to_string()),
        };
        outcomes.push(Outcome {
            name: name.clone(),
            lease,
            took: Instant::now().since(began),
        });
    }
    Ok(outcomes)
}

fn service_name(interface: &str) -> String {
    format!("{KIND}.{interface}")
}

/// Starts it; one that is there already is replaced, as its options may be others.
fn start(pid1: &mut Client, interface: &str, request: &Request<'_>) -> Result<(), Failure> {
    // A client that cannot work at all is not left for PID 1 to start again and again.
    usable(&mut Socket::open()?, interface)?;
    let mut argv: Vec<OsString> = ["dhcp4", "--foreground"].map(OsString::from).into();
    argv.extend_from_slice(request.options);
    argv.extend(["--", interface].map(OsString::from));
    let spec = ServiceSpec {
        env: request.env.clone(),
        restart: Restart::OnFailure,
        ready: Ready::Descriptor,
        ..ServiceSpec::new(&service_name(interface), Program::Own, argv)
    };
    let Err(failure) = pid1.spawn(&spec) else {
        return Ok(());
    };
    let services = pid1.services()?;
    if !services
        .iter()
        .any(|service| service.name == spec.name && service.is_live())
    {
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
    timeout: Duration,
) -> Result<Result<lease::Record, String>, Failure> {
    let name = service_name(interface);
    let reason = match pid1.wait_ready(&name, left) {
        Ok(service) if service.state == "Running" => {
            let lease = lease::load(interface, KIND);
            return Ok(lease.ok_or_else(|| "bound, but its lease cannot be read".to_owned()));
        }
        Ok(service) if !service.is_live() => return Ok(Err(service.reason)),
        Ok(service) => service.reason,
        Err(failure) if failure.is_silent() => return Err(failure),
        Err(failure) => failure.to_string(),
    };
    let told = lease::load(interface, STATE);
    let told = told.and_then(|record| record.get("reason").map(str::to_owned));
    let why = told.unwrap_or(reason);
    let seconds = timeout.as_millis() as u64;
    let limit = match (seconds / 1000, seconds % 1000) {
        (whole, 0) => format!("{whole} s"),
        _ => format!("{seconds} ms"),
    };
    Ok(Err(format!(
        "{why} in {limit}; {name} goes on in the background"
    )))
}
