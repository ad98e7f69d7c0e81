#!/usr/bin/env bash
# Has foreign tools judge the OpenAPI document: redocly and spectral with their recommended rules, and
# openapi-typescript with tsc --strict. Their versions are pinned in package.json.
#
#   scripts/judges/run.sh surfaces/openapi.json target/judges
#
# Exits 0 when nobody finds an error. OUTDIR keeps the generated types, every report, and the tools, unless
# NODE_MODULES names a folder where they are installed already.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
openapi=$(realpath "${1:?usage: run.sh OPENAPI_FILE OUTDIR}")
mkdir -p "${2:?usage: run.sh OPENAPI_FILE OUTDIR}"
out=$(cd "$2" && pwd)

cp "$here"/package.json "$here"/client.ts "$here"/tsconfig.json "$out"
cd "$out"
cp "$openapi" openapi.json
if [ -n "${NODE_MODULES:-}" ]; then ln -sfn "$NODE_MODULES" node_modules; fi
test -x node_modules/.bin/redocly || npm install --no-audit --no-fund --ignore-scripts --silent
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
echo 'extends: [[spectral:oas, recommended]]' > spectral.yaml

failed=0
judge() { # NAME COMMAND…: runs it, keeps its report, remembers a failure
    local name=$1
    shift
    if "$@" > "$name.txt" 2>&1; then
        echo "ok    $name"
    else
        echo "FAIL  $name"
        tail -n 40 "$name.txt"
        failed=1
    fi
}

judge redocly node_modules/.bin/redocly lint --extends=recommended --format=stylish openapi.json
judge spectral node_modules/.bin/spectral lint --ruleset spectral.yaml --fail-severity=error openapi.json
judge openapi-typescript node_modules/.bin/openapi-typescript openapi.json --output openapi.d.ts
judge tsc node_modules/.bin/tsc --project tsconfig.json
exit "$failed"
