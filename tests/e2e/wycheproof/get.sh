#!/usr/bin/env bash
# Fetches the Wycheproof test vectors (github.com/C2SP/wycheproof, Apache-2.0) into .test-tools/wycheproof, once: 25 MB over the wire,
# of which the sets that tests/it/possession/wycheproof.rs reads are kept. From Go's module proxy, which never changes what it once served.
set -euo pipefail
cd "$(dirname "$0")/../../.."

version=v0.0.0-20260902155932-3fa63dd0344a
sha256=2bf812135610eccf6edd097546789499a3bbe6a1f71aa7a03915fd707d64d5d9
folder="$PWD/.test-tools/wycheproof"
# The first of the proxies that Go is set up with.
proxy="${WYCHEPROOF_PROXY:-${GOPROXY:-$(go env GOPROXY 2>/dev/null || true)}}"
proxy="${proxy%%[,|]*}"

stop() {
    printf 'tests/e2e/wycheproof/get.sh: %s\n' "$*" >&2
    exit 1
}

if [ "$(cat "$folder/version" 2>/dev/null)" = "$version" ]; then
    exit 0
fi
case "$proxy" in
    http*) ;;
    *) stop "no proxy of Go modules is configured: install Go, or set GOPROXY" ;;
esac
mkdir -p "$folder"
archive="$(mktemp)"
trap 'rm -f "$archive"' EXIT
curl --fail --silent --show-error --location --retry 3 --max-time 300 --output "$archive" \
    "$proxy/github.com/c2sp/wycheproof/@v/$version.zip" || stop "cannot fetch $version from $proxy"
echo "$sha256  $archive" | sha256sum --check --quiet || stop "what $proxy served is not $version"
python3 - "$archive" "$folder" <<'PYTHON'
import pathlib, re, sys, zipfile

wanted = re.compile(r"/testvectors_v1/((?:ecdsa_secp(?:256|384|521)r1_sha\d+|ecdsa_secp(?:256r1_sha256|384r1_sha384|521r1_sha512)_p1363|rsa_signature_\d+_sha(?:256|384|512)|ed25519|json_web_\w+)_test\.json)$")
with zipfile.ZipFile(sys.argv[1]) as archive:
    for name in archive.namelist():
        if found := wanted.search(name):
            (pathlib.Path(sys.argv[2]) / found.group(1)).write_bytes(archive.read(name))
PYTHON
echo "$version" >"$folder/version"
