//! The server with clients in other threads, or with sockets that no client would make.

use std::path::Path;

use super::*;
use crate::supervise::client::Client;
use crate::supervise::journal::{Batch, Section, State};
use crate::supervise::protocol::{Target, Until};
use crate::supervise::table::Table;

fn directory(name: &str) -> PathBuf {
    let name = format!("initsh-server-{}-{name}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&path);
    path
}

struct Fixture {
    server: Server,
    directory: PathBuf,
}

impl Fixture {
    fn new(name: &str) -> Self {
        let directory = directory(name);
        let now = Instant::now();
        let owner = nix::unistd::getuid().as_raw();
        let mut server = Server::new(directory.clone(), owner, now);
        assert_eq!(server.listener.check(now), None);
        Self { server, directory }
    }

    fn connect(&mut self) -> OwnedFd {
        let socket = seqpacket::connect(&self.directory.join("control"), 5).unwrap();
        self.server.accept(Instant::now());
        socket
    }

    fn newest(&self) -> ClientId {
        self.server.next
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn is_closed(socket: &OwnedFd) -> bool {
    matches!(
        seqpacket::receive_message(socket.as_fd(), MAX_MESSAGE),
        Ok(None) | Err(Errno::ECONNRESET)
    )
}

#[test]
fn a_request_and_its_reply() {
    let mut fixture = Fixture::new("reply");
    let socket = fixture.connect();
    let id = fixture.newest();
    let now = Instant::now();
    assert_eq!(fixture.server.read(id, now), None);
    seqpacket::send_message(socket.as_fd(), &Request::Exits.encode()).unwrap();
    assert_eq!(fixture.server.read(id, now), Some(Request::Exits));
    fixture.server.reply(id, &Reply::Done, now);
    let reply = seqpacket::receive_message(socket.as_fd(), 99)
        .unwrap()
        .unwrap();
    assert_eq!(Reply::decode(&reply), Ok(Reply::Done));
    drop(socket);
    assert_eq!(fixture.server.read(id, now), None);
    assert!(fixture.server.is_empty());
}

#[test]
fn what_is_no_request_closes_its_client_alone() {
    let mut fixture = Fixture::new("bad");
    let other = fixture.connect();
    let long = vec![VERSION; MAX_MESSAGE + 1];
    for bad in [
        &b"GET / HTTP/1.1\r\n"[..],
        &[VERSION],
        &[VERSION, 99],
        &long,
    ] {
        let socket = fixture.connect();
        seqpacket::send_message(socket.as_fd(), bad).unwrap();
        assert_eq!(fixture.server.read(fixture.newest(), Instant::now()), None);
        assert!(is_closed(&socket));
    }
    assert_eq!(fixture.server.len(), 1);
    assert!(!is_closed(&other));
}

#[test]
fn one_that_never_reads_is_closed_after_a_while() {
    let mut fixture = Fixture::new("slow");
    let _socket = fixture.connect();
    let id = fixture.newest();
    let now = Instant::now();
    let refusal = Reply::Refused(1, 0, "x".repeat(30_000));
    let stuck = |server: &Server| server.deadline().is_some();
    for _ in 0..1000 {
        if !stuck(&fixture.server) {
            fixture.server.reply(id, &refusal, now);
        }
    }
    assert!(stuck(&fixture.server), "the socket takes 30 MB");
    assert_eq!(
        fixture.server.interests().next().unwrap().2,
        Interest::Write
    );
    assert_eq!(fixture.server.read(id, now), None);
    fixture.server.close_slow(now + SLOW / 2);
    assert_eq!(fixture.server.len(), 1);
    fixture.server.close_slow(now + SLOW);
    assert!(fixture.server.is_empty());
}

#[test]
fn one_too_many_costs_the_most_silent() {
    let mut fixture = Fixture::new("many");
    let first = fixture.connect();
    let waiting = fixture.newest();
    let table = Table::new(0, Instant::now());
    let target = Target::Name("web".into());
    let wait = Waiting::new(target, Until::Ready, None, &table);
    fixture.server.wait(waiting, wait);
    let sockets: Vec<_> = (0..CLIENTS + 9).map(|_| fixture.connect()).collect();
    assert_eq!(fixture.server.len(), CLIENTS);
    assert!(!is_closed(&first), "one that waits has been closed");
    assert!(sockets[..10].iter().all(is_closed));
    assert!(!sockets[10..].iter().any(is_closed));
}

#[test]
fn the_socket_comes_back_where_something_was_mounted_over_it() {
    let mut fixture = Fixture::new("moved");
    let now = Instant::now();
    std::fs::remove_dir_all(&fixture.directory).unwrap();
    let path = fixture.directory.join("control");
    assert!(seqpacket::connect(&path, 1).is_err());
    assert_eq!(fixture.server.listener.check(now), None);
    let _socket = fixture.connect();
    assert_eq!(fixture.server.len(), 1);
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn without_a_place_for_the_socket_it_is_tried_slowly_and_told_once() {
    let now = Instant::now();
    let mut server = Server::new(Path::new("/proc/no").into(), 0, now);
    let mut told = 0;
    for second in 0..60 {
        let now = now + Duration::from_secs(second);
        assert!(server.listener.deadline() <= now);
        told += usize::from(server.listener.check(now).is_some());
        assert!(server.listener.deadline() > now);
    }
    assert_eq!(told, 1);
}

#[test]
fn processes_that_share_the_doorbell_get_their_own_replies() {
    let mut fixture = Fixture::new("doorbell");
    let (ours, theirs) = seqpacket::pair().unwrap();
    fixture.server.set_doorbell(Some(ours));
    // Noise at the door is not a client.
    seqpacket::send_message(theirs.as_fd(), b"knock").unwrap();
    fixture.server.answer_the_door(Instant::now());
    assert!(fixture.server.is_empty());
    std::thread::scope(|scope| {
        let theirs = &theirs;
        let clients: Vec<_> = (0..8_u8)
            .map(|n| {
                scope.spawn(move || {
                    let mut client = Client::ring(theirs.as_fd()).unwrap();
                    let exit = client.wait_end(Target::Pid(n.into()), Until::Exit, None);
                    assert_eq!(exit, Ok(Some(Exit::Code(n))));
                })
            })
            .collect();
        let deadline = Instant::now() + Duration::from_secs(100);
        while clients.iter().any(|client| !client.is_finished()) && Instant::now() < deadline {
            let now = Instant::now();
            fixture.server.begin_turn();
            fixture.server.answer_the_door(now);
            let ids: Vec<_> = fixture.server.interests().map(|(id, ..)| id).collect();
            for id in ids {
                let request = fixture.server.read(id, now);
                if let Some(Request::Wait(Target::Pid(pid), ..)) = request {
                    let exit = Exit::Code(u8::try_from(pid).unwrap());
                    fixture.server.reply(id, &Reply::Ended(exit), now);
                }
            }
        }
    });
    drop(theirs);
    fixture.server.answer_the_door(Instant::now());
    assert!(fixture.server.doorbell().is_none());
}

#[test]
fn a_process_with_many_connections_is_heard_a_few_times_a_turn() {
    let mut fixture = Fixture::new("share");
    let sockets: Vec<_> = (0..9).map(|_| fixture.connect()).collect();
    for socket in &sockets {
        seqpacket::send_message(socket.as_fd(), &Request::Exits.encode()).unwrap();
    }
    let mut turns = Vec::new();
    for _ in 0..4 {
        fixture.server.begin_turn();
        let ids: Vec<_> = fixture.server.interests().map(|(id, ..)| id).collect();
        let mut read = |id: &ClientId| fixture.server.read(*id, Instant::now()).is_some();
        turns.push(ids.iter().filter(|id| read(id)).count());
    }
    // It is the test that has them all; each request is heard once.
    assert_eq!(turns, [4, 4, 1, 0]);
}

/// A descriptor that is closed and in the journal all the same would be somebody else's after a crash.
#[test]
fn clients_that_are_closed_leave_the_journal() {
    let mut fixture = Fixture::new("journal");
    let _sockets = [fixture.connect(), fixture.connect()];
    let mut journal = Vec::new();
    let mut batch = Batch::default();
    for _ in 0..2 {
        batch.clear();
        fixture.server.save(&mut batch, false);
        journal.extend_from_slice(batch.record());
        fixture.server.close_all();
    }
    let (state, whole) = State::replay(&journal);
    assert_eq!(whole, journal.len());
    assert!(state.section::<u8>(Section::Client).next().is_none());
}
