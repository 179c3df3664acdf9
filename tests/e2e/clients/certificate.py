"""Fetches a certificate as sigstore-python does: with a CSR, its chain and its timestamp checked by sigstore-python itself.

Run in the folder of `sigmint dev`.
"""
import json

from sigstore._internal.fulcio import FulcioClient
from sigstore.models import TrustedRoot
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext

with open("signing_config.json") as file:
    signing_config = json.load(file)
with open("identity-token") as file:
    token = IdentityToken(file.read())
authority = FulcioClient(signing_config["caUrls"][0]["url"])
context = SigningContext(fulcio=authority, rekor=None, trusted_root=TrustedRoot.from_file("trusted_root.json"))
with context.signer(token, cache=False) as signer:
    # Raises if the timestamp does not verify.
    signer._signing_cert()
