//! `mount` and `umount`.

use super::support::{Scratch, in_namespace, initsh, run};

#[test]
fn lists_as_util_linux_does() {
    // Others may mount something meanwhile.
    let both = || (initsh(&["mount"]).ok(), run("mount", &[]).ok());
    let (ours, theirs) = (0..50)
        .map(|_| both())
        .find(|(a, b)| a == b)
        .unwrap_or_else(both);
    assert_eq!(ours, theirs);
    assert!(ours.contains(" on /proc type proc ("), "{ours}");
    let only = initsh(&["mount", "-t", "proc"]).ok();
    assert!(only.lines().all(|line| line.contains(" type proc ")) && !only.is_empty());
}

#[test]
fn short_forms_are_made_once() {
    let scratch = Scratch::new();
    let root = scratch.text("root");
    let text = format!(
        "set -e
         for form in proc sys shm run tmp cgroup2 debugfs tracefs; do
             mount $form {root}/$form
             mount $form {root}/$form
             mount $form {root}/$form
         done
         mount | while read -r line; do case $line in *'{root}/'*) echo \"$line\" ;; esac; done"
    );
    let Some(ended) = in_namespace(&text) else {
        return;
    };
    let out = ended.ok();
    for (form, kind) in [
        ("proc", "proc"),
        ("sys", "sysfs"),
        ("shm", "tmpfs"),
        ("run", "tmpfs"),
        ("tmp", "tmpfs"),
        ("cgroup2", "cgroup2"),
        ("debugfs", "debugfs"),
        ("tracefs", "tracefs"),
    ] {
        let line = format!("{kind} on {root}/{form} type {kind} (rw,nosuid,nodev");
        assert_eq!(out.matches(&line).count(), 1, "{line}\n{out}");
    }
}

#[test]
fn short_forms_at_their_usual_places() {
    let text = "set -e; for form in proc sys dev devpts shm tmp; do mount $form; mount $form; done
        ls -d /dev/fd /dev/stdin /dev/stdout /dev/stderr /dev/ptmx /dev/null
        test -d /proc/self; test -d /sys/bus";
    let Some(ended) = in_namespace(text) else {
        return;
    };
    assert_eq!(
        ended.ok(),
        "/dev/fd\n/dev/stdin\n/dev/stdout\n/dev/stderr\n/dev/ptmx\n/dev/null\n"
    );
}

#[test]
fn options_binds_and_moves() {
    let scratch = Scratch::new();
    let root = scratch.text("a b");
    let text = format!(
        "set -e; cd '{root}'
         mount -t tmpfs -o size=64k,mode=0700,noexec -r scratch one
         mount -o remount,rw one; echo hello > one/file
         mount --bind -r one two; cat two/file
         ! echo no > two/other 2>/dev/null; echo yes > one/other
         mount --move two three; cat three/file; ls two
         mount --bind one/file alone; cat alone
         mount"
    );
    std::fs::create_dir_all(&root).expect("directory");
    let Some(ended) = in_namespace(&text) else {
        return;
    };
    let out = ended.ok();
    assert!(out.starts_with("hello\nhello\nhello\n"), "{out}");
    let one = format!("scratch on {root}/one type tmpfs (rw,noexec,relatime,size=64k,mode=700");
    assert!(out.contains(&one), "{out}");
    assert!(
        out.contains(&format!("scratch on {root}/three type tmpfs (ro,noexec,")),
        "{out}"
    );
    assert!(!out.contains(&format!("on {root}/two ")));
}

#[test]
fn failures_name_what_and_why_and_leave_nothing_behind() {
    let scratch = Scratch::new();
    let place = scratch.text("place");
    for (text, status, expected) in [
        (format!("mount -t nope x {place}"), 1, "mount nope x on "),
        (
            format!("mount -t nope x {place}"),
            1,
            "ENODEV (No such device)",
        ),
        (
            format!("mount -t nope x {place}"),
            1,
            "no filesystem 'nope'",
        ),
        (format!("mount /nowhere {place}"), 1, "mount /nowhere on "),
        (format!("mount / {place}"), 1, "--bind"),
        (format!("mount -t tmpfs -o size=x t {place}"), 1, "EINVAL"),
        (format!("mount --bind /nowhere/x {place}"), 1, "ENOENT"),
        ("mount bogus".into(), 2, "short forms: proc sys dev"),
        ("mount a b c".into(), 2, "too many operands"),
        ("umount".into(), 2, "missing TARGET"),
        (format!("umount {place}"), 1, "ENOENT"),
        ("umount /usr".into(), 1, "nothing is mounted there"),
        ("umount /usr /etc".into(), 1, "/usr"),
    ] {
        let Some(ended) = in_namespace(&text) else {
            return;
        };
        let error = ended.fails(status);
        assert!(error.contains(expected), "{text}: {error}");
        assert!(!scratch.at("place").exists(), "{text}");
    }
}

#[test]
fn a_busy_mount_names_its_users() {
    let scratch = Scratch::new();
    let place = scratch.text("busy");
    let text = format!(
        "mount -t tmpfs t {place}; cd {place}; umount {place}; echo $?; cd /
         umount -l {place} && mount -t tmpfs t {place} && mount -t tmpfs t {place}/below
         umount {place}; umount -r {place}; umount -a -t tmpfs; echo $?
         mount -t tmpfs"
    );
    let Some(ended) = in_namespace(&text) else {
        return;
    };
    assert!(
        ended.err.contains("EBUSY (Device or resource busy)"),
        "{ended:?}"
    );
    assert!(ended.err.contains("in use by initsh ("), "{ended:?}");
    assert!(
        ended.err.contains("another mount stands on it"),
        "{ended:?}"
    );
    assert!(ended.out.starts_with("1\n"), "{ended:?}");
    assert!(!ended.out.contains(&place), "{ended:?}");
}

#[test]
fn umount_takes_what_was_mounted_latest_first() {
    let scratch = Scratch::new();
    let place = scratch.text("tree");
    let text = format!(
        "set -e; mount -t tmpfs t {place}; mount -t tmpfs t {place}/a; mount -t tmpfs t '{place}/a/b c'
         umount -a -t tmpfs || true; mount -t proc; mount -t tmpfs"
    );
    let Some(ended) = in_namespace(&text) else {
        return;
    };
    assert!(!ended.out.contains(&place), "{ended:?}");
    assert!(ended.out.contains("on /proc type proc"), "{ended:?}");
}
