#!/usr/bin/env bash
# Runs a Go toolchain of at least 1.26: the machine's, else the one that scripts/install.sh got from PyPI.
set -euo pipefail
. "$(dirname "$0")/paths.sh"

recent() {
    local version
    version=$("$1" env GOVERSION 2>/dev/null) || return 1
    [ "$(printf '%s\n' go1.26 "$version" | sort -V | head -n 1)" = go1.26 ]
}

for go in "$(command -v go || true)" "$venv"/lib/python3*/site-packages/go/bin/go "$venv/bin/go"; do
    if [ -x "$go" ] && recent "$go"; then exec "$go" "$@"; fi
done
fail 'no Go toolchain of at least 1.26' 'run scripts/install.sh'
