#!/usr/bin/env bash
# Unpacks a second PKCS#11 module into a folder, with no root and nothing installed: Debian's tpm2-pkcs11, and swtpm, the
# TPM that it works with. tests/it/signer/pkcs11.rs finds the folder in SIGMINT_PKCS11_SECOND.
#
#   tests/e2e/pkcs11/second_module.sh FOLDER
#   SIGMINT_PKCS11_SECOND=FOLDER cargo test --test it signer::pkcs11 -- --ignored
set -euo pipefail

folder="${1:?usage: second_module.sh FOLDER}"
# tpm2-pkcs11, the TPM software stack below it, swtpm. What they need besides is in every Debian system with openssl, or
# in the second list: libraries that small images leave out.
packages=(libtpm2-pkcs11-1 libtss2-esys-3.0.2-0 libtss2-fapi1 libtss2-mu0 libtss2-rc0 libtss2-sys1 libtss2-tcti-swtpm0
    libtss2-tctildr0 swtpm swtpm-libs libtpms0)
packages+=(libjson-c5 libyaml-0-2 libsqlite3-0 libglib2.0-0 libseccomp2)
# Later systems have some of them under a new name.
renamed() { grep -m 1 -E "^$1(t64)?\$" "$work/known"; }

stop() {
    printf 'second_module.sh: %s\n' "$*" >&2
    exit 1
}

mkdir -p "$folder"
folder="$(cd "$folder" && pwd)"
if [ -e "$folder/complete" ]; then
    exit 0
fi
command -v apt-get >/dev/null || stop "needs Debian or Ubuntu, or a folder made by hand: bin/swtpm, lib/libtpm2_pkcs11.so.1"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
list() { apt-cache pkgnames | sort >"$work/known"; }
list
# Small images come without package lists.
if ! grep -q '^libtpm2-pkcs11-1' "$work/known"; then
    if [ "$(id -u)" = 0 ]; then apt-get update -qq; else sudo -n apt-get update -qq; fi || stop "apt-get update failed"
    list
fi
names=()
for package in "${packages[@]}"; do
    found="$(renamed "$package")" || stop "$package is in no package list; run apt-get update as root"
    names+=("$found")
done
(cd "$work" && apt-get download -qq "${names[@]}" >/dev/null) || stop "apt-get download failed; run apt-get update as root"
for archive in "$work"/*.deb; do
    dpkg-deb --extract "$archive" "$work/root"
done
mkdir -p "$folder/bin" "$folder/lib"
cp "$work/root/usr/bin/swtpm" "$folder/bin/"
find "$work/root" -name '*.so.*' \( -type f -o -type l \) -exec cp --no-dereference -t "$folder/lib" {} +
missing="$(LD_LIBRARY_PATH="$folder/lib" ldd "$folder/bin/swtpm" "$folder/lib/libtpm2_pkcs11.so.1" | grep 'not found' || true)"
[ -z "$missing" ] || stop "libraries are missing: $missing"
touch "$folder/complete"
