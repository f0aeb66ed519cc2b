# Sourced by the comparisons: throw-away servers, and the environment in which every client finds them.
# shellcheck shell=bash
# Needs test-servers, backup-admin (release builds), aws in PATH.
work=$(mktemp -d)
compare=$(dirname "$(realpath "${BASH_SOURCE[0]}")")

# Starts what test-servers knows by these names, until this shell ends: start_servers NAME...
start_servers() {
    mkfifo "$work/stdin"
    test-servers "$@" <"$work/stdin" >"$work/env" &
    servers_pid=$!
    exec 8>"$work/stdin"
    trap 'exec 8>&-; wait $servers_pid 2>/dev/null || true; rm -rf "$work"' EXIT
    until grep -qx ready "$work/env"; do
        kill -0 $servers_pid || { echo 'error: the test servers did not start' >&2; exit 1; }
        sleep 0.2
    done
    sed -i '/^ready$/d' "$work/env"
    . "$work/env"
    export AWS_ENDPOINT_URL=$MINIO_ENDPOINT AWS_ACCESS_KEY_ID=$MINIO_ACCESS_KEY AWS_SECRET_ACCESS_KEY=$MINIO_SECRET_KEY
    export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
    backup-admin keys new --out "$work/key" >/dev/null
    export BACKUP_KEY_FILE=$work/key
}

# measure NAME COMMAND: see measure.py
measure() { /usr/bin/python3 "$compare/measure.py" "$work" "$@"; }
ratio() { awk "BEGIN {printf \"%.3f\", $1 / $2}"; }
# The middle of some numbers: median N...
median() { printf '%s\n' "$@" | sort -n | awk '{n[NR] = $1} END {print n[int((NR + 1) / 2)]}'; }
smaller() { awk "BEGIN {print ($1 < $2) ? $1 : $2}"; }
