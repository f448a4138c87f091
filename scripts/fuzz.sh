#!/usr/bin/env bash
# Fuzzes every FuzzXxx of the repository, each for the given budget: a number of
# inputs ("5000x"), or a time ("1m"). The default is a number: where the time is
# out, go test may report a deadline of its own as a failure (go.dev/issue/75804).
#
# "go test -fuzz" would compile everything anew to see what an input reaches, the
# libraries too, and link for each target. Here each package is linked once, and
# it is our own code in which it is seen what an input reaches.
set -euo pipefail
budget=${1:-4000x}
programs=$(mktemp -d)
trap 'rm -rf "$programs"' EXIT
corpora=$(go env GOCACHE)/fuzz/$(go list -m)
grep -rl --include='*_test.go' '^func Fuzz' . | grep -v node_modules | xargs -n1 dirname | sort -u | while read -r package; do
  go test -c -vet=off -gcflags="$(go list -m)/...=-d=libfuzzer" -o "$programs/fuzz.test" "$package"
  grep -ohE '^func Fuzz[A-Za-z0-9_]+' "$package"/*_test.go | sed 's/^func //' | while read -r name; do
    echo "fuzz $package $name for $budget"
    (cd "$package" && "$programs/fuzz.test" -test.run '^$' -test.fuzz "^$name\$" -test.fuzztime "$budget" -test.fuzzminimizetime 20x -test.fuzzcachedir "$corpora/$package" -test.paniconexit0)
  done
done
