#!/usr/bin/env bash
# Signs and verifies with Sigstore's own clients against `sigmint dev`, with exactly the commands that it prints.
#
#   tests/e2e/clients/run.sh [BINARY]        default: target/release/sigmint
#
# Fetches the clients into .test-tools/clients: cosign 3 and 2 from Debian's archive (sid and trixie, unpacked, not
# installed), gitsign, witness, docker-registry and libfaketime likewise, @sigstore/cli from npm, sigstore from PyPI. On other systems than Debian's, say where the cosigns are:
# COSIGN3=/path/to/cosign COSIGN2=/path/to/cosign. The last line is `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")/../../.."

binary="$(realpath "${1:-target/release/sigmint}")"
here="$PWD/tests/e2e/clients"
tools="$PWD/.test-tools/clients"
sigstore_js=0.8.1
sigstore_python=4.5.1
passed=0
failed=0
work="$(mktemp -d)"
server=
registry=
# What sets clocks back, while it does.
past=()
when=

say() { printf '\n== %s\n' "$*"; }
ok() {
    passed=$((passed + 1))
    echo "ok: $*"
}
not_ok() {
    failed=$((failed + 1))
    echo "FAILED: $*"
}
end() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    [ -z "$registry" ] || kill "$registry" 2>/dev/null || true
    rm -rf "$work"
}
trap end EXIT

[ -x "$binary" ] || { echo "tests/e2e/clients/run.sh: $binary is not there; build it: cargo build --release" >&2; exit 1; }

. tests/e2e/debian.sh
. tests/e2e/clients/more.sh

# fetch_cosign SUITE FOLDER VARIABLE MAJOR - the cosign of a Debian suite, or the one that the variable names.
fetch_cosign() {
    local suite="$1" folder="$tools/$2" variable="$3" major="$4"
    mkdir -p "$folder/bin"
    if [ -n "${!variable:-}" ]; then
        ln -sf "$(realpath "${!variable}")" "$folder/bin/cosign"
        return
    fi
    [ -x "$folder/bin/cosign" ] && return
    if ! unpack_debian "$suite" cosign "$folder"; then
        echo "No cosign $major. Run this again with network, or say where it is: $variable=/path/to/cosign $0" >&2
        return 1
    fi
    mv "$folder/root/usr/bin/cosign" "$folder/bin/cosign"
    rm -rf "$folder/root"
}

# npx fetches @sigstore/cli itself, as the printed command says; here into a cache of ours.
prepare_npm() {
    if ! command -v npx >/dev/null || ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; then
        echo "No node 20 with npx: install it (https://nodejs.org), then run this again" >&2
        return 1
    fi
    export npm_config_cache="$tools/npm" npm_config_update_notifier=false
    (cd "$work" && npx --yes "@sigstore/cli@$sigstore_js" --version) || {
        echo "npx could not fetch @sigstore/cli@$sigstore_js: is the npm registry reachable (npm config get registry)?" >&2
        return 1
    }
}

prepare_python() {
    [ "$("$tools/python/bin/sigstore" --version 2>/dev/null)" = "sigstore $sigstore_python" ] && return
    rm -rf "$tools/python"
    python3 -m venv "$tools/python" &&
        "$tools/python/bin/pip" install --quiet --disable-pip-version-check "sigstore==$sigstore_python" || {
        rm -rf "$tools/python"
        echo "sigstore==$sigstore_python could not be installed: it needs Python 3.10 with venv, and PyPI" >&2
        return 1
    }
}

# printed HEADING - the command below a heading of this beginning, as `sigmint dev` printed it.
printed() {
    awk -v heading="  # $1" '
        index($0, heading) == 1 { found = 1; next }
        found && /^  +[^ #]/ { print; if ($0 !~ /\\$/) exit }
        found && /^$/ { exit }' "$work/dev.out"
}

# run HEADING - runs the printed command in the folder, with the cosign that the heading asks for.
run() {
    local command path="$tools/cosign3/bin:$tools/python/bin:$PATH"
    command="$(printed "$1")"
    [ -n "$command" ] || { echo "no command below '# $1'"; return 1; }
    case "$1" in "cosign 2"*) path="$tools/cosign2/bin:$PATH" ;; esac
    command="${command//--certificate-identity dev@example.com/--certificate-identity ${expected:-dev@example.com}}"
    command="${command//--cert-identity dev@example.com/--cert-identity ${expected:-dev@example.com}}"
    (cd "$work/dev" && env -u SSL_CERT_FILE "${past[@]}" HOME="$work/home" PATH="$path" timeout 120 bash -euc "$command") >"$work/log" 2>&1
}

# check CLIENT FILE.. - signs, verifies, and shows that it does not verify for somebody else or with a changed file.
check() {
    local client="$1" signed="$2"
    run "$client: sign" && ok "$client signs" || { cat "$work/log"; not_ok "$client signs"; return; }
    run "$client: verify" && ok "$client verifies" || { cat "$work/log"; not_ok "$client verifies"; return; }
    if expected=other@example.com run "$client: verify"; then not_ok "$client refuses another identity"
    elif grep -qi 'identity\|subject\|SANs' "$work/log"; then ok "$client refuses another identity"
    else cat "$work/log"; not_ok "$client refuses another identity, and for that reason"; fi
    cp "$work/dev/$signed" "$work/kept" && echo changed >>"$work/dev/$signed"
    if run "$client: verify"; then not_ok "$client refuses a changed file"; else ok "$client refuses a changed file"; fi
    cp "$work/kept" "$work/dev/$signed"
}

start() {
    rm -rf "$work/dev"
    env "${past[@]}" "$binary" dev --port 0 --issuer-port 0 --log-port 0 --tsa-port 0 --rekor-port 0 --dir "$work/dev" >"$work/dev.out" 2>"$work/dev.err" &
    server=$!
    for _ in $(seq 100); do
        grep -q '^Serving ' "$work/dev.out" && return
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/dev.out" "$work/dev.err"
    return 1
}

stop() {
    kill -TERM "$server"
    local status=0
    wait "$server" || status=$?
    server=
    return "$status"
}

# Fetches what sets a program's clock back.
prepare_past() {
    library="$(find "$tools/faketime" -name libfaketimeMT.so.1 2>/dev/null | head -1)"
    [ -n "$library" ] && return
    # It has to fit this system's C library.
    unpack_debian "$(. /etc/os-release && echo "$VERSION_CODENAME")" libfaketime "$tools/faketime" || return
    library="$(find "$tools/faketime" -name libfaketimeMT.so.1 | head -1)"
    [ -n "$library" ]
}

# Everything signs 20 hours ago, as long as the token in the folder allows, and verifies now: the certificates ended long ago. cosign asks
# the kernel for the time, not the C library, so that its clock cannot be set back; signing, it does not look at it.
a_day_later() {
    local client clients=("cosign 3" "cosign 2" sigstore-js sigstore-python)
    past=("LD_PRELOAD=$library" FAKETIME=-20h FAKETIME_DONT_FAKE_MONOTONIC=1)
    start || { past=() && not_ok "sigmint dev starts in the past"; return; }
    for client in "${clients[@]}"; do
        run "$client: sign" || { cat "$work/log"; not_ok "$client signs in the past"; }
    done
    past=()
    for client in "${clients[@]}"; do
        if run "$client: verify"; then ok "$client verifies what was signed 20 hours ago"
        else cat "$work/log"; not_ok "$client verifies what was signed 20 hours ago"; fi
    done
    # Go programs with the servers' clocks set back: what they verify is of 20 hours ago.
    when=" what was signed 20 hours ago" issuer="$(url oidcUrls)"
    if fetch_gitsign; then gitsign; fi
    if fetch_witness; then witness; fi
    when=
    # It is the timestamp that says so.
    python3 - "$work/dev/trusted_root.json" <<'END'
import json, sys
with open(sys.argv[1]) as file:
    root = json.load(file)
root["timestampAuthorities"] = []
with open(sys.argv[1], "w") as file:
    json.dump(root, file)
END
    if run "cosign 3: verify"; then not_ok "cosign 3 refuses it without the timestamp authority"
    else ok "cosign 3 refuses it without the timestamp authority"; fi
}

# sigstore-js's library: its command line verifies with a TUF repository only.
javascript_library() {
    local modules
    modules="$(dirname "$(dirname "$(find "$tools/npm/_npx" -path '*/node_modules/@sigstore/verify' -prune | head -1)")")"
    (cd "$work/dev" && NODE_PATH="$modules" node "$here/verify.cjs" "$@")
}

say "Clients"
mkdir -p "$tools" "$work/home"
cosign3=yes cosign2=yes js=yes python=yes
fetch_cosign sid cosign3 COSIGN3 3 || cosign3=
fetch_cosign trixie cosign2 COSIGN2 2 || cosign2=
prepare_npm || js=
prepare_python || python=
say "sigmint dev"
start || { not_ok "sigmint dev starts"; echo "$passed passed, $failed failed"; exit 1; }
issuer="$(sed -n 's/.*--certificate-oidc-issuer \([^ ]*\).*/\1/p' "$work/dev.out" | head -1)"

say "cosign 3"
if [ -n "$cosign3" ]; then check "cosign 3" hello.txt; else not_ok "cosign 3 is not here"; fi
say "cosign 3, by TUF"
if [ -n "$cosign3" ] && run "cosign 3 by TUF: once"; then check "cosign 3 by TUF" hello.txt; else cat "$work/log"; not_ok "cosign 3 reads the TUF repository"; fi
say "cosign 2"
if [ -n "$cosign2" ]; then check "cosign 2" hello.txt; else not_ok "cosign 2 is not here"; fi
say "sigstore-js"
if [ -n "$js" ] && [ -n "$cosign3" ]; then
    check "sigstore-js" hello.txt
    bundle="$work/dev/js.sigstore.json"
    if javascript_library "$bundle" dev@example.com "$issuer"; then ok "sigstore-js's library verifies"; else not_ok "sigstore-js's library verifies"; fi
    if javascript_library "$bundle" other@example.com "$issuer" >"$work/log" 2>&1; then
        not_ok "sigstore-js's library refuses another identity"
    elif grep -q 'certificate identity error' "$work/log"; then ok "sigstore-js's library refuses another identity"
    else cat "$work/log"; not_ok "sigstore-js's library refuses another identity, and for that reason"; fi
else
    not_ok "sigstore-js or cosign 3 is not here"
fi
say "sigstore-python"
if [ -n "$python" ]; then
    if (cd "$work/dev" && "$tools/python/bin/python" "$here/certificate.py"); then
        ok "sigstore-python takes the certificate and its timestamp"
    else
        not_ok "sigstore-python takes the certificate and its timestamp"
    fi
    check "sigstore-python" hello.txt
else
    not_ok "sigstore-python is not here"
fi
say "gitsign"
if fetch_gitsign; then gitsign; else not_ok "gitsign is not here"; fi
say "witness"
if fetch_witness; then witness; else not_ok "witness is not here"; fi
say "An image"
if [ -n "$cosign3" ] && fetch_registry; then image; else not_ok "cosign 3 or a registry is not here"; fi
say "sigmint's own words"
if "$binary" inspect --ct-log-key "$work/dev/ctlog.pub" <(base64 -d "$work/dev/cosign2.pem"; cat "$work/dev/chain.pem") | grep -q 'log .*: the signature is right'; then
    ok "inspect verifies the timestamp in cosign's certificate"
else
    not_ok "inspect verifies the timestamp in cosign's certificate"
fi
say "The end"
if stop; then ok "sigmint dev ends with 0"; else not_ok "sigmint dev ends with 0"; fi
say "A day later"
if prepare_past; then
    a_day_later
    [ -z "$server" ] || stop || true
else
    not_ok "libfaketime is not here"
fi

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
