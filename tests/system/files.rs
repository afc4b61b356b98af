//! `cat`, `ls`, `mkdir`, `mknod` and `rm`, beside coreutils.

use std::os::unix::fs::{MetadataExt, symlink};
use std::process::{Command, Stdio};

use super::support::{INITSH, Scratch, initsh, run};

#[test]
fn cat_passes_every_byte() {
    let scratch = Scratch::new();
    let bytes: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
    let one = scratch.file("one", &bytes);
    let two = scratch.file("two", b"tail\xff\0");
    let output = Command::new(INITSH)
        .args(["cat", &one, &two])
        .output()
        .expect("initsh");
    assert!(output.stdout == [&bytes[..], b"tail\xff\0"].concat());
    let ended = initsh(&["cat", "/nowhere/a", &two, "/nowhere/b"]);
    assert!(
        ended.err.contains("/nowhere/a") && ended.err.contains("/nowhere/b"),
        "{ended:?}"
    );
    assert_eq!((ended.status, ended.out.starts_with("tail")), (1, true));
    assert!(
        initsh(&["cat", "/etc"])
            .fails(1)
            .contains("read /etc: EISDIR")
    );
}

#[test]
fn cat_reads_standard_input() {
    let scratch = Scratch::new();
    let file = std::fs::File::open(scratch.file("in", "from stdin\n")).expect("file");
    let output = Command::new(INITSH)
        .args(["cat", "-"])
        .stdin(Stdio::from(file))
        .output();
    assert_eq!(output.expect("initsh").stdout, b"from stdin\n");
}

#[test]
fn cat_ends_quietly_when_its_reader_is_gone() {
    let scratch = Scratch::new();
    let lines = scratch.file("lines", "line\n".repeat(500_000));
    let text = format!("cat {lines} | read -r x; echo done");
    let ended = run(INITSH, &["-c", &text]);
    assert_eq!((ended.out.as_str(), ended.err.as_str()), ("done\n", ""));
}

#[test]
fn ls_lists_as_coreutils_does() {
    let scratch = Scratch::new();
    for name in ["b", "a", "C", ".hidden", "sub/inner", "two words"] {
        scratch.file(name, "12345");
    }
    symlink("a", scratch.at("link")).expect("link");
    let root = scratch.path().to_str().expect("UTF-8");
    let sub = scratch.text("sub");
    for args in [
        vec!["ls", root],
        vec!["ls", "-A", root],
        vec!["ls", "-r", root],
        vec!["ls", "-d", root],
        vec!["ls", root, &sub],
        vec!["ls", "-1", &sub],
        vec!["ls", "/dev/null"],
    ] {
        assert_eq!(
            initsh(&args).ok(),
            run(args[0], &args[1..]).ok(),
            "{args:?}"
        );
    }
    let theirs = run("ls", &["-lA", "--time-style=+%Y-%m-%d %H:%M", root]).ok();
    let theirs: Vec<_> = theirs.lines().skip(1).collect();
    assert_eq!(
        initsh(&["ls", "-lA", root])
            .ok()
            .lines()
            .collect::<Vec<_>>(),
        theirs
    );
    let device = initsh(&["ls", "-l", "/dev/null"]).ok();
    assert!(
        device.starts_with("crw-rw-rw-") && device.contains(" 1, 3 "),
        "{device}"
    );
    let ended = initsh(&["ls", "/nowhere", &sub]);
    assert_eq!((ended.status, ended.out), (1, format!("{sub}:\ninner\n")));
}

#[test]
fn rm_removes_trees_and_never_follows_links() {
    let scratch = Scratch::new();
    let kept = scratch.file("kept/file", "x");
    scratch.file("tree/deep/er/file", "x");
    symlink(scratch.at("kept"), scratch.at("tree/deep/link")).expect("link");
    let tree = scratch.text("tree");
    assert!(initsh(&["rm", &tree]).fails(1).contains("EISDIR"));
    initsh(&["rm", "-rf", &tree, "/nowhere/at/all"]).ok();
    assert!(!scratch.at("tree").exists() && std::fs::exists(&kept).expect("kept"));
    for path in ["/", ".", "..", "/tmp/..", "//"] {
        let error = initsh(&["rm", "-rf", path]).fails(2);
        assert!(error.contains("refusing to remove"), "{error}");
    }
    assert!(
        initsh(&["rm", "/nowhere"])
            .fails(1)
            .contains("remove /nowhere: ENOENT")
    );
    initsh(&["rm", "-f"]).ok();
}

#[test]
fn rm_stays_on_its_filesystem() {
    let scratch = Scratch::new();
    let tree = scratch.text("tree");
    let text = format!(
        "mkdir -p {tree}/sub; mount -t tmpfs t {tree}/sub; echo x > {tree}/sub/file
         rm -rf {tree}; cat {tree}/sub/file"
    );
    let Some(ended) = super::support::in_namespace(&text) else {
        return;
    };
    assert_eq!(ended.out, "x\n");
    assert!(
        ended.err.contains("another filesystem is mounted there"),
        "{ended:?}"
    );
}

#[test]
fn mkdir_and_modes() {
    let scratch = Scratch::new();
    let deep = scratch.text("a/b/c");
    assert!(initsh(&["mkdir", &deep]).fails(1).contains("ENOENT"));
    initsh(&["mkdir", "-p", "-m", "1750", &deep]).ok();
    initsh(&["mkdir", "-p", &deep]).ok();
    assert_eq!(
        std::fs::metadata(&deep).expect("made").mode() & 0o7777,
        0o1750
    );
    assert!(initsh(&["mkdir", &deep]).fails(1).contains("EEXIST"));
    assert!(
        initsh(&["mkdir", "-m", "u+x", &deep])
            .fails(2)
            .contains("octal")
    );
}

#[test]
fn mknod_makes_what_is_missing() {
    let scratch = Scratch::new();
    let node = scratch.text("net/tun");
    initsh(&["mknod", &node, "c", "10", "200"]).ok();
    initsh(&["mknod", "-m", "600", &node, "c", "10", "200"]).ok();
    let meta = std::fs::metadata(&node).expect("node");
    assert_eq!(meta.mode(), libc::S_IFCHR | 0o600);
    assert_eq!(meta.rdev(), libc::makedev(10, 200));
    assert!(
        initsh(&["mknod", &node, "c", "10", "201"])
            .fails(1)
            .contains("EEXIST")
    );
    let pipe = scratch.text("pipe");
    initsh(&["mknod", &pipe, "p"]).ok();
    assert_eq!(
        std::fs::metadata(&pipe).expect("pipe").mode() & libc::S_IFMT,
        libc::S_IFIFO
    );
    for args in [
        &["mknod", "x"][..],
        &["mknod", "x", "c", "1"],
        &["mknod", "x", "c", "1", "z"],
    ] {
        initsh(args).fails(2);
    }
}
