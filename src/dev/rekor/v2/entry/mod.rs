//! What Rekor v2 logs: a `hashedrekord` 0.0.2, made of a request whose signature was verified.
//!
//! Owns the checks in rekor-tiles' order, and the entry's bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::signed::{Signer, Unverified, hashed, pae};
use super::request::{CreateEntry, Dsse, HashedRekord, KeyDetails, Verifier};
use crate::crypto::algorithm::Hash;

/// Why nothing is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// Neither of the two requests, or one that is not taken any more.
    #[error("invalid type, must be hashedrekord")]
    Type,
    #[error("both requests are there")]
    Two,
    #[error("a member is missing: {0}")]
    Missing(&'static str),
    #[error("a public key and a certificate")]
    TwoKeys,
    #[error("an envelope is logged with one signature and one verifier")]
    Several,
    #[error("the key details name no algorithm that is taken")]
    KeyDetails,
    #[error("the key details are not a value of their enumeration")]
    UnknownKeyDetails,
    #[error(transparent)]
    Unverified(#[from] Unverified),
}

/// `PublicKeyDetails` with its number and the hash that comes with it. rekor-tiles takes a key with any of its own hashes, whatever else
/// the details say.
const DETAILS: [(&str, i32, Option<Hash>); 22] = [
    ("PUBLIC_KEY_DETAILS_UNSPECIFIED", 0, None),
    ("PKCS1_RSA_PKCS1V5", 1, None),
    ("PKCS1_RSA_PSS", 2, None),
    ("PKIX_RSA_PKCS1V5", 3, None),
    ("PKIX_RSA_PSS", 4, None),
    ("PKIX_ECDSA_P256_SHA_256", 5, Some(Hash::Sha256)),
    ("PKIX_ECDSA_P256_HMAC_SHA_256", 6, None),
    ("PKIX_ED25519", 7, None),
    ("PKIX_ED25519_PH", 8, Some(Hash::Sha512)),
    ("PKIX_RSA_PKCS1V15_2048_SHA256", 9, Some(Hash::Sha256)),
    ("PKIX_RSA_PKCS1V15_3072_SHA256", 10, Some(Hash::Sha256)),
    ("PKIX_RSA_PKCS1V15_4096_SHA256", 11, Some(Hash::Sha256)),
    ("PKIX_ECDSA_P384_SHA_384", 12, Some(Hash::Sha384)),
    ("PKIX_ECDSA_P521_SHA_512", 13, Some(Hash::Sha512)),
    ("LMS_SHA256", 14, None),
    ("LMOTS_SHA256", 15, None),
    ("PKIX_RSA_PSS_2048_SHA256", 16, Some(Hash::Sha256)),
    ("PKIX_RSA_PSS_3072_SHA256", 17, Some(Hash::Sha256)),
    ("PKIX_RSA_PSS_4096_SHA256", 18, Some(Hash::Sha256)),
    ("PKIX_ECDSA_P384_SHA_256", 19, Some(Hash::Sha256)),
    ("PKIX_ECDSA_P521_SHA_256", 20, Some(Hash::Sha256)),
    ("ML_DSA_65", 21, None),
];

/// The bytes to log for a request: canonical JSON (RFC 8785).
pub(super) fn body(request: CreateEntry) -> Result<String, Refusal> {
    match (request.hashed_rekord, request.dsse) {
        (Some(request), None) => hashed_rekord(request),
        (None, Some(request)) => dsse(request),
        (None, None) => Err(Refusal::Type),
        (Some(_), Some(_)) => Err(Refusal::Two),
    }
}

fn hashed_rekord(request: HashedRekord) -> Result<String, Refusal> {
    let signature = request.signature.ok_or(Refusal::Missing("signature"))?;
    let content = some(signature.content.map(|bytes| bytes.0), "signature content")?;
    let verifier = signature.verifier.ok_or(Refusal::Missing("verifier"))?;
    let digest = some(request.digest.map(|bytes| bytes.0), "digest")?;
    let (details, hash) = details(&verifier)?;
    verified(&verifier, details, hash, &digest, &content)
}

/// sigstore-js asks for an entry of its own for envelopes, which rekor-tiles logged up to 2.2. From 2.3 on it is the digest of what was
/// signed that is logged, and that is what every verifier but one understands.
fn dsse(request: Dsse) -> Result<String, Refusal> {
    let envelope = request.envelope.ok_or(Refusal::Missing("envelope"))?;
    let payload = envelope.payload.map(|bytes| bytes.0).unwrap_or_default();
    let ([signature], [verifier]) = (envelope.signatures.as_slice(), request.verifiers.as_slice()) else {
        return Err(Refusal::Several);
    };
    let content = some(signature.sig.clone().map(|bytes| bytes.0), "signature")?;
    let (details, hash) = details(verifier)?;
    let signed = pae(envelope.payload_type.as_deref().unwrap_or_default(), &payload);
    let digest = hashed(hash, &signed).ok_or(Refusal::KeyDetails)?;
    verified(verifier, details, hash, &digest, &content)
}

fn verified(
    verifier: &Verifier,
    details: &'static str,
    hash: Hash,
    digest: &[u8],
    signature: &[u8],
) -> Result<String, Refusal> {
    let signer = signer(verifier)?;
    signer.verify(hash, digest, signature)?;
    Ok(canonical(&signer, details, hash, digest, signature))
}

/// A `hashedrekord` 0.0.2: members in order, no space, and nothing in any string that would be escaped.
pub(in crate::dev::rekor) fn canonical(
    signer: &Signer,
    details: &str,
    hash: Hash,
    digest: &[u8],
    signature: &[u8],
) -> String {
    let algorithm = match hash {
        Hash::None => "HASH_ALGORITHM_UNSPECIFIED",
        Hash::Sha256 => "SHA2_256",
        Hash::Sha384 => "SHA2_384",
        Hash::Sha512 => "SHA2_512",
    };
    let (member, der) = match signer {
        Signer::Key(der) => ("publicKey", der),
        Signer::Certificate(der) => ("x509Certificate", der),
    };
    let (digest, signature, der) = (STANDARD.encode(digest), STANDARD.encode(signature), STANDARD.encode(der));
    format!(
        r#"{{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{{"hashedRekordV002":{{"data":{{"algorithm":"{algorithm}","digest":"{digest}"}},"signature":{{"content":"{signature}","verifier":{{"keyDetails":"{details}","{member}":{{"rawBytes":"{der}"}}}}}}}}}}}}"#
    )
}

fn signer(verifier: &Verifier) -> Result<Signer, Refusal> {
    let raw = |raw: &super::request::Raw| raw.raw_bytes.as_ref().map(|bytes| bytes.0.clone());
    match (&verifier.public_key, &verifier.x509_certificate) {
        (Some(key), None) => Ok(Signer::Key(some(raw(key), "public key")?)),
        (None, Some(certificate)) => Ok(Signer::Certificate(some(raw(certificate), "certificate")?)),
        (None, None) => Err(Refusal::Missing("public key or certificate")),
        (Some(_), Some(_)) => Err(Refusal::TwoKeys),
    }
}

fn details(verifier: &Verifier) -> Result<(&'static str, Hash), Refusal> {
    let wanted = verifier.key_details.clone().unwrap_or(KeyDetails::Numbered(0));
    let found = DETAILS.iter().find(|(name, number, _)| match &wanted {
        KeyDetails::Named(named) => named == name,
        KeyDetails::Numbered(numbered) => numbered == number,
    });
    match (found, wanted) {
        (Some((name, _, Some(hash))), _) => Ok((name, *hash)),
        (None, KeyDetails::Named(_)) => Err(Refusal::UnknownKeyDetails),
        _ => Err(Refusal::KeyDetails),
    }
}

/// What is empty is absent, as in protobuf.
fn some(bytes: Option<Vec<u8>>, member: &'static str) -> Result<Vec<u8>, Refusal> {
    bytes.filter(|bytes| !bytes.is_empty()).ok_or(Refusal::Missing(member))
}

#[cfg(test)]
mod tests;
