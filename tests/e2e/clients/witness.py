"""Writes a policy for witness: what `sigmint dev` certifies for this address may make the step "build".

    witness.py FOLDER ADDRESS >policy.json
"""
import base64
import json
import re
import sys

folder, address = sys.argv[1:]


def certificates(name):
    with open(f"{folder}/{name}") as file:
        found = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", file.read(), re.S)
    return [base64.b64encode(f"{pem}\n".encode()).decode() for pem in found]


(issuing, root), (_, stamping_root) = certificates("chain.pem"), certificates("tsa-chain.pem")
whoever = {"commonname": "*", "dnsnames": ["*"], "organizations": ["*"], "uris": ["*"]}
attestations = [f"https://witness.dev/attestations/{kind}/v0.1" for kind in ("material", "product", "command-run")]
json.dump({
    "expires": "2100-01-01T00:00:00Z",
    "roots": {"sigmint": {"certificate": root, "intermediates": [issuing]}},
    "timestampauthorities": {"sigmint": {"certificate": stamping_root, "intermediates": []}},
    "steps": {"build": {
        "name": "build",
        "attestations": [{"type": kind, "regopolicies": []} for kind in attestations],
        "functionaries": [{"type": "root", "certConstraint": {**whoever, "emails": [address], "roots": ["sigmint"]}}],
    }},
}, sys.stdout)
