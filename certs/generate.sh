#!/bin/sh
# Makes a root and an issuing intermediate for development, and the files that `sigmint serve --ca fileca` reads.
# The root's private key is deleted once it has signed: this is no way to run a certificate authority for others.
set -eu
umask 077

usage() {
    echo "usage: CERTS_PASSWORD=... $0 [directory]   (default: this script's directory)" >&2
    exit 2
}
[ $# -le 1 ] || usage
[ -n "${CERTS_PASSWORD:-}" ] || usage
export CERTS_PASSWORD
directory=${1:-$(dirname "$0")}
mkdir -p "$directory"

for file in chain.pem intermediate.key; do
    if [ -e "$directory/$file" ]; then
        echo "$directory/$file is there already: remove it first" >&2
        exit 1
    fi
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

cat >"$work/openssl.cnf" <<'END'
[req]
distinguished_name = name
prompt = no
[name]
[root]
basicConstraints = critical, CA:TRUE, pathlen:1
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[intermediate]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
extendedKeyUsage = codeSigning
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
END

# 160 bits, of which the first is 0 (positive) and the second 1 (always 20 octets).
serial() {
    digits=$(openssl rand -hex 20)
    case $digits in
        [048c]*) first=4 ;;
        [159d]*) first=5 ;;
        [26ae]*) first=6 ;;
        *) first=7 ;;
    esac
    echo "0x$first${digits#?}"
}

p384() {
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -pkeyopt ec_param_enc:named_curve "$@"
}

p384 -out "$work/root.key"
openssl req -new -x509 -config "$work/openssl.cnf" -extensions root -sha384 -days 3650 \
    -subj "/O=sigmint/CN=sigmint development root" -set_serial "$(serial)" \
    -key "$work/root.key" -out "$work/root.pem"

p384 -aes-256-cbc -pass env:CERTS_PASSWORD -out "$work/intermediate.key"
openssl req -new -config "$work/openssl.cnf" -sha384 -subj "/O=sigmint/CN=sigmint development CA" \
    -key "$work/intermediate.key" -passin env:CERTS_PASSWORD -out "$work/intermediate.csr"
openssl x509 -req -in "$work/intermediate.csr" -extfile "$work/openssl.cnf" -extensions intermediate -sha384 \
    -days 1825 -CA "$work/root.pem" -CAkey "$work/root.key" -set_serial "$(serial)" -out "$work/intermediate.pem" \
    2>/dev/null

openssl verify -CAfile "$work/root.pem" "$work/intermediate.pem" >/dev/null
cat "$work/intermediate.pem" "$work/root.pem" >"$work/chain.pem"
chmod 644 "$work/chain.pem"
cp -p "$work/intermediate.key" "$work/chain.pem" "$directory/"
echo "wrote $directory/chain.pem and $directory/intermediate.key"
