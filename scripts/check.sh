#!/usr/bin/env bash
# What needs no server: formatting, lints, documentation.
set -euo pipefail
. "$(dirname "$0")/paths.sh"
cd "$repository"
cargo fmt --all --check
cargo fmt --manifest-path fuzz/Cargo.toml --check
cargo clippy --workspace --all-targets --all-features -- -D warnings
# libFuzzer itself, and so a nightly compiler, is only needed to run the targets.
cargo check --manifest-path fuzz/Cargo.toml --no-default-features --locked
RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --workspace --all-features
