#!/usr/bin/env bash
# run.sh [BINARY] - starts `sigmint serve --ca ephemeralca` and has schemathesis compare it with docs/openapi.yaml: every check, examples,
# boundaries, random requests good and bad, and sequences of them. Ends 0 only when nothing failed.
# The last line is `N passed, N failed`, counted in operations.
set -euo pipefail
cd "$(dirname "$0")/../../.."

binary="${1:-${CARGO_TARGET_DIR:-target}/release/sigmint}"
examples="${EXAMPLES:-200}"
venv="$PWD/.test-tools/openapi-venv"
work="$(mktemp -d)"
server=

stop() {
    printf 'tests/e2e/openapi/run.sh: %s\n' "$*" >&2
    exit 1
}

cleanup() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap cleanup EXIT

if ! cmp -s tests/e2e/openapi/requirements.txt "$venv/installed.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv" || stop "python3 -m venv failed; on Debian: apt-get install python3-venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement tests/e2e/openapi/requirements.txt ||
        stop "pip could not install tests/e2e/openapi/requirements.txt; is PyPI reachable?"
    cp tests/e2e/openapi/requirements.txt "$venv/installed.txt"
fi

# Nobody answers for this issuer: a token of it, were one to be invented, would be a 503 that the description knows.
printf 'oidc-issuers:\n  http://127.0.0.1:9/email: {client-id: sigstore, type: email}\n' >"$work/issuers.yaml"
# With it, there are documents to serve.
printf 'url: https://ca.example.com\n' >"$work/trust.yaml"
"$binary" serve --ca ephemeralca --ct-log-url= --config-path "$work/issuers.yaml" --trust-config "$work/trust.yaml" --host 127.0.0.1 --grpc-host 127.0.0.1 \
    --port 0 --grpc-port 0 --metrics-port 0 --log_type prod >"$work/log" 2>&1 &
server=$!
url=
for _ in $(seq 100); do
    url="$(sed -n 's/.*"http":"\([0-9.:]*\)".*/\1/p' "$work/log" | head -n 1)"
    [ -z "$url" ] || break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
done
[ -n "$url" ] || stop "the server did not start: $(tail -n 5 "$work/log")"

status=0
NO_COLOR=1 "$venv/bin/st" --config-file tests/e2e/openapi/schemathesis.toml run docs/openapi.yaml --url "http://$url" --checks all \
    --phases examples,coverage,fuzzing,stateful --max-examples "$examples" --continue-on-failure --no-color \
    --report ndjson --report-ndjson-path "$work/report.ndjson" | tee "$work/report.txt" || status=$?
kill -0 "$server" 2>/dev/null || stop "the server is gone"
grep -c . "$work/report.ndjson" >/dev/null || stop "schemathesis wrote no report"

tested="$(sed -n 's/.*Tested: *\([0-9]*\).*/\1/p' "$work/report.txt" | sort -n | tail -n 1)"
if [ "$status" -eq 0 ]; then
    echo "${tested:-0} passed, 0 failed"
else
    echo "0 passed, 1 failed"
fi
exit "$status"
