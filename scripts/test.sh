#!/usr/bin/env bash
# Runs every test: unit and integration tests, doc tests, and the parity run against Fulcio's recorded answers.
# Needs Rust and git; what else is missing it installs: system packages with apt-get, Python packages into .test-tools/.
# The last line is `N passed, N failed` over everything; it ends 0 only when nothing failed.
set -euo pipefail
cd "$(dirname "$0")/.."

tools="$PWD/.test-tools"
venv="$tools/venv"
requirements=tests/e2e/parity/requirements.txt
target="${CARGO_TARGET_DIR:-target}"
passed=0
failed=0

say() { printf '\n== %s\n' "$*"; }
stop() {
    printf 'scripts/test.sh: %s\n' "$*" >&2
    exit 1
}

# install_packages PACKAGE.. - from the system's package manager, or says what to do.
install_packages() {
    local as_root=()
    if ! command -v apt-get >/dev/null; then
        stop "please install with your package manager: $* (Debian's names), then run this again"
    fi
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2>/dev/null || stop "please run: sudo apt-get install $*, then run this again"
        as_root=(sudo -n)
    fi
    say "Installing $*"
    "${as_root[@]}" apt-get update -qq || stop "apt-get update failed; please install by hand: $*"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
        stop "apt-get install failed; please install by hand: $*"
}

# What the build, the tests, the runner and its oddest cases call: a C compiler, Python with venv, openssl, Redis.
install_missing() {
    local missing=()
    command -v cargo >/dev/null || stop "cargo is missing; install Rust as https://rustup.rs says, then run this again"
    command -v cc >/dev/null || missing+=(gcc libc6-dev)
    command -v openssl >/dev/null || missing+=(openssl)
    # PKCS#11: SoftHSM as the first module.
    command -v softhsm2-util >/dev/null || missing+=(softhsm2)
    # Documented commands run in a network of their own, where there is `ip` to set it up.
    command -v ip >/dev/null || missing+=(iproute2)
    command -v curl >/dev/null || missing+=(curl ca-certificates)
    # Debian's python3 comes without ensurepip, and venv needs that.
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
    # The store that counts tokens' uses; Valkey does as well.
    [ -x /usr/bin/valkey-server ] || [ -x /usr/bin/redis-server ] || missing+=(redis-server)
    if [ "${#missing[@]}" -gt 0 ]; then
        install_packages "${missing[@]}"
    fi
}

# The runner's packages, pinned; built again only when the list of them changes.
prepare_python() {
    if cmp -s "$requirements" "$venv/installed.txt" && "$venv/bin/python" -c '' 2>/dev/null; then
        return
    fi
    say "Installing the parity runner's Python packages into .test-tools/venv"
    rm -rf "$venv"
    mkdir -p "$tools"
    python3 -m venv "$venv" || stop "python3 -m venv failed; on Debian: apt-get install python3-venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements" ||
        stop "pip could not install $requirements; is PyPI reachable?"
    cp "$requirements" "$venv/installed.txt"
}

# The second PKCS#11 module; its tests are `ignored` in the run of all tests, and fail here if it is not there.
second_module() {
    tests/e2e/pkcs11/second_module.sh "$tools/pkcs11" &&
        SIGMINT_PKCS11_SECOND="$tools/pkcs11" cargo test --locked --test it signer::pkcs11 -- --ignored
}

# run HEADING COMMAND.. - runs it, adds what its closing lines count to the sums, goes on when it fails.
run() {
    local heading="$1" log before="$failed"
    shift
    say "$heading"
    log="$(mktemp)"
    local status=0
    "$@" 2>&1 | tee "$log" || status=$?
    local sums
    sums="$(awk '/^test result: / { p += $4; f += $6 } /^[0-9]+ passed, [0-9]+ failed$/ { p += $1; f += $3 }
        END { print p + 0, f + 0 }' "$log")"
    rm -f "$log"
    passed=$((passed + ${sums% *}))
    failed=$((failed + ${sums#* }))
    # What does not even compile or start counts as one failure.
    if [ "$status" -ne 0 ] && [ "$failed" -eq "$before" ]; then
        failed=$((failed + 1))
    fi
}

parity() {
    cargo build --locked --release --bin sigmint &&
        "$venv/bin/python" tests/e2e/parity/check.py --binary "$target/release/sigmint"
}

# Keys in a real OpenBao, which is built with Go, once; where there is none, the tests with a fake one remain.
openbao() {
    local status=0
    OPENBAO="$(tests/e2e/vault/get_openbao.sh)" || status=$?
    if [ "$status" -eq 77 ]; then
        echo "left out: no Go to build OpenBao with"
        return 0
    fi
    [ "$status" -eq 0 ] && OPENBAO="$OPENBAO" cargo test --locked --test it signer::openbao -- --ignored
}

install_missing
prepare_python
tests/e2e/wycheproof/get.sh || stop "the Wycheproof vectors cannot be fetched"
run "Unit and integration tests" cargo test --locked --all-targets --no-fail-fast
run "Keys in a real OpenBao" openbao
run "A second PKCS#11 module" second_module
run "Documentation tests" cargo test --locked --doc
run "Parity with Fulcio's recorded answers" parity

say "All tests"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
