#!/usr/bin/env bash
# Builds a real OpenBao server from the Go registry into .test-tools/bin/bao, once, and prints its path:
#
#   OPENBAO="$(tests/e2e/vault/get_openbao.sh)" cargo test --test it signer::openbao -- --ignored
#
# It takes about 7 minutes of one core. Ends with 77 when there is no Go to build it with.
set -euo pipefail

# The commit of the tag v2.4.0: tags of version 2 are none for Go in a module without /v2 in its name.
module=github.com/openbao/openbao
version=v0.0.0-20250828202315-f9407a27fbee
sum='h1:TqHCYIwKxup9rYGBlqYdC23EdZ0q5QJCa1KYVyVWyDU='

root="$(cd "$(dirname "$0")/../../.." && pwd)"
binary="$root/.test-tools/bin/bao"

stop() {
    printf 'get_openbao.sh: %s\n' "$*" >&2
    exit 1
}

if [ -x "$binary" ] && [ "$(cat "$binary.version" 2>/dev/null)" = "$version" ]; then
    echo "$binary"
    exit
fi
if ! command -v go >/dev/null; then
    echo "get_openbao.sh: no Go, no OpenBao; install Go 1.25 or later to run its tests" >&2
    exit 77
fi
echo "Building OpenBao $version, once: some minutes" >&2
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
(cd "$work" && go mod download -json "$module@$version") >"$work/download.json" ||
    stop "the Go registry does not hand out $module $version"
[ "$(sed -n 's/^\t"Sum": "\(.*\)",\{0,1\}$/\1/p' "$work/download.json")" = "$sum" ] ||
    stop "what the Go registry hands out as $module $version is something else"
source="$(sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p' "$work/download.json")"

# A module that wants what the server wants, at the checksums that the server's own go.sum has. Only the parts of its repository
# that it takes from beside itself have to come from the registry.
mkdir "$work/build"
cp "$source/go.mod" "$source/go.sum" "$work/build"
chmod u+w "$work/build"/*
cd "$work/build"
drop=()
for part in api/v2 api/auth/approle/v2 api/auth/kubernetes/v2 api/auth/userpass/v2 sdk/v2; do
    drop+=("-dropreplace=$module/$part")
done
go mod edit -module=sigmint.test/openbao "${drop[@]}" "-require=$module@$version" go.mod
mkdir -p "$(dirname "$binary")"
CGO_ENABLED=0 nice -n 10 go build -mod=mod -trimpath -ldflags '-s -w' -o "$binary.new" "$module" >&2 || stop "OpenBao does not build"
"$binary.new" version >&2 || stop "OpenBao does not start"
mv "$binary.new" "$binary"
echo "$version" >"$binary.version"
echo "$binary"
