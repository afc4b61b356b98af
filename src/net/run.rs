//! Clients as a process runs them: once until they have leases ([`acquire`]), or for as long as the
//! machine is up ([`keep`]). Invariant: readiness is told as soon as the last lease is configured, and
//! only then is anything slow done.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::client::{Client, Note, Protocol};
use super::confine::{self, Needs};
use crate::failure::{Doing, Failure};
use crate::net::driver::{Turn, turn};
use crate::net::lease::{self, Record};
use crate::net::netlink::watch::Watch;
use crate::net::talk::Talk;
use crate::sort;
use crate::supervise::spec::READY_FD;
use crate::sys::packet::PacketSocket;
use crate::sys::signal::poll_until;
use crate::sys::{inherited, process};
use crate::time::Instant;

/// How it went on one interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The interface.
    pub name: String,
    /// The lease as it is kept in its file, or why there is none.
    pub lease: Result<Record, String>,
    /// What happened meanwhile that is worth a line.
    pub remarks: Vec<String>,
    /// How long it took to configure it.
    pub took: Duration,
}

impl Outcome {
    /// `eth0: 10.0.2.15/24 via 10.0.2.2, dns 10.0.2.3, lease 86400 s from 10.0.2.2 (12 ms)`, or
    /// `eth1: no answer after 5 tries`.
    pub fn line(&self, protocol: &Protocol) -> String {
        match &self.lease {
            Ok(lease) => format!(
                "{}: {} ({} ms)",
                self.name,
                (protocol.summary)(lease),
                self.took.as_millis()
            ),
            Err(why) => format!("{}: {why}", self.name),
        }
    }
}

/// Starts the client of an interface.
pub type Start<'a> = &'a mut dyn FnMut(&str) -> Result<Box<dyn Client>, Failure>;

/// Gets leases for all interfaces at the same time, configures them and lets go.
///
/// Errors: Ctrl-C. What fails on an interface is in its outcome.
pub fn acquire(
    protocol: &Protocol,
    names: &[String],
    start: Start<'_>,
    timeout: Duration,
) -> Result<Vec<Outcome>, Failure> {
    let began = Instant::now();
    let mut outcomes = Vec::new();
    let mut clients = Vec::new();
    for name in names {
        match start(name) {
            Ok(client) => clients.push(client),
            Err(failure) => outcomes.push(without(name, failure.to_string())),
        }
    }
    let mut sockets = Vec::new();
    while !clients.is_empty() {
        let turn = turn(&mut clients, None, Some(began + timeout))?;
        clients.retain_mut(|client| {
            let waits = !client.is_ready() && client.station().gone().is_none();
            if !waits {
                outcomes.push(outcome(protocol, client.as_mut(), began));
                sockets.extend(client.settle());
            }
            waits
        });
        if turn == Turn::Over {
            break;
        }
    }
    for mut client in clients {
        outcomes.push(outcome(protocol, client.as_mut(), began));
        let _ = lease::remove(&client.station().link.name, &protocol.state());
    }
    close_aside(sockets);
    let place = |outcome: &Outcome| names.iter().position(|name| *name == outcome.name);
    sort::sort_by_key(&mut outcomes, place);
    Ok(outcomes)
}

fn without(name: &str, why: String) -> Outcome {
    Outcome {
        name: name.to_owned(),
        lease: Err(why),
        remarks: Vec::new(),
        took: Duration::ZERO,
    }
}

fn outcome(protocol: &Protocol, client: &mut dyn Client, began: Instant) -> Outcome {
    let (mut problems, mut remarks) = (Vec::new(), Vec::new());
    for note in client.station_mut().take_notes() {
        match note {
            Note::Problem(text) => problems.push(text),
            Note::Remark(text) => remarks.push(text),
            Note::Bound(_) => {}
        }
    }
    let record =
        lease::load(&client.station().link.name, protocol.kind).filter(|_| client.is_ready());
    let lease = match record {
        // Whatever could not be configured spoils it: an address without its route is no network.
        Some(_) if !problems.is_empty() => Err(problems.join("; ")),
        Some(record) => Ok(record),
        _ => {
            let gone = client.station().gone().map(Failure::to_string);
            let why = gone.unwrap_or_else(|| client.why());
            Err([vec![why], problems].concat().join("; "))
        }
    };
    Outcome {
        name: client.station().link.name.clone(),
        lease,
        remarks,
        took: Instant::now().since(began),
    }
}

/// Closing a packet socket takes the kernel 8–20 ms (RCU), and the last one to close it waits: a
/// grandchild, which nobody has to reap, holds them until this process has let go.
fn close_aside(mut sockets: Vec<PacketSocket>) {
    if sockets.is_empty() {
        return;
    }
    let Ok((reader, writer)) = nix::unistd::pipe2(OFlag::O_CLOEXEC) else {
        return;
    };
    match process::fork() {
        Ok(process::Fork::Child) => {
            if let Ok(process::Fork::Child) = process::fork() {
                sort::sort_by_key(&mut sockets, |socket| socket.as_fd().as_raw_fd());
                hold(&reader, &sockets);
            }
            process::exit_now(0);
        }
        Ok(process::Fork::Parent(child)) => {
            let _ = nix::sys::wait::waitpid(child, None);
        }
        Err(_) => {}
    }
    drop(sockets);
    drop(writer);
}

/// Waits for the end of the pipe with nothing open but that and the sockets: whatever else this process
/// has inherited, somebody may be waiting for its end. `sockets` are in the order of their numbers, so
/// that none lands on one that is still to be moved.
fn hold(pipe: &OwnedFd, sockets: &[PacketSocket]) {
    let numbers = sockets.iter().map(|socket| socket.as_fd().as_raw_fd());
    let mut next = 0;
    for number in [pipe.as_raw_fd()].into_iter().chain(numbers) {
        let _ = process::dup_onto(number, next);
        next += 1;
    }
    process::close_from(next);
    while let Ok(1..) | Err(Errno::EINTR) = nix::unistd::read(std::io::stdin(), &mut [0; 8]) {}
}

/// Keeps leases for the interfaces until SIGTERM, which leaves them configured: whoever stops the client
/// may want the network. Tells `INITSH_READY_FD` once all of them are bound. Before anything is read from
/// the network the process gives up what it does not need. `log` gets no more notes of an
/// interface than [`Talk`] lets through.
///
/// The only client of a service whose interface is not there waits for it.
///
/// Errors: an interface cannot be used, or is gone.
pub fn keep(
    needs: &Needs<'_>,
    names: &[String],
    start: Start<'_>,
    log: &mut dyn FnMut(&str, Note),
) -> Result<(), Failure> {
    let mut stop = SigSet::empty();
    stop.add(Signal::SIGTERM);
    stop.thread_block().doing(|| "block SIGTERM")?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let stop = SignalFd::with_flags(&stop, flags).doing(|| "watch for SIGTERM")?;
    let mut ready = std::env::var(READY_FD)
        .ok()
        .and_then(|number| inherited::take(number.parse().ok()?).ok());
    let mut clients = Vec::with_capacity(names.len());
    match names {
        // A service of PID 1.
        [only] if ready.is_some() => match start_when_there(needs.kind, only, start, &stop, log)? {
            Some(client) => clients.push(client),
            None => return Ok(()),
        },
        _ => {
            for name in names {
                clients.push(start(name)?);
            }
        }
    }
    confine::enter(needs, names);
    let mut talks: Vec<_> = clients.iter().map(|_| Talk::new(Instant::now())).collect();
    let mut session = || loop {
        if turn(&mut clients, Some(stop.as_fd()), None)? == Turn::Stopped {
            return Ok(());
        }
        if clients.iter().all(|client| client.is_ready())
            && let Some(ready) = ready.take()
        {
            // Nobody may be listening any more.
            let _ = nix::unistd::write(&ready, b"\n");
        }
        for (client, talk) in clients.iter_mut().zip(&mut talks) {
            for note in client.station_mut().take_notes() {
                if let Some(left_out) = talk.may(Instant::now()) {
                    log(&client.station().link.name, note.after(left_out));
                }
            }
            if let Some(gone) = client.station().gone() {
                return Err(gone.clone());
            }
            drop(client.settle());
        }
    };
    let ended = session();
    clients.iter_mut().for_each(|client| client.leave());
    ended
}

/// Starts a client. Where its interface is not there it waits for it, and says so once; a new process, which has
/// given up nothing yet, so that the client that comes out of it may do what a first one may. `None`: SIGTERM.
///
/// Errors: the interface cannot be used.
fn start_when_there(
    kind: &str,
    name: &str,
    start: Start<'_>,
    stop: &SignalFd,
    log: &mut dyn FnMut(&str, Note),
) -> Result<Option<Box<dyn Client>>, Failure> {
    // Before the question, so that no change falls between the two.
    let watch = Watch::open()?;
    let state = format!("{kind}.state");
    let mut told = false;
    loop {
        match start(name) {
            Err(failure) if failure.cause() == Some(Errno::ENODEV) => {}
            started => return started.map(Some),
        }
        if !std::mem::replace(&mut told, true) {
            let what = "the interface is gone; waits for its return";
            log(name, Note::Problem(what.to_owned()));
            let mut record = Record::default();
            record.set("reason", what);
            // Who asks is told less where the disk is full.
            let _ = lease::save(name, &state, &record);
        }
        let mut fds = [stop.as_fd(), watch.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        poll_until(&mut fds, None)?;
        if fds[0].any().unwrap_or(true) {
            let _ = lease::remove(name, &state);
            return Ok(None);
        }
        watch.changed();
    }
}
