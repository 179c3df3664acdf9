//! Owns making a `SubjectPublicKeyInfo` (RFC 5280, 5480, 8410, 8017) of what a token has in its attributes.
//!
//! Refuses to know where the attributes came from, and whether such a key is good enough.

use cryptoki::object::KeyType;
use der::Decode as _;
use der::asn1::{AnyRef, OctetStringRef};

use super::error::Fault;
use crate::crypto::curve::{Curve, UNCOMPRESSED};
use crate::crypto::oid;
use crate::crypto::spki::{self, MalformedNumbers};

/// The attributes that make up a public key; empty where the token has none.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// `CKA_MODULUS`.
    pub(super) modulus: Vec<u8>,
    /// `CKA_PUBLIC_EXPONENT`.
    pub(super) exponent: Vec<u8>,
    /// `CKA_EC_PARAMS`.
    pub(super) curve: Vec<u8>,
    /// `CKA_EC_POINT`.
    pub(super) point: Vec<u8>,
}

/// The DER `SubjectPublicKeyInfo`; none if parts are missing.
pub(super) fn spki_der(kind: Option<KeyType>, parts: &Parts) -> Result<Option<Vec<u8>>, Fault> {
    let encoded = match kind {
        Some(KeyType::RSA) if !parts.modulus.is_empty() && !parts.exponent.is_empty() => {
            spki::of_rsa(&parts.modulus, &parts.exponent)
        }
        Some(KeyType::EC) if !parts.curve.is_empty() && !parts.point.is_empty() => ec(parts),
        Some(KeyType::EC_EDWARDS) if !parts.point.is_empty() => ed25519(parts),
        Some(KeyType::RSA | KeyType::EC | KeyType::EC_EDWARDS) => return Ok(None),
        _ => {
            return Err(Fault::refused(
                "the key is neither RSA, ECDSA nor Ed25519",
                "name another key, or make one with `ca init`",
            ));
        }
    };
    encoded.map(Some).map_err(|error| {
        Fault::unusable(format!("the public key in the token is malformed: {error}"), "import it into the token again")
    })
}

fn ec(parts: &Parts) -> Result<Vec<u8>, MalformedNumbers> {
    let curve = AnyRef::from_der(&parts.curve).map_err(|_| MalformedNumbers)?;
    spki::wrap(oid::EC_PUBLIC_KEY, Some(curve), point(&parts.point)?)
}

/// The 32 bytes of RFC 8032, section 5.1.5, in an OCTET STRING or bare.
fn ed25519(parts: &Parts) -> Result<Vec<u8>, MalformedNumbers> {
    let key = if parts.point.len() == 32 { &parts.point } else { unwrapped(&parts.point)? };
    spki::of_ed25519(key)
}

/// `CKA_EC_POINT` is a DER OCTET STRING around the point; some tokens give the point itself.
fn point(bytes: &[u8]) -> Result<&[u8], MalformedNumbers> {
    // Tag and form are both 4, so that the length has to tell.
    if bytes.first() == Some(&UNCOMPRESSED) && Curve::ALL.iter().any(|curve| curve.point() == bytes.len()) {
        return Ok(bytes);
    }
    unwrapped(bytes)
}

fn unwrapped(bytes: &[u8]) -> Result<&[u8], MalformedNumbers> {
    <&OctetStringRef>::from_der(bytes).map(OctetStringRef::as_bytes).map_err(|_| MalformedNumbers)
}

#[cfg(test)]
mod tests;
