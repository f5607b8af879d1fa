#!/bin/sh
# openrange follow --state FILE URL -- ship-kafka.sh BROKER[,BROKER...] TOPIC
#
# Produces each line of the batch on stdin to partition 0 of a Kafka topic by kcat, at least once: records of a partition keep
# their order. The key of a record is the position behind its line. A consumer that drops records whose key it has seen gets
# each line once; a compacted topic keeps one record for each key.
set -eu
tag=$(echo "$OPENRANGE_ETAG" | cut -d '"' -f 2)
batch=$(mktemp)
keyed=
trap 'rm -f "$batch" "$keyed"' EXIT
trap 'exit 1' INT TERM
cat >"$batch"
if [ "$(wc -c <"$batch")" -ne $((OPENRANGE_END - OPENRANGE_OFFSET)) ]; then
    echo "the batch is cut off: openrange follow was killed" >&2
    exit 1
fi
keyed=$(mktemp)
# Not a pipe: kcat would take what an awk that fails has written for the whole batch.
LC_ALL=C awk -v tag="$tag" -v at="$OPENRANGE_OFFSET" '{ at += length($0) + 1; printf "%s-%.0f\t%s\n", tag, at, $0 }' \
    <"$batch" >"$keyed"
kcat -P -q -b "$1" -t "$2" -p 0 -K '\t' -X enable.idempotence=true -X message.timeout.ms=30000 <"$keyed"
