#!/usr/bin/env bash
# What needs no server: formatting, lints, documentation.
set -euo pipefail
. "$(dirname "$0")/paths.sh"
cd "$repository"
cargo fmt --all --check
cargo clippy --workspace --all-targets --all-features -- -D warnings
RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --workspace --all-features
