#!/usr/bin/env bash
# Changes the checks that decide, one at a time, and sees whether a test fails: what survives is not tested. Hours on 2 cores; not part
# of .ci/run. Each surviving mutant gets a test, or a reason why it changes nothing.
#   scripts/mutants.sh [CARGO-MUTANTS-ARGUMENT..]        for example: --shard 0/8, or --file src/possession/csr.rs
# The outcome is in .test-tools/mutants.out (missed.txt, timeout.txt, caught.txt).
set -euo pipefail
cd "$(dirname "$0")/.."

version=25.3.1
tools="$PWD/.test-tools"
# What decides: the token, its verification, the identities, the proof, the lints, the limits.
decides=(
    "src/identity/token/*.rs" "src/identity/verify/*.rs" "src/identity/claims/*.rs" "src/identity/kinds/**/*.rs" "src/identity/san/*.rs"
    "src/possession/**/*.rs" "src/certificate/lint/*.rs" "src/limits/*.rs" "src/limits/**/*.rs"
)

if [ "$("$tools/bin/cargo-mutants" mutants --version 2>/dev/null)" != "cargo-mutants $version" ]; then
    cargo install --quiet --locked --force --root "$tools" --version "$version" cargo-mutants
fi
files=()
for pattern in "${decides[@]}"; do files+=(--file "$pattern"); done
# The unit tests, and those integration tests that send what must be refused.
PATH="$tools/bin:$PATH" exec cargo mutants --jobs 1 --output "$tools" --baseline skip --timeout 300 "${files[@]}" "$@" \
    -- --lib --test it -- --skip signer:: --skip documentation:: --skip dev:: --skip cli:: --skip server:: --skip wycheproof
