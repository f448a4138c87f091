#!/usr/bin/env bash
# Writes every generated file again: with -update the tests that hold them
# write instead of comparing.
set -euo pipefail
cd "$(dirname "$0")/.."
go test -vet=off ./app -run '^(TestOpenAPI|TestModulesTable|TestLicences|TestConfigPage)$' -update >/dev/null
(cd deploy/check && go test -vet=off . -run '^TestKustomizeFilesAreThoseOfTheChart$' -update >/dev/null)
cd web/ui
npm run generate --if-present
