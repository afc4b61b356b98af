//! Orphans, the boot role's deaths, and the death of everything.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use initsh::supervise::spec::Restart;
use nix::sys::signal::{Signal, kill};

use super::support::{Init, skipped, undisturbed};

/// Ten thousand orphans: each is left behind by a parent that ends at once.
const ORPHANS: &str = "
for side in 1 2; do
  (n=0; while [ $n -lt 5000 ]; do ( (exit 3) & ); n=$((n + 1)); done) &
done
wait
echo all made
exec sleep 1000";

#[test]
fn ten_thousand_orphans_leave_few_zombies_and_no_trace() {
    if skipped() {
        return;
    }
    let init = Init::with_boot(ORPHANS);
    let mut client = init.client();
    let begun = Instant::now();
    let mut most = 0;
    let mut slowest = Duration::ZERO;
    init.until_within("all orphans", Duration::from_secs(300), || {
        most = most.max(init.zombies());
        let took = undisturbed(&init, || drop(client.services().unwrap()));
        slowest = slowest.max(took);
        // PID 1 and the sleeper.
        (init.log().contains("all made") && init.processes().len() == 2).then_some(())
    });
    println!(
        "10,000 orphans: {:?}, {most} zombies at most, slowest answer {slowest:?}",
        begun.elapsed()
    );
    // Those that made them, and other tests, keep PID 1 from its turn now and then.
    assert!(most < 4000, "{most} zombies at once");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    let (exits, forgotten) = client.exits().unwrap();
    assert_eq!(exits.len() as u64, 256);
    assert_eq!(forgotten, 10_000 - 256);
}

#[test]
fn a_boot_role_that_ends_is_started_again() {
    if skipped() {
        return;
    }
    let init = Init::with_boot("echo started; exec sleep 1000");
    let count = || init.log().matches("started\n").count();
    for round in 1..=2 {
        init.until("boot", || (count() == round).then_some(()));
        let processes = init.processes();
        let boot = processes.iter().find(|pid| **pid != init.pid).unwrap();
        kill(*boot, Signal::SIGKILL).unwrap();
    }
    init.until("boot", || (count() == 3).then_some(()));
    let log = init.log();
    let told = "initsh: the shell ended: SIGKILL; starting it again in 250 ms";
    assert!(log.contains(told), "{log}");
    assert!(
        log.contains("SIGKILL; starting it again in 500 ms"),
        "{log}"
    );
    let (exits, _) = init.client().exits().unwrap();
    assert_eq!(exits[0].name, "boot");
}

#[test]
fn killing_every_child_kills_nothing_else() {
    if skipped() {
        return;
    }
    let mut init = Init::new();
    for n in 0..20 {
        init.spawn(&format!("s{n}"), Restart::Always, "exec sleep 1000");
    }
    for _ in 0..3 {
        for pid in init.processes() {
            if pid != init.pid {
                let _ = kill(pid, Signal::SIGKILL);
            }
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    for n in 0..20 {
        init.in_state(&format!("s{n}"), "Running");
    }
    assert!(init.is_alive());
    init.until("no zombies", || (init.zombies() == 0).then_some(()));
}

/// The kernel refuses PID 1 a new process: it says so, waits, and starts the service when it can.
#[test]
fn no_process_to_be_had_is_only_a_delay() {
    if skipped() {
        return;
    }
    let group = Group::new();
    let init = Init::new();
    init.client();
    group.write("cgroup.procs", &init.pid.to_string());
    group.write("pids.max", "1");
    let mut client = init.client();
    let spec = super::support::shell("late", Restart::Never, "exec sleep 1000");
    let asked = std::thread::spawn(move || client.spawn(&spec));
    init.in_state("late", "Pending");
    assert!(
        init.service("late").reason.contains("EAGAIN"),
        "{}",
        init.log()
    );
    group.write("pids.max", "max");
    assert_eq!(asked.join().unwrap().unwrap().state, "Running");
    drop(init);
    drop(group);
}

/// A control group that limits the number of processes, of either version; removed when dropped.
struct Group(PathBuf);

impl Group {
    fn new() -> Self {
        let version_1 = PathBuf::from("/sys/fs/cgroup/pids");
        let top = match version_1.is_dir() {
            true => version_1,
            false => {
                let control = "/sys/fs/cgroup/cgroup.subtree_control";
                fs::write(control, "+pids").expect("the pids controller");
                PathBuf::from("/sys/fs/cgroup")
            }
        };
        let path = top.join(format!("initsh-test-{}", std::process::id()));
        fs::create_dir(&path).expect("a control group");
        Self(path)
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.0.join(file), text).unwrap();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for _ in 0..1000 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
