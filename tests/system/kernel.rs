//! `uname`, `hostname`, `uptime`, `sysctl`, `dmesg`, and the settings `host.*` and `cmdline.*`.

use super::support::{in_namespace, initsh, run};

#[test]
fn uname_is_that_of_coreutils() {
    for option in ["-s", "-n", "-r", "-v", "-m", "-o", "-sr", "-rs"] {
        assert_eq!(
            initsh(&["uname", option]).ok(),
            run("uname", &[option]).ok(),
            "{option}"
        );
    }
    assert_eq!(initsh(&["uname"]).ok(), "Linux\n");
    assert_eq!(initsh(&["hostname"]).ok(), run("uname", &["-n"]).ok());
    assert!(
        initsh(&["hostname", "not a name"])
            .fails(2)
            .contains("'not a name'")
    );
    assert!(initsh(&["uptime"]).ok().starts_with("up "));
}

#[test]
fn sysctl_reads_and_refuses() {
    assert_eq!(
        initsh(&["sysctl", "kernel.ostype"]).ok(),
        "kernel.ostype = Linux\n"
    );
    assert_eq!(initsh(&["sysctl", "-n", "kernel/ostype"]).ok(), "Linux\n");
    assert!(
        initsh(&["sysctl", "-a"])
            .ok()
            .contains("\nkernel.ostype = Linux\n")
    );
    let error = initsh(&["sysctl", "no.such.thing"]).fails(1);
    assert!(error.contains("/proc/sys/no/such/thing: ENOENT"), "{error}");
    initsh(&["sysctl", "-e", "no.such.thing"]).ok();
    let error = initsh(&["sysctl", "kernel.ostype=Minix"]).fails(1);
    assert!(
        error.contains("write 'Minix' to /proc/sys/kernel/ostype"),
        "{error}"
    );
    assert!(
        initsh(&["sysctl", "../../etc/passwd"])
            .fails(2)
            .contains("not the name")
    );
}

#[test]
fn sysctl_writes() {
    // In a namespace of its own, where the value of this machine is safe.
    let text = "sysctl kernel.hostname=initsh-test; sysctl -qw kernel.hostname=other; hostname";
    let args = ["--uts", "--mount", super::support::INITSH, "-c", text];
    if in_namespace("true").is_none() {
        return;
    }
    assert_eq!(
        run("unshare", &args).ok(),
        "kernel.hostname = initsh-test\nother\n"
    );
}

#[test]
fn dmesg_prints_the_last_records() {
    let theirs = run("dmesg", &[]).ok();
    let last = theirs.lines().last().expect("a record");
    assert!(initsh(&["dmesg", "50"]).ok().lines().count() <= 50);
    // Other tests may cause any number of them meanwhile.
    let ours = initsh(&["dmesg", "1000000"]).ok();
    assert!(ours.contains(last), "{last}\n{ours}");
    assert!(
        ours.lines()
            .all(|line| line.starts_with('[') && line.contains("] "))
    );
    assert!(initsh(&["dmesg", "0"]).ok().is_empty());
    assert!(initsh(&["dmesg", "x"]).fails(2).contains("'x'"));
    assert!(
        initsh(&["dmesg", "-l", "loud"])
            .fails(2)
            .contains("emerg, alert")
    );
}

#[test]
fn settings_of_this_machine() {
    let text = "echo \"${host.kernel} ${host.hostname} ${host.machine}\"";
    let expected = run("uname", &["-r"]).ok().trim().to_owned();
    assert!(initsh(&["-c", text]).ok().starts_with(&expected));
    let line = std::fs::read_to_string("/proc/cmdline").expect("/proc");
    let word = line
        .split_whitespace()
        .find(|word| !word.contains(['=', '"', '.', '-']));
    if let Some(word) = word {
        let text = format!("echo \"[${{cmdline.{word}}}][${{cmdline.no_such:-unset}}]\"");
        assert_eq!(initsh(&["-c", &text]).ok(), "[][unset]\n");
    }
}
