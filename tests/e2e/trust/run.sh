#!/usr/bin/env bash
# `sigmint trust`: files and a TUF repository, read by clients that nobody changed, over a plain web server.
#
#   tests/e2e/trust/run.sh [BINARY]        default: target/release/sigmint
#
# Fetches the clients into .test-tools/trust: sigstore (with python-tuf) from PyPI, cosign 3 from Debian's sid, unpacked and not installed,
# @sigstore/tuf from npm. COSIGN3=/path/to/cosign names another one. The last line is `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")/../../.."

binary="$(realpath "${1:-target/release/sigmint}")"
here="$PWD/tests/e2e/trust"
tools="$PWD/.test-tools/trust"
sigstore_python=4.5.1
sigstore_tuf=4.0.2
passed=0
failed=0
work="$(mktemp -d)"
server=

say() { printf '\n== %s\n' "$*"; }
# check WHAT COMMAND.. - the command ends well.
check() {
    local what="$1"
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1)) && echo "ok: $what"
    else
        failed=$((failed + 1)) && echo "FAILED: $what" && cat "$work/log"
    fi
}
# refused WHAT WORDS COMMAND.. - the command fails, for the reason that holds these words.
refused() {
    local what="$1" words="$2"
    shift 2
    if ! "$@" >"$work/log" 2>&1 && grep -qi -- "$words" "$work/log"; then
        passed=$((passed + 1)) && echo "ok: $what"
    else
        failed=$((failed + 1)) && echo "FAILED: $what" && cat "$work/log"
    fi
}
end() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap end EXIT

[ -x "$binary" ] || { echo "tests/e2e/trust/run.sh: $binary is not there; build it: cargo build --release" >&2; exit 1; }
. tests/e2e/debian.sh

say "Clients"
mkdir -p "$tools/cosign3/bin" "$work/home"
if [ -n "${COSIGN3:-}" ]; then
    ln -sf "$(realpath "$COSIGN3")" "$tools/cosign3/bin/cosign"
elif [ ! -x "$tools/cosign3/bin/cosign" ]; then
    unpack_debian sid cosign "$tools/cosign3" && mv "$tools/cosign3/root/usr/bin/cosign" "$tools/cosign3/bin/"
fi
if [ "$("$tools/python/bin/sigstore" --version 2>/dev/null)" != "sigstore $sigstore_python" ]; then
    rm -rf "$tools/python" && python3 -m venv "$tools/python"
    "$tools/python/bin/pip" install --quiet --disable-pip-version-check "sigstore==$sigstore_python"
fi
[ -d "$tools/node_modules/@sigstore/tuf" ] || (cd "$tools" && npm install --silent --no-save "@sigstore/tuf@$sigstore_tuf")
export HOME="$work/home"
cosign="$tools/cosign3/bin/cosign" python="$tools/python/bin"

say "A deployment with a CA, a log of certificates, a Rekor and a timestamp authority"
cd "$work"
sigmint() { "$binary" "$@"; }
key() { openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>/dev/null && openssl pkey -in "$1.key" -pubout -out "$1.pub"; }
sigmint ca init --out ca --unencrypted 2>/dev/null
key ctlog && key rekor
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tsa.key -out tsa.pem -days 100 -subj "/CN=Example timestamps" \
    -addext "extendedKeyUsage=critical,timeStamping" 2>/dev/null
cat >trust.yaml <<'YAML'
url: https://ca.example
rekor:
- {url: https://rekor.example, version: 1, public-key: rekor.pub}
timestamp-authorities:
- {url: https://tsa.example/api/v1/timestamp, chain: tsa.pem}
oidc:
- url: https://login.example
YAML
serve_settings=(--ca fileca --fileca-cert ca/chain.pem --fileca-key ca/intermediate.key
    --ct-log-url https://ct.example --ct-log-public-key-path ctlog.pub)
check "files are written" sigmint trust files "${serve_settings[@]}" --trust-config trust.yaml --out clients
check "sigstore-python reads the trusted root" "$python/python" -c \
    'from sigstore.models import TrustedRoot; TrustedRoot.from_file("clients/trusted_root.json")'
check "sigstore-python reads the client trust config" "$python/python" -c '
from sigstore.models import ClientTrustConfig
config = ClientTrustConfig.from_json(open("clients/client_trust_config.json").read())
assert config.signing_config.get_fulcio() and config.signing_config.get_tlogs() and config.signing_config.get_tsas()'
# cosign reads the trusted root before anything else, and then misses the signature.
refused "cosign 3 reads the trusted root" "bundle" \
    "$cosign" verify-blob --trusted-root clients/trusted_root.json --certificate-identity x --certificate-oidc-issuer x --bundle none clients/roots.pem

say "A TUF repository"
for name in root next targets; do openssl genpkey -algorithm ed25519 -out "$name.key"; done
key online
openssl genpkey -algorithm rsa -out rsa.key 2>/dev/null
signing=(--targets-key targets.key --online-key online.key)
refused "a key that clients cannot verify is refused" "P-256 or Ed25519" \
    sigmint trust tuf init --repository no --root-key rsa.key "${signing[@]}"
check "a repository is made" sigmint trust tuf init --repository tuf --root-key root.key --root-key online.key --root-threshold 2 "${signing[@]}"
check "the files are published" sigmint trust tuf publish --repository tuf --from clients "${signing[@]}"
cp tuf/root.json first-root.json
python3 -m http.server --bind 127.0.0.1 --directory tuf 0 >server.log 2>&1 &
server=$!
for _ in $(seq 100); do grep -q 'port [0-9]' server.log 2>/dev/null && break || sleep 0.1; done
mirror="http://127.0.0.1:$(sed -n 's/.*port \([0-9]*\).*/\1/p' server.log | head -1)"

# same CACHE - python-tuf gets, with this cache, what was published.
same() {
    "$python/python" "$here/clients.py" "$mirror" "$1" first-root.json "$1-targets" >got &&
        grep -q "^trusted_root.json $(sha256sum <clients/trusted_root.json | cut -d' ' -f1)$" got &&
        grep -q "^signing_config.v0.2.json $(sha256sum <clients/signing_config.json | cut -d' ' -f1)$" got
}
# cosign_gets HOME - cosign 3 gets what was published into this home.
cosign_gets() {
    HOME="$work/$1" "$cosign" initialize --mirror "$mirror" --root first-root.json &&
        find "$work/$1" -name '*trusted_root.json' -exec cmp {} clients/trusted_root.json \; -print | grep -q .
}
js_gets() {
    NODE_PATH="$tools/node_modules" node "$here/tuf.cjs" "$mirror" first-root.json "$work/$1" | grep -qx 'sigmint root'
}
# python_gets HOME - sigstore-python trusts the instance, and has what was published before it misses a good token.
python_gets() {
    local sigstore=(env HOME="$work/$1" "$python/sigstore" --instance "$mirror")
    "${sigstore[@]}" trust-instance first-root.json || return
    rm -f clients/roots.pem.sigstore.json
    "${sigstore[@]}" sign --identity-token none clients/roots.pem || true
    [ "$(find "$work/$1" -name 'trusted_root.json' -exec cmp {} clients/trusted_root.json \; -print | wc -l)" = 1 ] &&
        [ "$(find "$work/$1" -name 'signing_config.v0.2.json' -exec cmp {} clients/signing_config.json \; -print | wc -l)" = 1 ]
}
all_get() {
    check "python-tuf gets it $1" same "python-$2"
    check "cosign 3 gets it $1" cosign_gets "cosign-$2"
    check "sigstore-js gets it $1" js_gets "js-$2"
    check "sigstore-python gets it $1" python_gets "sigstore-$2"
}
all_get "first" a
echo "- {url: https://second.example}" >>trust.yaml
sigmint trust files "${serve_settings[@]}" --trust-config trust.yaml --out clients >/dev/null
check "a change is published" sigmint trust tuf publish --repository tuf --from clients "${signing[@]}"
all_get "again, with the cache of before" a
check "the root gets another key" sigmint trust tuf rotate-root --repository tuf --root-key root.key --root-key online.key \
    --new-root-key next.key --new-root-threshold 1
check "the online key is replaced" sigmint trust tuf rotate-root --repository tuf --root-key next.key --new-online-key root.key
check "the timestamp is renewed" sigmint trust tuf refresh --repository tuf --online-key root.key
all_get "after two rotations, from the first root and the cache of before" a
all_get "after two rotations, from the first root and nothing else" b

say "What clients refuse"
cp -r tuf kept
sigmint trust tuf refresh --repository tuf --online-key root.key --online-lifetime 1s >/dev/null && sleep 2
refused "python-tuf refuses metadata that have ended" "expired" same python-c
rm -rf tuf/* && cp -r kept/* tuf/ && cp kept/2.snapshot.json tuf/ && sigmint trust tuf refresh --repository tuf --online-key root.key >/dev/null
same python-a
rm -rf tuf/* && cp -r kept/* tuf/
refused "python-tuf refuses a repository that was set back" "version" same python-a

printf '\n%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
