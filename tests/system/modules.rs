//! Modules: the order beside kmod's on the same tables, aliases, and what is said when it fails. Nothing
//! is loaded here; the boot tests do that.

use super::support::{Scratch, initsh, run};

const VERSION: &str = "6.1.0-test";

/// Path, symbol that it exports, symbols that it needs, words of its `.modinfo`.
type Source = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const MODULES: &[Source] = &[
    (
        "fs/9p/9p",
        "p9",
        &["fscache", "p9net", "netfs"],
        &["alias=fs-9p", "softdep=pre: 9pnet_virtio"],
    ),
    ("fs/fscache/fscache", "fscache", &["netfs"], &[]),
    ("fs/netfs/netfs", "netfs", &[], &[]),
    ("net/9p/9pnet", "p9net", &[], &[]),
    (
        "net/9p/9pnet_virtio",
        "p9v",
        &["p9net", "ring", "virtio"],
        &["alias=virtio:d00000009v*"],
    ),
    ("drivers/virtio/virtio", "virtio", &[], &[]),
    ("drivers/virtio/virtio_ring", "ring", &["virtio"], &[]),
    (
        "fs/ext4/ext4",
        "ext4",
        &["jbd2", "crc16"],
        &["alias=fs-ext4", "softdep=pre: crc32c missing post: late"],
    ),
    ("fs/jbd2/jbd2", "jbd2", &[], &[]),
    ("lib/crc16", "crc16", &[], &[]),
    ("crypto/crc32c_generic", "crcg", &[], &["alias=crc32c"]),
    (
        "arch/x86/crypto/crc32c-intel",
        "crci",
        &[],
        &["alias=crc32c"],
    ),
    ("net/late", "late", &["crc16"], &[]),
];

/// A module directory, for us and for `modprobe -d ROOT -S VERSION`: object files that look like modules
/// to depmod(8), which makes the tables.
fn tree() -> Scratch {
    let scratch = Scratch::new();
    let base = format!("lib/modules/{VERSION}");
    scratch.file(
        &format!("{base}/modules.builtin"),
        "kernel/drivers/block/inside.ko\n",
    );
    scratch.file(&format!("{base}/modules.order"), "");
    for (path, export, needs, info) in MODULES {
        let mut assembler =
            format!(".section __ksymtab_strings,\"a\"\n.asciz \"{export}\"\n.data\n");
        for need in *needs {
            assembler.push_str(&format!(".quad {need}\n"));
        }
        assembler.push_str(".section .modinfo,\"a\"\n");
        for word in *info {
            assembler.push_str(&format!(".asciz \"{word}\"\n"));
        }
        let source = scratch.file("module.s", assembler);
        let object = scratch.file(&format!("{base}/kernel/{path}.ko"), "");
        run("cc", &["-c", &source, "-o", &object]).ok();
    }
    let root = scratch.path().to_str().expect("UTF-8");
    run("depmod", &["-b", root, VERSION]).ok();
    scratch
}

fn ours(tree: &Scratch, name: &str) -> Vec<String> {
    let directory = tree.text(&format!("lib/modules/{VERSION}"));
    steps(&initsh(&["modprobe", "--show-depends", "-d", &directory, name]).ok())
}

fn kmods(tree: &Scratch, name: &str) -> Vec<String> {
    let root = tree.path().to_str().expect("UTF-8");
    let args = [
        "--show-depends",
        "-C",
        "/nowhere",
        "-d",
        root,
        "-S",
        VERSION,
        name,
    ];
    steps(&run("modprobe", &args).ok())
}

/// The file names in order; kmod names some twice, of which the second does nothing.
fn steps(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for line in text.lines() {
        let path = line.trim_end().strip_prefix("insmod ").expect(line);
        let name = path.rsplit('/').next().expect(line).to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[test]
fn the_order_is_that_of_kmod() {
    let tree = tree();
    for name in [
        "9p",
        "fs-9p",
        "9pnet_virtio",
        "9pnet-virtio",
        "ext4",
        "crc32c",
        "late",
        "netfs",
        "virtio:d00000009v00001AF4",
    ] {
        let ours = ours(&tree, name);
        assert!(!ours.is_empty());
        assert_eq!(ours, kmods(&tree, name), "{name}");
    }
}

#[test]
fn what_is_built_in_is_there_and_what_is_unknown_is_not() {
    let tree = tree();
    let directory = tree.text(&format!("lib/modules/{VERSION}"));
    assert_eq!(initsh(&["modprobe", "-d", &directory, "inside"]).ok(), "");
    let error = initsh(&["modprobe", "-d", &directory, "nothing"]).fails(1);
    assert!(
        error.contains(&format!("no module or alias 'nothing' in {directory}")),
        "{error}"
    );
    assert_eq!(
        initsh(&["modprobe", "-q", "-d", &directory, "nothing"]).fails(1),
        ""
    );
    let error = initsh(&["modprobe"]).fails(2);
    assert!(error.contains("missing NAME"), "{error}");
    let error = initsh(&["modprobe", "-d", "/nowhere", "x"]).fails(1);
    assert!(
        error.contains("/nowhere/lib/modules/") && error.contains("ENOENT"),
        "{error}"
    );
}

#[test]
fn parameters_go_to_the_module_that_was_asked_for() {
    let tree = tree();
    let directory = tree.text(&format!("lib/modules/{VERSION}"));
    let shown = initsh(&["modprobe", "-D", "-d", &directory, "late", "a=1", "b=x y"]).ok();
    let last = shown.lines().last().expect("a line");
    assert!(last.ends_with("/late.ko a=1 b=x y"), "{shown}");
    assert!(
        shown.starts_with("insmod ") && shown.contains("crc16.ko \n"),
        "{shown}"
    );
}

#[test]
fn insmod_names_the_file_and_the_reason() {
    let scratch = Scratch::new();
    let error = initsh(&["insmod", "/nowhere/x.ko"]).fails(1);
    assert!(
        error.contains("load module /nowhere/x.ko: ENOENT"),
        "{error}"
    );
    let damaged = scratch.file(
        "x.ko.gz",
        b"\x1f\x8b\x08\0\0\0\0\0\0\0damaged and more of it",
    );
    let error = initsh(&["insmod", &damaged]).fails(1);
    assert!(error.contains(&damaged), "{error}");
    let text = scratch.file("text.ko", "not a module");
    let error = initsh(&["insmod", &text]).fails(1);
    assert!(error.contains(&text) && error.contains('E'), "{error}");
    assert!(initsh(&["insmod"]).fails(2).contains("missing FILE"));
}

#[test]
fn a_dry_coldplug_ends_with_its_summary() {
    let tree = tree();
    let directory = tree.text(&format!("lib/modules/{VERSION}"));
    let out = initsh(&["coldplug", "-n", "-d", &directory]).ok();
    let last = out.lines().last().expect("a line");
    assert!(last.starts_with("coldplug: "), "{out}");
}
