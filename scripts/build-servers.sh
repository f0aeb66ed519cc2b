#!/usr/bin/env bash
# Builds the servers of the integration tests from the Go module proxy into the cache folder, once.
# usage: scripts/build-servers.sh [minio|weed|vault]...      default: minio weed
# Atomic (a finished binary is renamed into place) and safe to run twice at once (the second waits for the first).
set -euo pipefail
. "$(dirname "$0")/paths.sh"

declare -A main=(
    [minio]=github.com/minio/minio
    [weed]=github.com/seaweedfs/seaweedfs/weed
    [vault]=github.com/hashicorp/vault
)

# Module sources and object files take gigabytes: they stand in the cache folder while building and go when all is built.
# Who sets GOMODCACHE and GOCACHE keeps them.
export CGO_ENABLED=0 GOFLAGS='-mod=readonly -buildvcs=false'
scratch=$cache/go-build
export GOMODCACHE=${GOMODCACHE:-$scratch/modules} GOCACHE=${GOCACHE:-$scratch/objects}

build() {
    local binary log
    binary=$(server_binary "$1")
    [ ! -x "$binary" ] || return 0
    log=$servers/$1.log
    printf 'building %s, log in %s\n' "$1" "$log"
    cd "$repository/tests/servers/$1"
    if ! nice "$repository/scripts/go.sh" build -trimpath -ldflags '-s -w' -o "$binary.tmp" "${main[$1]}" >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        fail "$1 does not build" "the whole log is in $log; the Go module proxy must be reachable (GOPROXY)"
    fi
    mv "$binary.tmp" "$binary"
    printf 'built %s\n' "$binary"
}

mkdir -p "$servers"
[ $# -gt 0 ] || set -- minio weed
for name in "$@"; do [ -n "${main[$name]:-}" ] || fail "no such server: $name" "one of ${!main[*]}"; done
exec 9>"$servers/build.lock"
flock 9
for name in "$@"; do build "$name"; done
# Go makes its module folder read-only.
if [ -d "$scratch" ]; then chmod -R u+w "$scratch" && rm -rf "$scratch"; fi
