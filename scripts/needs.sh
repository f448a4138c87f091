#!/usr/bin/env bash
# Installs what tests need beyond Go and Node: servers to talk to, into .tools
# (a broker of Kafka is Java),
# and from the system a browser, a foreign MQTT broker, network namespaces, and
# what checks units and packages.
# With "cluster" it builds a Cortex, which takes long, and nothing else.
# Does nothing about what is there.
set -euo pipefail
cd "$(dirname "$0")/.."

# tool NAME PACKAGE VERSION installs a Go program as .tools/NAME-VERSION.
tool() {
  local to=.tools/$1-${3#v}
  if [ ! -x "$to" ]; then
    local new
    new=$(mktemp -d)
    GOBIN=$new GOFLAGS=-trimpath CGO_ENABLED=0 go install "$2@$3"
    mkdir -p .tools
    mv "$new/$(ls "$new")" "$to"
    rm -r "$new"
  fi
}
tool nats-server github.com/nats-io/nats-server/v2 v2.15.2
tool victoria-metrics github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics v1.151.0

# compile NAME MODULE VERSION PACKAGE [FLAG ...] builds a program of a module whose
# go.mod says more than "go install" takes, as its makers do: as the main module,
# with the versions it pins. A function without_NAME, if there is one, takes out of its
# source what tests do not need.
compile() {
  local to=.tools/$1-${3#v}
  if [ ! -x "$to" ]; then
    local new from
    new=$(mktemp -d)
    from=$(go mod download -json "$2@$3" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    cp -r --no-preserve=mode "$from" "$new/source"
    (cd "$new/source" && rm -rf vendor && if declare -F "without_$1" >/dev/null; then "without_$1"; fi && GOWORK=off GOFLAGS=-trimpath CGO_ENABLED=0 go build -ldflags '-s -w' "${@:5}" -o "$new/program" "$4")
    mkdir -p .tools
    mv "$new/program" "$to"
    rm -r "$new"
  fi
}
# without_cortex takes the clients of three object storages out, and with them a
# fifth of what has to be compiled: Envoy's API, the clouds' own.
without_cortex() {
  local b first
  for b in azure gcs swift; do
    first=
    [ $b != gcs ] || first='context.Context, '
    cat >pkg/storage/bucket/$b/bucket_client.go <<EOF
package $b

import (
	"context"
	"errors"
	"net/http"

	"github.com/go-kit/log"
	"github.com/thanos-io/objstore"
)

type _ = context.Context

func NewBucketClient(${first}Config, func(http.RoundTripper) http.RoundTripper, string, log.Logger) (objstore.Bucket, error) {
	return nil, errors.New("$b is not built in")
}
EOF
  done
}
if [ "${1-}" = cluster ]; then
  compile cortex github.com/cortexproject/cortex v1.21.1 ./cmd/cortex -tags netgo,slicelabels
  exit 0
fi
compile prometheus github.com/prometheus/prometheus v0.315.0 ./cmd/prometheus -tags remove_all_sd

ferretdb=.tools/ferretdb-1.24.2
if [ ! -x $ferretdb ]; then
  new=$(mktemp -d)
  cp scripts/ferretdb/go.* "$new"
  cp scripts/ferretdb/main.txt "$new/main.go"
  (cd "$new" && CGO_ENABLED=0 go build -trimpath -o ferretdb .)
  mv "$new/ferretdb" $ferretdb
  rm -r "$new"
fi

packages=()
# Kafka itself is fetched when these are there, see below.
kafka=.tools/kafka-4.3.1
if ! command -v java >/dev/null; then
  packages+=(default-jre-headless)
fi
if [ ! -d $kafka ] && ! command -v mvn >/dev/null; then
  packages+=(maven)
fi
if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null && ! command -v google-chrome >/dev/null; then
  packages+=(chromium)
fi
# Debian puts it into /usr/sbin, which is not in everybody's PATH.
if ! PATH="$PATH:/usr/sbin" command -v mosquitto >/dev/null; then
  packages+=(mosquitto)
fi
if ! PATH="$PATH:/usr/sbin:/sbin" command -v ip >/dev/null; then
  packages+=(iproute2)
fi
if ! compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; then
  packages+=(postgresql)
fi
if ! command -v systemd-analyze >/dev/null; then
  packages+=(systemd)
fi
if [ ! -e /usr/share/debconf/confmodule ]; then
  packages+=(debconf)
fi
if ! command -v deb-systemd-helper >/dev/null; then
  packages+=(init-system-helpers)
fi

# fetch_kafka gets the jars of a broker, and looks whether they are the right ones.
fetch_kafka() {
  if [ ! -d $kafka ]; then
    local new
    new=$(mktemp -d -p .tools)
    mvn -q -B -f internal/kafkatest/pom.xml org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies "-DoutputDirectory=$PWD/$new"
    (cd "$new" && sha256sum --quiet --strict -c "$OLDPWD/internal/kafkatest/jars.sha256")
    mv "$new" $kafka
  fi
}

if [ ${#packages[@]} -eq 0 ]; then
  fetch_kafka
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "The tests need ${packages[*]}. Install it, or run this as root." >&2
    exit 1
  fi
  as_root=(sudo)
fi
if ! command -v apt-get >/dev/null; then
  echo "The tests need ${packages[*]}, and there is no apt-get to install it with. Install it by hand." >&2
  exit 1
fi
# The mosquitto package would start a broker on the port that wattwerk uses,
# and the postgresql package a server.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
  "${as_root[@]}" chmod +x $policy
  trap '"${as_root[@]}" rm -f $policy' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -q
"${as_root[@]}" apt-get install -qy --no-install-recommends "${packages[@]}"
fetch_kafka
