#!/usr/bin/env python3
"""Makes the seeds of every fuzz target again, from tests/ and from what stands here: fuzz/corpus/TARGET/seed-*.

Standard library and openssl only. What the fuzzer finds on its own goes beside the seeds, under other names, and is not committed.
"""

import base64
import json
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests/fixtures"
PARITY_KEYS = ROOT / "tests/e2e/parity/keys"


def b64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def compact(header, claims, signature=b"\0" * 64):
    parts = [json.dumps(part, separators=(",", ":")).encode() for part in (header, claims)]
    return ".".join([*map(b64url, parts), b64url(signature)]).encode()


def openssl(*arguments, stdin=None):
    return subprocess.run(["openssl", *arguments], input=stdin, check=True, capture_output=True).stdout


def tokens():
    claims = {"iss": "https://issuer.example.com", "aud": "sigstore", "sub": "1", "exp": 4102444800, "iat": 1, "nbf": 1}
    person = claims | {"email": "dev@example.com", "email_verified": True}
    pod = claims | {"kubernetes.io": {"namespace": "a", "serviceaccount": {"name": "b"}}, "aud": ["x", "sigstore"]}
    yield compact({"alg": "ES256", "kid": "first", "typ": "JWT"}, person)
    yield compact({"alg": "RS256"}, pod, b"\1" * 256)
    yield compact({"alg": "EdDSA", "jwk": {"kty": "OKP"}, "jku": "https://a"}, claims)
    yield compact({"alg": "none"}, claims, b"")
    yield compact({"alg": "HS256"}, claims, b"\2" * 32)
    yield compact({"alg": "PS384", "crit": ["b64"], "b64": False}, claims)
    yield compact({"alg": "dir", "enc": "A128GCM", "zip": "DEF"}, claims) + b".AAAA.AAAA"
    yield b" " + compact({"alg": "ES512"}, person, b"\3" * 132) + b"\n"
    yield b"." * 64


def coordinates(name, length):
    der = openssl("pkey", "-in", str(FIXTURES / f"keys/{name}.pkcs8.pem"), "-pubout", "-outform", "DER")
    return b64url(der[-2 * length:-length]), b64url(der[-length:])


def jwks():
    keys = []
    for name, curve, length, algorithm in [("ec256", "P-256", 32, "ES256"), ("ec384", "P-384", 48, "ES384"), ("ec521", "P-521", 66, "ES512")]:
        x, y = coordinates(name, length)
        keys.append({"kty": "EC", "crv": curve, "x": x, "y": y, "kid": name, "alg": algorithm, "use": "sig"})
    rsa = openssl("pkey", "-in", str(FIXTURES / "keys/rsa2048.pkcs8.pem"), "-pubout", "-outform", "DER")
    keys.append({"kty": "RSA", "n": b64url(rsa[-261:-5]), "e": "AQAB", "kid": "rsa", "key_ops": ["verify"]})
    ed25519 = openssl("pkey", "-in", str(FIXTURES / "keys/ed25519.pkcs8.pem"), "-pubout", "-outform", "DER")
    keys.append({"kty": "OKP", "crv": "Ed25519", "x": b64url(ed25519[-32:])})
    roca = (PARITY_KEYS / "rsaroca.pub.der").read_bytes()
    odd = [
        {"kty": "RSA", "n": b64url(roca[-261:-5]), "e": "AQAB"},
        {"kty": "RSA", "n": b64url(rsa[-261:-5]), "e": "AQ"},
        {"kty": "OKP", "crv": "Ed25519", "x": b64url(bytes(32))},
        {"kty": "EC", "crv": "P-256", "x": b64url(bytes(32)), "y": b64url(bytes(32))},
        {"kty": "EC", "crv": "P-384", "x": keys[0]["x"], "y": keys[0]["y"]},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"},
        None,
        7,
    ]
    for one in [*keys, *odd]:
        yield json.dumps({"keys": [one]}).encode()
    yield json.dumps({"keys": [*odd, *keys]}).encode()
    yield b'{"keys":[]}'
    yield b'{"keys":{}}'


def csrs():
    for name in ["ec256", "ec384", "ec521", "rsa2048", "ed25519"]:
        key = str(FIXTURES / f"keys/{name}.pkcs8.pem")
        yield openssl("req", "-new", "-key", key, "-subj", "/CN=somebody else", "-addext", "extendedKeyUsage=codeSigning")
    text = openssl("req", "-new", "-key", str(FIXTURES / "keys/ec256.pkcs8.pem"), "-subj", "/")
    yield text
    yield text.replace(b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST")
    yield text.replace(b"\n", b"\r\n")


def pem_keys():
    for path in sorted((FIXTURES / "keys").glob("*.pub.pem")):
        yield path.read_bytes()
    for path in sorted(PARITY_KEYS.glob("*.pub.der")):
        if path.stat().st_size < 600:
            yield path.read_bytes()
    yield openssl("rsa", "-in", str(FIXTURES / "keys/rsa2048.pkcs8.pem"), "-RSAPublicKey_out")


def issuer_files():
    for path in sorted((ROOT / "config/issuers").glob("issuers*")):
        yield path.read_bytes()
    yield b"oidc-issuers:\n  https://a.example:\n    client-id: sigstore\n    type: email\n"
    yield b"meta-issuers:\n  https://*.a.example/id/*: {client-id: s, type: kubernetes}\n"
    yield b"define: &t {client-id: s, type: spiffe, spiffe-trust-domain: a.example}\noidc-issuers:\n  https://a.example: *t\n"
    yield b'{"OIDCIssuers":{"https://a.example":{"IssuerURL":"https://a.example","ClientID":"s","Type":"email"}}}'
    yield b"oidc-issuers:\n  https://a.example:\n    client-id: s\n    client-id: t\n"
    yield b"oidc-issuers: [[[[[[\n"


def templates():
    seen = set()
    for case in json.loads((ROOT / "tests/go-templates/results.json").read_text()):
        source = case["template"]
        if len(source) < 120 and len(seen) < 60 and source not in seen:
            seen.add(source)
            yield source.encode() + b"\0v1.0"
    yield b'{{ if and .ab (not .cd) }}x{{ else if or .ef .gh }}y{{ end }}\0true'
    yield b"{{- index . \"a b\" -}} {{/* c */}}{{ `raw` }}\0<no value>"


def policies():
    claims = json.dumps({"iss": "https://a.example", "sub": "s", "n": 7, "l": ["x", "y"], "m": {"k": {"d": "v"}}, "b": True, "nil": None})
    for condition in [
        'claims.sub == "s" && claims.n in [1, 7] && has(claims.m.k) && !has(claims.q)',
        "claims.l.exists(x, claims.l.all(y, x == y || x.startsWith('x')))",
        "claims.l.map(x, x == 'x', x + '1').filter(x, size(x) > 1) == ['x1'] && claims['m']['k'].d.matches('^[a-v]+$')",
        "now - timestamp(claims.n) > duration('1h30m') && now.getHours() < 24 && int('12') % 5 == 2",
        "(claims.b ? 'a' : string(claims.n)).lowerAscii() != 'A' && claims.n / 0 == 1",
        "principal.kind == 'email' || key.bits >= 256 || issuer.endsWith('example') || audience == 's' || principal.san.contains('@')",
        "{'a': 1, 'b': 2}[claims.sub] == -1 || [[1], [2]][0][0] * 9223372036854775807 > 1",
        "claims.absent == 'x' || true",
    ]:
        yield condition.encode() + b"\0" + claims.encode()
    yield (b"default: allow\nmode: shadow\nextra-claims: {team: string}\nrules:\n  - id: a\n    issuers: ['https://*.example']\n"
           b"    identities: [github-workflow, ci-provider]\n    deny: |\n      claims.team == \"x\" &&\n        claims.ref != 'y'\n"
           b"    message: No.\n  - {id: b, max-lifetime: 15m}\n  - {id: c, mode: shadow, allow: \"claims.sub != ''\"}\n\0" + claims.encode())


def block_lists():
    claims = json.dumps({"iss": "https://a.example/", "repository_id": 123, "big": 12345678901234567890123, "groups": ["x", ["y", True]],
                         "kubernetes.io": {"namespace": "prod", "pod": {"name": "p"}}, "nil": None})
    digest = "00112233445566778899aabbccddeeff" * 2
    lists = [
        "# ours\nentries: []\n",
        "entries:\n  # left in May\n  - san: dev@example.com\n    reason: left\n    until: 2126-01-01T00:00:00+01:00\n",
        f"entries:\n- key-sha256: {digest}\n  reason: \"leaked, incident \\\"42\\\"\"\n- {{key-sha256: '{digest}', issuer: 'https://a.example', reason: r}}\n",
        "entries:\n  - claims: {repository_id: 123, big: 12345678901234567890123}\n    reason: r\n  - issuer: https://a.example\n    reason: r\n",
        "entries:\n  -\n    claims:\n      kubernetes.io: {namespace: prod, pod: {name: p}}\n      groups: y\n    reason: >-\n      two\n      lines\n\n# end\n",
        "defaults: &r {reason: r}\nentries: [{san: x, reason: a}, {claims: {groups: true}, reason: b}]\n",
        "entries: # none yet\n  - {san: x, reason: r, until: 1960-01-01T00:00:00Z}\n  - &a {san: y, reason: r}\n  - *a\n",
        "\ufeff---\nentries:\r\n  - san: x\r\n    reason: r\r\n...\n",
        '{"entries": [{"san": "x", "reason": "r"}]}',
        "entries:\n  - {san: 'a*', reason: r}\n",
        "entries:\n",
    ]
    for text in lists:
        yield text.encode() + b"\0" + claims.encode()


def scts():
    folder = FIXTURES / "transparency"
    for name in ["certificate.sct", "precertificate.sct", "rsa-log-signature.tls"]:
        yield (folder / name).read_bytes()
    sct = (folder / "certificate.sct").read_bytes()
    if sct[:1] == b"\0":
        one = len(sct).to_bytes(2, "big") + sct
        yield len(one).to_bytes(2, "big") + one
        yield (2 * len(one)).to_bytes(2, "big") + 2 * one
    answer = {"sct_version": 0, "id": base64.b64encode(bytes(32)).decode(), "timestamp": 1, "extensions": "",
              "signature": base64.b64encode(b"\4\3\0\2\1\1").decode()}
    yield json.dumps(answer).encode()
    yield json.dumps(answer | {"timestamp": 2**64, "extensions": "AAA="}).encode()


def requests():
    token = compact({"alg": "ES256"}, {"iss": "a"}).decode()
    key = (FIXTURES / "keys/ec256.pub.pem").read_text()
    request = next(csrs())
    encoded = base64.b64encode(request).decode()
    named = {"credentials": {"oidcIdentityToken": token}}
    yield json.dumps(named | {"publicKeyRequest": {"publicKey": {"algorithm": "ECDSA", "content": key}, "proofOfPossession": "MAYCAQACAQA="}}).encode()
    yield json.dumps({"credentials": {"oidc_identity_token": token}, "public_key_request": {"public_key": {"algorithm": 2, "content": key}}}).encode()
    yield json.dumps(named | {"certificateSigningRequest": encoded}).encode()
    yield json.dumps(named | {"certificateSigningRequest": encoded, "publicKeyRequest": None, "unknown": [1, {"a": []}]}).encode()
    yield json.dumps({"publicKey": {"content": base64.b64encode(key.encode()).decode(), "algorithm": "ecdsa"}, "signedEmailAddress": "MAYCAQACAQA="}).encode()
    yield json.dumps({"certificateSigningRequest": encoded}).encode()
    yield b'{"credentials":{"oidcIdentityToken":"\\u0061\\ud83d\\ude00"},"publicKeyRequest":{"proofOfPossession":"_-8="}}'
    yield b"{}"
    yield b""
    yield b"[[[[[[[[]]]]]]]]"


def main():
    targets = {"token": tokens, "jwk_set": jwks, "csr": csrs, "pem_key": pem_keys, "issuer_file": issuer_files,
               "template": templates, "policy": policies, "block_list": block_lists, "sct": scts, "request_json": requests}
    for target, seeds in targets.items():
        folder = ROOT / "fuzz/corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("seed-*"):
            old.unlink()
        for number, seed in enumerate(seeds()):
            (folder / f"seed-{number:02}").write_bytes(seed)
        print(target, len(list(folder.glob("seed-*"))))


if __name__ == "__main__":
    main()
