#!/usr/bin/env bash
# run.sh MINUTES [TARGET..] - runs the fuzz targets (all of them, or those named) for so long each, JOBS at a time (default: one for each
# processor), and prints for each how many inputs it ran, what it covered and whether anything broke. Ends 0 only when nothing broke.
# Needs a nightly toolchain (`rustup toolchain install nightly`) or RUSTC_BOOTSTRAP=1 with the stable one, and a C++ compiler. Without
# the address sanitizer: this project has no unsafe code, and without it three times as many inputs are run.
set -euo pipefail
cd "$(dirname "$0")/.."

minutes="${1:?run.sh MINUTES [TARGET..]}"
shift
seconds="${SECONDS_EACH:-$((minutes * 60))}"
jobs="${JOBS:-$(nproc)}"
tools="$PWD/.test-tools"
cargo_fuzz_version=0.13.2
all=(token jwk_set csr pem_key issuer_file template policy block_list sct request_json)
targets=("${@:-${all[@]}}")
logs="fuzz/target/logs"

if [ "$("$tools/bin/cargo-fuzz" --version 2>/dev/null)" != "cargo-fuzz $cargo_fuzz_version" ]; then
    CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off cargo install --quiet --locked --force --root "$tools" \
        --version "$cargo_fuzz_version" cargo-fuzz
fi
export PATH="$tools/bin:$PATH"
toolchain=()
if [ -z "${RUSTC_BOOTSTRAP:-}" ]; then
    toolchain=(+nightly)
fi

echo "== Building"
cargo "${toolchain[@]}" fuzz build --sanitizer none
built="fuzz/target/$(rustc -vV | sed -n 's/^host: //p')/release"
mkdir -p "$logs"

# Inputs that take more than ten seconds or two gigabytes are reported like crashes.
one() {
    local target="$1"
    mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target"
    "$built/$target" "fuzz/corpus/$target" -artifact_prefix="fuzz/artifacts/$target/" -dict=fuzz/words.dict -max_total_time="$seconds" \
        -max_len=20000 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 >"$logs/$target.log" 2>&1
}

echo "== Running ${targets[*]}: $seconds seconds each, $jobs at a time"
declare -A running=()
failed=()
# finish - waits for any one to end.
finish() {
    local pid status=0
    wait -n -p pid "${!running[@]}" || status=$?
    if [ "$status" -ne 0 ]; then
        failed+=("${running[$pid]}")
    fi
    unset "running[$pid]"
}
for target in "${targets[@]}"; do
    one "$target" &
    running[$!]="$target"
    if [ "${#running[@]}" -ge "$jobs" ]; then
        finish
    fi
done
while [ "${#running[@]}" -gt 0 ]; do
    finish
done

echo "== Summary"
printf '%-14s %12s %10s %10s %8s %8s  %s\n' target executions per_second edges features corpus crashes
for target in "${targets[@]}"; do
    log="$logs/$target.log"
    last="$(grep -E '^#[0-9]+.*cov: ' "$log" | tail -n 1)"
    printf '%-14s %12s %10s %10s %8s %8s  %s\n' "$target" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
        "$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")" \
        "$(sed -n 's/.* cov: \([0-9]*\).*/\1/p' <<<"$last")" \
        "$(sed -n 's/.* ft: \([0-9]*\).*/\1/p' <<<"$last")" \
        "$(find "fuzz/corpus/$target" -type f | wc -l)" \
        "$(find "fuzz/artifacts/$target" -type f | wc -l)"
done
for target in "${failed[@]}"; do
    echo "broken: $target; see $logs/$target.log and fuzz/artifacts/$target"
done
echo "$((${#targets[@]} - ${#failed[@]})) passed, ${#failed[@]} failed"
[ "${#failed[@]}" -eq 0 ]
