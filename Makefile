# Building, packing, booting and testing. Each target sets up what it needs (scripts/setup).
#
#   make run      build, pack, boot in QEMU, this terminal on the guest's serial line
#   make test     everything that must hold; the last line is `N passed, N failed`
#   make build    build/initsh            make lint     format and lints
#   make initrd   build/initrd.cpio.gz    make docs     docs/commands.md, the README's table
#   make kernel   build/kernel            make bench    figures beside busybox
#   make musl     the musl variant        make fuzz     bounded fuzzing (FUZZ_SECONDS= a target)
#   make oci      build/oci, an image     make bench-pid1   PID 1 beside tini, dumb-init and others
#                                         make bench-net    network clients beside others
#
# KERNEL= and MODULES= (vmlinuz, lib/modules/VERSION) replace the kernel; TARGET= the Rust target;
# ACCEL=kvm the accelerator; QEMU_OPTIONS= is passed to scripts/qemu by `make run`.

installed := $(shell rustup target list --installed 2>/dev/null)
TARGET ?= $(if $(filter x86_64-unknown-linux-musl,$(installed)),x86_64-unknown-linux-musl,x86_64-unknown-linux-gnu)
ACCEL ?= tcg
FUZZ_SECONDS ?= 30
QEMU_OPTIONS ?=
export ACCEL
# Of what cargo has to download.
export CARGO_NET_RETRY ?= 10
ifdef KERNEL
export KERNEL
endif
ifdef MODULES
export MODULES
endif

.PHONY: all build kernel initrd run test lint docs bench bench-pid1 bench-net fuzz musl oci clean
all: build

build:
	@scripts/setup build
	cargo build --release --target $(TARGET)
	@mkdir -p build
	@cmp -s target/$(TARGET)/release/initsh build/initsh || cp target/$(TARGET)/release/initsh build/initsh

kernel:
ifndef KERNEL
	@scripts/setup kernel
	@scripts/kernel
endif

initrd: build kernel
	@scripts/setup initrd
	@scripts/initrd

run: initrd
	@scripts/setup run
	@scripts/qemu $(QEMU_OPTIONS)

test:
	@scripts/setup build kernel initrd run test
	@scripts/test

lint:
	@scripts/setup build
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings

docs: build
	@scripts/docs

bench: initrd
	@scripts/setup run bench
	@scripts/bench

bench-pid1: build
	@scripts/setup bench-pid1
	@scripts/bench-pid1

bench-net: build
	@scripts/setup bench-net
	@scripts/bench-net

oci: build
	@scripts/oci

fuzz:
	@scripts/setup fuzz
	@scripts/fuzz $(FUZZ_SECONDS)

musl:
	@scripts/musl

clean:
	rm -rf build
	cargo clean
