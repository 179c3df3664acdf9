#!/usr/bin/env bash
# What takes too long for .ci/run: fuzzing, a killed server, a full disk, crowds of slow and hostile clients, a million recorded decisions.
#   scripts/nightly.sh [MINUTES]        for so many minutes each fuzz target runs; default: 20
# Every step runs, also after one has failed; the last line is `N passed, N failed`. The mutants are apart (scripts/mutants.sh): hours.
set -euo pipefail
cd "$(dirname "$0")/.."

minutes="${1:-20}"
# scripts/test.sh makes it.
python=.test-tools/venv/bin/python
binary="${CARGO_TARGET_DIR:-target}/release/sigmint"
passed=0
failed=0

step() {
    printf '\n#### %s\n' "$*"
    if "$@" </dev/null; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf '#### FAILED: %s\n' "$*"
    fi
}

# The mount needs root.
full_disk() {
    if [ "$(id -u)" -ne 0 ]; then
        echo "left out: not root"
        return 0
    fi
    python3 tests/e2e/audit/full_disk.py --binary "$binary"
}

[ -x "$python" ] || { echo "scripts/nightly.sh: run scripts/test.sh once before, which installs what this needs" >&2; exit 1; }

step cargo build --locked --release --bin sigmint
step python3 tests/e2e/audit/kill.py --binary "$binary" --rounds 100
step full_disk
step "$python" tests/e2e/load/held_memory.py --binary "$binary"
step "$python" tests/e2e/load/slow_clients.py --binary "$binary"
step python3 tests/e2e/load/replay.py --binary "$binary"
step fuzz/run.sh "$minutes"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
