//! Whether a signature over a digest is right, and by whose key: what a log of signatures asks before it takes anything in.
//!
//! Owns which pairs of key and hash are taken: those of rekor-tiles, but for Ed25519ph. Whether a certificate is one of a CA that somebody
//! trusts is not a log's question.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature::ParsedPublicKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::crypto::algorithm::{Hash, SignatureAlgorithm, verification};

use crate::crypto::spki::{KeyBits, bit_length};

/// Sizes of RSA keys, in bits.
const RSA_BITS: [usize; 3] = [2048, 3072, 4096];

/// Why a signature is not logged. For our own messages; clients hear less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unverified {
    #[error("the certificate cannot be parsed")]
    Certificate,
    #[error("the public key cannot be parsed, or is of a kind that is not taken")]
    Key,
    #[error("this kind of key is not taken with this hash")]
    Pair,
    #[error("the digest is not as long as its hash")]
    DigestLength,
    #[error("the signature does not verify")]
    Signature,
}

/// A key that can have signed, DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Signer {
    /// A `SubjectPublicKeyInfo`.
    Key(Vec<u8>),
    Certificate(Vec<u8>),
}

impl Signer {
    /// The DER `SubjectPublicKeyInfo`.
    fn spki(&self) -> Result<Vec<u8>, Unverified> {
        match self {
            Self::Key(spki) => Ok(spki.clone()),
            Self::Certificate(der) => match X509Certificate::from_der(der) {
                Ok(([], certificate)) => Ok(certificate.public_key().raw.to_vec()),
                _ => Err(Unverified::Certificate),
            },
        }
    }

    /// Verifies a signature over a digest of this hash: ECDSA as DER, RSA as PKCS #1 v1.5.
    pub(super) fn verify(&self, hash: Hash, digest: &[u8], signature: &[u8]) -> Result<(), Unverified> {
        let spki = self.spki()?;
        let algorithm = match KeyBits::parse(&spki).map_err(|_| Unverified::Key)? {
            KeyBits::Ec { curve, .. } => curve.signature_algorithm(),
            KeyBits::Rsa { modulus, .. } if RSA_BITS.contains(&bit_length(modulus)) => {
                SignatureAlgorithm::RsaPkcs1Sha256
            }
            KeyBits::Rsa { .. } | KeyBits::Ed25519(_) => return Err(Unverified::Key),
        };
        // Each key has one hash here: that of its curve, and SHA-256 for RSA.
        if algorithm.hash() != hash {
            return Err(Unverified::Pair);
        }
        let (with, of_hash) = verification(algorithm, hash).zip(digest_of(hash)).ok_or(Unverified::Pair)?;
        let digest = Digest::import_less_safe(digest, of_hash).map_err(|_| Unverified::DigestLength)?;
        let key = ParsedPublicKey::new(with, &spki).map_err(|_| Unverified::Key)?;
        key.verify_digest_sig(&digest, signature).map_err(|_| Unverified::Signature)
    }
}

impl Signer {
    /// Verifies a signature over a message that envelopes have: with SHA-256 whatever the curve, or none for Ed25519.
    pub(super) fn verify_message(&self, message: &[u8], signature: &[u8]) -> Result<(), Unverified> {
        let spki = self.spki()?;
        let (algorithm, hash) = match KeyBits::parse(&spki).map_err(|_| Unverified::Key)? {
            KeyBits::Ec { curve, .. } => (curve.signature_algorithm(), Hash::Sha256),
            KeyBits::Rsa { .. } => (SignatureAlgorithm::RsaPkcs1Sha256, Hash::Sha256),
            KeyBits::Ed25519(_) => (SignatureAlgorithm::Ed25519, Hash::None),
        };
        let with = verification(algorithm, hash).ok_or(Unverified::Pair)?;
        let key = ParsedPublicKey::new(with, &spki).map_err(|_| Unverified::Key)?;
        key.verify_sig(message, signature).map_err(|_| Unverified::Signature)
    }
}

fn digest_of(hash: Hash) -> Option<&'static digest::Algorithm> {
    match hash {
        Hash::Sha256 => Some(&digest::SHA256),
        Hash::Sha384 => Some(&digest::SHA384),
        Hash::Sha512 => Some(&digest::SHA512),
        Hash::None => None,
    }
}

/// The digest of bytes.
pub(super) fn hashed(hash: Hash, bytes: &[u8]) -> Option<Vec<u8>> {
    Some(digest::digest(digest_of(hash)?, bytes).as_ref().to_vec())
}

/// What a DSSE signature is over: the pre-authentication encoding of type and payload.
pub(super) fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}
