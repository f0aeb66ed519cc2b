# Runs one server and outlives the test process by just long enough to clean up after it.
# usage: sh watchdog.sh FOLDER LOG STOP-SIGNAL COMMAND...
# Orders on stdin, one per line: `start` (answer: the process id), `end SIGNAL` (answer: `ended`). The end of stdin, also
# when the test process was killed, ends the server and removes FOLDER.
folder=$1 log=$2 stop=$3
shift 3
child=

start() {
    "$@" </dev/null >>"$log" 2>&1 &
    child=$!
    echo "$child"
}

# Our own child cannot vanish before `wait`: its process id is not given to another process meanwhile.
ended() {
    read -r _ _ state _ <"/proc/$child/stat" || return 0
    [ "$state" = Z ]
}

end() {
    [ -n "$child" ] || return 0
    victims=$child
    # A power cut takes the server's own processes too, at the same moment.
    if [ "$1" = KILL ]; then victims="$child $(cat "/proc/$child/task/$child/children" 2>/dev/null)"; fi
    kill -s "$1" $victims 2>/dev/null
    tries=0
    until ended 2>/dev/null || [ "$tries" -ge 500 ]; do
        sleep 0.02
        tries=$((tries + 1))
    done
    kill -s KILL "$child" 2>/dev/null
    wait "$child" 2>/dev/null
    child=
}

while read -r order signal; do
    case $order in
        start) start "$@" ;;
        end) end "$signal"; echo ended ;;
    esac
done
end "$stop"
rm -rf "$folder"
