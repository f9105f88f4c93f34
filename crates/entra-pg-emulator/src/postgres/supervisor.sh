# Keeps PostgreSQL from outliving the emulator. $1: the private directory, $2: PostgreSQL's programs, $3: superuser,
# $4: a template of the data directory, or nothing.
# Commands come on standard input. When it closes, for whatever reason, everything is stopped and removed.
directory=$1 programs=$2 superuser=$3 template=$4 server=
cd /

start() {
    "$programs/postgres" -D "$directory/data" </dev/null >>"$directory/postgres.log" 2>&1 &
    server=$!
}

stop() {
    [ -n "$server" ] || return 0
    # It comes to the whole group, for an `initdb`, and is not to end what sends the signals again.
    trap '' TERM
    # A shell starts its background processes deaf to INT and QUIT. TERM ends a server that is not listening
    # yet, and makes one that is listening wait for its clients; the second signal makes it quicker.
    kill -TERM "$server" 2>/dev/null
    kill "-$1" "$server" 2>/dev/null
    # What comes before this shell's child has become PostgreSQL is lost.
    while sleep 1; do
        kill -TERM "$server"
        kill "-$1" "$server"
    done </dev/null >/dev/null 2>&1 &
    again=$!
    # A signal to this shell ends `wait` early.
    while kill -0 "$server" 2>/dev/null; do wait "$server"; done
    kill -KILL "$again"
    trap : TERM
    server=
}

trap : HUP INT TERM
# The reader may be gone before the last answer.
trap '' PIPE

copy() {
    [ -n "$template" ] && cp -Rp "$template" "$directory/data" && return
    # Somebody has removed it, or the disk is full: initdb says more.
    rm -rf "$directory/data"
    false
}

initialise() {
    "$programs/initdb" -D "$directory/data" -U "$superuser" -A trust -E UTF8 --locale=C --no-sync --no-instructions
}

{ copy || initialise; } </dev/null >"$directory/initdb.log" 2>&1
echo "$?"

while read -r command; do
    case $command in
    start) start ;;
    stop) stop INT ;;
    esac
    echo 0
done

stop QUIT
rm -rf "$directory"
