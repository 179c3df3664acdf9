#!/usr/bin/env python3
"""Read the entries of a static CT log's storage and hold certificates against them. Python's standard library only.

    tesseract_entries.py STORAGE                        list the entries
    tesseract_entries.py STORAGE --issuer CHAIN.pem CERTIFICATE.pem ..

With certificates (the first in each file counts): for each there must be exactly one precertificate entry whose TBSCertificate
equals, byte for byte, the certificate's without its SCT list, whose submitted precertificate is the same with the poison in the
list's place, whose issuer key hash is that of CHAIN.pem's first certificate, and which the certificate's timestamp points to:
same time, and the leaf index in the timestamp's extensions is the entry's. Ends with 1 otherwise.
"""
import argparse, base64, hashlib, os, re, sys

POISON = bytes.fromhex("060a2b06010401d679020403")
SCT_LIST = bytes.fromhex("060a2b06010401d679020402")


class Reader:
    def __init__(self, raw):
        self.raw, self.at = raw, 0

    def take(self, n):
        if self.at + n > len(self.raw):
            raise ValueError("a data tile ends early")
        self.at += n
        return self.raw[self.at - n:self.at]

    def number(self, n):
        return int.from_bytes(self.take(n), "big")

    def opaque(self, n):
        return self.take(self.number(n))


def entries(storage):
    """The log entries in order: the longest file of each data tile (c2sp.org/static-ct-api)."""
    folder, found, tile = os.path.join(storage, "tile", "data"), [], 0
    while True:
        digits = "%03d" % tile
        digits = "0" * (-len(digits) % 3) + digits
        parts = [digits[i:i + 3] for i in range(0, len(digits), 3)]
        path = os.path.join(folder, *("x" + p for p in parts[:-1]), parts[-1])
        if os.path.exists(path):
            file = path
        elif os.path.isdir(path + ".p"):
            file = os.path.join(path + ".p", max(os.listdir(path + ".p"), key=int))
        else:
            return found
        found += tile_entries(open(file, "rb").read())
        tile += 1


def tile_entries(raw):
    r, found = Reader(raw), []
    while r.at < len(raw):
        entry = {"timestamp": r.number(8), "type": r.number(2)}
        if entry["type"] == 1:
            entry["issuer_key_hash"], entry["tbs"] = r.take(32), r.opaque(3)
        elif entry["type"] == 0:
            entry["certificate"] = r.opaque(3)
        else:
            raise ValueError("unknown entry type %d" % entry["type"])
        entry["extensions"] = r.opaque(2)
        if entry["type"] == 1:
            entry["precertificate"] = r.opaque(3)
        entry["chain"] = r.opaque(2)
        found.append(entry)
    return found


def element(der, at=0):
    """(where the content begins, where it ends) of the DER element at `at`."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[at + 2:start], "big")
    return start, start + length


def children(der):
    start, end = element(der)
    while start < end:
        stop = element(der, start)[1]
        yield der[start:stop]
        start = stop


def wrap(tag, content):
    n = len(content)
    size = bytes([n]) if n < 128 else (lambda b: bytes([0x80 | len(b)]) + b)(n.to_bytes((n.bit_length() + 7) // 8, "big"))
    return bytes([tag]) + size + content


def split(certificate, oid):
    """The certificate's TBSCertificate without the extension, the whole extension, and its place."""
    tbs = next(children(certificate))
    fields = list(children(tbs))
    extensions = list(children(next(children(fields[-1]))))
    places = [i for i, e in enumerate(extensions) if next(children(e)) == oid]
    if fields[-1][0] != 0xA3 or len(places) != 1:
        raise ValueError("not exactly one extension %s" % oid.hex())
    kept = b"".join(e for i, e in enumerate(extensions) if i != places[0])
    rest = b"".join(fields[:-1]) + wrap(0xA3, wrap(0x30, kept))
    return wrap(0x30, rest), extensions[places[0]], places[0]


def spki_hash(certificate):
    # version, serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo
    return hashlib.sha256(list(children(next(children(certificate))))[6]).digest()


def timestamps(extension):
    """(timestamp, leaf index or None) of each SCT in an SCT list extension."""
    octets = list(children(extension))[-1]
    start, end = element(octets)
    inner, stop = element(octets[start:end])
    lists, found = Reader(Reader(octets[start:end][inner:stop]).opaque(2)), []
    while lists.at < len(lists.raw):
        sct = Reader(lists.opaque(2))
        sct.take(1 + 32)
        time, extensions, index = sct.number(8), Reader(sct.opaque(2)), None
        while extensions.at < len(extensions.raw):
            kind, data = extensions.number(1), extensions.opaque(2)
            index = int.from_bytes(data, "big") if kind == 0 and len(data) == 5 else index
        found.append((time, index))
    return found


def first_pem(path):
    text = re.search("-----BEGIN CERTIFICATE-----(.*?)-----END", open(path).read(), re.S).group(1)
    return base64.b64decode(text)


def check(path, found, issuer_key_hash):
    tbs, sct_list, place = split(first_pem(path), SCT_LIST)
    matching = [i for i, e in enumerate(found) if e["type"] == 1 and e["tbs"] == tbs]
    if len(matching) != 1:
        return "%d entries have its TBSCertificate" % len(matching)
    entry = found[matching[0]]
    poisoned, poison, poison_place = split(entry["precertificate"], POISON)
    if poisoned != tbs or poison_place != place:
        return "the precertificate differs in more than the poison"
    if poison != wrap(0x30, POISON + b"\x01\x01\xff" + b"\x04\x02\x05\x00"):
        return "the poison is not critical or not NULL"
    if entry["issuer_key_hash"] != issuer_key_hash:
        return "the issuer key hash is another CA's"
    if (entry["timestamp"], matching[0]) not in timestamps(sct_list):
        return "no timestamp of %r is (%d, %d)" % (timestamps(sct_list), entry["timestamp"], matching[0])
    return None


def main():
    p = argparse.ArgumentParser()
    p.add_argument("storage")
    p.add_argument("--issuer")
    p.add_argument("certificates", nargs="*")
    a = p.parse_intermixed_args()
    found = entries(a.storage)
    if not a.certificates:
        for i, e in enumerate(found):
            body = e.get("tbs") or e["certificate"]
            print(i, e["timestamp"], ("x509", "precertificate")[e["type"]], len(body), hashlib.sha256(body).hexdigest())
        return 0
    if not a.issuer:
        p.error("--issuer is needed with certificates")
    issuer, wrong = spki_hash(first_pem(a.issuer)), 0
    for path in a.certificates:
        why = check(path, found, issuer)
        wrong += why is not None
        print("%s: %s" % (path, why or "is in the log as it was sent"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
