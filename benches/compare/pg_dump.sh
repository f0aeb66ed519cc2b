#!/usr/bin/env bash
# One table, one server, one S3 server, one run: the documented script, the best pipe, ours, and COPY alone as the limit.
# usage: pg_dump.sh [BYTES]      size of the table, default 600 MB. Needs testbed, backup-postgres, backup-admin and aws in PATH.
set -euo pipefail
bytes=${1:-600000000}
work=$(mktemp -d)
mkfifo "$work/stdin"
testbed "postgres=$bytes" minio <"$work/stdin" >"$work/env" &
testbed_pid=$!
exec 8>"$work/stdin"
trap 'exec 8>&-; wait $testbed_pid 2>/dev/null || true; rm -rf "$work"' EXIT
until grep -q '^ready$' "$work/env" 2>/dev/null; do
    kill -0 $testbed_pid || { echo 'error: the test servers did not start' >&2; exit 1; }
    sleep 0.2
done
sed -i '/^ready$/d' "$work/env"
. "$work/env"
export AWS_DEFAULT_REGION=us-east-1
PATH=/usr/lib/postgresql/15/bin:$PATH
backup-admin keys new --out "$work/key" >/dev/null
export BACKUP_KEY_FILE=$work/key

# Wall seconds, CPU seconds and peak resident MiB of a shell command with all its children: `measure NAME COMMAND`.
# The measuring is Python's, so that one number covers a whole pipe; peak RSS is the largest of any one process.
measure() {
    /usr/bin/python3 - "$work" "$@" <<'PY'
import os, resource, subprocess, sys, time
work, name, command = sys.argv[1], sys.argv[2], sys.argv[3]
begin = time.monotonic()
status = subprocess.run(["bash", "-o", "pipefail", "-c", command], stdout=open(f"{work}/{name}.out", "w"), stderr=open(f"{work}/{name}.err", "w")).returncode
wall = time.monotonic() - begin
used = resource.getrusage(resource.RUSAGE_CHILDREN)
if status:
    sys.exit(f"error: {name} ended with {status}: {open(f'{work}/{name}.err').read()[-2000:]}")
print(f"{wall:.2f} {used.ru_utime + used.ru_stime:.2f} {used.ru_maxrss / 1024:.0f}")
PY
}
stored() { aws s3 ls --recursive "s3://platform-backups/$1" | awk '{sum += $3} END {print sum + 0}'; }

echo "table: $(psql -XAtc "select pg_size_pretty(pg_total_relation_size('events'))" bench), $(psql -XAtc 'select count(*) from events' bench) rows"
# Everything is read once first, so that nobody pays for a cold cache.
psql -XAtc 'copy events to stdout' bench >/dev/null

declare -A result size
runs=${RUNS:-3}
names=(copy script pipe ours)
for ((run = 1; run <= runs; run++)); do
    for name in "${names[@]}"; do
        case $name in
            copy) command="psql -XAtc 'copy events to stdout' bench >/dev/null" ;;
            script) command="pg_dump -Fc -Z9 bench >$work/script.pgdump && aws s3 cp --only-show-errors $work/script.pgdump s3://platform-backups/script/bench.pgdump --sse aws:kms" ;;
            pipe) command="pg_dump -Fc -Z0 bench | zstd -q -3 -T2 | aws s3 cp --only-show-errors - s3://platform-backups/pipe/bench.zst" ;;
            ours) command="backup-postgres --host 127.0.0.1 --store s3://platform-backups/ours$run --database bench" ;;
        esac
        line=$(measure "$name" "$command")
        # The best of all runs: noise only ever adds.
        if [ -z "${result[$name]:-}" ] || awk "BEGIN {exit !(${line%% *} < ${result[$name]%% *})}"; then result[$name]=$line; fi
    done
done
size[script]=$(stored script/) size[pipe]=$(stored pipe/) size[ours]=$(stored ours1/)

wall() { echo "${result[$1]%% *}"; }
printf '\n%-34s %9s %9s %12s %14s %14s\n' 'best of '"$runs"' runs' 'wall s' 'CPU s' 'peak RSS MiB' 'bytes stored' 'wall / script'
show() {
    read -r seconds cpu rss <<<"${result[$1]}"
    printf '%-34s %9s %9s %12s %14s %14s\n' "$2" "$seconds" "$cpu" "$rss" "${size[$1]:--}" "$(awk "BEGIN {printf \"%.3f\", $seconds / $(wall script)}")"
}
show copy 'COPY to /dev/null (the limit)'
show script 'pg_dump -Z9, aws s3 cp'
show pipe 'pg_dump -Z0 | zstd -3 -T2 | aws'
show ours 'backup-postgres'
awk "BEGIN {printf \"\nours / script: wall %.3f (goal 0.15), bytes %.3f (goal 1.0)\nours / pipe:   wall %.3f (goal 0.75)\n\", $(wall ours) / $(wall script), ${size[ours]} / ${size[script]}, $(wall ours) / $(wall pipe)}"
