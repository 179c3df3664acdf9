# Sourced by run.sh: clients that need more than one command, and a place of their own.

fetch_gitsign() {
    [ -x "$tools/gitsign/root/usr/bin/gitsign" ] || unpack_debian sid gitsign "$tools/gitsign"
}

fetch_witness() {
    [ -x "$tools/witness/root/usr/bin/witness" ] || unpack_debian sid witness "$tools/witness"
}

fetch_registry() {
    [ -x "$tools/registry/root/usr/bin/docker-registry" ] || unpack_debian sid docker-registry "$tools/registry"
}

# url SERVICE - as the signing configuration has it.
url() {
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]][0]["url"])' "$work/dev/signing_config.json" "$1"
}

# expect NAME COMMAND.. - it ends with 0.
expect() {
    local name="$1"
    shift
    if "$@" >"$work/log" 2>&1; then ok "$name"; else cat "$work/log"; not_ok "$name"; fi
}

# expect_refusal NAME REASON COMMAND.. - it does not, and says why.
expect_refusal() {
    local name="$1" reason="$2"
    shift 2
    if "$@" >"$work/log" 2>&1; then not_ok "$name"
    elif grep -q "$reason" "$work/log"; then ok "$name"
    else cat "$work/log"; not_ok "$name, and for that reason"; fi
}

# gitsign_in REPOSITORY COMMAND.. - runs it there, with a gitsign that trusts the deployment and nothing else.
gitsign_in() {
    local repository="$1" files="$work/dev"
    shift
    (cd "$repository" && env -u SSL_CERT_FILE HOME="$work/home" PATH="$tools/gitsign/root/usr/bin:$PATH" TUF_ROOT="$work/gitsign-tuf" \
        SIGSTORE_ROOT_FILE="$files/chain.pem" SIGSTORE_REKOR_PUBLIC_KEY="$files/rekor.pub" SIGSTORE_CT_LOG_PUBLIC_KEY_FILE="$files/ctlog.pub" \
        GITSIGN_FULCIO_URL="$(url caUrls)" GITSIGN_REKOR_URL="$(url rekorTlogUrls)" GITSIGN_OIDC_ISSUER="$issuer" \
        GITSIGN_TOKEN_PROVIDER=envvar SIGSTORE_ID_TOKEN="$(cat "$files/identity-token")" timeout 120 "$@")
}

# A commit is signed and logged, found in the log again, and is nobody else's.
gitsign() {
    local repository="$work/repository" who=(--certificate-oidc-issuer "$issuer" HEAD)
    rm -rf "$repository" "$work/gitsign-tuf"
    git init -q "$repository"
    expect "gitsign reads the TUF repository" gitsign_in "$repository" gitsign initialize --mirror "${issuer%/email}/tuf" \
        --root "$work/dev/tuf/root.json"
    expect "gitsign signs" gitsign_in "$repository" git -c user.name=dev -c user.email=dev@example.com -c gpg.format=x509 \
        -c gpg.x509.program=gitsign commit --allow-empty -S -m signed
    expect "gitsign verifies$when" gitsign_in "$repository" gitsign verify --certificate-identity dev@example.com "${who[@]}"
    expect_refusal "gitsign refuses another identity" 'identities matched' \
        gitsign_in "$repository" gitsign verify --certificate-identity other@example.com "${who[@]}"
}

witness_in() {
    (cd "$work/witness" && HOME="$work/home" timeout 120 "$tools/witness/root/usr/bin/witness" "$@")
}

# A step's attestation is signed with a certificate and a timestamp, and a policy asks for both.
witness() {
    local address
    rm -rf "$work/witness" && mkdir "$work/witness" && cp "$work/dev/hello.txt" "$work/witness/"
    openssl genpkey -algorithm ed25519 -out "$work/witness/policy.key" && openssl pkey -in "$work/witness/policy.key" -pubout -out "$work/witness/policy.pub"
    expect "witness signs" witness_in run -s build --attestations material,product -o build.json --signer-fulcio-url "$(url caUrls)" \
        --signer-fulcio-oidc-issuer "$issuer" --signer-fulcio-oidc-client-id sigstore --signer-fulcio-token-path "$work/dev/identity-token" \
        -t "$(url tsaUrls)" -- cp hello.txt built.txt
    for address in dev other; do
        python3 "$here/witness.py" "$work/dev" "$address@example.com" >"$work/witness/$address.json"
        witness_in sign -f "$address.json" --signer-file-key-path policy.key -o "$address.signed" 2>"$work/log" || cat "$work/log"
    done
    expect "witness verifies$when" witness_in verify -f built.txt -a build.json -p dev.signed -k policy.pub
    expect_refusal "witness refuses another identity" 'no verifiers matched with allowed functionaries' \
        witness_in verify -f built.txt -a build.json -p other.signed -k policy.pub
}

# An image in a registry of this machine is signed and attested with cosign 3.
image() {
    local port name
    port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
    printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:%s"}\n' "$work/registry" "$port" >"$work/registry.yml"
    "$tools/registry/root/usr/bin/docker-registry" serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
    registry=$!
    for _ in $(seq 100); do
        curl -sf -o "$work/log" "http://127.0.0.1:$port/v2/" && break
        sleep 0.1
    done
    local trust=(--trusted-root trusted_root.json) ask=(--yes --signing-config signing_config.json --identity-token identity-token)
    local who=(--use-signed-timestamps --certificate-oidc-issuer "$issuer" --certificate-identity)
    cosign3() { (cd "$work/dev" && env -u SSL_CERT_FILE HOME="$work/home" timeout 120 "$tools/cosign3/bin/cosign" "$@"); }
    name="$(cosign3 upload blob -f hello.txt "127.0.0.1:$port/hello:1" 2>"$work/log" | tail -1)"
    [ -n "$name" ] || cat "$work/log" "$work/registry.log"
    expect "cosign 3 signs an image" cosign3 sign "${trust[@]}" "${ask[@]}" "$name"
    expect "cosign 3 verifies an image" cosign3 verify "${trust[@]}" "${who[@]}" dev@example.com "$name"
    expect_refusal "cosign 3 refuses an image of another identity" 'expected SAN value' cosign3 verify "${trust[@]}" "${who[@]}" other@example.com "$name"
    expect "cosign 3 attests to an image" cosign3 attest "${trust[@]}" "${ask[@]}" --type custom --predicate statement.json "$name"
    expect "cosign 3 verifies an image's attestation" cosign3 verify-attestation "${trust[@]}" --type custom "${who[@]}" dev@example.com "$name"
    kill "$registry" && wait "$registry" || true
    registry=
}
