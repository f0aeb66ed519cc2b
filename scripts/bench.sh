#!/usr/bin/env bash
# Criterion benches, then the comparisons with the tools that people use today.
set -euo pipefail
. "$(dirname "$0")/paths.sh"
cd "$repository"
scripts/install.sh awscli
scripts/build-servers.sh minio vault
cargo bench -p backup-benches
cargo build --release -p backup-bins -p backup-tests --bins
for comparison in benches/compare/{pg_dump,vault}.sh; do
    say "$comparison"
    PATH=$CARGO_TARGET_DIR/release:$venv/bin:$PATH bash "$comparison"
done
