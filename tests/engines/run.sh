#!/usr/bin/env bash
# Two heads over a shared file system: tests/engines/run.sh [ENGINE]... (default: all of this directory that can be had).
#
# For each engine it starts the real thing with three mounts, and runs hop.py (readers that go from head to head while heads
# are killed and the log is rolled) and delay.py (how long an append takes to the other head). Each prints a row for the tables
# of the guide, "More than one machine". It needs root, and uses a network namespace and a directory that it removes.
#
#   OPENRANGE=FILE     the binary (default: target/release/openrange)
#   ROLLS=N            how often the log is rolled (100)
#   APPENDS=N          how many appends are timed (200)
#   LOGS=DIRECTORY     where to leave what all of them say (nowhere)
#
# shellcheck disable=SC2154,SC2317 # What the file of the engine sets and calls.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export OPENRANGE=${OPENRANGE:-$here/../../target/release/openrange}
[ -x "$OPENRANGE" ] || { echo "there is no $OPENRANGE: cargo build --release makes it" >&2; exit 1; }

# Runs a command where the engine has its addresses.
inside() { nsenter --net="/run/netns/$namespace" "$@"; }

# Tries something until it succeeds, for half a minute.
try() {
    for _ in $(seq 300); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.1
    done
    echo "never succeeded: $*" >&2
    return 1
}

clean() {
    local mount
    for mount in a b writer; do umount -l "$home/$mount" 2>/dev/null || true; done
    # Everything that the engine has started is in the namespace.
    local pids
    pids=$(ip netns pids "$namespace" 2>/dev/null | tr '\n' ' ')
    # shellcheck disable=SC2086 # Several words.
    [ -z "$pids" ] || kill -9 $pids 2>/dev/null || true
    ip netns del "$namespace" 2>/dev/null || true
    [ -z "${LOGS:-}" ] || cp "$home"/{log,*.log,output*,state*} "$LOGS" 2>/dev/null || true
    rm -rf --one-file-system "$home"
}

one() { # ENGINE
    # shellcheck source=/dev/null # programs, address and up() of this engine.
    . "$here/$1.sh"
    local program
    for program in ip nsenter python3 "${programs[@]}"; do
        command -v "$program" >/dev/null || { echo "skipped: $1 needs $program"; return; }
    done
    if [ "$(id -u)" != 0 ] || [ ! -e /dev/fuse ]; then
        echo "skipped: $1 needs root and /dev/fuse"
        return
    fi
    namespace=openrange-$1-$$
    home=$(mktemp -d)
    trap clean EXIT
    ip netns add "$namespace"
    ip -n "$namespace" link set lo up
    ip -n "$namespace" addr add "$address/32" dev lo
    mkdir "$home"/{a,b,writer}
    # In the background: elsewhere `||` would let it go on after a command that fails.
    up >"$home/log" 2>&1 &
    wait $! || { echo "skipped: $1 does not start here:" && tail -n 5 "$home/log" && return; }
    python3 "$here/delay.py" "$1" "$home" "${APPENDS:-200}"
    python3 "$here/hop.py" "$1" "$home" "${ROLLS:-100}"
}

if [ $# = 0 ]; then
    for file in "$here"/*.sh; do
        engine=$(basename "$file" .sh)
        [ "$engine" = run ] || set -- "$@" "$engine"
    done
fi
status=0
for engine in "$@"; do
    one "$engine" &
    wait $! || status=1
done
exit $status
