#!/usr/bin/env bash
# Writes what the program of some version leaves of a small plant, packed, for
# TestUpgradePlant:
#
#   make.sh BINARY OUT.tar.zst [postgres]
#
# Two machines were measured for three days, which are settled; one value was
# replaced, the days are priced and reported, an alert fires, a user and a token
# are there. Where the program has it, a household of a survey is registered.
# Then it is stopped in order. With "postgres" the tables are in a PostgreSQL,
# and database.sql is what pg_dump says of them. data is the data directory,
# answers are what the program said last. CONTRIBUTING.md says when to run it.
set -euo pipefail
binary=$(realpath "$1") out=$(realpath "$2") tables=${3:-sqlite}
dir=$(mktemp -d)
mkdir "$dir/answers"
pid='' server=''
end() {
  [ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true
  [ -z "$server" ] || stop_server || true
  rm -rf "$dir"
}
trap end EXIT
export WATTWERK_BUS_PARTITIONS=4

# PostgreSQL does not run as root.
as() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups env -C / "$@"; else "$@"; fi; }
stop_server() { as "$pg/pg_ctl" -D "$dir/pg/data" -m fast -w stop >/dev/null; server=''; }
if [ "$tables" = postgres ]; then
  pg=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
  chmod 711 "$dir" && mkdir "$dir/pg" && { [ "$(id -u)" != 0 ] || chown postgres:postgres "$dir/pg"; }
  as "$pg/initdb" -D "$dir/pg/data" -U wattwerk -A trust -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null
  as "$pg/pg_ctl" -D "$dir/pg/data" -w -l "$dir/pg/log" -o "-k $dir/pg -c listen_addresses= -c fsync=off" start >/dev/null
  server=1
  as "$pg/createdb" -h "$dir/pg" -U wattwerk wattwerk
  export WATTWERK_SQL_CONNS=16 WATTWERK_SQL_URL="postgres://wattwerk@/wattwerk?host=$dir/pg"
fi

mkdir "$dir/data"
if "$binary" survey --help 2>&1 | grep -q authority; then
  "$binary" survey ca init --data "$dir/data" --offline "$dir/stick" >/dev/null
  export WATTWERK_SURVEY_LISTEN=127.0.0.1:18090 WATTWERK_SURVEY_HOSTS=127.0.0.1
fi
"$binary" run --data "$dir/data" --addr 127.0.0.1:18089 --mqtt off >"$dir/out" 2>"$dir/log" &
pid=$!
until grep -q 'page and API' "$dir/out"; do
  kill -0 "$pid" 2>/dev/null || { cat "$dir/log" >&2; exit 1; }
  sleep 0.1
done
token=$(sed -n 's/.*"secret": "\(.*\)".*/\1/p' "$dir/data/instance.json")
call() { curl -sS --fail-with-body -X "$1" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' ${3:+--data "$3"} "http://127.0.0.1:18089$2"; }
# within METHOD PATH BODY: asks until it is done.
within() { for _ in $(seq 300); do if call "$@" >"$dir/answer" 2>/dev/null; then return; fi; sleep 0.2; done; cat "$dir/answer" >&2; return 1; }

call PUT /api/v1/sites/kiel '{"id":"kiel","zone":"Europe/Berlin"}' >/dev/null
for s in press oven; do
  call PUT "/api/v1/sensors/$s" "{\"id\":\"$s\",\"site\":\"kiel\",\"quantity\":\"active_power\",\"interval\":\"15m\",\"maxAge\":\"15m\"}" >/dev/null
done
call PUT /api/v1/groups/hall '{"id":"hall","members":[{"sensor":"press"},{"sensor":"oven"}]}' >/dev/null
call PUT /api/v1/hierarchies/place '{"id":"place","root":"hall","site":"kiel"}' >/dev/null
call POST /api/v1/users '{"name":"ada","password":"correct horse battery","role":"operator"}' >/dev/null
call POST /api/v1/tokens '{"name":"meter","scopes":["ingest"]}' >"$dir/answers/token.json"
call PUT /api/v1/tariffs/flat '{"currency":"EUR","zone":"Europe/Berlin","versions":[{"from":"2020-01-01","components":[{"id":"energy","kind":"energy","price":"0.30"},{"id":"basic","kind":"standing","price":"1","per":"day"}]}]}' >/dev/null
call PUT /api/v1/alerts/rules/high '{"subject":{"sensor":"press"},"condition":{"kind":"external"},"severity":"critical","text":"Look at the press."}' >/dev/null

# From midnight of 2026-11-24 in Kiel, four readings an hour; TestUpgradePlant has the same formula.
call POST /api/v1/ingest/json "$(awk 'BEGIN {
  printf "["
  for (i = 0; i < 288; i++)
    printf "%s{\"sensor\":\"press\",\"time\":%.0f,\"value\":%d},{\"sensor\":\"oven\",\"time\":%.0f,\"value\":%d}", (i ? "," : ""),
      1795474800000 + i*900000, 4000 + i%96*8, 1795474800000 + i*900000, 1000
  printf "]" }')" >/dev/null
call POST /api/v1/ingest/json '{"sensor":"press","time":1795474800000,"value":"many"}' >/dev/null 2>&1 || true
within POST /api/v1/costs/assignments '{"group":"hall","tariff":"flat","from":"2026-11-01"}'
within POST /api/v1/sensors/oven/interventions '{"kind":"replace","from":"2026-11-24T00:00:00+01:00","to":"2026-11-24T01:00:00+01:00","value":3000,"why":"the clamp was loose"}'
within POST /api/v1/alerts/rules/high/signal '{"firing":true,"text":"It is loud."}'
within PUT /api/v1/reports/definitions/days '{"group":"hall","size":"1d"}'

# The oven took 2 kW more for an hour of the first day than was measured.
settled='/api/v1/settled/groups/hall?size=1d&from=2026-11-24&to=2026-11-27'
until call GET "$settled" | grep -q '"amount":\[131120,129120,129120\]'; do sleep 0.5; done
until call GET '/api/v1/alerts' | grep -q '"firing"'; do sleep 0.5; done
for day in 24 25 26; do within POST /api/v1/reports/definitions/days/issues "{\"period\":\"2026-11-$day\"}"; done
if [ -n "${WATTWERK_SURVEY_LISTEN:-}" ]; then
  echo '{"participant":{"name":"A. Miller","email":"a.miller@example.org"},"metadata":{"adults":2},"meters":[{"model":"MT175"}]}' >"$dir/miller.json"
  "$binary" survey household add "$dir/miller.json" --data "$dir/data" >"$dir/answers/household.txt"
fi
sleep 3 # what was written is followed by all who follow it
answer() { call GET "$2" >"$dir/answers/$1.json"; }
answer model /api/v1/model
answer revisions /api/v1/revisions
answer press '/api/v1/sensors/press/range?raw=true&from=1795474800000&to=1795733999999'
answer oven '/api/v1/sensors/oven/range?raw=true&from=1795474800000&to=1795733999999'
answer days "$settled"
answer quarters '/api/v1/settled/sensors/press?size=15m&from=2026-11-24&to=2026-11-27'
answer interventions /api/v1/interventions
answer tariffs /api/v1/tariffs
answer assignments /api/v1/costs/assignments
answer bill '/api/v1/costs/groups/hall/bill?from=2026-11-24&to=2026-11-27'
answer rules /api/v1/alerts/rules
answer alerts /api/v1/alerts
answer issues /api/v1/reports/issues
answer users /api/v1/users
answer tokens /api/v1/tokens
answer dead-letters /api/v1/dead-letters
[ -z "${WATTWERK_SURVEY_LISTEN:-}" ] || answer households /api/v1/survey/household
kill -TERM "$pid"
wait "$pid"
pid=''
if [ "$tables" = postgres ]; then
  as "$pg/pg_dump" -h "$dir/pg" -U wattwerk --inserts --no-owner wattwerk >"$dir/database.sql"
  stop_server
fi
rm -f "$dir/data/lock"
cd "$dir"
tar --sort=name --owner=0 --group=0 --numeric-owner -cf - data answers $([ ! -f database.sql ] || echo database.sql) | zstd -19 -q -f -o "$out"
ls -l "$out"
