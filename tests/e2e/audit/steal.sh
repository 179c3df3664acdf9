#!/usr/bin/env bash
# Signs a precertificate with a CA's key behind the server's back, and enters it in a log: what a thief would do.
#
#   tests/e2e/audit/steal.sh CA_FOLDER LOG_URL ADDRESS      the key's password in CERTS_PASSWORD
#
# CA_FOLDER is what certs/generate.sh makes. Prints the certificate's serial number, in lower case. Needs openssl and Python.
set -euo pipefail

ca="$1" log="$2" address="$3"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cat >"$work/extensions" <<END
keyUsage = critical, digitalSignature
extendedKeyUsage = codeSigning
subjectAltName = critical, email:$address
authorityKeyIdentifier = keyid
1.3.6.1.4.1.11129.2.4.3 = critical, DER:0500
END
awk '/-----BEGIN CERTIFICATE-----/ { n++ } n == 1 { print }' "$ca/chain.pem" >"$work/issuer.pem"
openssl ecparam -name prime256v1 -genkey -noout -out "$work/key.pem"
openssl req -new -key "$work/key.pem" -subj / -out "$work/request.pem"
openssl x509 -req -in "$work/request.pem" -CA "$work/issuer.pem" -CAkey "$ca/intermediate.key" -passin env:CERTS_PASSWORD \
    -set_serial "0x$(openssl rand -hex 19)" -days 1 -extfile "$work/extensions" -out "$work/precertificate.pem" 2>/dev/null
python3 - "$log/ct/v1/add-pre-chain" "$work/precertificate.pem" "$ca/chain.pem" <<'END'
import json, re, sys, urllib.request
url, files = sys.argv[1], sys.argv[2:]
blocks = re.findall("-----BEGIN CERTIFICATE-----(.*?)-----END", "".join(open(f).read() for f in files), re.S)
body = json.dumps({"chain": ["".join(block.split()) for block in blocks]}).encode()
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
json.load(opener.open(urllib.request.Request(url, body, {"Content-Type": "application/json"}), timeout=30))
END
openssl x509 -in "$work/precertificate.pem" -noout -serial | sed 's/^serial=//' | tr 'A-F' 'a-f'
