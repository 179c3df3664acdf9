//! A log's public key: which keys a log may have, its identifier, and whether a timestamp is its promise for an entry.
//!
//! Owns the verification of timestamps (RFC 6962, sections 2.1.4 and 3.2). Refuses to know where a log is and how it is asked.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA256_ASN1, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use der::Encode as _;
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier};
use x509_parser::der_parser::oid;
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::sct::{LogEntry, LogId, Sct};
use crate::crypto::pem;

const EC_PUBLIC_KEY: Oid<'static> = oid!(1.2.840.10045.2.1);
const RSA_ENCRYPTION: Oid<'static> = oid!(1.2.840.113549.1.1.1);
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const CURVE_P256: Oid<'static> = oid!(1.2.840.10045.3.1.7);
const CURVE_P384: Oid<'static> = oid!(1.3.132.0.34);
/// What aws-lc verifies with, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// The largest PEM text looked at, in bytes.
const MAX_PEM: usize = 64 * 1024;
/// TLS `HashAlgorithm.sha256`, the only one that logs sign with.
const SHA256: u8 = 4;

/// A log's public key, parsed once.
#[derive(Clone, Debug)]
pub struct LogKey {
    id: LogId,
    kind: Kind,
    key: ParsedPublicKey,
}

/// What signs, with its TLS `SignatureAlgorithm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Rsa = 1,
    Ecdsa = 3,
}

/// Why a key is not accepted as a log's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogKeyError {
    /// No PEM block `PUBLIC KEY`, or a damaged one.
    #[error("the file has no PEM block `PUBLIC KEY` that can be read")]
    Pem,
    /// Bytes that are no public key.
    #[error("the log's key is malformed")]
    Malformed,
    /// A kind of key that no log may have.
    #[error("the log's key is neither ECDSA on P-256 or P-384, nor RSA of 2048 to 8192 bits")]
    Kind,
}

/// Why a timestamp is not this log's promise for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromiseError {
    /// It names another log.
    #[error("the timestamp is of log {found}, not of the log with the configured key, {expected}")]
    OtherLog {
        /// The configured key's.
        expected: LogId,
        /// The timestamp's.
        found: LogId,
    },
    /// It is signed with an algorithm that is not SHA-256 with the key's.
    #[error("hash {hash} with signature algorithm {algorithm} does not fit the log's key")]
    Algorithm {
        /// TLS `HashAlgorithm`.
        hash: u8,
        /// TLS `SignatureAlgorithm`.
        algorithm: u8,
    },
    /// The signature does not verify.
    #[error("the timestamp's signature does not verify with the log's key")]
    Signature,
}

/// The DER `SubjectPublicKeyInfo` around a PKCS#1 `RSAPublicKey` (RFC 8017, section A.1).
fn spki_of_rsa(key: &[u8]) -> der::Result<Vec<u8>> {
    let parameters = Some(AnyRef::NULL);
    let algorithm = spki::AlgorithmIdentifierRef { oid: RSA, parameters };
    spki::SubjectPublicKeyInfoRef { algorithm, subject_public_key: BitStringRef::from_bytes(key)? }.to_der()
}

impl LogKey {
    /// Reads the first PEM `PUBLIC KEY`, or `RSA PUBLIC KEY` (PKCS#1); whatever is around the block is ignored.
    ///
    /// # Errors
    /// [`LogKeyError`] when it is none, or not one that a log may have.
    pub fn from_pem(text: &[u8]) -> Result<Self, LogKeyError> {
        if text.len() > MAX_PEM {
            return Err(LogKeyError::Pem);
        }
        // The first one, as at Fulcio: a further one is of a log that is not asked.
        let mut blocks = pem::parse(text).into_iter();
        let is_key = |label: &str| matches!(label, "PUBLIC KEY" | "RSA PUBLIC KEY");
        let block = blocks.find(|block| is_key(&block.label)).ok_or(LogKeyError::Pem)?;
        let data = block.data().map_err(|_| LogKeyError::Pem)?;
        if block.label == "PUBLIC KEY" {
            Self::from_spki_der(data)
        } else {
            Self::from_spki_der(&spki_of_rsa(data).map_err(|_| LogKeyError::Malformed)?)
        }
    }

    /// Reads a DER `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// As [`LogKey::from_pem`].
    pub fn from_spki_der(spki: &[u8]) -> Result<Self, LogKeyError> {
        let (rest, parsed) = SubjectPublicKeyInfo::from_der(spki).map_err(|_| LogKeyError::Malformed)?;
        if !rest.is_empty() {
            return Err(LogKeyError::Malformed);
        }
        let (kind, verification) = kind_of(&parsed)?;
        let key = ParsedPublicKey::new(verification, spki).map_err(|_| LogKeyError::Malformed)?;
        Ok(Self { id: log_id(spki)?, kind, key })
    }

    /// The log's identifier.
    #[must_use]
    pub const fn id(&self) -> LogId {
        self.id
    }

    /// Verifies that a timestamp is this log's promise for an entry.
    ///
    /// # Errors
    /// [`PromiseError`] when it is another log's, or for another entry, or forged.
    pub fn verify(&self, sct: &Sct, entry: &LogEntry<'_>) -> Result<(), PromiseError> {
        if sct.log_id() != self.id {
            return Err(PromiseError::OtherLog { expected: self.id, found: sct.log_id() });
        }
        let (hash, algorithm) = (sct.signature().hash(), sct.signature().algorithm());
        if hash != SHA256 || algorithm != self.kind as u8 {
            return Err(PromiseError::Algorithm { hash, algorithm });
        }
        let signed = sct.signed_data(entry).map_err(|_| PromiseError::Signature)?;
        self.key.verify_sig(&signed, sct.signature().bytes()).map_err(|_| PromiseError::Signature)
    }
}

fn kind_of(spki: &SubjectPublicKeyInfo<'_>) -> Result<(Kind, &'static dyn VerificationAlgorithm), LogKeyError> {
    let algorithm = &spki.algorithm;
    if algorithm.algorithm == EC_PUBLIC_KEY {
        let curve = algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok()).ok_or(LogKeyError::Kind)?;
        return match curve {
            curve if curve == CURVE_P256 => Ok((Kind::Ecdsa, &ECDSA_P256_SHA256_ASN1)),
            curve if curve == CURVE_P384 => Ok((Kind::Ecdsa, &ECDSA_P384_SHA256_ASN1)),
            _ => Err(LogKeyError::Kind),
        };
    }
    if algorithm.algorithm != RSA_ENCRYPTION {
        return Err(LogKeyError::Kind);
    }
    let Ok(PublicKey::RSA(key)) = spki.parsed() else { return Err(LogKeyError::Malformed) };
    let modulus = key.modulus.strip_prefix(&[0]).unwrap_or(key.modulus);
    let bits = modulus.len() * 8 - modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
    if RSA_BITS.contains(&bits) { Ok((Kind::Rsa, &RSA_PKCS1_2048_8192_SHA256)) } else { Err(LogKeyError::Kind) }
}

fn log_id(spki: &[u8]) -> Result<LogId, LogKeyError> {
    let digest = digest::digest(&digest::SHA256, spki);
    digest.as_ref().try_into().map(LogId).map_err(|_| LogKeyError::Malformed)
}

#[cfg(test)]
mod tests;
