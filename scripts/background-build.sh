# Sourced by test.sh and demo.sh: builds test servers beside the Rust build.
# shellcheck shell=bash

# A process group of its own, so that a failed step takes the compilers with it.
start_building_servers() {
    set -m
    "$repository/scripts/build-servers.sh" "$@" &
    building=$!
    set +m
    trap 'kill -- "-$building" 2>/dev/null || true' EXIT
}

wait_for_servers() {
    say 'waiting for the test servers'
    wait "$building"
    trap - EXIT
}
