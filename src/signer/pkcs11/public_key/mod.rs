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

/// The attributes that make up a public key, as far as the token has them.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// `CKA_MODULUS`.
    pub(super) modulus: Option<Vec<u8>>,
    /// `CKA_PUBLIC_EXPONENT`.
    pub(super) exponent: Option<Vec<u8>>,
    /// `CKA_EC_PARAMS`.
    pub(super) curve: Option<Vec<u8>>,
    /// `CKA_EC_POINT`.
    pub(super) point: Option<Vec<u8>>,
}

/// The DER `SubjectPublicKeyInfo`; none if parts are missing.
pub(super) fn spki_der(kind: Option<KeyType>, parts: &Parts) -> Result<Option<Vec<u8>>, Fault> {
    let encoded = match (kind, parts) {
        (Some(KeyType::RSA), Parts { modulus: Some(modulus), exponent: Some(exponent), .. }) => {
            spki::of_rsa(modulus, exponent)
        }
        (Some(KeyType::EC), Parts { curve: Some(curve), point: Some(point), .. }) => ec(curve, point),
        (Some(KeyType::EC_EDWARDS), Parts { point: Some(point), .. }) => ed25519(point),
        (Some(KeyType::RSA | KeyType::EC | KeyType::EC_EDWARDS), _) => return Ok(None),
        _ => {
            let hint = "name another key, or make one with `ca init`";
            return Err(Fault::refused("the key is neither RSA, ECDSA nor Ed25519", hint));
        }
    };
    encoded.map(Some).map_err(|error| {
        Fault::unusable(format!("the public key in the token is malformed: {error}"), "import it into the token again")
    })
}

fn ec(curve: &[u8], bytes: &[u8]) -> Result<Vec<u8>, MalformedNumbers> {
    let curve = AnyRef::from_der(curve).map_err(|_| MalformedNumbers)?;
    spki::wrap(oid::EC_PUBLIC_KEY, Some(curve), point(bytes)?)
}

/// The 32 bytes of RFC 8032, section 5.1.5, in an OCTET STRING or bare.
fn ed25519(point: &[u8]) -> Result<Vec<u8>, MalformedNumbers> {
    spki::of_ed25519(if point.len() == 32 { point } else { unwrapped(point)? })
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
