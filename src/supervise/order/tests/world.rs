//! Processes, time and chance around a table, with everything that must hold at every moment.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::super::flow::Todo;
use super::super::super::machine::{Action, Event, Stage, State};
use super::super::super::spec::{Ready, ServiceSpec};
use super::super::super::table::{ServiceId, Table};
use super::super::to_start;
use crate::failure::Failure;
use crate::sys::child::Exit;
use crate::time::Instant;
use nix::errno::Errno;

/// A process of a service.
struct Process {
    id: ServiceId,
    immortal: bool,
    killed: bool,
}

pub struct World {
    pub table: Table,
    pub now: Instant,
    processes: BTreeMap<i32, Process>,
    next_pid: i32,
    asked: Vec<i32>,
    names: BTreeMap<i32, String>,
    /// Exits that were delivered.
    pub exits: u32,
    /// One fork of so many fails.
    pub shortage: Option<u64>,
    chance: u64,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let now = Instant::from_boot(Duration::from_secs(100));
        Self {
            table: Table::new(seed, now),
            now,
            processes: BTreeMap::new(),
            next_pid: 1,
            asked: Vec::new(),
            names: BTreeMap::new(),
            exits: 0,
            shortage: None,
            chance: seed,
        }
    }

    /// A number below `limit`.
    pub fn chance(&mut self, limit: u64) -> u64 {
        // SplitMix64
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.chance;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    pub fn spawn(&mut self, spec: ServiceSpec) -> Result<(), Failure> {
        let name = spec.name.clone();
        self.table.add(spec, self.now)?;
        self.event_with_needs(&name);
        Ok(())
    }

    pub fn event_with_needs(&mut self, name: &str) {
        let id = self.id(name);
        for id in to_start(&self.table, id) {
            self.table.feed(id, Event::Start, self.now);
        }
        self.settle();
    }

    pub fn event(&mut self, name: &str, event: Event) {
        let id = self.id(name);
        self.table.feed(id, event, self.now);
        self.settle();
    }

    pub fn stop_all(&mut self) {
        let all: Vec<_> = self.table.services().map(|service| service.id).collect();
        for id in all {
            let grace = Duration::from_secs(5);
            self.table.feed(id, Event::Stop(grace), self.now);
        }
        self.settle();
    }

    pub fn ready(&mut self, name: &str) {
        self.event(name, Event::Executed);
        self.event(name, Event::Ready);
    }

    pub fn exit(&mut self, name: &str, exit: Exit) {
        let pid = self.table.named(name).unwrap().machine.pid();
        self.end(pid.unwrap_or_else(|| panic!("{name} has no process")), exit);
    }

    /// A process ends: never is its exit lost.
    pub fn end(&mut self, pid: i32, exit: Exit) {
        let process = self.processes.remove(&pid).unwrap();
        let found = self.table.of_pid(pid);
        assert_eq!(
            found.map(|service| service.id),
            Some(process.id),
            "a lost exit"
        );
        self.exits += 1;
        self.table.feed(process.id, Event::Exited(exit), self.now);
        self.settle();
    }

    /// A daemon's second process turns up.
    pub fn adopt(&mut self, name: &str) {
        let id = self.id(name);
        let (state, pid) = {
            let machine = &self.table.named(name).unwrap().machine;
            (machine.state(), machine.pid())
        };
        if pid.is_some() || !matches!(state, State::Starting { .. }) {
            return;
        }
        let pid = self.next_pid;
        self.next_pid += 1;
        let process = Process {
            id,
            immortal: false,
            killed: false,
        };
        self.processes.insert(pid, process);
        self.names.insert(pid, name.to_owned());
        self.event(name, Event::Adopted(pid));
    }

    pub fn immortal(&mut self, name: &str) {
        let pid = self.table.named(name).unwrap().machine.pid().unwrap();
        self.processes.get_mut(&pid).unwrap().immortal = true;
    }

    pub fn pids(&self) -> Vec<i32> {
        self.processes.keys().copied().collect()
    }

    /// The names of those that were asked to end, in order.
    pub fn asked(&self) -> Vec<&str> {
        self.asked
            .iter()
            .map(|pid| self.names[pid].as_str())
            .collect()
    }

    /// Time passes, with every deadline on the way; what is killed ends a moment later.
    pub fn pass(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        for _ in 0..200_000 {
            self.bury();
            let next = self.table.deadline().filter(|at| *at <= until);
            let Some(next) = next else {
                self.now = until;
                return;
            };
            // Deadlines in the past are taken at once.
            self.now = self.now.max(next);
            self.tick();
        }
        panic!("a deadline that is always over");
    }

    /// The clock jumps: whatever was due in between is late.
    pub fn jump(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
        self.tick();
        self.bury();
    }

    fn tick(&mut self) {
        for id in self.table.due(self.now) {
            self.table.feed(id, Event::Tick, self.now);
        }
        self.settle();
        for service in self.table.all() {
            let deadline = service.machine.deadline();
            let over = deadline.is_some_and(|at| at <= self.now);
            let state = service.machine.state();
            assert!(!over || matches!(state, State::Backoff { .. }), "{state:?}");
        }
    }

    fn bury(&mut self) {
        loop {
            let dead = |(_, process): &(&i32, &Process)| process.killed && !process.immortal;
            let Some(pid) = self.processes.iter().find(dead).map(|(pid, _)| *pid) else {
                return;
            };
            self.end(pid, Exit::Signal(9));
        }
    }

    /// Carries out what the machines ask for.
    pub fn settle(&mut self) {
        while let Some(todo) = self.table.poll(self.now) {
            match todo {
                Todo::Changed(..) => {}
                Todo::Act(id, Action::Fork) => self.fork(id),
                Todo::Act(id, Action::Terminate(pid)) => {
                    self.check_order(id);
                    assert!(self.processes.contains_key(&pid));
                    self.asked.push(pid);
                }
                Todo::Act(_, Action::Kill(pid)) => {
                    self.processes.get_mut(&pid).unwrap().killed = true;
                }
            }
        }
        self.check();
    }

    fn fork(&mut self, id: ServiceId) {
        let service = self.table.get(id).unwrap();
        let name = service.name().to_owned();
        let spec = service.spec.clone().unwrap();
        let several = self.processes.values().any(|process| process.id == id);
        assert!(!several, "{name}: a second process");
        for need in &spec.needs {
            let need = self.table.named(need).expect("needed and forgotten");
            assert!(
                need.machine.is_ready(),
                "{name} is started without {}",
                need.name()
            );
        }
        let fails = self.shortage.is_some_and(|one_of| self.chance(one_of) == 0);
        if fails {
            self.table
                .feed(id, Event::ForkFailed(Errno::EAGAIN), self.now);
            return;
        }
        let pid = self.next_pid;
        self.next_pid += 1;
        let process = Process {
            id,
            immortal: false,
            killed: false,
        };
        self.processes.insert(pid, process);
        self.names.insert(pid, name);
        self.table.feed(id, Event::Forked(pid), self.now);
        if spec.ready == Ready::Exec {
            self.table.feed(id, Event::Executed, self.now);
        }
    }

    /// Nobody is asked to end while one that needs it runs.
    fn check_order(&self, id: ServiceId) {
        let service = self.table.get(id).unwrap();
        for other in self.table.dependents(service.name()) {
            let needs = &other.spec.as_ref().unwrap().needs;
            let needs = needs.iter().any(|need| need == service.name());
            let state = other.machine.state();
            let stuck = matches!(
                state,
                State::Stopping {
                    stage: Stage::Stuck,
                    ..
                }
            );
            let runs = other.machine.pid().is_some() && !stuck;
            assert!(
                !(needs && runs),
                "{} ends before {}",
                service.name(),
                other.name()
            );
        }
    }

    /// What holds between two turns.
    fn check(&self) {
        let mut alive = 0;
        let mut ended = 0;
        for service in self.table.services() {
            let machine = &service.machine;
            let pid = machine.pid();
            if let Some(pid) = pid {
                alive += 1;
                assert_eq!(self.processes[&pid].id, service.id);
            }
            let (starts, exits) = machine.counts();
            assert_eq!(starts, exits + u32::from(pid.is_some()));
            ended += exits;
            if machine.state().is_settled() {
                assert_eq!((pid, machine.deadline()), (None, None));
            }
            if matches!(machine.state(), State::Running | State::Starting { .. }) {
                for need in &service.spec.as_ref().unwrap().needs {
                    let need = self.table.named(need).unwrap();
                    let (name, on) = (service.name(), need.name());
                    let states = (machine.state(), need.machine.state());
                    assert!(
                        need.machine.is_ready(),
                        "{name} runs without {on}: {states:?}"
                    );
                }
            }
        }
        assert_eq!(alive, self.processes.len(), "a forgotten process");
        assert!(ended <= self.exits);
    }

    pub fn id(&self, name: &str) -> ServiceId {
        self.table.named(name).unwrap().id
    }

    pub fn state(&self, name: &str) -> &'static str {
        self.table.named(name).unwrap().machine.state().name()
    }

    pub fn words(&self, name: &str) -> String {
        let status = self.table.status(self.table.named(name).unwrap());
        format!("{}: {}", status.state, status.reason)
    }
}
