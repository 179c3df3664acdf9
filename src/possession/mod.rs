//! Whether the caller holds the private key of the public key it sent.
//!
//! Owns the order in which it is told: key strength, then the signature, then the list of permitted algorithms. The one test of a key that
//! costs more than reading it is made after the signature was verified. Knows the challenge's text, not its origin.

mod algorithms;
mod csr;
mod public_key;

use crate::crypto::KeyKind;
use aws_lc_rs::signature::{UnparsedPublicKey, VerificationAlgorithm};

use algorithms::proof_hash;
pub use algorithms::{Hash, PermittedAlgorithms, UnknownAlgorithm};
pub use csr::{CsrError, MAX_CSR_BYTES};
pub use public_key::{MAX_KEY_BYTES, PublicKey, PublicKeyError};

/// What a client sends to show its key.
#[derive(Clone, PartialEq, Eq)]
pub enum KeyRequest {
    /// A public key and a signature over the challenge.
    PublicKey {
        /// PEM or DER.
        content: Vec<u8>,
        /// ECDSA in DER (or the two integers side by side), RSA PKCS #1 v1.5, or Ed25519.
        proof: Vec<u8>,
    },
    /// A PKCS #10 request in PEM, which is signed with its own key.
    SigningRequest(Vec<u8>),
}

/// A public key whose private key the caller holds. [`prove`] is the only way to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenKey(PublicKey);

impl ProvenKey {
    pub const fn public_key(&self) -> &PublicKey {
        &self.0
    }

    /// A key as if it were proven, for the tests of what comes after.
    #[cfg(test)]
    pub(crate) const fn for_test(key: PublicKey) -> Self {
        Self(key)
    }
}

/// Why possession is not proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PossessionError {
    /// The key cannot be read or is weak.
    #[error(transparent)]
    Key(#[from] PublicKeyError),
    /// The request cannot be read or its key is weak.
    #[error(transparent)]
    Csr(#[from] CsrError),
    #[error("the proof of possession of a {} key does not verify", .0.name())]
    Proof(KeyKind),
    #[error("{} keys with {hash:?} are not permitted", kind.name())]
    NotPermitted {
        kind: KeyKind,
        /// The hash, when it is known.
        hash: Option<Hash>,
    },
}

/// Checks that the caller holds the key: by its signature over `challenge`, or by the signature of its signing request.
pub fn prove(
    request: &KeyRequest,
    challenge: &str,
    permitted: &PermittedAlgorithms,
) -> Result<ProvenKey, PossessionError> {
    match request {
        KeyRequest::PublicKey { content, proof } => {
            let key = PublicKey::parse(content)?;
            let hash = proof_hash(key.kind());
            let p1363 =
                || algorithms::p1363_verification(key.kind(), proof.len()).ok_or(PossessionError::Proof(key.kind()));
            let proven = verify(&key, algorithms::verification(key.kind(), hash), challenge.as_bytes(), proof)
                .or_else(|_| verify(&key, Some(p1363()?), challenge.as_bytes(), proof));
            key.must_have_distant_factors()?;
            proven?;
            permit(key, Some(hash), permitted)
        }
        KeyRequest::SigningRequest(text) => {
            let request = csr::parse(text)?;
            let proven = match request.hash {
                Some(hash) => {
                    let algorithm = algorithms::verification(request.key.kind(), hash);
                    verify(&request.key, algorithm, &request.signed, &request.signature)
                }
                None if request.is_merely_not_permitted => Ok(()),
                None => Err(PossessionError::Proof(request.key.kind())),
            };
            request.key.must_have_distant_factors()?;
            proven?;
            permit(request.key, request.hash, permitted)
        }
    }
}

/// The key of a request. Whether the caller holds it is not known.
pub(crate) fn public_key(request: &KeyRequest) -> Result<PublicKey, PossessionError> {
    match request {
        KeyRequest::PublicKey { content, .. } => Ok(PublicKey::parse(content)?),
        KeyRequest::SigningRequest(text) => Ok(csr::parse(text)?.key),
    }
}

fn verify(
    key: &PublicKey,
    algorithm: Option<&'static dyn VerificationAlgorithm>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), PossessionError> {
    let refused = PossessionError::Proof(key.kind());
    UnparsedPublicKey::new(algorithm.ok_or(refused)?, key.key_bits()).verify(message, signature).map_err(|_| refused)
}

fn permit(key: PublicKey, hash: Option<Hash>, permitted: &PermittedAlgorithms) -> Result<ProvenKey, PossessionError> {
    key.must_show_possession()?;
    match hash {
        Some(hash) if permitted.permits(key.kind(), hash) => Ok(ProvenKey(key)),
        _ => Err(PossessionError::NotPermitted { kind: key.kind(), hash }),
    }
}

#[cfg(test)]
mod tests;
