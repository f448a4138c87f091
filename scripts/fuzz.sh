#!/usr/bin/env bash
# Fuzzes every FuzzXxx of the repository, each for the given budget: a number of
# inputs ("5000x"), or a time ("1m"). The default is a number: where the time is
# out, go test may report a deadline of its own as a failure (go.dev/issue/75804).
set -euo pipefail
budget=${1:-4000x}
grep -rl --include='*_test.go' '^func Fuzz' . | grep -v node_modules | while read -r file; do
  package=$(dirname "$file")
  grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | sed 's/^func //' | while read -r name; do
    echo "fuzz $package $name for $budget"
    go test "$package" -run '^$' -fuzz "^$name\$" -fuzztime "$budget" -fuzzminimizetime 20x
  done
done
