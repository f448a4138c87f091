#!/usr/bin/env bash
# Fuzzes every FuzzXxx of the repository for the given time each.
set -euo pipefail
time=${1:-3s}
grep -rl --include='*_test.go' '^func Fuzz' . | grep -v node_modules | while read -r file; do
  package=$(dirname "$file")
  grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | sed 's/^func //' | while read -r name; do
    echo "fuzz $package $name for $time"
    go test "$package" -run '^$' -fuzz "^$name\$" -fuzztime "$time"
  done
done
