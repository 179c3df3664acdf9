//! Public keys of clients: reading them, and refusing those that are weak.
//!
//! Owns the formats (SubjectPublicKeyInfo of RFC 5280 section 4.1.2.7, PKCS #1) and the policy on kinds and sizes. Knows no token.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ParsedPublicKey};
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, UintRef};
use der::{Decode, Encode, Sequence};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use super::algorithms::KeyKind;
use crate::crypto::weak_keys::{ed25519, rsa};

/// The longest key that is looked at, in bytes.
pub const MAX_KEY_BYTES: usize = 16 * 1024;

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const P224: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.33");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
/// Key types that can be read but never certified here: X25519 and DSA.
const READABLE_BUT_REFUSED: [ObjectIdentifier; 2] =
    [ObjectIdentifier::new_unwrap("1.3.101.110"), ObjectIdentifier::new_unwrap("1.2.840.10040.4.1")];

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
    /// Not a key, or in no form that is read.
    #[error("the public key cannot be read: {0}")]
    Malformed(&'static str),
    /// A key of an algorithm that is not known here.
    #[error("the public key cannot be read: its algorithm is unknown")]
    UnknownAlgorithm,
    /// A key that must not be certified.
    #[error("the public key is not accepted: {0}")]
    Insecure(&'static str),
}

/// PKCS #1 `RSAPublicKey` (RFC 8017 appendix A.1.1).
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
}

impl PublicKey {
    /// Reads a key in PEM (`PUBLIC KEY` or `RSA PUBLIC KEY`) or in DER.
    ///
    /// # Errors
    /// See [`PublicKeyError`].
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

    /// Reads a DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// See [`PublicKeyError`].
    pub fn from_spki(der: &[u8]) -> Result<Self, PublicKeyError> {
        let info = SubjectPublicKeyInfoRef::from_der(der)
            .map_err(|_| PublicKeyError::Malformed("it is no SubjectPublicKeyInfo"))?;
        let bits = info
            .subject_public_key
            .as_bytes()
            .ok_or(PublicKeyError::Malformed("its bit string is not of whole octets"))?;
        let kind = match info.algorithm.oid {
            RSA_ENCRYPTION if info.algorithm.parameters == Some(AnyRef::NULL) => rsa_kind(bits)?,
            RSA_ENCRYPTION => return Err(PublicKeyError::Malformed("RSA without NULL parameters")),
            EC_PUBLIC_KEY => ec_kind(&info.algorithm, bits)?,
            ED25519 if info.algorithm.parameters.is_none() && bits.len() == 32 => KeyKind::Ed25519,
            ED25519 => return Err(PublicKeyError::Malformed("an Ed25519 key of the wrong form")),
            other if READABLE_BUT_REFUSED.contains(&other) => {
                return Err(PublicKeyError::Insecure("its type makes no accepted signatures"));
            }
            _ => return Err(PublicKeyError::UnknownAlgorithm),
        };
        Ok(Self { kind, spki: der.to_vec(), key_bits: bits.to_vec() })
    }

    fn from_pkcs1(der: &[u8]) -> Result<Self, PublicKeyError> {
        let unreadable = PublicKeyError::Malformed("it is no RSAPublicKey");
        let algorithm = AlgorithmIdentifierRef { oid: RSA_ENCRYPTION, parameters: Some(AnyRef::NULL) };
        let subject_public_key = BitStringRef::from_bytes(der).map_err(|_| unreadable)?;
        let spki = SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der().map_err(|_| unreadable)?;
        Self::from_spki(&spki)
    }

    /// The kind of key.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The DER SubjectPublicKeyInfo, as it stands in the certificate.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The octets of the subjectPublicKey bit string: the point, the PKCS #1 key, or the Ed25519 key.
    #[must_use]
    pub fn key_bits(&self) -> &[u8] {
        &self.key_bits
    }

    /// Refuses RSA keys whose factors are close to each other. Asked once the signature has been verified, because of what it costs, and
    /// told before what came of that: a weak key is the better reason.
    ///
    /// # Errors
    /// [`PublicKeyError::Insecure`].
    pub fn must_have_distant_factors(&self) -> Result<(), PublicKeyError> {
        if !matches!(self.kind, KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096) {
            return Ok(());
        }
        let key =
            RsaPublicKey::from_der(&self.key_bits).map_err(|_| PublicKeyError::Malformed("it is no RSAPublicKey"))?;
        rsa::find_close_factors(key.modulus.as_bytes())
            .map_or(Ok(()), |weakness| Err(PublicKeyError::Insecure(weakness)))
    }

    /// Refuses keys for which a good signature shows nothing. Asked after the signature was verified: a bad one is the better reason.
    ///
    /// # Errors
    /// [`PublicKeyError::Insecure`].
    pub fn must_show_possession(&self) -> Result<(), PublicKeyError> {
        if self.kind == KeyKind::Ed25519 && ed25519::is_of_small_order(&self.key_bits) {
            return Err(PublicKeyError::Insecure("it is of small order: others can sign with it"));
        }
        Ok(())
    }

    /// SHA-1 of the subjectPublicKey bit string (RFC 5280 section 4.2.1.2, method 1).
    #[must_use]
    pub fn key_identifier(&self) -> Vec<u8> {
        digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &self.key_bits).as_ref().to_vec()
    }
}

fn ec_kind(algorithm: &AlgorithmIdentifierRef<'_>, point: &[u8]) -> Result<KeyKind, PublicKeyError> {
    let curve = algorithm.parameters_oid().map_err(|_| PublicKeyError::Malformed("its curve is not a named one"))?;
    let (kind, verification, coordinate) = match curve {
        P256 => (KeyKind::P256, &ECDSA_P256_SHA256_ASN1, 32),
        P384 => (KeyKind::P384, &ECDSA_P384_SHA384_ASN1, 48),
        P521 => (KeyKind::P521, &ECDSA_P521_SHA512_ASN1, 66),
        P224 => return Err(PublicKeyError::Insecure("P-224 is too small")),
        _ => return Err(PublicKeyError::Malformed("its curve is unknown")),
    };
    if point.first() != Some(&4) || point.len() != 1 + 2 * coordinate {
        return Err(PublicKeyError::Malformed("its point is not uncompressed, or of the wrong length"));
    }
    // The library refuses points that are not on the curve.
    ParsedPublicKey::new(verification, point)
        .map_err(|_| PublicKeyError::Malformed("its point is not on the curve"))?;
    Ok(kind)
}

fn rsa_kind(pkcs1: &[u8]) -> Result<KeyKind, PublicKeyError> {
    let key = RsaPublicKey::from_der(pkcs1).map_err(|_| PublicKeyError::Malformed("it is no RSAPublicKey"))?;
    let (modulus, exponent) = (key.modulus.as_bytes(), key.public_exponent.as_bytes());
    if modulus == [0] || exponent == [0] || exponent.len() > 4 {
        return Err(PublicKeyError::Malformed("its RSA modulus or exponent makes no sense"));
    }
    if exponent != [1, 0, 1] {
        return Err(PublicKeyError::Insecure("its RSA exponent is not 65537"));
    }
    let bits = modulus.len() * 8 - modulus.first().map_or(0, |first| first.leading_zeros() as usize);
    let kind = match bits {
        2048 => KeyKind::Rsa2048,
        3072 => KeyKind::Rsa3072,
        4096 => KeyKind::Rsa4096,
        _ => return Err(PublicKeyError::Insecure("its RSA modulus is not of 2048, 3072 or 4096 bits")),
    };
    match rsa::find_by_remainder(modulus) {
        None => Ok(kind),
        Some(weakness) => Err(PublicKeyError::Insecure(weakness)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use p256::elliptic_curve::sec1::ToSec1Point;
    use p256::pkcs8::EncodePublicKey;
    use proptest::prelude::*;

    fn p256_spki() -> Vec<u8> {
        let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
        key.verifying_key().to_public_key_der().unwrap().into_vec()
    }

    fn pem_of(label: &str, der: &[u8], ending: pem::LineEnding) -> String {
        pem::encode_config(&pem::Pem::new(label, der), pem::EncodeConfig::new().set_line_ending(ending))
    }

    #[test]
    fn every_form_of_a_key_gives_the_same_key() {
        let der = p256_spki();
        let lf = pem_of("PUBLIC KEY", &der, pem::LineEnding::LF);
        let unwrapped = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----",
            lf.lines().filter(|line| !line.starts_with('-')).collect::<String>()
        );
        for form in [lf.clone(), pem_of("PUBLIC KEY", &der, pem::LineEnding::CRLF), lf.trim_end().to_owned(), unwrapped]
        {
            let key = PublicKey::parse(form.as_bytes()).unwrap_or_else(|error| panic!("{error}: {form}"));
            assert_eq!((key.kind(), key.spki()), (KeyKind::P256, der.as_slice()));
        }
        assert_eq!(PublicKey::parse(&der).unwrap().key_identifier().len(), 20);
    }

    #[test]
    fn other_labels_and_trailing_octets_are_refused() {
        let mut der = p256_spki();
        for label in ["CERTIFICATE", "EC PUBLIC KEY", "PRIVATE KEY", "public key"] {
            let text = pem_of(label, &der, pem::LineEnding::LF);
            assert!(matches!(PublicKey::parse(text.as_bytes()), Err(PublicKeyError::Malformed(_))), "{label}");
        }
        der.push(0);
        assert!(matches!(PublicKey::parse(&der), Err(PublicKeyError::Malformed(_))));
        assert!(PublicKey::parse(b"").is_err());
        assert!(PublicKey::parse(&vec![b'A'; MAX_KEY_BYTES + 1]).is_err());
    }

    #[test]
    fn points_off_the_curve_or_compressed_are_refused() {
        let mut der = p256_spki();
        let last = der.len() - 1;
        der[last] ^= 1;
        assert_eq!(PublicKey::parse(&der), Err(PublicKeyError::Malformed("its point is not on the curve")));
        let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
        let algorithm = AlgorithmIdentifierRef { oid: EC_PUBLIC_KEY, parameters: Some((&P256).into()) };
        let compressed = key.verifying_key().as_affine().to_sec1_point(true);
        let subject_public_key = BitStringRef::from_bytes(compressed.as_bytes()).unwrap();
        let spki = SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der().unwrap();
        assert!(matches!(PublicKey::parse(&spki), Err(PublicKeyError::Malformed(_))));
    }

    fn rsa_spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
        let key =
            RsaPublicKey { modulus: UintRef::new(modulus).unwrap(), public_exponent: UintRef::new(exponent).unwrap() }
                .to_der()
                .unwrap();
        let algorithm = AlgorithmIdentifierRef { oid: RSA_ENCRYPTION, parameters: Some(AnyRef::NULL) };
        SubjectPublicKeyInfoRef { algorithm, subject_public_key: BitStringRef::from_bytes(&key).unwrap() }
            .to_der()
            .unwrap()
    }

    #[test]
    fn rsa_sizes_and_exponents_are_checked() {
        let insecure = |spki: Vec<u8>| matches!(PublicKey::parse(&spki), Err(PublicKeyError::Insecure(_)));
        for octets in [128, 255, 257, 384 + 1, 1024] {
            assert!(insecure(rsa_spki(&vec![0xff; octets], &[1, 0, 1])), "{octets}");
        }
        assert!(insecure(rsa_spki(&[0x7f; 256], &[1, 0, 1])), "2047 bits");
        assert!(insecure(rsa_spki(&[0xff; 256], &[3])), "exponent 3");
        assert!(insecure(rsa_spki(&[0xff; 256], &[1, 0, 1])), "divisible by three");
    }

    proptest! {
        #[test]
        fn parsing_never_panics(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = PublicKey::parse(&octets);
        }

        #[test]
        fn a_damaged_key_never_panics(place in 0usize..91, value in any::<u8>()) {
            let mut der = p256_spki();
            der[place] = value;
            let _ = PublicKey::parse(&der);
        }
    }
}
