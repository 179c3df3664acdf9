#!/usr/bin/env bash
# run.sh BINARY - what `sigmint ca init` makes, judged by zlint: no error and no fatal finding.
# zlint comes from Debian's archive (sid, unpacked into .test-tools/zlint, not installed); ZLINT=/path/to/zlint uses another.
# P-521 is left out: zlint holds it against Mozilla's policy for the web, which does not know the curve.
set -euo pipefail
cd "$(dirname "$0")/../../.."
binary="$(realpath "${1:?usage: tests/e2e/zlint/run.sh BINARY}")"
tools="$PWD/.test-tools/zlint"
zlint="${ZLINT:-$tools/root/usr/bin/zlint}"
. tests/e2e/debian.sh

if [ ! -x "$zlint" ]; then
    unpack_debian sid zlint "$tools" || { echo "No zlint; say where it is: ZLINT=/path/to/zlint" >&2; exit 1; }
fi
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
passed=0
failed=0
for algorithm in p256 p384 rsa3072; do
    # The web's rules want a country in a root's name.
    "$binary" ca init --out "$folder/$algorithm" --unencrypted --algorithm "$algorithm" \
        --subject "C=DE,O=Example,CN=Example code signing" --root-subject "C=DE,O=Example,CN=Example root" 2>/dev/null
    for certificate in chain root; do
        # The first certificate of the chain is the intermediate.
        openssl x509 -in "$folder/$algorithm/$certificate.pem" -out "$folder/one.pem"
        results="$("$zlint" "$folder/one.pem" | tr ',' '\n')"
        findings="$(grep -E '"result":"(error|fatal)"' <<<"$results" || true)"
        ran="$(grep -o '"result":"pass"' <<<"$results" | wc -l)"
        if [ -z "$findings" ] && [ "$ran" -gt 10 ]; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "$algorithm $certificate: $ran rules passed; against it: $findings" >&2
        fi
    done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
