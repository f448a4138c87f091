#!/usr/bin/env bash
# Makes the passwords that the parts of a scaled set-up know one another by, as
# files in DIR. Files that are there are kept.
#
#   deploy/secrets.sh compose DIR
#   deploy/secrets.sh kubernetes DIR [RELEASE]
#   kubectl create secret generic wattwerk-secrets --from-file=DIR
set -euo pipefail
umask 077

usage() { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ $# -ge 2 ] || usage
dir=$2
release=${3:-wattwerk}
case $1 in
compose) nats=(nats-1 nats-2 nats-3) sql=postgres ;;
kubernetes) nats=("$release"-nats-{0,1,2}."$release"-nats) sql=$release-postgres ;;
*) usage ;;
esac
mkdir -p "$dir"

password() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
# make FILE writes standard input to DIR/FILE unless it is there.
make() {
  if [ -e "$dir/$1" ]; then
    cat >/dev/null
    echo "kept $dir/$1"
  else
    cat >"$dir/$1"
    echo "made $dir/$1"
  fi
}

printf 'wattwerk:%s\n' "$(password)" | make nats_login
bus=$(cut -d: -f2 "$dir/nats_login")
route=$(password)
{
  echo "authorization { user: wattwerk, password: \"$bus\" }"
  echo "cluster {"
  echo "  name: wattwerk"
  echo "  listen: 0.0.0.0:6222"
  echo "  authorization { user: route, password: \"$route\" }"
  echo "  routes: ["
  for host in "${nats[@]}"; do echo "    \"nats://route:$route@$host:6222\""; done
  echo "  ]"
  echo "}"
} | make nats.conf
printf '%s' "$(password)" | make postgres_password
printf 'postgres://wattwerk:%s@%s:5432/wattwerk?sslmode=disable\n' "$(cat "$dir/postgres_password")" "$sql" | make sql_url
# Containers read them as another user.
chmod 755 "$dir"
chmod 644 "$dir"/*
