#!/usr/bin/env bash
# Writes every generated file again. UPDATE tells the tests that hold them to
# write instead of comparing.
set -euo pipefail
cd "$(dirname "$0")/.."
go test ./app -run '^(TestOpenAPI|TestModulesTable|TestLicences|TestConfigPage)$' -update >/dev/null
cd web/ui
npm run generate --if-present
