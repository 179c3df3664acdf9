//! Public keys of clients: reading them, and refusing those that are weak.
//!
//! Owns the formats (SubjectPublicKeyInfo of RFC 5280 section 4.1.2.7, PKCS #1) and the policy on kinds and sizes. Knows no token.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ParsedPublicKey};

use crate::crypto::curve::Curve;
use crate::crypto::spki::{self, KeyBits, SpkiError, bit_length};
use crate::crypto::weak_keys::{ed25519, rsa};
use crate::crypto::{KeyKind, oid};

/// The longest key that is looked at, in bytes.
pub const MAX_KEY_BYTES: usize = 16 * 1024;

/// A public key that may be certified: of an accepted kind and size, on its curve, not known to be weak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    kind: KeyKind,
    spki: Vec<u8>,
    key_bits: Vec<u8>,
}

/// Why a key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    #[error("the public key cannot be read: {0}")]
    Malformed(&'static str),
    #[error("the public key cannot be read: its algorithm is unknown")]
    UnknownAlgorithm,
    #[error("the public key is not accepted: {0}")]
    Insecure(&'static str),
}

impl PublicKey {
    /// Reads a key in PEM (`PUBLIC KEY` or `RSA PUBLIC KEY`) or in DER.
    pub fn parse(content: &[u8]) -> Result<Self, PublicKeyError> {
        if content.len() > MAX_KEY_BYTES {
            return Err(PublicKeyError::Malformed("it is too long"));
        }
        match pem::parse(content) {
            Ok(block) if block.tag() == "PUBLIC KEY" => Self::from_spki(block.contents()),
            Ok(block) if block.tag() == "RSA PUBLIC KEY" => Self::from_pkcs1(block.contents()),
            Ok(_) => Err(PublicKeyError::Malformed("its PEM label is neither PUBLIC KEY nor RSA PUBLIC KEY")),
            Err(_) => Self::from_spki(content),
        }
    }

    pub fn from_spki(der: &[u8]) -> Result<Self, PublicKeyError> {
        let (kind, key_bits) = match KeyBits::parse(der)? {
            KeyBits::Rsa { modulus, exponent, pkcs1 } => (rsa_kind(modulus, exponent)?, pkcs1),
            KeyBits::Ec { curve, point } => (ec_kind(curve, point)?, point),
            KeyBits::Ed25519(key) => (KeyKind::Ed25519, key),
        };
        Ok(Self { kind, spki: der.to_vec(), key_bits: key_bits.to_vec() })
    }

    fn from_pkcs1(der: &[u8]) -> Result<Self, PublicKeyError> {
        let spki = spki::of_pkcs1(der).map_err(|_| PublicKeyError::Malformed("it is not an RSAPublicKey"))?;
        Self::from_spki(&spki)
    }

    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The DER SubjectPublicKeyInfo, as it stands in the certificate.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The bytes of the subjectPublicKey bit string: the point, the PKCS #1 key, or the Ed25519 key.
    pub fn key_bits(&self) -> &[u8] {
        &self.key_bits
    }

    /// Refuses RSA keys whose factors are close to each other. Asked once the signature has been verified, because of what it costs, and
    /// told before what came of that: a weak key is the better reason.
    pub fn must_have_distant_factors(&self) -> Result<(), PublicKeyError> {
        if !matches!(self.kind, KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096) {
            return Ok(());
        }
        let KeyBits::Rsa { modulus, .. } = KeyBits::rsa(&self.key_bits)? else { return Ok(()) };
        rsa::find_close_factors(modulus).map_or(Ok(()), |weakness| Err(PublicKeyError::Insecure(weakness)))
    }

    /// Refuses keys for which a good signature shows nothing. Asked after the signature was verified: a bad one is the better reason.
    pub fn must_show_possession(&self) -> Result<(), PublicKeyError> {
        if self.kind == KeyKind::Ed25519 && ed25519::is_of_small_order(&self.key_bits) {
            return Err(PublicKeyError::Insecure("it is of small order: others can sign with it"));
        }
        Ok(())
    }

    /// See [`spki::key_identifier`].
    pub fn key_identifier(&self) -> Vec<u8> {
        spki::key_identifier(&self.key_bits)
    }
}

impl From<SpkiError> for PublicKeyError {
    fn from(error: SpkiError) -> Self {
        match error {
            SpkiError::Malformed(problem) => Self::Malformed(problem),
            SpkiError::Curve(None) => Self::Malformed("its curve is not a named one"),
            SpkiError::Curve(Some(oid::P224)) => Self::Insecure("P-224 is too small"),
            SpkiError::Curve(Some(_)) => Self::Malformed("its curve is unknown"),
            // They can be read, and make no signatures or none that verifiers take.
            SpkiError::Type(oid::X25519 | oid::DSA) => Self::Insecure("its type makes no accepted signatures"),
            SpkiError::Type(_) => Self::UnknownAlgorithm,
        }
    }
}

fn ec_kind(curve: Curve, point: &[u8]) -> Result<KeyKind, PublicKeyError> {
    let (kind, verification) = match curve {
        Curve::P256 => (KeyKind::P256, &ECDSA_P256_SHA256_ASN1),
        Curve::P384 => (KeyKind::P384, &ECDSA_P384_SHA384_ASN1),
        Curve::P521 => (KeyKind::P521, &ECDSA_P521_SHA512_ASN1),
    };
    // The library refuses points that are not on the curve.
    ParsedPublicKey::new(verification, point)
        .map_err(|_| PublicKeyError::Malformed("its point is not on the curve"))?;
    Ok(kind)
}

fn rsa_kind(modulus: &[u8], exponent: &[u8]) -> Result<KeyKind, PublicKeyError> {
    if modulus == [0] || exponent == [0] || exponent.len() > 4 {
        return Err(PublicKeyError::Malformed("its RSA modulus or exponent makes no sense"));
    }
    if exponent != [1, 0, 1] {
        return Err(PublicKeyError::Insecure("its RSA exponent is not 65537"));
    }
    let kind = match bit_length(modulus) {
        2048 => KeyKind::Rsa2048,
        3072 => KeyKind::Rsa3072,
        4096 => KeyKind::Rsa4096,
        _ => return Err(PublicKeyError::Insecure("its RSA modulus is not of 2048, 3072 or 4096 bits")),
    };
    rsa::find_by_remainder(modulus).map_or(Ok(kind), |weakness| Err(PublicKeyError::Insecure(weakness)))
}

#[cfg(test)]
mod tests;
