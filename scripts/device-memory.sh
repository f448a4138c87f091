#!/usr/bin/env bash
# Measures the memory of a measurement device: while it measures, while it asks for updates and fetches one, and afterwards.
# usage: scripts/device-memory.sh PROGRAM [NEXT]
# PROGRAM is a build with a version (make build); NEXT is another one that the device is to fetch and try; without it the update is
# PROGRAM under another version, which is fetched, compared and refused. It takes about five minutes, needs Linux and the ports 18443 and 18081.
set -euo pipefail
program=$(readlink -f "$1") next=$(readlink -f "${2:-$1}")
dir=$(mktemp -d)
children=()
finish() {
  for p in "${children[@]}"; do kill "$p" 2>/dev/null || true; done
  wait || true
  # The launcher is nobody's child now, and what it launched is its.
  while pkill -f -- "--config $dir/device.yaml"; do sleep 0.2; done
  rm -rf "$dir"
}
trap finish EXIT
version() { "$1" version | awk 'NR == 1 { print $2 }'; }
platform=$("$program" version | awk 'NR == 1 { print $3 }')
cd "$dir"

cat > centre.yaml <<END
data: $dir/centre
survey:
  listen: 127.0.0.1:18443
END
cat > device.yaml <<END
data: $dir/device
edge:
  url: https://127.0.0.1:18443
  root_file: $dir/centre/survey/root.crt
  update_root_file: $dir/1.root.json
  update_every: 1m
  page: 127.0.0.1:18081
  metrics: local
  meters: ["sml tcp://127.0.0.1:18500 name=house"]
END
echo 'We measure.' > consent.txt
echo 'meters: [{model: MT175}]' > home.yaml
c() { "$program" "$@" --config centre.yaml; }
c survey ca init --offline "$dir/stick" > /dev/null
c survey text consent.txt --version 1 > /dev/null
c survey household add home.yaml > added
grep -oE 'enrol_[A-Za-z0-9]+' added | head -1 > token
c survey update init --offline "$dir/updates-stick" > /dev/null
cp centre/updates/1.root.json .
"$program" run --config centre.yaml --addr 127.0.0.1:0 --mqtt off > centre.log 2>&1 &
children+=($!)
"$program" sim meters --port 18500 > meters.log 2>&1 &
children+=($!)
until curl -sk https://127.0.0.1:18443/openapi.json -o /dev/null; do sleep 0.5; done
"$program" edge enrol --config device.yaml --token-file token > /dev/null
while :; do "$program" edge launch --config "$dir/device.yaml" || true; sleep 1; done > device.log 2>&1 & # as systemd does
children+=($!)
device() { pgrep -f -- "run --modules edge --config $dir/device.yaml" | tail -1; }
until curl -s http://127.0.0.1:18081/status.json -o /dev/null; do sleep 0.2; done

# Samples of the device, ten a second: TIME RSS FILE DATA (kB) PID.
sample() {
  while :; do
    if pid=$(device); then
      awk -v t="$(date +%s.%N)" -v pid="$pid" '/^VmRSS/ { r = $2 } /^RssAnon/ { a = $2 } /^RssFile/ { f = $2 } END { if (r) print t, r, f, a, pid }' "/proc/$pid/status" 2>/dev/null || true
    fi
    sleep 0.1
  done
}
sample > samples &
children+=($!)
phase() { # NAME FROM: peak, and last, of the samples since FROM
  awk -v from="$2" -v name="$1" '$1 >= from { n++; last = $2; file = $3; anon = $4; if ($2 > peak) { peak = $2; pf = $3; pa = $4 } }
    END { printf "%-52s peak %5.1f MB (program %4.1f, data %4.1f)   at the end %5.1f MB (program %4.1f, data %4.1f)\n", name, peak/1024, pf/1024, pa/1024, last/1024, file/1024, anon/1024 }' samples
}
now() { date +%s.%N; }
form() { curl -s "http://127.0.0.1:18081$1" "${@:2}" -H 'Origin: http://127.0.0.1:18081' -H 'Sec-Fetch-Site: same-origin' -o answer -w '%{http_code}\n'; }

echo "VmRSS of $(version "$program") on $platform; program: pages of its file, of which other processes use the same; data: pages of its own"
t=$(now)
curl -s -c jar "http://127.0.0.1:18081/consent" -o consent.html
hidden=()
while read -r name value; do hidden+=(--data-urlencode "$name=$value"); done < <(grep -oE '<input type="hidden"[^>]*>' consent.html | sed -E 's/.*name="([^"]*)".*value="([^"]*)".*/\1 \2/' | sort -u)
form /consent/grant -b jar "${hidden[@]}" --data-urlencode agree=yes > code
until curl -s http://127.0.0.1:18081/status.json | tr -d ' ' | grep -q '"measuring":true'; do sleep 0.5; done
phase "starting, until it measures" "$t"
t=$(now)
until curl -s http://127.0.0.1:18081/status.json | tr -d '\n ' | grep -q '"update":{[^}]*"asked"'; do sleep 1; done
sleep 5
phase "measuring, and asking for updates for the first time" "$t"
t=$(now)
sleep 65
phase "a minute of measuring" "$t"
t=$(now)
for _ in $(seq 60); do curl -s http://127.0.0.1:18081/metrics -o metrics; sleep 1; done
grep -q '^wattwerk_device_measuring 1$' metrics
phase "a minute of measuring, asked for metrics each second" "$t"
c survey update publish "$next" --release "$(version "$next")$([ "$next" = "$program" ] && echo +next)" --platform "$platform" --offline "$dir/updates-stick" > /dev/null
c survey update ring "$(version "$next")$([ "$next" = "$program" ] && echo +next)" 3 --offline "$dir/updates-stick" > /dev/null
t=$(now)
until grep -qE 'an update is tried|there is no update, and should' device.log; do sleep 0.1; done
phase "asking, fetching and comparing an update" "$t"
sleep 70
t=$(now)
sleep 20
phase "the update, a minute after it was started on trial" "$t"
grep -E 'update' device.log | tail -3 | cut -c 1-160
