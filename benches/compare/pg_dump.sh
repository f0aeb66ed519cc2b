#!/usr/bin/env bash
# One table, one PostgreSQL, one S3 server, one run: the documented script, the best pipe, ours, and COPY alone as the limit.
# usage: pg_dump.sh [BYTES]      size of the table as COPY writes it, default 600 MB. RUNS=5: interleaved runs, the best of each counts.
# Needs test-servers, backup-postgres, backup-admin (release builds) and aws in PATH: `make bench` sees to it.
set -euo pipefail
bytes=${1:-600000000}
runs=${RUNS:-5}
PATH=/usr/lib/postgresql/15/bin:$PATH
. "$(dirname "$0")/servers.sh"
start_servers postgres "events=$bytes" minio
export SERVER_PIDS="$MINIO_PID $POSTGRES_PID"
stored() { aws s3 ls --recursive "s3://platform-backups/$1" | awk '{sum += $3} END {print sum + 0}'; }

# Rows as every later reader finds them, and in memory: nobody pays for a cold cache or for hint bits.
psql -XqAtc 'vacuum (freeze, analyze) events' -c checkpoint events
psql -XAtc 'copy events to stdout' events | wc -c >"$work/plain"
table=$(psql -XAtc "select pg_size_pretty(pg_total_relation_size('events')) || ', ' || count(*) || ' rows' from events" events)
echo "table: $table, $(cat "$work/plain") bytes as COPY writes them"

declare -A best cpu size wall_of client_of
# Of each run by itself: its four commands found the machine equally fast or slow.
of_copy=() of_script=() of_pipe=()
names=(copy script pipe ours)
# Peak is that of aws, or of backup-postgres (beside it pg_dump takes 12 MiB, zstd -T2 57).
declare -A title=([copy]='COPY to /dev/null: the limit' [script]='pg_dump -Z9; aws s3 cp --sse' [pipe]='pg_dump -Z0 | zstd -3 -T2 | aws' [ours]='backup-postgres')
for ((run = 1; run <= runs; run++)); do
    for name in "${names[@]}"; do
        case $name in
            copy) command="psql -XAtc 'copy events to stdout' events >/dev/null" ;;
            script) command="pg_dump -Fc -Z9 events >$work/events.pgdump && aws s3 cp --only-show-errors $work/events.pgdump s3://platform-backups/script/events.pgdump --sse aws:kms && rm $work/events.pgdump" ;;
            pipe) command="pg_dump -Fc -Z0 events | zstd -q -3 -T2 | aws s3 cp --only-show-errors - s3://platform-backups/pipe/events.pgdump.zst" ;;
            ours) command="exec backup-postgres --store s3://platform-backups/ours$run --database events" ;;
        esac
        line=$(measure "$name" "$command")
        read -r wall process server rss <<<"$line"
        printf 'run %d  %-32s wall %6.2f s  CPU %6.2f s  servers %6.2f s  peak %4d MiB\n' "$run" "${title[$name]}" "$wall" "$process" "$server" "$rss"
        wall_of[$name]=$wall
        client_of[$name]=$process
        # The best of all runs: noise only ever adds.
        if [ -z "${best[$name]:-}" ] || awk "BEGIN {exit !($wall < ${best[$name]%% *})}"; then best[$name]=$line; fi
        if [ -z "${cpu[$name]:-}" ] || awk "BEGIN {exit !($process + $server < ${cpu[$name]})}"; then cpu[$name]=$(awk "BEGIN {print $process + $server}"); fi
    done
    of_copy+=("$(ratio "${wall_of[ours]}" "${wall_of[copy]}")")
    of_script+=("$(ratio "${wall_of[ours]}" "${wall_of[script]}")")
    of_pipe+=("$(ratio "${client_of[ours]}" "${client_of[pipe]}")")
done
size[script]=$(stored script/) size[pipe]=$(stored pipe/) size[ours]=$(stored ours1/)

printf '\n%-34s %8s %8s %10s %10s %14s %14s\n' "best of $runs runs" 'wall s' 'CPU s' 'servers s' 'peak MiB' 'bytes stored' 'wall / script'
for name in "${names[@]}"; do
    read -r wall process server rss <<<"${best[$name]}"
    printf '%-34s %8s %8s %10s %10s %14s %14s\n' "${title[$name]}" "$wall" "$process" "$server" "$rss" "${size[$name]:--}" "$(ratio "$wall" "${best[script]%% *}")"
done
read -r _ _ _ rss <<<"${best[ours]}"
printf '\n%-28s %8s %8s\n' '' is goal
client() { read -r _ process _ _ <<<"${best[$1]}"; echo "$process"; }
printf '%-28s %8s %8s\n' \
    'wall / COPY, best' "$(ratio "${best[ours]%% *}" "${best[copy]%% *}")" 1.1 \
    'wall / COPY, middle run' "$(median "${of_copy[@]}")" 1.1 \
    'wall / script, best' "$(ratio "${best[ours]%% *}" "${best[script]%% *}")" 0.25 \
    'wall / script, middle run' "$(median "${of_script[@]}")" 0.25 \
    'client CPU / pipe, best' "$(ratio "$(client ours)" "$(client pipe)")" 0.8 \
    'client CPU / pipe, middle run' "$(median "${of_pipe[@]}")" 0.8 \
    'bytes / script' "$(ratio "${size[ours]}" "${size[script]}")" 1 \
    'peak MiB' "$rss" 150 \
    'all CPU / script' "$(ratio "${cpu[ours]}" "${cpu[script]}")" - \
    'all CPU / pipe' "$(ratio "${cpu[ours]}" "${cpu[pipe]}")" -
