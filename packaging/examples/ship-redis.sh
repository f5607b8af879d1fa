#!/bin/sh
# openrange follow --state FILE URL -- ship-redis.sh STREAM [OPTION OF redis-cli]...
#
# Adds each line of the batch on stdin to a stream of Redis, exactly once: a script, which Redis executes as a whole, adds the
# entries and stores the position behind them. Redis needs `appendonly yes` and `appendfsync always`: otherwise a crash of it
# loses what openrange follow takes for stored.
set -eu
stream=$1
shift
# Redis gets the script, its keys and the batch in one request.
# shellcheck disable=SC2016
exec redis-cli -e "$@" -x eval '
    local tag, at, last, batch = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
    if #batch ~= last - at then
        return redis.error_reply("the batch is cut off: openrange follow was killed")
    end
    local known = tonumber(redis.call("hget", KEYS[2], tag) or "0")
    for line, lineend in batch:gmatch("([^\n]*)(\n?)") do
        at = at + #line + #lineend
        if at > known and #line + #lineend > 0 then
            redis.call("xadd", KEYS[1], "*", "position", string.format("%s-%.0f", tag, at), "line", line)
        end
    end
    redis.call("hset", KEYS[2], tag, string.format("%.0f", math.max(last, known)))
    return "OK"
' 2 "$stream" "$stream:positions" "$OPENRANGE_ETAG" "$OPENRANGE_OFFSET" "$OPENRANGE_END" >/dev/null
