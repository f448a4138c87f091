#!/usr/bin/env bash
# Writes a data directory as the program of some version leaves it, packed, for
# TestUpgrade:
#
#   make.sh BINARY OUT.tar.zst
#
# In it are a model, a user with a password, a token, records in blocks of the
# history, records that are on the bus alone, checkpoints, ticks and one dead
# letter: the program is stopped once in order, and killed at the end.
set -euo pipefail
binary=$1 out=$(realpath "$2")
dir=$(mktemp -d)
trap 'kill -9 $pid 2>/dev/null || true; rm -rf "$dir"' EXIT
begin=1795860000000 # 2026-11-28T10:00:00Z; ms

begin_process() {
  rm -f "$dir/out"
  "$binary" run --data "$dir/data" --addr 127.0.0.1:18089 --mqtt off >"$dir/out" 2>"$dir/log" &
  pid=$!
  until grep -q 'page and API' "$dir/out"; do sleep 0.1; done
  token=$(sed -n 's/.*"secret": "\(.*\)".*/\1/p' "$dir/data/instance.json")
}
call() { curl -sSf -X "$1" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' --data "$3" "http://127.0.0.1:18089$2"; }
# send FROM TO: readings FROM..TO-1 of four sensors, one a second.
send() {
  call POST /api/v1/ingest/json "$(awk -v from="$1" -v to="$2" -v begin=$begin 'BEGIN {
    printf "["
    for (i = from; i < to; i++) for (s = 0; s < 4; s++)
      printf "%s{\"sensor\":\"machine%d\",\"time\":%.0f,\"value\":%.3f}", (i == from && s == 0 ? "" : ","), s, begin + i*1000, s*1000 + (i%97)/8
    printf "]" }')" >/dev/null
}

export WATTWERK_BUS_PARTITIONS=4
begin_process
for s in 0 1 2 3; do
  call PUT "/api/v1/sensors/machine$s" "{\"id\":\"machine$s\",\"quantity\":\"active_power\",\"interval\":\"1s\"}" >/dev/null
done
call PUT /api/v1/groups/hall '{"id":"hall","members":[{"sensor":"machine0"},{"sensor":"machine1"},{"sensor":"machine2"},{"sensor":"machine3"}]}' >/dev/null
call PUT /api/v1/hierarchies/place '{"id":"place","root":"hall"}' >/dev/null
call POST /api/v1/users '{"name":"ada","password":"correct horse battery","role":"operator"}' >/dev/null
call POST /api/v1/tokens '{"name":"meter","scopes":["ingest"]}' >/dev/null
# Without pauses: a backlog that halts for ten seconds has a gap in its ticks.
for ((i = 0; i < 600; i += 15)); do send $i $((i + 15)); sleep 0.8; done
call POST /api/v1/ingest/json '{"sensor":"machine0","time":1795860000000,"value":"many"}' >/dev/null 2>&1 || true
kill -TERM $pid
wait $pid
begin_process
for ((i = 600; i < 1200; i += 15)); do send $i $((i + 15)); sleep 0.8; done
kill -9 $pid
rm -f "$dir/data/instance.json" "$dir/data/lock"
tar --sort=name --owner=0 --group=0 --numeric-owner -C "$dir/data" -cf - . | zstd -19 -q -o "$out" -f
ls -l "$out"
