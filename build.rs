//! Leaves the unwind tables out of the release binary: it aborts on panic, so nothing ever reads them,
//! and they are an eighth of its size. rustc cannot leave out those of std and of the C library.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=scripts/sections.ld");
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if let (true, Ok(root)) = (release, std::env::var("CARGO_MANIFEST_DIR")) {
        println!("cargo:rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
        println!("cargo:rustc-link-arg-bins=-Wl,-T,{root}/scripts/sections.ld");
    }
}
