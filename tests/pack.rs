//! The packer: the same input gives the same bytes, and what is in them. Needs `make build kernel`.
// A test that cannot go on has failed; helpers are not marked as tests.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Packs into a file of this name, through a shell with this umask.
fn pack(name: &str, umask: &str, root: &Path) -> Vec<u8> {
    let out = scratch().join(name);
    let output = Command::new("sh")
        .args([
            "-c",
            &format!("umask {umask}; exec scripts/initrd \"$1\""),
            "sh",
        ])
        .arg(&out)
        .current_dir(top())
        .env("INIT", "/bin/true")
        .env("ROOT", root)
        .output()
        .expect("sh");
    assert!(output.status.success(), "{output:?}");
    let bytes = fs::read(&out).expect("image");
    fs::remove_file(&out).expect("image");
    bytes
}

fn scratch() -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("pack-{}", std::process::id()));
    fs::create_dir_all(&path).expect("scratch");
    path
}

fn shell(script: &str) -> Output {
    Command::new("sh")
        .args(["-c", script])
        .current_dir(scratch())
        .output()
        .expect("sh")
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let root = scratch().join("root");
    for name in ["b", "a", ".hidden"] {
        fs::create_dir_all(root.join("etc/sub")).expect("root");
        fs::write(root.join("etc/sub").join(name), name).expect("file");
    }
    fs::write(root.join(".gitkeep"), "").expect("file");
    let first = pack("first", "022", &root);

    // Made again: other times, other inodes, another order, another umask.
    fs::remove_dir_all(&root).expect("root");
    for name in [".hidden", "a", "b"] {
        fs::create_dir_all(root.join("etc/sub")).expect("root");
        fs::write(root.join("etc/sub").join(name), name).expect("file");
    }
    let second = pack("second", "077", &root);
    assert!(first == second, "the images differ");

    fs::write(root.join("etc/sub/a"), "b").expect("file");
    let third = pack("third", "022", &root);
    assert!(first != third, "the image does not change with its input");

    fs::write(scratch().join("image.gz"), &first).expect("image");
    let listing = shell("gzip -dc image.gz | cpio -tv --quiet");
    let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
    assert!(listing.contains("etc/sub/.hidden"), "{listing}");
    assert!(listing.contains("virtio_net.ko"), "{listing}");
    assert!(!listing.contains(".gitkeep"), "{listing}");
    let init = listing.lines().find(|line| line.ends_with(" init"));
    let init = init.unwrap_or_else(|| panic!("no init: {listing}"));
    assert!(init.starts_with("-rwxr-xr-x   1 root     root"), "{init}");

    // Every dependency of every module is in the image.
    let check = shell(
        "set -e; mkdir -p unpacked; cd unpacked; gzip -dc ../image.gz | cpio -id --quiet --no-preserve-owner\n\
         cd lib/modules/*; for table in alias builtin dep softdep; do test -s modules.$table; done\n\
         tr -d : < modules.dep | tr ' ' '\\n' | sort -u | while read -r file; do test -s \"$file\"; done",
    );
    assert!(check.status.success(), "{check:?}");
    fs::remove_dir_all(scratch()).expect("scratch");
}
