//! Owns putting together a DER `SubjectPublicKeyInfo` from the bare numbers of a key, as JSON web keys and Tink keysets have
//! them.
//!
//! Refuses to know whether a key is any good: [`super::signature_check`] says that.

use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, UintRef};
use der::{Encode as _, Sequence};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use zeroize::Zeroizing;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const UNCOMPRESSED: u8 = 4;

/// The curves that a certificate authority's key may lie on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

/// The numbers are none that such a key can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the numbers of the public key are malformed")]
pub(crate) struct MalformedNumbers;

impl Curve {
    /// The octets of one coordinate, and of the private key.
    pub(crate) fn octets(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The curve's name in an `AlgorithmIdentifier` (RFC 5480, section 2.1.1.1).
    pub(crate) fn oid(self) -> ObjectIdentifier {
        ObjectIdentifier::new_unwrap(match self {
            Self::P256 => "1.2.840.10045.3.1.7",
            Self::P384 => "1.3.132.0.34",
            Self::P521 => "1.3.132.0.35",
        })
    }

    /// The uncompressed point (SEC 1, section 2.3.3).
    pub(super) fn point(self, x: &[u8], y: &[u8]) -> Result<Vec<u8>, MalformedNumbers> {
        let mut point = vec![UNCOMPRESSED];
        for coordinate in [x, y] {
            point.extend_from_slice(&padded(coordinate, self.octets())?);
        }
        Ok(point)
    }
}

/// A big-endian number in exactly so many octets.
pub(crate) fn padded(number: &[u8], octets: usize) -> Result<Zeroizing<Vec<u8>>, MalformedNumbers> {
    let digits = trimmed(number);
    let zeros = octets.checked_sub(digits.len()).ok_or(MalformedNumbers)?;
    let mut fixed = Zeroizing::new(Vec::with_capacity(octets));
    fixed.resize(zeros, 0);
    fixed.extend_from_slice(digits);
    Ok(fixed)
}

/// A big-endian number without leading zeros.
pub(crate) fn trimmed(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|octet| **octet == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// An elliptic curve key of its point's coordinates.
pub(crate) fn ec(curve: Curve, x: &[u8], y: &[u8]) -> Result<Vec<u8>, MalformedNumbers> {
    let (oid, point) = (curve.oid(), curve.point(x, y)?);
    wrap(EC_PUBLIC_KEY, Some(AnyRef::from(&oid)), &point)
}

/// An RSA key of its modulus and exponent.
pub(crate) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Vec<u8>, MalformedNumbers> {
    /// PKCS #1 `RSAPublicKey` (RFC 8017, appendix A.1.1).
    #[derive(Sequence)]
    struct RsaPublicKey<'a> {
        modulus: UintRef<'a>,
        public_exponent: UintRef<'a>,
    }
    let encode = || -> der::Result<Vec<u8>> {
        let key = RsaPublicKey {
            modulus: UintRef::new(trimmed(modulus))?,
            public_exponent: UintRef::new(trimmed(exponent))?,
        };
        key.to_der()
    };
    let key = encode().map_err(|_: der::Error| MalformedNumbers)?;
    wrap(RSA_ENCRYPTION, Some(AnyRef::NULL), &key)
}

/// An Ed25519 key of its 32 octets.
pub(crate) fn ed25519(key: &[u8]) -> Result<Vec<u8>, MalformedNumbers> {
    if key.len() != 32 {
        return Err(MalformedNumbers);
    }
    wrap(ED25519, None, key)
}

fn wrap(oid: ObjectIdentifier, parameters: Option<AnyRef<'_>>, key: &[u8]) -> Result<Vec<u8>, MalformedNumbers> {
    let algorithm = AlgorithmIdentifierRef { oid, parameters };
    let subject_public_key = BitStringRef::from_bytes(key).map_err(|_| MalformedNumbers)?;
    SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der().map_err(|_| MalformedNumbers)
}

#[cfg(test)]
mod tests {
    use rcgen::{KeyPair, PublicKeyData as _};

    use super::{Curve, MalformedNumbers, ec, ed25519, padded, rsa};

    #[test]
    fn the_numbers_of_a_key_become_the_same_octets_that_other_libraries_write() {
        for (algorithm, curve) in [
            (&rcgen::PKCS_ECDSA_P256_SHA256, Curve::P256),
            (&rcgen::PKCS_ECDSA_P384_SHA384, Curve::P384),
            (&rcgen::PKCS_ECDSA_P521_SHA512, Curve::P521),
        ] {
            let key = KeyPair::generate_for(algorithm).unwrap();
            let (x, y) = key.public_key_raw()[1..].split_at(curve.octets());
            assert_eq!(ec(curve, x, y).unwrap(), key.subject_public_key_info());
            // Tink writes a zero in front, Azure may leave one out.
            assert_eq!(ec(curve, &[&[0], x].concat(), super::trimmed(y)).unwrap(), key.subject_public_key_info());
        }
        let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        assert_eq!(ed25519(key.public_key_raw()).unwrap(), key.subject_public_key_info());
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        assert_eq!(padded(&[1, 2], 1).err(), Some(MalformedNumbers));
        assert_eq!(padded(&[0, 0, 1, 2], 2).unwrap().as_slice(), [1, 2]);
        assert_eq!(ec(Curve::P256, &[1; 33], &[1; 32]), Err(MalformedNumbers));
        assert_eq!(ed25519(&[1; 31]), Err(MalformedNumbers));
        assert!(rsa(&[1; 256], &[1, 0, 1]).is_ok());
    }
}
