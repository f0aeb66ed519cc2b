#!/usr/bin/env bash
# One Vault, one S3 server, one run: the documented script, ours, and curl to /dev/null as the limit of the transfer.
# usage: vault.sh [BYTES]      bytes of secrets, default 200 MB. RUNS=5: interleaved runs, the best of each counts.
# Needs test-servers and backup-vault, backup-admin (release builds), aws and curl in PATH: `make bench` sees to it.
set -euo pipefail
. "$(dirname "$0")/../../scripts/paths.sh"
. "$(dirname "$0")/servers.sh"
bytes=${1:-200000000}
runs=${RUNS:-5}
ln -s "$(server_binary vault)" "$work/vault"
PATH=$work:$PATH
start_servers vault minio
export SERVER_PIDS="$MINIO_PID $VAULT_PID"
bucket=s3://platform-backups

/usr/bin/python3 - "$bytes" <<'PY'
"""Secrets of 100 kB until there are enough: Vault encrypts them, so that nothing in a snapshot compresses."""
import http.client, json, os, sys, urllib.parse
vault = http.client.HTTPConnection(urllib.parse.urlparse(os.environ["VAULT_ADDR"]).netloc)
def post(path, body):
    vault.request("POST", f"/v1/{path}", json.dumps(body), {"X-Vault-Token": os.environ["VAULT_TOKEN"]})
    answer = vault.getresponse()
    text = answer.read()
    if answer.status >= 300:
        sys.exit(f"error: {path}: {answer.status} {text[:300]}")
post("sys/mounts/bench", {"type": "kv"})
for number in range(int(sys.argv[1]) // 100_000):
    post(f"bench/{number:06}", {"value": "x" * 100_000})
PY

declare -A best wall_of
# Of each run by itself: its three commands found the machine equally fast or slow.
of_script=()
names=(curl script ours)
declare -A title=([curl]='curl to /dev/null: the limit' [script]='vault snapshot save; aws s3 cp --sse' [ours]='backup-vault')
curl_ms=999999999 ours_ms=999999999
for ((run = 1; run <= runs; run++)); do
    for name in "${names[@]}"; do
        case $name in
            curl) command="curl -sSf -H 'X-Vault-Token: $VAULT_TOKEN' -w '%{time_starttransfer} %{time_total}' -o /dev/null $VAULT_ADDR/v1/sys/storage/raft/snapshot" ;;
            script) command="vault operator raft snapshot save $work/snap && aws s3 cp --only-show-errors $work/snap $bucket/script/1.snap --sse aws:kms && stat -c%s $work/snap && rm $work/snap" ;;
            ours) command="exec backup-vault --store $bucket/ours$run" ;;
        esac
        line=$(measure "$name" "$command")
        read -r wall process server rss <<<"$line"
        case $name in
            curl) curl_ms=$(smaller "$curl_ms" "$(awk '{print ($2 - $1) * 1000}' "$work/curl.out")") ;;
            ours)
                manifest=$(aws s3 ls "$bucket/ours$run/_pbe/manifests/" | awk '{print $4}')
                took=$(aws s3 cp --only-show-errors "$bucket/ours$run/_pbe/manifests/$manifest" - | grep -o '"transfer_ms":[0-9]*' | cut -d: -f2)
                ours_ms=$(smaller "$ours_ms" "$took")
                ;;
        esac
        printf 'run %d  %-38s wall %6.2f s  CPU %6.2f s  servers %6.2f s  peak %4d MiB\n' "$run" "${title[$name]}" "$wall" "$process" "$server" "$rss"
        wall_of[$name]=$wall
        if [ -z "${best[$name]:-}" ] || awk "BEGIN {exit !($wall < ${best[$name]%% *})}"; then best[$name]=$line; fi
    done
    of_script+=("$(ratio "${wall_of[ours]}" "${wall_of[script]}")")
done
vault operator raft snapshot save "$work/last.snap"
size=$(stat -c%s "$work/last.snap")
read -r inspected _ <<<"$(measure inspect "backup-vault inspect $work/last.snap")"
read -r unpacked _ <<<"$(measure gzip "gzip -dc $work/last.snap | sha256sum")"

printf '\nsnapshot of %s bytes, best of %s runs\n%-38s %8s %8s %10s %10s\n' "$size" "$runs" '' 'wall s' 'CPU s' 'servers s' 'peak MiB'
for name in "${names[@]}"; do
    read -r wall process server rss <<<"${best[$name]}"
    printf '%-38s %8s %8s %10s %10s\n' "${title[$name]}" "$wall" "$process" "$server" "$rss"
done
read -r _ _ _ rss <<<"${best[ours]}"
printf '\n%-34s %8s %8s\n' '' is goal
printf '%-34s %8s %8s\n' \
    'wall / script, best' "$(ratio "${best[ours]%% *}" "${best[script]%% *}")" 1 \
    'wall / script, middle run' "$(median "${of_script[@]}")" 1 \
    'first to last byte / curl' "$(ratio "$ours_ms" "$curl_ms")" 1.1 \
    'peak MiB' "$rss" 100 \
    'inspect / (gzip -d | sha256sum)' "$(ratio "$inspected" "$unpacked")" 1.25
