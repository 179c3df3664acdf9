//! A log's public key: which keys a log may have, its identifier, and whether a timestamp is its promise for an entry.
//!
//! Owns the verification of timestamps (RFC 6962, sections 2.1.4 and 3.2). Refuses to know where a log is and how it is asked.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use sha2::{Digest as _, Sha256};

use super::sct::{DigitallySigned, LogEntry, LogId, Sct};
use crate::crypto::curve::Curve;
use crate::crypto::pem;
use crate::crypto::signature_check::MIN_RSA_BITS;
use crate::crypto::spki::{self, KeyBits, SpkiError, bit_length};

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
    #[error("the file has no PEM block `PUBLIC KEY` that can be read")]
    Pem,
    #[error("the log's key is malformed")]
    Malformed,
    #[error("the log's key is neither ECDSA on P-256 nor RSA of 2048 bits or more: RFC 6962 knows no others")]
    Kind,
}

/// Why a timestamp is not this log's promise for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SctMismatch {
    #[error("the timestamp is of log {found}, not of the log with the configured key, {expected}")]
    OtherLog { expected: LogId, found: LogId },
    #[error("hash {hash} with signature algorithm {algorithm} does not fit the log's key")]
    Algorithm {
        /// TLS `HashAlgorithm`.
        hash: u8,
        /// TLS `SignatureAlgorithm`.
        algorithm: u8,
    },
    #[error("the timestamp's signature does not verify with the log's key")]
    Signature,
}

impl LogKey {
    /// Reads the first PEM `PUBLIC KEY`, or `RSA PUBLIC KEY` (PKCS#1); whatever is around the block is ignored.
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
            Self::from_spki_der(&spki::of_pkcs1(data).map_err(|_| LogKeyError::Malformed)?)
        }
    }

    pub fn from_spki_der(spki: &[u8]) -> Result<Self, LogKeyError> {
        let (kind, verification): (_, &'static dyn VerificationAlgorithm) = match KeyBits::parse(spki)? {
            KeyBits::Ec { curve: Curve::P256, .. } => (Kind::Ecdsa, &ECDSA_P256_SHA256_ASN1),
            KeyBits::Rsa { modulus, .. } if bit_length(modulus) >= MIN_RSA_BITS => {
                (Kind::Rsa, &RSA_PKCS1_2048_8192_SHA256)
            }
            _ => return Err(LogKeyError::Kind),
        };
        let key = ParsedPublicKey::new(verification, spki).map_err(|_| LogKeyError::Malformed)?;
        Ok(Self { id: LogId(Sha256::digest(spki).into()), kind, key })
    }

    pub const fn id(&self) -> LogId {
        self.id
    }

    /// Verifies that a timestamp is this log's promise for an entry.
    pub fn verify(&self, sct: &Sct, entry: &LogEntry<'_>) -> Result<(), SctMismatch> {
        if sct.log_id() != self.id {
            return Err(SctMismatch::OtherLog { expected: self.id, found: sct.log_id() });
        }
        let signed = sct.signed_data(entry).map_err(|_| SctMismatch::Signature)?;
        self.verify_signed(&signed, sct.signature())
    }

    /// Verifies a signature over these bytes.
    pub(super) fn verify_signed(&self, signed: &[u8], signature: &DigitallySigned) -> Result<(), SctMismatch> {
        let (hash, algorithm) = (signature.hash(), signature.algorithm());
        if hash != SHA256 || algorithm != self.kind as u8 {
            return Err(SctMismatch::Algorithm { hash, algorithm });
        }
        self.key.verify_sig(signed, signature.bytes()).map_err(|_| SctMismatch::Signature)
    }
}

impl From<SpkiError> for LogKeyError {
    fn from(error: SpkiError) -> Self {
        match error {
            SpkiError::Malformed(_) => Self::Malformed,
            SpkiError::Type(_) | SpkiError::Curve(_) => Self::Kind,
        }
    }
}

#[cfg(test)]
mod tests;
