//! Owns the verification of signatures with a certificate's public key: which keys are good enough for a certificate
//! authority, and which signatures one CA certificate may carry from the next.
//!
//! Refuses to know what the signed bytes mean.

use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::AlgorithmIdentifier;

use super::algorithm::{SignatureAlgorithm, hash_of, verification};
use super::spki::{KeyBits, SpkiError, bit_length};

/// The smallest RSA modulus accepted, in bits.
pub const MIN_RSA_BITS: usize = 2048;
/// The largest RSA modulus accepted, in bits: above it a verification costs an attacker less than it costs us.
pub const MAX_RSA_BITS: usize = 8192;
/// The public exponent that RSA keys must have: 65537.
const RSA_EXPONENT: &[u8] = &[1, 0, 1];

const RSASSA_PSS: &str = "1.2.840.113549.1.1.10";
const MGF1: &str = "1.2.840.113549.1.1.8";

/// The public half of a certificate authority's key, parsed once.
#[derive(Clone, Debug)]
pub struct SignatureCheck {
    key: ParsedPublicKey,
    algorithm: SignatureAlgorithm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// A public key that no certificate authority may have here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("its key type {0} is not supported: use ECDSA P-256, P-384 or P-521, RSA of 2048 bits or more, or Ed25519")]
    Type(String),
    #[error("its elliptic curve {0} is not supported: use P-256, P-384 or P-521")]
    Curve(String),
    #[error("its RSA key has {0} bits: use {MIN_RSA_BITS} to {MAX_RSA_BITS}")]
    RsaSize(usize),
    /// Others can sign with it.
    #[error("{0}: make a new key")]
    Weak(&'static str),
    #[error("its RSA public exponent is not 65537")]
    RsaExponent,
    #[error("its public key is malformed")]
    Malformed,
}

/// Why a certificate's signature by its issuer is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// An algorithm that is not verified here, SHA-1 among them.
    #[error("the signature algorithm {0} is not accepted")]
    Algorithm(String),
    #[error(
        "its RSASSA-PSS parameters are not accepted: verifiers take SHA-256, SHA-384 or SHA-512, MGF1 with the same hash, and a salt \
         as long as the hash (`-sigopt rsa_pss_saltlen:digest` of openssl)"
    )]
    Pss,
    #[error("the signature does not verify with the issuer's key")]
    Signature,
}

impl SignatureCheck {
    /// Parses the DER `SubjectPublicKeyInfo` of a key that is to sign: it is checked as a client's is.
    pub fn from_spki_der(spki: &[u8]) -> Result<Self, KeyError> {
        Self::parse(spki, Fitness::Signs)
    }

    /// Parses the key of a CA above the one that signs: good enough to verify with, whatever else may be said against it.
    pub fn of_issuer(spki: &[u8]) -> Result<Self, KeyError> {
        Self::parse(spki, Fitness::Verifies)
    }

    fn parse(spki: &[u8], fitness: Fitness) -> Result<Self, KeyError> {
        let key = KeyBits::parse(spki)?;
        let algorithm = match key {
            KeyBits::Ec { curve, .. } => curve.signature_algorithm(),
            KeyBits::Rsa { modulus, .. } => {
                let bits = bit_length(modulus);
                if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
                    return Err(KeyError::RsaSize(bits));
                }
                SignatureAlgorithm::RsaPkcs1Sha256
            }
            KeyBits::Ed25519(_) => SignatureAlgorithm::Ed25519,
        };
        if fitness == Fitness::Signs {
            if matches!(key, KeyBits::Rsa { exponent, .. } if exponent != RSA_EXPONENT) {
                return Err(KeyError::RsaExponent);
            }
            key.weakness().map_or(Ok(()), |weakness| Err(KeyError::Weak(weakness)))?;
        }
        let verification = verification(algorithm, algorithm.hash()).ok_or(KeyError::Malformed)?;
        let key = ParsedPublicKey::new(verification, spki).map_err(|_| KeyError::Malformed)?;
        Ok(Self { key, algorithm })
    }

    /// The algorithm that this key's owner signs leaf certificates with.
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// Verifies a signature made with [`SignatureCheck::algorithm`]; ECDSA as DER.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        self.key.verify_sig(message, signature).map_err(|_| BadSignature)
    }

    /// Verifies a CA certificate's signature by its issuer, who may have chosen another hash than we would.
    pub fn verify_link(
        &self,
        algorithm: &AlgorithmIdentifier<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), LinkError> {
        let oid = algorithm.algorithm.to_id_string();
        let verification = match (self.algorithm, oid.as_str()) {
            (SignatureAlgorithm::RsaPkcs1Sha256, RSASSA_PSS) => pss(algorithm).ok_or(LinkError::Pss)?,
            _ => hash_of(self.algorithm, &algorithm.algorithm)
                .and_then(|hash| verification(self.algorithm, hash))
                .ok_or_else(|| LinkError::Algorithm(with_name(&oid)))?,
        };
        let key = ParsedPublicKey::new(verification, self.key.as_ref()).map_err(|_| LinkError::Signature)?;
        key.verify_sig(message, signature).map_err(|_| LinkError::Signature)
    }
}

/// The parameters that Go and webpki take (RFC 4055, section 3.1).
fn pss(algorithm: &AlgorithmIdentifier<'_>) -> Option<&'static dyn VerificationAlgorithm> {
    let parameters = RsaSsaPssParams::try_from(algorithm.parameters.as_ref()?).ok()?;
    let mask = parameters.mask_gen_algorithm().ok()?;
    let hash = parameters.hash_algorithm_oid().to_id_string();
    if mask.mgf.to_id_string() != MGF1 || mask.hash.to_id_string() != hash || parameters.trailer_field() != 1 {
        return None;
    }
    match (hash.as_str(), parameters.salt_length()) {
        ("2.16.840.1.101.3.4.2.1", 32) => Some(&signature::RSA_PSS_2048_8192_SHA256),
        ("2.16.840.1.101.3.4.2.2", 48) => Some(&signature::RSA_PSS_2048_8192_SHA384),
        ("2.16.840.1.101.3.4.2.3", 64) => Some(&signature::RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

/// The algorithms that people meet and that are too weak.
fn with_name(oid: &str) -> String {
    let name = match oid {
        "1.2.840.113549.1.1.2" => "RSA with MD2",
        "1.2.840.113549.1.1.4" => "RSA with MD5",
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => "RSA with SHA-1",
        "1.2.840.113549.1.1.14" => "RSA with SHA-224",
        "1.2.840.10045.4.1" => "ECDSA with SHA-1",
        "1.2.840.10045.4.3.1" => "ECDSA with SHA-224",
        _ => return oid.to_owned(),
    };
    format!("{oid} ({name})")
}

/// What a key has to be good enough for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fitness {
    Signs,
    Verifies,
}

impl From<SpkiError> for KeyError {
    fn from(error: SpkiError) -> Self {
        match error {
            SpkiError::Malformed(_) => Self::Malformed,
            SpkiError::Type(oid) => Self::Type(oid.to_string()),
            SpkiError::Curve(Some(oid)) => Self::Curve(oid.to_string()),
            SpkiError::Curve(None) => Self::Curve("given by explicit parameters".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::spki;

    #[test]
    fn a_key_that_signs_is_checked_as_a_clients_is_and_one_above_it_only_has_to_verify() {
        let small_order = spki::of_ed25519(&[&[1][..], &[0; 31]].concat()).unwrap();
        let weak = KeyError::Weak("its Ed25519 key is of small order: others can sign with it");
        assert_eq!(SignatureCheck::from_spki_der(&small_order).unwrap_err(), weak);
        assert_eq!(SignatureCheck::of_issuer(&small_order).unwrap().algorithm(), SignatureAlgorithm::Ed25519);
        let factor = spki::of_rsa(&[0xff; 256], &[1, 0, 1]).unwrap();
        let weak = KeyError::Weak("its RSA modulus has a small factor");
        assert_eq!(SignatureCheck::from_spki_der(&factor).unwrap_err(), weak);
        assert!(SignatureCheck::of_issuer(&factor).is_ok());
        let short = spki::of_rsa(&[0xff; 255], &[1, 0, 1]).unwrap();
        assert_eq!(SignatureCheck::of_issuer(&short).unwrap_err(), KeyError::RsaSize(2040));
    }
}
