//! `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7): reading one, and putting one together of a key's bare numbers, as JSON web keys,
//! tokens and keysets have them.
//!
//! Refuses to know which keys are good enough, and for what.

use aws_lc_rs::digest;
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, UintRef};
use der::{Decode as _, Encode as _, Sequence};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use zeroize::Zeroizing;

use super::curve::{Curve, UNCOMPRESSED};
use super::oid;
use super::weak_keys::{ed25519, rsa};

/// The bits of a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyBits<'a> {
    /// Not known to be on the curve.
    Ec { curve: Curve, point: &'a [u8] },
    /// Big-endian, without leading zeros; and the PKCS #1 `RSAPublicKey` that holds both.
    Rsa { modulus: &'a [u8], exponent: &'a [u8], pkcs1: &'a [u8] },
    /// 32 bytes.
    Ed25519(&'a [u8]),
}

/// Why a `SubjectPublicKeyInfo` cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpkiError {
    Malformed(&'static str),
    Type(ObjectIdentifier),
    /// None if it is not a named one.
    Curve(Option<ObjectIdentifier>),
}

/// PKCS #1 `RSAPublicKey` (RFC 8017, appendix A.1.1).
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
}

impl<'a> KeyBits<'a> {
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, SpkiError> {
        let malformed = SpkiError::Malformed;
        let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| malformed("it is not a SubjectPublicKeyInfo"))?;
        let bits = info.subject_public_key.as_bytes().ok_or(malformed("its bit string is not of whole bytes"))?;
        match info.algorithm.oid {
            oid::RSA_ENCRYPTION if info.algorithm.parameters == Some(AnyRef::NULL) => Self::rsa(bits),
            oid::RSA_ENCRYPTION => Err(malformed("RSA without NULL parameters")),
            oid::EC_PUBLIC_KEY => {
                let named = info.algorithm.parameters_oid().map_err(|_| SpkiError::Curve(None))?;
                let curve = Curve::from_oid(named).ok_or(SpkiError::Curve(Some(named)))?;
                if bits.first() != Some(&UNCOMPRESSED) || bits.len() != curve.point() {
                    return Err(malformed("its point is not uncompressed, or of the wrong length"));
                }
                Ok(Self::Ec { curve, point: bits })
            }
            oid::ED25519 if info.algorithm.parameters.is_none() && bits.len() == 32 => Ok(Self::Ed25519(bits)),
            oid::ED25519 => Err(malformed("an Ed25519 key of the wrong form")),
            other => Err(SpkiError::Type(other)),
        }
    }

    /// Reads a PKCS #1 `RSAPublicKey`.
    pub(crate) fn rsa(pkcs1: &'a [u8]) -> Result<Self, SpkiError> {
        let key = RsaPublicKey::from_der(pkcs1).map_err(|_| SpkiError::Malformed("it is not an RSAPublicKey"))?;
        Ok(Self::Rsa { modulus: key.modulus.as_bytes(), exponent: key.public_exponent.as_bytes(), pkcs1 })
    }

    /// Why others than the owner can sign with the key, if they can.
    pub(crate) fn weakness(&self) -> Option<&'static str> {
        match self {
            Self::Ec { .. } => None,
            Self::Rsa { modulus, .. } => rsa::find(modulus),
            Self::Ed25519(point) => ed25519::is_of_small_order(point)
                .then_some("its Ed25519 key is of small order: others can sign with it"),
        }
    }
}

/// How many bits a big-endian number without leading zeros has.
pub(crate) fn bit_length(number: &[u8]) -> usize {
    number.len() * 8 - number.first().map_or(0, |first| first.leading_zeros() as usize)
}

/// SHA-1 of the subjectPublicKey bit string (RFC 5280 section 4.2.1.2, method 1).
pub(crate) fn key_identifier(bits: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bits).as_ref().to_vec()
}

/// The numbers are none that such a key can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the numbers of the public key are malformed")]
pub(crate) struct MalformedNumbers;

/// A big-endian number in exactly so many bytes.
pub(crate) fn padded(number: &[u8], bytes: usize) -> Result<Zeroizing<Vec<u8>>, MalformedNumbers> {
    let digits = trimmed(number);
    let zeros = bytes.checked_sub(digits.len()).ok_or(MalformedNumbers)?;
    let mut fixed = Zeroizing::new(Vec::with_capacity(bytes));
    fixed.resize(zeros, 0);
    fixed.extend_from_slice(digits);
    Ok(fixed)
}

/// A big-endian number without leading zeros.
pub(crate) fn trimmed(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// The uncompressed point (SEC 1, section 2.3.3) of two coordinates.
pub(crate) fn point(curve: Curve, x: &[u8], y: &[u8]) -> Result<Vec<u8>, MalformedNumbers> {
    let mut point = vec![UNCOMPRESSED];
    for number in [x, y] {
        point.extend_from_slice(&padded(number, curve.coordinate())?);
    }
    Ok(point)
}

/// An elliptic curve key of its point's coordinates.
pub(crate) fn of_point(curve: Curve, x: &[u8], y: &[u8]) -> Result<Vec<u8>, MalformedNumbers> {
    wrap(oid::EC_PUBLIC_KEY, Some(AnyRef::from(&curve.oid())), &point(curve, x, y)?)
}

/// An RSA key of its modulus and exponent.
pub(crate) fn of_rsa(modulus: &[u8], exponent: &[u8]) -> Result<Vec<u8>, MalformedNumbers> {
    let encode = || -> der::Result<Vec<u8>> {
        let key = RsaPublicKey {
            modulus: UintRef::new(trimmed(modulus))?,
            public_exponent: UintRef::new(trimmed(exponent))?,
        };
        key.to_der()
    };
    of_pkcs1(&encode().map_err(|_: der::Error| MalformedNumbers)?)
}

/// An RSA key of its PKCS #1 `RSAPublicKey`.
pub(crate) fn of_pkcs1(key: &[u8]) -> Result<Vec<u8>, MalformedNumbers> {
    wrap(oid::RSA_ENCRYPTION, Some(AnyRef::NULL), key)
}

/// An Ed25519 key of its 32 bytes.
pub(crate) fn of_ed25519(key: &[u8]) -> Result<Vec<u8>, MalformedNumbers> {
    if key.len() != 32 {
        return Err(MalformedNumbers);
    }
    wrap(oid::ED25519, None, key)
}

pub(crate) fn wrap(
    oid: ObjectIdentifier,
    parameters: Option<AnyRef<'_>>,
    key: &[u8],
) -> Result<Vec<u8>, MalformedNumbers> {
    let algorithm = AlgorithmIdentifierRef { oid, parameters };
    let subject_public_key = BitStringRef::from_bytes(key).map_err(|_| MalformedNumbers)?;
    SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der().map_err(|_| MalformedNumbers)
}

#[cfg(test)]
mod tests;
