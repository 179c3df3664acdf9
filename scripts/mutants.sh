#!/usr/bin/env bash
# Changes the checks that decide, one at a time, and sees whether a test fails: what survives is not tested. Hours on 2 cores; not part
# of .ci/run. Each surviving mutant gets a test, or a reason why it changes nothing.
#   scripts/mutants.sh [AREA [CARGO-MUTANTS-ARGUMENT..]]     AREA: all, identity, possession, crypto, certificate or limits
# for example: scripts/mutants.sh possession --re BlockedKeys, or scripts/mutants.sh all --shard 0/8
# The outcome is in .test-tools/mutants-AREA/mutants.out (missed.txt, timeout.txt, caught.txt).
set -euo pipefail -f
cd "$(dirname "$0")/.."

version=25.3.1
tools="$PWD/.test-tools"
wanted="${1:-all}"
shift $(($# > 0))
# What decides: the token, its verification, the identities, the proof, the lints, the limits.
declare -A decides=(
    [identity]="src/identity/token/*.rs src/identity/verify/*.rs src/identity/claims/**/*.rs src/identity/kinds/**/*.rs src/identity/san/*.rs"
    [possession]="src/possession/**/*.rs"
    [crypto]="src/crypto/algorithm.rs"
    [certificate]="src/certificate/lint/*.rs"
    [limits]="src/limits/**/*.rs"
)
case " all ${!decides[*]} " in
    *" $wanted "*) ;;
    *)
        echo "scripts/mutants.sh: no area is called $wanted; there are all ${!decides[*]}" >&2
        exit 2
        ;;
esac

if [ "$("$tools/bin/cargo-mutants" mutants --version 2>/dev/null)" != "cargo-mutants $version" ]; then
    cargo install --quiet --locked --force --root "$tools" --version "$version" cargo-mutants
fi
# A mutant takes as long as its build: without symbols, the tests of one area, few cases of each property, and dependencies built once.
export PATH="$tools/bin:$PATH" CARGO_TARGET_DIR="$tools/mutants-target" PROPTEST_CASES=40
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0
# It ends with 2 when mutants survive, and with 3 when tests hang.
mutants() { cargo mutants --jobs 1 --output "$tools/mutants-$area" --iterate --baseline skip "${files[@]}" "$@" || [[ $? == [23] ]]; }
for area in "${!decides[@]}"; do
    if [ "$wanted" != all ] && [ "$wanted" != "$area" ]; then continue; fi
    files=()
    for pattern in ${decides[$area]}; do files+=(--file "$pattern"); done
    rm -rf "$tools/mutants-$area"
    # First the area's unit tests; then, on what survived them, those integration tests that send what must be refused.
    mutants --timeout 60 --cargo-arg=--lib "$@" -- -- "$area::"
    mutants --timeout 300 --cargo-arg=--test=it "$@" -- -- --skip signer:: --skip documentation:: --skip dev:: --skip cli:: \
        --skip wycheproof
done
