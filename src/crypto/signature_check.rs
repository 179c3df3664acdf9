//! Owns the verification of signatures with a certificate's public key: which keys are good enough for a certificate
//! authority, and which signatures one CA certificate may carry from the next.
//!
//! Refuses to know what the signed bytes mean.

use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::{der_parser::oid, oid_registry::Oid, prelude::FromDer as _, public_key::PublicKey};
use x509_parser::{x509::AlgorithmIdentifier, x509::SubjectPublicKeyInfo};

use crate::crypto::algorithm::SignatureAlgorithm;
use crate::crypto::weak_keys::rsa;

/// The smallest RSA modulus accepted, in bits.
pub const MIN_RSA_BITS: usize = 2048;
/// The largest RSA modulus accepted, in bits: above it a verification costs an attacker less than it costs us.
pub const MAX_RSA_BITS: usize = 8192;
/// The public exponent that RSA keys must have.
const RSA_EXPONENT: u64 = 65537;

const RSASSA_PSS: &str = "1.2.840.113549.1.1.10";
const MGF1: &str = "1.2.840.113549.1.1.8";
const EC_PUBLIC_KEY: Oid<'static> = oid!(1.2.840.10045.2.1);
const RSA_ENCRYPTION: Oid<'static> = oid!(1.2.840.113549.1.1.1);
const ED25519: Oid<'static> = oid!(1.3.101.112);
const CURVE_P256: Oid<'static> = oid!(1.2.840.10045.3.1.7);
const CURVE_P384: Oid<'static> = oid!(1.3.132.0.34);
const CURVE_P521: Oid<'static> = oid!(1.3.132.0.35);

/// The public half of a certificate authority's key, parsed once.
#[derive(Clone, Debug)]
pub struct SignatureCheck {
    key: ParsedPublicKey,
    algorithm: SignatureAlgorithm,
}

/// A signature did not verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// A public key that no certificate authority may have here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither ECDSA, RSA nor Ed25519.
    #[error("its key type {0} is not supported: use ECDSA P-256, P-384 or P-521, RSA of 2048 bits or more, or Ed25519")]
    Type(String),
    /// An elliptic curve other than the three.
    #[error("its elliptic curve {0} is not supported: use P-256, P-384 or P-521")]
    Curve(String),
    /// An RSA modulus too small to be safe or too large to be handled.
    #[error("its RSA key has {0} bits: use {MIN_RSA_BITS} to {MAX_RSA_BITS}")]
    RsaSize(usize),
    /// An RSA modulus that others can factor.
    #[error("{0}: make a new key")]
    RsaWeak(&'static str),
    /// An RSA exponent other than 65537.
    #[error("its RSA public exponent is not 65537")]
    RsaExponent,
    /// Bytes that are no such key.
    #[error("its public key is malformed")]
    Malformed,
}

/// Why a certificate's signature by its issuer is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// An algorithm that is not verified here, SHA-1 among them.
    #[error("the signature algorithm {0} is not accepted")]
    Algorithm(String),
    /// RSASSA-PSS with parameters that verifiers do not take.
    #[error(
        "its RSASSA-PSS parameters are not accepted: verifiers take SHA-256, SHA-384 or SHA-512, MGF1 with the same hash, and a salt \
         as long as the hash (`-sigopt rsa_pss_saltlen:digest` of openssl)"
    )]
    Pss,
    /// The issuer's key did not make this signature.
    #[error("the signature does not verify with the issuer's key")]
    Signature,
}

impl SignatureCheck {
    /// Parses a DER `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// [`KeyError`] if the key is malformed or not good enough for a certificate authority.
    pub fn from_spki_der(spki: &[u8]) -> Result<Self, KeyError> {
        Self::parse(spki, Exponent::Usual)
    }

    /// As [`SignatureCheck::from_spki_der`], for a root that is trusted for itself, whose RSA exponent may be any.
    ///
    /// # Errors
    /// As [`SignatureCheck::from_spki_der`].
    pub fn of_anchor(spki: &[u8]) -> Result<Self, KeyError> {
        Self::parse(spki, Exponent::Any)
    }

    fn parse(spki: &[u8], exponent: Exponent) -> Result<Self, KeyError> {
        let (rest, parsed) = SubjectPublicKeyInfo::from_der(spki).map_err(|_| KeyError::Malformed)?;
        if !rest.is_empty() {
            return Err(KeyError::Malformed);
        }
        let algorithm = algorithm_of(&parsed, exponent)?;
        let verification: &'static dyn VerificationAlgorithm = match algorithm {
            SignatureAlgorithm::EcdsaP256Sha256 => &signature::ECDSA_P256_SHA256_ASN1,
            SignatureAlgorithm::EcdsaP384Sha384 => &signature::ECDSA_P384_SHA384_ASN1,
            SignatureAlgorithm::EcdsaP521Sha512 => &signature::ECDSA_P521_SHA512_ASN1,
            SignatureAlgorithm::RsaPkcs1Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            SignatureAlgorithm::Ed25519 => &signature::ED25519,
        };
        let key = ParsedPublicKey::new(verification, spki).map_err(|_| KeyError::Malformed)?;
        Ok(Self { key, algorithm })
    }

    /// The algorithm that this key's owner signs leaf certificates with.
    #[must_use]
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// Verifies a signature made with [`SignatureCheck::algorithm`]; ECDSA as DER.
    ///
    /// # Errors
    /// [`BadSignature`] if it is not this key's signature of this message.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        self.key.verify_sig(message, signature).map_err(|_| BadSignature)
    }

    /// Verifies a CA certificate's signature by its issuer, who may have chosen another hash than we would.
    ///
    /// # Errors
    /// [`LinkError`] if the algorithm is not accepted for this key, or the signature is not its signature.
    pub fn verify_link(
        &self,
        algorithm: &AlgorithmIdentifier<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), LinkError> {
        let oid = algorithm.algorithm.to_id_string();
        let verification = match (self.algorithm, oid.as_str()) {
            (SignatureAlgorithm::RsaPkcs1Sha256, RSASSA_PSS) => pss(algorithm).ok_or(LinkError::Pss)?,
            _ => self.link_algorithm(&oid).ok_or_else(|| LinkError::Algorithm(with_name(&oid)))?,
        };
        let key = ParsedPublicKey::new(verification, self.key.as_ref()).map_err(|_| LinkError::Signature)?;
        key.verify_sig(message, signature).map_err(|_| LinkError::Signature)
    }

    fn link_algorithm(&self, oid: &str) -> Option<&'static dyn VerificationAlgorithm> {
        use SignatureAlgorithm::{EcdsaP256Sha256, EcdsaP384Sha384, EcdsaP521Sha512, Ed25519, RsaPkcs1Sha256};
        Some(match (self.algorithm, oid) {
            (EcdsaP256Sha256, "1.2.840.10045.4.3.2") => &signature::ECDSA_P256_SHA256_ASN1,
            (EcdsaP256Sha256, "1.2.840.10045.4.3.3") => &signature::ECDSA_P256_SHA384_ASN1,
            (EcdsaP256Sha256, "1.2.840.10045.4.3.4") => &signature::ECDSA_P256_SHA512_ASN1,
            (EcdsaP384Sha384, "1.2.840.10045.4.3.2") => &signature::ECDSA_P384_SHA256_ASN1,
            (EcdsaP384Sha384, "1.2.840.10045.4.3.3") => &signature::ECDSA_P384_SHA384_ASN1,
            (EcdsaP384Sha384, "1.2.840.10045.4.3.4") => &signature::ECDSA_P384_SHA512_ASN1,
            (EcdsaP521Sha512, "1.2.840.10045.4.3.2") => &signature::ECDSA_P521_SHA256_ASN1,
            (EcdsaP521Sha512, "1.2.840.10045.4.3.3") => &signature::ECDSA_P521_SHA384_ASN1,
            (EcdsaP521Sha512, "1.2.840.10045.4.3.4") => &signature::ECDSA_P521_SHA512_ASN1,
            (RsaPkcs1Sha256, "1.2.840.113549.1.1.11") => &signature::RSA_PKCS1_2048_8192_SHA256,
            (RsaPkcs1Sha256, "1.2.840.113549.1.1.12") => &signature::RSA_PKCS1_2048_8192_SHA384,
            (RsaPkcs1Sha256, "1.2.840.113549.1.1.13") => &signature::RSA_PKCS1_2048_8192_SHA512,
            (Ed25519, "1.3.101.112") => &signature::ED25519,
            _ => return None,
        })
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

/// Which public exponents an RSA key may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exponent {
    /// 65537.
    Usual,
    /// Whatever the library takes.
    Any,
}

/// Which algorithm a key signs with, and whether it is good enough to.
fn algorithm_of(spki: &SubjectPublicKeyInfo<'_>, exponent: Exponent) -> Result<SignatureAlgorithm, KeyError> {
    let kind = &spki.algorithm.algorithm;
    if *kind == EC_PUBLIC_KEY {
        let curve = spki.algorithm.parameters.as_ref().ok_or(KeyError::Malformed)?;
        // Explicit curve parameters are no OID and end here.
        let curve = curve.as_oid().map_err(|_| KeyError::Curve("given by explicit parameters".to_owned()))?;
        return algorithm_of_curve(&curve).ok_or_else(|| KeyError::Curve(curve.to_id_string()));
    }
    if *kind == RSA_ENCRYPTION {
        return check_rsa(spki, exponent).map(|()| SignatureAlgorithm::RsaPkcs1Sha256);
    }
    if *kind == ED25519 {
        return Ok(SignatureAlgorithm::Ed25519);
    }
    Err(KeyError::Type(kind.to_id_string()))
}

fn algorithm_of_curve(curve: &Oid<'_>) -> Option<SignatureAlgorithm> {
    let known = [
        (CURVE_P256, SignatureAlgorithm::EcdsaP256Sha256),
        (CURVE_P384, SignatureAlgorithm::EcdsaP384Sha384),
        (CURVE_P521, SignatureAlgorithm::EcdsaP521Sha512),
    ];
    known.into_iter().find(|(oid, _)| oid == curve).map(|(_, algorithm)| algorithm)
}

fn check_rsa(spki: &SubjectPublicKeyInfo<'_>, exponent: Exponent) -> Result<(), KeyError> {
    let Ok(PublicKey::RSA(key)) = spki.parsed() else { return Err(KeyError::Malformed) };
    let leading_zero_bits = |byte: &u8| byte.leading_zeros() as usize;
    let modulus: &[u8] = key.modulus.strip_prefix(&[0]).unwrap_or(key.modulus);
    let bits = modulus.len() * 8 - modulus.first().map_or(0, leading_zero_bits);
    if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
        return Err(KeyError::RsaSize(bits));
    }
    if exponent == Exponent::Usual && key.try_exponent() != Ok(RSA_EXPONENT) {
        return Err(KeyError::RsaExponent);
    }
    rsa::find(modulus).map_or(Ok(()), |weakness| Err(KeyError::RsaWeak(weakness)))
}
