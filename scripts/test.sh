#!/usr/bin/env bash
# Everything that CI checks. The servers are built beside the Rust build; what was built once is used again.
set -euo pipefail
. "$(dirname "$0")/paths.sh"
. "$(dirname "$0")/background-build.sh"
cd "$repository"

step() {
    say "$*"
    "$@"
}

step scripts/install.sh
start_building_servers minio weed vault
step scripts/check.sh
step /usr/bin/python3 scripts/check-dependencies.py
step cargo build --workspace --all-targets --all-features
wait_for_servers
step cargo test --workspace --all-features
step "$venv/bin/python" -m unittest discover -s tests/reader -t tests
say 'all checks passed'
