"""Fetches a certificate as sigstore-python does: with a CSR, its chain and its timestamp checked by sigstore-python itself.

Run in the folder of `sigmint dev`. With --sign it goes on to sign, which sigstore-python does with a Rekor only.
"""
import json
import sys

from sigstore._internal.fulcio import FulcioClient
from sigstore.models import ClientTrustConfig, TrustedRoot
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext

with open("signing_config.json") as file:
    signing_config = json.load(file)
with open("identity-token") as file:
    token = IdentityToken(file.read())
if "--sign" in sys.argv:
    with open("trusted_root.json") as file:
        trusted_root = json.load(file)
    media_type = ClientTrustConfig.ClientTrustConfigType.CONFIG_0_1.value
    config = {"mediaType": media_type, "trustedRoot": trusted_root, "signingConfig": signing_config}
    context = SigningContext.from_trust_config(ClientTrustConfig.from_json(json.dumps(config)))
else:
    authority = FulcioClient(signing_config["caUrls"][0]["url"])
    context = SigningContext(fulcio=authority, rekor=None, trusted_root=TrustedRoot.from_file("trusted_root.json"))
with context.signer(token, cache=False) as signer:
    if "--sign" in sys.argv:
        signer.sign_artifact(b"hello\n")
    else:
        # Raises if the timestamp does not verify.
        signer._signing_cert()
