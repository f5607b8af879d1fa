#!/usr/bin/env bash
# Ordinary traffic on a small device: tests/bench/soak.sh [SECONDS] [BINARY], an hour on the static build by default.
#
# The server gets 16 MiB of address space. Four logs grow and are rolled in every way, eight followers read them through
# all rolls, a client asks for listings and ranges, others connect and leave. Every 10 seconds a line tells descriptors and
# memory; at the end these must be what they were after the first minute, and no follower may have lost a line.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-3600}
binary=${2:-target/static/openrange-$(uname -m)}
limit=16384 # KiB
home=$(mktemp -d)
mkdir "$home/root" "$home/got" "$home/old"
jobs=()
# shellcheck disable=SC2317,SC2329 # It is called by the trap.
clean() { kill "${jobs[@]}" 2>/dev/null || true; rm -rf "$home"; }
trap clean EXIT

(ulimit -v $limit; RUST_LOG=warn exec "$binary" --threads 1 --listen 127.0.0.1:0 "$home/root" >"$home/ready" 2>"$home/log") &
server=$!
jobs+=("$server")
until url=$(grep -o 'http://[^ ]*' "$home/ready"); do
    kill -0 "$server" || { cat "$home/log" >&2; exit 1; }
    sleep 0.1
done

publish() { # LOG: numbered lines, ten a second, and a roll after every 50
    local n=0
    while [ ! -e "$home/stop" ]; do
        n=$((n + 1))
        echo "$1 line $n of an ordinary length, such as a log has" >>"$home/root/$1"
        if [ $((n % 50)) = 0 ]; then
            sleep 1 # Everybody has come back by now: a file that nobody has seen is nobody's loss.
            mv "$home/root/$1" "$home/old/$1"
        fi
        sleep 0.1
    done
    echo "$n" >"$home/count.$1"
}

follow() { # LOG NUMBER: every line of every file under that name
    while [ ! -e "$home/done" ]; do
        curl -sfN -r 0- "${url}$1" >>"$home/got/$1.$2" || sleep 0.05
    done
}

browse() {
    while [ ! -e "$home/done" ]; do
        curl -s -o /dev/null "$url" -o /dev/null -r -100 "${url}a" -o /dev/null "${url}missing" || true
        curl -s -m 0.2 -N -r 0- -o /dev/null "${url}b" || true # leaves in the middle
        sleep 0.3
    done
}

for log in a b c d; do
    publish $log & jobs+=($!)
    follow $log 1 & jobs+=($!)
    follow $log 2 & jobs+=($!)
done
browse & jobs+=($!)

held() {
    local status
    status=$(awk '/^VmPeak|^VmRSS|^RssAnon/ { printf "%s %s KiB  ", $1, $2 }' "/proc/$server/status")
    echo "$(find "/proc/$server/fd" -type l | wc -l) descriptors  $status"
}
anonymous() { awk '/^RssAnon/ { print $2 }' "/proc/$server/status"; }

early=$((seconds / 2 < 60 ? seconds / 2 : 60))
start=$SECONDS first=
while [ $((SECONDS - start)) -lt "$seconds" ]; do
    sleep 10
    echo "$((SECONDS - start)) s: $(held)"
    if [ -z "$first" ] && [ $((SECONDS - start)) -ge $early ]; then first=$(anonymous); fi
done
touch "$home/stop"
until [ "$(find "$home" -name 'count.*' | wc -l)" = 4 ]; do sleep 0.1; done
sleep 1
last=$(anonymous)
# The last files end, too, so that every follower has everything.
rm -f "$home/root/"?
sleep 1
touch "$home/done"
sleep 1

failed=0
for log in a b c d; do
    count=$(cat "$home/count.$log")
    for follower in 1 2; do
        if ! cmp -s <(seq 1 "$count") <(awk '{ print $3 }' "$home/got/$log.$follower"); then
            echo "follower $follower of $log has not every line once" >&2
            failed=1
        fi
    done
    echo "$log: $count lines, $((count / 50)) rolls, two followers"
done
for _ in $(seq 50); do
    descriptors=$(find "/proc/$server/fd" -type l | wc -l)
    [ "$descriptors" -le 16 ] && break
    sleep 0.1
done
echo "at the end: $(held)"
[ "$descriptors" -le 16 ] || { echo "descriptors are left" >&2; failed=1; }
[ "$last" -le $((first + 256)) ] || { echo "memory grew from $first to $last KiB" >&2; failed=1; }
cat "$home/log" >&2
exit $failed
