#!/usr/bin/env python3
"""Asks a timestamp authority the questions of tests/fixtures/timestamp-requests.json and writes down what it answers.

    tests/e2e/tsa/record.py URL [--write]      URL is that of POST, such as http://127.0.0.1:5558/api/v1/timestamp

With --write it makes the file again, from the questions below and the answers of the authority at URL: to be done with sigstore's own
timestamp-authority and never with sigmint. Without it, it says where URL answers otherwise than the file; the exit code tells.
"""

import base64
import hashlib
import json
import pathlib
import sys
import urllib.error
import urllib.request

FILE = pathlib.Path(__file__).parents[2] / "fixtures" / "timestamp-requests.json"


def tlv(tag, *content):
    content = b"".join(content)
    size = len(content)
    if size < 128:
        length = bytes([size])
    else:
        digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
        length = bytes([0x80 | len(digits)]) + digits
    return bytes([tag]) + length + content


def integer(value):
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def oid(text):
    first, second, *rest = map(int, text.split("."))
    out = bytearray([first * 40 + second])
    for number in rest:
        digits = [number & 127]
        while number := number >> 7:
            digits.append(128 | number & 127)
        out += bytes(reversed(digits))
    return tlv(6, bytes(out))


def sequence(*content):
    return tlv(0x30, *content)


NULL, TRUE, FALSE = tlv(5), tlv(1, b"\xff"), tlv(1, b"\x00")
SHA1, SHA256, SHA384, SHA512 = "1.3.14.3.2.26", "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.2", "2.16.840.1.101.3.4.2.3"
SHA224, MD5, SHA512_256, SHA3_256 = "2.16.840.1.101.3.4.2.4", "1.2.840.113549.2.5", "2.16.840.1.101.3.4.2.6", "2.16.840.1.101.3.4.2.8"
POLICY = oid("1.3.6.1.4.1.57264.2")
HELLO = hashlib.sha256(b"hello\n").digest()


def imprint(hash=SHA256, digest=HELLO, parameters=NULL):
    return sequence(sequence(oid(hash), parameters), tlv(4, digest))


def query(*more, version=integer(1), message=None):
    return sequence(version, message or imprint(), *more)


def extension(critical=b"", value=b"\x05\x00"):
    return tlv(0xA0, sequence(oid("1.2.3.4"), critical, tlv(4, value)))


def js(**members):
    return json.dumps({"artifactHash": base64.b64encode(HELLO).decode(), "hashAlgorithm": "sha256", **members}).encode()


DER, JSON = "application/timestamp-query", "application/json"
B64 = base64.b64encode(HELLO).decode()
QUESTIONS = [
    # The five kinds that Sigstore's clients send.
    ("sigstore-go: nothing optional", DER, query()),
    ("sigstore-python: nonce and certReq", DER, query(integer(2**63 + 5), TRUE)),
    ("sigstore-java: nonce, AlgorithmIdentifier without NULL", DER, query(integer(77), message=imprint(parameters=b""))),
    ("witness: certReq", DER, query(TRUE)),
    ("sigstore-js: JSON", JSON, js()),
    # Hashes.
    ("SHA-384", DER, query(message=imprint(SHA384, hashlib.sha384(b"hello\n").digest()))),
    ("SHA-512", DER, query(TRUE, message=imprint(SHA512, hashlib.sha512(b"hello\n").digest()))),
    ("SHA-1", DER, query(message=imprint(SHA1, hashlib.sha1(b"hello\n").digest()))),
    ("SHA-224", DER, query(message=imprint(SHA224, HELLO[:28]))),
    ("MD5", DER, query(message=imprint(MD5, HELLO[:16]))),
    ("SHA-512/256", DER, query(message=imprint(SHA512_256))),
    ("SHA3-256", DER, query(message=imprint(SHA3_256))),
    ("parameters that are not NULL", DER, query(message=imprint(parameters=sequence()))),
    ("a digest that is too short", DER, query(message=imprint(digest=HELLO[:31]))),
    ("a digest that is too long", DER, query(message=imprint(digest=HELLO + b"x"))),
    ("a digest of another length", DER, query(message=imprint(SHA384))),
    ("an empty digest", DER, query(message=imprint(digest=b""))),
    # Versions.
    ("version 0", DER, query(version=integer(0))),
    ("version 2", DER, query(version=integer(2))),
    ("version -1", DER, query(version=integer(-1))),
    # Policies.
    ("the policy of this authority", DER, query(POLICY, integer(9), TRUE)),
    ("another policy", DER, query(oid("1.2.3.4"))),
    ("a policy below this authority's", DER, query(oid("1.3.6.1.4.1.57264.2.1"))),
    # Nonces.
    ("nonce 0", DER, query(integer(0))),
    ("nonce -5", DER, query(integer(-5))),
    ("a nonce of 160 bits", DER, query(integer(2**160 - 1), TRUE)),
    ("a nonce of 4096 bits", DER, query(integer(2**4096 - 1))),
    ("a nonce that is not minimal", DER, query(tlv(2, b"\x00\x05"))),
    ("an empty nonce", DER, query(tlv(2))),
    # certReq and extensions.
    ("certReq FALSE, written", DER, query(FALSE)),
    ("certReq 1, which is not DER", DER, query(tlv(1, b"\x01"))),
    ("an extension", DER, query(extension())),
    ("a critical extension", DER, query(TRUE, extension(TRUE))),
    ("an empty list of extensions", DER, query(tlv(0xA0))),
    ("members in another order", DER, query(TRUE, integer(5))),
    ("a member too many", DER, query(TRUE, tlv(0x0C, b"x"))),
    # Not a request.
    ("an empty body", DER, b""),
    ("not DER", DER, b"hello"),
    ("a request cut short", DER, query(TRUE)[:-1]),
    ("bytes after the request", DER, query() + b"\x00"),
    ("an indefinite length", DER, b"\x30\x80" + query()[2:] + b"\x00\x00"),
    ("a response", DER, sequence(sequence(integer(0)))),
    # JSON.
    ("JSON: nonce and certificates", JSON, js(nonce=2**70, certificates=True)),
    ("JSON: nonce 0", JSON, js(nonce=0)),
    ("JSON: a negative nonce", JSON, js(nonce=-7)),
    ("JSON: a nonce that is a string", JSON, js(nonce="7")),
    ("JSON: a nonce that is a fraction", JSON, js(nonce=7.5)),
    ("JSON: members that are null", JSON, js(nonce=None, certificates=None, tsaPolicyOID=None)),
    ("JSON: the policy of this authority", JSON, js(tsaPolicyOID="1.3.6.1.4.1.57264.2")),
    ("JSON: another policy", JSON, js(tsaPolicyOID="1.2.3.4")),
    ("JSON: an empty policy", JSON, js(tsaPolicyOID="")),
    ("JSON: a policy that is none", JSON, js(tsaPolicyOID="one.two")),
    ("JSON: SHA384 in capitals", JSON, js(hashAlgorithm="SHA384", artifactHash=base64.b64encode(hashlib.sha384(b"hello\n").digest()).decode())),
    ("JSON: sha-256", JSON, js(hashAlgorithm="sha-256")),
    ("JSON: sha1", JSON, js(hashAlgorithm="sha1", artifactHash=base64.b64encode(HELLO[:20]).decode())),
    ("JSON: no algorithm", JSON, json.dumps({"artifactHash": B64}).encode()),
    ("JSON: no hash", JSON, json.dumps({"hashAlgorithm": "sha256"}).encode()),
    ("JSON: a digest that is too short", JSON, js(artifactHash=base64.b64encode(HELLO[:31]).decode())),
    ("JSON: a hash that is not base64", JSON, js(artifactHash="*" + B64[1:])),
    ("JSON: a hash without padding", JSON, js(artifactHash=B64.rstrip("="))),
    ("JSON: a hash in the URL's alphabet", JSON, js(artifactHash=B64.replace("+", "-").replace("/", "_"))),
    ("JSON: an unknown member", JSON, js(more=[1])),
    ("JSON: a member in other case", JSON, js(CERTIFICATES=True)),
    ("JSON: not an object", JSON, b"[]"),
    ("JSON: null", JSON, b"null"),
    ("JSON: empty", JSON, b""),
    ("JSON: something behind it", JSON, js() + b" x"),
    ("JSON: 1025 bytes", JSON, js() + b" " * (1025 - len(js()))),
    ("JSON: 1024 bytes", JSON, js() + b" " * (1024 - len(js()))),
    # Content types.
    ("DER said to be JSON", JSON, query()),
    ("JSON said to be DER", DER, js()),
    ("JSON with a charset", "application/json; charset=utf-8", js()),
    ("DER with a parameter", "application/timestamp-query; x=y", query()),
    ("a content type in capitals", "Application/Timestamp-Query", query()),
    ("another content type", "application/octet-stream", query()),
    ("a content type of text", "text/plain", query()),
    ("an empty content type", "", query()),
    ("a body of 1 MiB and a byte", DER, query() + b"\x00" * (2**20 + 1 - len(query()))),
]


def ask(url, content_type, body):
    request = urllib.request.Request(url, data=body, method="POST", headers={"Content-Type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read()


def children(der):
    """The members of a constructed value, whole."""
    out, content = [], value(der)
    while content:
        size = whole(content)
        out.append(content[:size])
        content = content[size:]
    return out


def whole(der):
    if der[1] < 128:
        return 2 + der[1]
    count = der[1] & 127
    return 2 + count + int.from_bytes(der[2 : 2 + count], "big")


def value(der):
    size = whole(der)
    return der[2 if der[1] < 128 else 2 + (der[1] & 127) : size]


def facts(answer):
    """What does not change from one answer to the next."""
    info, *token = children(answer)
    status = value(children(info)[0])[0]
    if not token:
        return {"pkiStatus": status}
    signed = children(value(children(token[0])[1]))
    version, _, content, *more = signed
    tst = children(value(value(children(content)[1])))
    signer = children(children(more[-1])[0])
    attributes = sorted(value(children(one)[0]).hex() for one in children(signer[3]))
    return {
        "pkiStatus": status,
        "signedDataVersion": value(version)[0],
        "certificates": sum(len(children(member)) for member in more[:-1]),
        "signedAttributes": attributes,
        "digestAlgorithm": children(signer[2])[0].hex(),
        "policy": tst[1].hex(),
        "imprint": tst[2].hex(),
        "tags": [member[0] for member in tst],
        "timeLength": whole(tst[4]),
        "accuracy": next((member.hex() for member in tst if member[0] == 0x30 and member is not tst[2]), None),
        "nonce": next((member.hex() for member in tst[5:] if member[0] == 2), None),
    }


def recorded(url):
    out = []
    for name, content_type, body in QUESTIONS:
        status, answer = ask(url, content_type, body)
        row = {"name": name, "contentType": content_type, "status": status}
        row["body"] = {"repeat": [query().hex(), len(body)]} if len(body) > 10000 else body.hex()
        if status == 200:
            row["answer"] = facts(answer)
        out.append(row)
    return out


def main():
    rows = recorded(sys.argv[1])
    if "--write" in sys.argv:
        FILE.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
        return 0
    known = {row["name"]: row for row in json.loads(FILE.read_text())}
    others = [(row, known.get(row["name"])) for row in rows if row != known.get(row["name"])]
    for got, expected in others:
        print(f"{got['name']}:\n  expected {json.dumps(expected)}\n  got      {json.dumps(got)}")
    print(f"{len(rows) - len(others)} of {len(rows)} as recorded")
    return 1 if others else 0


if __name__ == "__main__":
    sys.exit(main())
