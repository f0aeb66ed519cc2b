# Sourced by the other scripts: where things that survive a clean checkout live.
# shellcheck shell=bash
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${PLATFORM_BACKUP_CACHE:-$HOME/.cache/platform-backup}
servers=$cache/servers
venv=$cache/venv
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$repository/target}

# Path of the built test server NAME. Its name carries the digest of the sources it was built from, so that an
# older checkout and a newer one share the folder. `backup_tests::server_binary` computes the same name.
server_binary() {
    local sources=$repository/tests/servers/$1
    printf '%s/%s-%s\n' "$servers" "$1" "$(cat "$sources/go.mod" "$sources/go.sum" | sha256sum | cut -c1-16)"
}

# Folder of the installed PostgreSQL VERSION (as 18.6.0); `backup_tests::Postgres` computes the same name.
postgres_folder() { printf '%s/postgres-binaries/%s/%s\n' "$cache" "${1%%.*}" "$1"; }

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'error: %s\nHINT: %s\n' "$1" "$2" >&2; exit 1; }
