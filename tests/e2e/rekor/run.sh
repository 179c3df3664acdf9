#!/usr/bin/env bash
# run.sh [BINARY] - the requests that a real rekor-tiles was asked, to `sigmint dev`: the answers are alike but for the differences that
# cases.py lists. Needs the parity runner's Python packages (scripts/test.sh installs them). Ends 0 only then.
set -euo pipefail
cd "$(dirname "$0")/../../.."

binary="${1:-${CARGO_TARGET_DIR:-target}/release/sigmint}"
python=.test-tools/venv/bin/python
work="$(mktemp -d)"
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf "$work"' EXIT

[ -x "$python" ] || { echo "tests/e2e/rekor/run.sh: run scripts/test.sh once before, which installs what this needs" >&2; exit 1; }
# Its env file is there when everything serves.
env -u GITHUB_ENV "$binary" dev --ci --dir "$work/dev" >"$work/out" 2>&1 &
server=$!
for _ in $(seq 100); do
    [ -f "$work/dev/sigmint-dev.env" ] && break
    kill -0 "$server" 2>/dev/null || { cat "$work/out"; exit 1; }
    sleep 0.1
done
"$python" tests/e2e/rekor/cases.py check "$(sed -n 's/^SIGMINT_DEV_REKOR_URL=//p' "$work/dev/sigmint-dev.env")"
