#!/usr/bin/env bash
# Has schemathesis call every operation of a running server, with valid and invalid input, and hold each reply against
# the server's own OpenAPI document: no 5xx, no status, header or body that is not declared.
#
#   scripts/judges/schemathesis.sh http://127.0.0.1:4780 DATA_DIR/owner.key [schemathesis options…]
#
# VENV names a Python environment with requirements.txt installed; without one, it is made below target/. EXAMPLES (20)
# bounds the cases of an operation, SEED makes a run repeatable. The server must be one that may be filled with rubbish.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
base=${1:?usage: schemathesis.sh BASE_URL KEY_FILE}
key_file=$(realpath "${2:?usage: schemathesis.sh BASE_URL KEY_FILE}")
shift 2

venv=${VENV:-$here/../../target/python/judges}
if [ ! -x "$venv/bin/schemathesis" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
fi

AFFIANT_TOKEN=$(tr -d '\n' < "$key_file")
export AFFIANT_TOKEN
export PYTHONPATH="$here" SCHEMATHESIS_HOOKS=schemathesis_hooks PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$venv/bin/schemathesis" --config-file "$here/schemathesis.toml" run "${base%/}/openapi.json" \
    --max-examples "${EXAMPLES:-20}" --seed "${SEED:-1}" "$@"
