//! Hooks against records that a test writes as clients do.

use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::dhcp_server::{SOON, eventually};
use super::leases::{HOSTILE, Lab, escaped};
use super::support::INITSH;

const WAIT: Duration = SOON;
const V4: &str = "ip4=10.9.0.5\nprefix=24\nrenewed=1000\n";
const V6: &str = "ip6=fd00::5/128\npd=2001:db8:1::/56\nrenewed=1000\n";

/// A hook that is killed when dropped.
struct Hook(Child);

impl Drop for Hook {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Lab {
    /// Starts `on --foreground ARGS…`; what it says goes to the file `said`.
    fn hook(&self, args: &[&str]) -> Hook {
        let args = [&["on", "--foreground"], args].concat();
        let said = fs::File::create(self.scratch.path("said")).unwrap();
        let mut command = self.command(INITSH, &args);
        Hook(command.stdout(Stdio::null()).stderr(said).spawn().unwrap())
    }

    /// Waits until the file `out` has exactly these lines.
    fn sees(&self, lines: &[&str]) {
        let wanted: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let mut last = String::new();
        for _ in 0..WAIT.as_millis() / 20 {
            last = self.scratch.text("out");
            if last == wanted {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!(
            "expected {wanted:?}, not {last:?}: {}",
            self.scratch.text("said")
        );
    }
}

#[test]
fn a_script_runs_for_what_is_there_and_for_each_change() {
    let Some(lab) = Lab::new() else { return };
    let script = lab.scratch.path("script");
    fs::write(
        &script,
        "echo \"$event $interface $protocol ${net.eth0.ip4:-none} ${net.eth0.pd:-none}\" >>out\n",
    )
    .unwrap();
    lab.record("eth0.dhcp4", V4);
    let path = script.display().to_string();
    let _hook = lab.hook(&["bound,renew,expire,prefix", "eth0", &path]);
    let mut lines = vec!["bound eth0 dhcp4 10.9.0.5 none"];
    lab.sees(&lines);
    // Of another interface, and no lease.
    lab.record("eth1.dhcp4", V4);
    lab.record("eth0.dhcp4.stats", "sent=1\n");
    lab.record("eth0.dhcp4", &V4.replace("1000", "2000"));
    lines.push("renew eth0 dhcp4 10.9.0.5 none");
    lab.sees(&lines);
    lab.record("eth0.dhcp4", &V4.replace("0.5", "0.6"));
    lines.push("bound eth0 dhcp4 10.9.0.6 none");
    lab.sees(&lines);
    lab.record("eth0.dhcp6", V6);
    lines.push("bound eth0 dhcp6 10.9.0.6 2001:db8:1::/56");
    lines.push("prefix eth0 dhcp6 10.9.0.6 2001:db8:1::/56");
    lab.sees(&lines);
    lab.remove("eth0.dhcp4");
    lines.push("expire eth0 dhcp4 none 2001:db8:1::/56");
    lab.sees(&lines);
    lab.remove("eth0.dhcp6");
    lines.push("expire eth0 dhcp6 none none");
    lines.push("prefix eth0 dhcp6 none none");
    lab.sees(&lines);
}

/// Every key of every record holds every hostile value: the script gets it byte by byte, and nobody runs it.
#[test]
fn hostile_values_reach_the_script_as_they_are_and_run_nowhere() {
    let Some(lab) = Lab::new() else { return };
    let long = "$(touch canary)`touch canary`';\"".repeat(128);
    let values: Vec<&str> = HOSTILE.iter().copied().chain([long.as_str()]).collect();
    assert!(long.len() >= 4096);
    for kind in ["dhcp4", "slaac", "dhcp6", "pd"] {
        let mut text = String::new();
        for (at, value) in values.iter().enumerate() {
            text.push_str(&format!("{kind}k{at}={}\n", escaped(value)));
        }
        for key in ["ip4", "ip6", "dns6", "domain", "search", "hostname", "pd"] {
            text.push_str(&format!("{key}={}\n", escaped(&values.concat())));
        }
        lab.record(&format!("eth0.{kind}"), &text);
    }
    let mut script = String::from("set -e\n");
    for kind in ["dhcp4", "slaac", "dhcp6", "pd"] {
        for at in 0..values.len() {
            let name = format!("{kind}k{at}");
            script.push_str(&format!(
                "x=${{net.eth0.{name}}}; printf %s \"$x\" >{name}; get net.eth0.{name} >/dev/null\n\
                 y=${{net.eth0.{name}}}; for z in $y; do :; done; case $y in $x) ;; esac\n\
                 sh -c 'printf %s \"$1\" >{name}.program' sh \"$x\"\n"
            ));
        }
    }
    script.push_str("x=$(get net); lease >/dev/null; net >/dev/null; echo done >>out\n");
    let path = lab.scratch.path("script");
    fs::write(&path, script).unwrap();
    let _hook = lab.hook(&["bound", "eth0", &path.display().to_string()]);
    lab.sees(&["done", "done", "done"]);
    for kind in ["dhcp4", "slaac", "dhcp6", "pd"] {
        for (at, value) in values.iter().enumerate() {
            for suffix in ["", ".program"] {
                let name = format!("{kind}k{at}{suffix}");
                assert_eq!(lab.scratch.text(&name), **value, "{name}");
            }
        }
    }
    assert!(
        !lab.scratch.path("canary").exists(),
        "{}",
        lab.scratch.text("said")
    );
}

#[test]
fn a_nul_in_a_value_does_no_harm() {
    let Some(lab) = Lab::new() else { return };
    lab.record(
        "eth0.dhcp4",
        "ip4=10.9.0.5\ndomain=a\\x00$(touch canary)\\x00b\n",
    );
    let text = "x=${net.eth0.domain}; sh -c 'echo \"$1\"' sh \"$x\"; echo done >>out";
    let _hook = lab.hook(&["bound", "eth0", "-c", text]);
    lab.sees(&["done"]);
    assert!(!lab.scratch.path("canary").exists());
}

/// While a script runs others wait, and what they would have been for is looked at once, at the end.
#[test]
fn a_script_is_never_run_twice_at_once() {
    let Some(lab) = Lab::new() else { return };
    lab.record("eth0.dhcp4", V4);
    let text = "mkdir lock || { echo twice >>out; exit; }; echo ${net.eth0.renewed} >>started; \
                while test ! -e go; do sleep 0.02; done; rm -r lock; echo ${net.eth0.renewed} >>out";
    let _hook = lab.hook(&["bound,renew", "eth0", "-c", text]);
    eventually("the first run", WAIT, || {
        lab.scratch.text("started") == "1000\n"
    });
    for renewed in 2..=20 {
        lab.record("eth0.dhcp4", &V4.replace("1000", &format!("{renewed}000")));
    }
    fs::write(lab.scratch.path("go"), "").unwrap();
    lab.sees(&["20000", "20000"]);
    std::thread::sleep(Duration::from_millis(300));
    lab.sees(&["20000", "20000"]);
}

#[test]
fn a_script_that_fails_or_hangs_is_told_of_and_does_not_end_the_hook() {
    let Some(lab) = Lab::new() else { return };
    lab.record("eth0.dhcp4", V4);
    let text = "echo $event >>out; case $event in bound) sleep 1000 ;; *) exit 3 ;; esac";
    let args = ["--timeout", "0.3", "bound,renew", "eth0", "-c", text];
    let _hook = lab.hook(&args);
    let said = |what: &str| {
        eventually(what, WAIT, || lab.scratch.text("said").contains(what));
    };
    said("on: eth0: bound (dhcp4): -c: ended, as it took too long\n");
    lab.record("eth0.dhcp4", &V4.replace("1000", "2000"));
    said("on: eth0: renew (dhcp4): -c: status 3\n");
    lab.sees(&["bound", "renew"]);
}

/// What a script leaves in the background is its own business; where its time is over, all of it ends.
#[test]
fn children_in_the_background_are_not_waited_for_and_end_with_a_script_that_hangs() {
    let Some(lab) = Lab::new() else { return };
    lab.record("eth0.dhcp4", V4);
    let text = "sh -c 'trap \"\" TERM; echo $$ >>pids; while :; do sleep 0.1; done' &
                while [ ! -s pids ]; do sleep 0.01; done; echo $event >>out
                case $event in bound) sleep 1000 ;; esac";
    let hook = lab.hook(&["--timeout", "6", "bound,renew", "eth0", "-c", text]);
    eventually("it is told", WAIT, || {
        lab.scratch.text("said").contains("took too long")
    });
    let pids = || lab.scratch.text("pids");
    let lives = |pid: &str| {
        let state = fs::read_to_string(format!("/proc/{pid}/status"));
        state.is_ok_and(|text| !text.contains("State:\tZ"))
    };
    eventually("all of it has ended", WAIT, || !lives(pids().trim()));
    lab.record("eth0.dhcp4", &V4.replace("1000", "2000"));
    lab.sees(&["bound", "renew"]);
    // A minute of it would be in the way of the next event.
    lab.record("eth0.dhcp4", &V4.replace("1000", "3000"));
    lab.sees(&["bound", "renew", "renew"]);
    eventually("all have begun", WAIT, || pids().lines().count() == 3);
    drop(hook);
    let left: Vec<String> = pids().lines().skip(1).map(str::to_owned).collect();
    for pid in left {
        assert!(lives(&pid), "{pid}");
        let pid = nix::unistd::Pid::from_raw(pid.parse().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL).unwrap();
    }
}

#[test]
fn a_script_that_is_gone_or_cannot_be_read_is_told_of_each_time() {
    let Some(lab) = Lab::new() else { return };
    let path = lab.scratch.path("script");
    // Nobody has to make it executable.
    fs::write(&path, "echo $event >>out\n").unwrap();
    let _hook = lab.hook(&["bound,renew", "eth0", &path.display().to_string()]);
    lab.record("eth0.dhcp4", V4);
    lab.sees(&["bound"]);
    fs::remove_file(&path).unwrap();
    let said = |what: &str| {
        eventually(what, WAIT, || lab.scratch.text("said").contains(what));
    };
    lab.record("eth0.dhcp4", &V4.replace("1000", "2000"));
    said("script: ENOENT");
    said("script: status 127\n");
    fs::create_dir(&path).unwrap();
    lab.record("eth0.dhcp4", &V4.replace("1000", "3000"));
    said("script: EISDIR");
    fs::remove_dir(&path).unwrap();
    fs::write(&path, "if\n").unwrap();
    lab.record("eth0.dhcp4", &V4.replace("1000", "4000"));
    said("script: status 2\n");
    fs::write(&path, "echo again >>out\n").unwrap();
    lab.record("eth0.dhcp4", &V4.replace("1000", "5000"));
    lab.sees(&["bound", "again"]);
}

#[test]
fn who_ends_a_hook_ends_its_script() {
    let Some(lab) = Lab::new() else { return };
    lab.record("eth0.dhcp4", V4);
    let text = "sh -c 'echo $$ >pid; exec sleep 1000'; echo after >>out";
    let mut hook = lab.hook(&["bound", "eth0", "-c", text]);
    let pid = || lab.scratch.text("pid").trim().to_owned();
    eventually("the script runs", WAIT, || !pid().is_empty());
    // `ip netns exec` becomes the program: the child is the hook itself.
    let hook_pid = nix::unistd::Pid::from_raw(hook.0.id() as i32);
    nix::sys::signal::kill(hook_pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert!(!hook.0.wait().unwrap().success());
    let gone = || !std::path::Path::new(&format!("/proc/{}", pid())).exists();
    eventually("the script is gone", WAIT, gone);
    assert_eq!(lab.scratch.text("out"), "");
}

#[test]
fn wrong_usage_is_refused() {
    let Some(lab) = Lab::new() else { return };
    for (args, why) in [
        (&["bound", "eth0"][..], "expected EVENT IF SCRIPT"),
        (&["up", "eth0", "-c", ":"], "'up' is no event"),
        (&["bound", "a/b", "-c", ":"], "'a/b' cannot be an interface"),
        (
            &["bound", "eth0", "x", "-c", ":"],
            "expected EVENT IF -c TEXT",
        ),
    ] {
        let output = lab.initsh(&[&["on"], args].concat());
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(why), "{error}");
    }
    let output = lab.initsh(&["on", "bound", "eth0", "/no/such/script"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("find /no/such/script: ENOENT"), "{error}");
    let output = lab.initsh(&["on", "bound", "eth0", "-c", ":"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("no initsh is PID 1 here"), "{error}");
}

/// As in the guest: hooks are services; one that is killed goes on where it was.
#[test]
fn with_a_pid1_hooks_are_services_that_remember() {
    let Some(lab) = Lab::new() else { return };
    lab.record("eth0.dhcp4", V4);
    let script = format!(
        "i() {{ echo \"== $*\"; '{INITSH}' \"$@\"; }}
         exec 2>&1
         there() {{ for n in $(seq 1200); do [ -e \"$1\" ] && return; sleep 0.05; done; echo no \"$1\"; }}
         there \"$INITSH_RUN/control\"
         i on bound eth0 -c 'echo one >>out; : >one'
         i on bound eth0 -c 'echo one >>out; : >one'
         i on bound,expire eth0 -c 'echo two $event >>out; : >two'
         i on bound eth0 -c 'echo three >>out; : >three'
         there one; there two; there three
         i on
         '{INITSH}' kill -9 $('{INITSH}' get svc.on.eth0.bound.pid)
         for n in $(seq 1200); do
           '{INITSH}' services on.eth0.bound | grep -q ' 2$' && break; sleep 0.05
         done
         rm \"$INITSH_RUN/leases/eth0.dhcp4\"
         for n in $(seq 1200); do grep -q expire out && break; sleep 0.05; done
         i on --remove on.eth0.bound on.eth0.bound-expire
         i on --remove nonsense
         i on; i services; i poweroff"
    );
    let pid1 = [
        "-k",
        "5",
        "300",
        "unshare",
        "-fp",
        "--mount-proc",
        INITSH,
        "--pid1",
        "--",
        "/bin/sh",
        "-c",
        &script,
    ];
    let output = lab.command("timeout", &pid1).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let parts: Vec<_> = text.split("== ").collect();
    let part = |of: &str, count: usize| {
        let found = parts
            .iter()
            .filter_map(|part| part.strip_prefix(of))
            .nth(count);
        found
            .unwrap_or_else(|| panic!("no {of}: {text}"))
            .to_owned()
    };
    let hooks = part("on\n", 0);
    assert_eq!(hooks.lines().count(), 4, "{text}");
    for name in [
        "on.eth0.bound ",
        "on.eth0.bound.2 ",
        "on.eth0.bound-expire ",
    ] {
        assert!(hooks.contains(name), "{text}");
    }
    assert!(hooks.contains("-c 'echo three >>out; : >three'"), "{text}");
    let mut ran: Vec<_> = lab.scratch.text("out").lines().map(str::to_owned).collect();
    ran.sort();
    assert_eq!(ran, ["one", "three", "two bound", "two expire"], "{text}");
    assert!(
        part("on --remove nonsense\n", 0).contains("there is no hook 'nonsense'"),
        "{text}"
    );
    assert_eq!(part("on\n", 1).lines().count(), 2, "{text}");
}
