#!/usr/bin/env python3
"""Requests to a Rekor v2, good and bad, and what the real rekor-tiles answered.

    tests/e2e/rekor/cases.py record URL >tests/e2e/rekor/rekor-tiles-2.3.0.json     against a new rekor-tiles
    tests/e2e/rekor/cases.py check URL                                              against a new `sigmint dev`, its --rekor-port

Keys are new in each run, so what is compared is each answer's status, whether it has x-log-index, its members, and its message. ALLOWED has
the differences that are known. Needs `cryptography` (tests/e2e/parity/requirements.txt); ends with 1 when something else differs.
"""
import base64, copy, datetime, hashlib, json, pathlib, re, sys, urllib.error, urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.x509.oid import NameOID

RECORDED = pathlib.Path(__file__).with_name("rekor-tiles-2.3.0.json")
HASHES = {256: hashes.SHA256(), 384: hashes.SHA384(), 512: hashes.SHA512()}
REQUEST = "hashedRekordRequestV002"
VERIFIER = REQUEST + ".signature.verifier"

# By case: why ours differs. Messages that begin with "proto:" name a place in Go's parser; ours begin so, too, and name none.
ALLOWED = {
    "ed25519 pure": "rekor-tiles panics (500): such a key signs no digest; ours says 400",
    "dsse": "sigstore-js still sends it: ours logs it as a hashedrekord, and refuses this one for its signature",
    "twice": "Go reads the first of two values and passes over the rest; ours refuses",
    "no json": "the message is of Go's parser",
}


def b64(data):
    return base64.b64encode(data).decode()


def spki(key):
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def sign(key, digest, bits):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(digest)
    prehashed = utils.Prehashed(HASHES[bits])
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(digest, padding.PKCS1v15(), prehashed)
    return key.sign(digest, ec.ECDSA(prehashed))


def certificate(key):
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")]), datetime.datetime(2026, 1, 1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=3650))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def changed(request, path, value):
    """The request with one member replaced, or taken away."""
    request = copy.deepcopy(request)
    *way, last = path.split(".")
    at = request
    for word in way:
        at = at[word]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return request


def cases():
    p256, p384, p521, p224 = (ec.generate_private_key(curve()) for curve in (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1, ec.SECP224R1))
    rsa1024, rsa2048, rsa3072 = (rsa.generate_private_key(65537, bits) for bits in (1024, 2048, 3072))
    ed = ed25519.Ed25519PrivateKey.generate()
    count = iter(range(1000))

    def request(key, bits, details):
        digest = hashlib.new(f"sha{bits}", b"text %d" % next(count)).digest()
        verifier = {"publicKey": {"rawBytes": b64(spki(key))}, "keyDetails": details}
        return {REQUEST: {"digest": b64(digest), "signature": {"content": b64(sign(key, digest, bits)), "verifier": verifier}}}

    def good():
        return request(p256, 256, "PKIX_ECDSA_P256_SHA_256")

    def with_certificate():
        verifier = {"x509Certificate": {"rawBytes": b64(certificate(p256))}, "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
        return changed(good(), VERIFIER, verifier)

    first, pem = good(), p256.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    snake = json.dumps(good()[REQUEST])
    for camel, word in ("rawBytes", "raw_bytes"), ("publicKey", "public_key"), ("keyDetails", "key_details"):
        snake = snake.replace(camel, word)
    url_safe = good()
    digest = url_safe[REQUEST]["digest"].replace("+", "-").replace("/", "_").rstrip("=")
    envelope = {"payload": "e30=", "payloadType": "application/vnd.in-toto+json", "signatures": [{"sig": "AA=="}]}
    dsse_verifier = {"publicKey": {"rawBytes": b64(spki(p256))}, "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
    of_json = {
        "p256": first,
        "the same again": first,
        "certificate": with_certificate(),
        "p384": request(p384, 384, "PKIX_ECDSA_P384_SHA_384"),
        "p521": request(p521, 512, "PKIX_ECDSA_P521_SHA_512"),
        "rsa 2048": request(rsa2048, 256, "PKIX_RSA_PKCS1V15_2048_SHA256"),
        "rsa 3072": request(rsa3072, 256, "PKIX_RSA_PKCS1V15_3072_SHA256"),
        "rsa 1024": request(rsa1024, 256, "PKIX_RSA_PKCS1V15_2048_SHA256"),
        "p384 with sha256": request(p384, 256, "PKIX_ECDSA_P384_SHA_256"),
        "p521 with sha256": request(p521, 256, "PKIX_ECDSA_P521_SHA_256"),
        "p224": request(p224, 256, "PKIX_ECDSA_P256_SHA_256"),
        "ed25519 pure": request(ed, 256, "PKIX_ED25519"),
        "ed25519ph that is pure": request(ed, 512, "PKIX_ED25519_PH"),
        "rsa said to be p256": request(rsa2048, 256, "PKIX_ECDSA_P256_SHA_256"),
        "p256 said to be p384": request(p256, 256, "PKIX_ECDSA_P384_SHA_384"),
        "rsa pkcs1 said to be pss": request(rsa2048, 256, "PKIX_RSA_PSS_2048_SHA256"),
        "details by number": changed(good(), VERIFIER + ".keyDetails", 5),
        "details of unknown name": changed(good(), VERIFIER + ".keyDetails", "NO_SUCH"),
        "details of unknown number": changed(good(), VERIFIER + ".keyDetails", 999),
        "details of lmots": changed(good(), VERIFIER + ".keyDetails", "LMOTS_SHA256"),
        "no details": changed(good(), VERIFIER + ".keyDetails", None),
        "other digest": changed(good(), REQUEST + ".digest", b64(hashlib.sha256(b"other").digest())),
        "short digest": changed(good(), REQUEST + ".digest", b64(b"abc")),
        "no digest": changed(good(), REQUEST + ".digest", None),
        "digest of another type": changed(good(), REQUEST + ".digest", {}),
        "no signature": changed(good(), REQUEST + ".signature", None),
        "empty signature": changed(good(), REQUEST + ".signature.content", ""),
        "no verifier": changed(good(), VERIFIER, None),
        "no key": changed(good(), VERIFIER + ".publicKey", None),
        "empty key": changed(good(), VERIFIER + ".publicKey", {}),
        "garbage for a key": changed(good(), VERIFIER + ".publicKey.rawBytes", b64(b"garbage")),
        "pem for a key": changed(good(), VERIFIER + ".publicKey.rawBytes", b64(pem)),
        "key with a tail": changed(good(), VERIFIER + ".publicKey.rawBytes", b64(spki(p256) + b"x")),
        "garbage for a certificate": changed(with_certificate(), VERIFIER + ".x509Certificate.rawBytes", b64(b"garbage")),
        "key and certificate": changed(with_certificate(), VERIFIER + ".publicKey", {"rawBytes": b64(spki(p256))}),
        "other base64": changed(good(), REQUEST + ".digest", "-_-_"),
        "no base64": changed(good(), REQUEST + ".digest", "*"),
        "unknown member": changed(good(), REQUEST + ".more", 1),
        "unknown member at the top": dict(good(), more=1),
        "dsse": {"dsseRequestV002": {"envelope": envelope, "verifiers": [dsse_verifier]}},
        "empty object": {},
        "null": None,
        "list": [],
        "two requests": dict(good(), dsseRequestV002={}),
        "snake case": {"hashed_rekord_request_v002": json.loads(snake)},
        "url-safe without padding": changed(url_safe, REQUEST + ".digest", digest),
    }
    bodies = {name: json.dumps(case).encode() for name, case in of_json.items()}
    bodies |= {"no json": b"x", "no body": b"", "twice": json.dumps(first).encode() * 2, "5 MB": b" " * 5_000_000}
    return bodies


def ask(url, body):
    request = urllib.request.Request(url + "/api/v2/log/entries", data=body, headers={"content-type": "application/json"})
    try:
        answer = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60)
    except urllib.error.HTTPError as error:
        answer = error
    said = json.loads(answer.read())
    message = re.sub(r"with index \d+", "with index N", said.get("message", ""))
    message = re.sub(r"^proto:.*", "proto:", message, flags=re.S)
    return {"status": answer.status, "index": "x-log-index" in answer.headers, "members": sorted(said), "message": message}


def main():
    what, url = sys.argv[1:]
    answers = {name: ask(url, body) for name, body in cases().items()}
    if what == "record":
        print(json.dumps(answers, indent=0))
        return 0
    recorded, wrong = json.loads(RECORDED.read_text()), 0
    for name, expected in recorded.items():
        same, allowed = answers[name] == expected, name in ALLOWED
        if same == allowed:
            wrong += 1
            print(f"{name}: {'no difference any more' if same else f'{answers[name]} is not {expected}'}")
    print(f"{len(recorded)} cases, {len(ALLOWED)} known differences, {wrong} wrong")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
