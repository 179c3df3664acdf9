//! Owns making a `SubjectPublicKeyInfo` (RFC 5280, 5480, 8410, 8017) of what a token has in its attributes.
//!
//! Refuses to know where the attributes came from, and whether such a key is good enough.

use cryptoki::object::KeyType;
use der::asn1::{AnyRef, BitStringRef, OctetStringRef, UintRef};
use der::oid::ObjectIdentifier;
use der::{Decode as _, Encode as _};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use super::error::Fault;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// The octets of an Ed25519 public key (RFC 8032, section 5.1.5).
const ED25519_OCTETS: usize = 32;
/// How the encoding of a point begins that is not compressed (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;
/// The octets of such a point on P-256, P-384 and P-521. With tag and length they are 67, 99 and 136.
const POINT_OCTETS: [usize; 3] = [65, 97, 133];

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
        Some(KeyType::RSA) if !parts.modulus.is_empty() && !parts.exponent.is_empty() => rsa(parts),
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

fn rsa(parts: &Parts) -> der::Result<Vec<u8>> {
    let key = vec![UintRef::new(&parts.modulus)?, UintRef::new(&parts.exponent)?].to_der()?;
    info(RSA_ENCRYPTION, Some(AnyRef::NULL), &key)
}

fn ec(parts: &Parts) -> der::Result<Vec<u8>> {
    info(EC_PUBLIC_KEY, Some(AnyRef::from_der(&parts.curve)?), point(&parts.point)?)
}

fn ed25519(parts: &Parts) -> der::Result<Vec<u8>> {
    let key = if parts.point.len() == ED25519_OCTETS { &parts.point } else { unwrapped(&parts.point)? };
    info(ED25519, None, key)
}

/// `CKA_EC_POINT` is a DER OCTET STRING around the point; some tokens give the point itself.
fn point(octets: &[u8]) -> der::Result<&[u8]> {
    // Tag and form are both 4, so that the length has to tell.
    if octets.first() == Some(&UNCOMPRESSED) && POINT_OCTETS.contains(&octets.len()) {
        return Ok(octets);
    }
    unwrapped(octets)
}

fn unwrapped(octets: &[u8]) -> der::Result<&[u8]> {
    <&OctetStringRef>::from_der(octets).map(OctetStringRef::as_bytes)
}

fn info(oid: ObjectIdentifier, parameters: Option<AnyRef<'_>>, key: &[u8]) -> der::Result<Vec<u8>> {
    let algorithm = AlgorithmIdentifierRef { oid, parameters };
    SubjectPublicKeyInfoRef { algorithm, subject_public_key: BitStringRef::from_bytes(key)? }.to_der()
}

#[cfg(test)]
mod tests;
