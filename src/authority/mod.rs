//! Owns the certificate authority as one value: the chain it issues under and the key that signs, checked against each
//! other, so that no rotation can ever mix the two.
//!
//! Refuses to know what is in a leaf certificate, and transports. Each kind of key has its own file.

#[cfg(feature = "aws-kms")]
pub mod aws_kms;
#[cfg(feature = "azure")]
pub mod azure_key_vault;
pub mod chain;
pub mod ephemeral;
pub mod file;
pub mod files;
#[cfg(feature = "gcp")]
pub mod gcp_kms;
#[cfg(feature = "gcp")]
pub mod google;
#[cfg(feature = "gcp")]
pub mod google_ca;
mod health;
pub mod key_file;
pub mod local;
pub mod making;
mod pem;
pub mod pkcs11;
pub mod remote;
pub mod rotation;
pub mod signature_check;
pub mod signer;
mod spki_der;
pub mod tink;
pub mod vault;

use std::sync::Arc;

use crate::certificate::LintedTbs;

use health::Health;

pub use chain::{ChainError, IssuingChain};
pub use pem::PemError;
pub use rotation::{AuthoritySet, Rotation};
pub use signature_check::SignatureCheck;
pub use signer::{KeyLocation, SignatureAlgorithm, Signer, SignerError};

/// What a new authority signs once to show that key and certificate belong together. No certificate can begin like it.
const SELF_TEST: &[u8] = b"sigmint self-test: does this key belong to the certificate?";

/// A chain and the signer of its first certificate's key.
#[derive(Debug)]
pub struct Authority {
    chain: IssuingChain,
    signer: Arc<dyn Signer>,
    verification: SignatureCheck,
    health: Health,
}

/// Where the authority of the moment is taken from.
#[derive(Debug)]
pub enum AuthoritySource {
    /// The same one until the end.
    Fixed(Arc<Authority>),
    /// One that may be replaced.
    Rotating(Rotation),
}

impl AuthoritySource {
    /// The authority that issues as of now. Take it once for each certificate: precertificate and certificate need the same.
    #[must_use]
    pub fn current(&self) -> Arc<Authority> {
        match self {
            Self::Fixed(authority) => Arc::clone(authority),
            Self::Rotating(rotation) => Arc::clone(&rotation.current().active),
        }
    }

    /// Every authority as of now: the one that issues, and those that clients are to trust besides.
    #[must_use]
    pub fn all(&self) -> Arc<AuthoritySet> {
        match self {
            Self::Fixed(active) => Arc::new(AuthoritySet { active: Arc::clone(active), trusted: Vec::new() }),
            Self::Rotating(rotation) => rotation.current(),
        }
    }

    /// Has what can be replaced looked at soon.
    pub fn reopen(&self) {
        match self {
            Self::Fixed(_) => {}
            Self::Rotating(rotation) => rotation.reopen(),
        }
    }
}

/// Why a chain and a signer make no authority.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// They do not even have the same algorithm.
    #[error(
        "the private key does not belong to the first certificate of the chain: the key is for {key}, the certificate for {certificate}"
    )]
    Algorithm {
        /// The signer's.
        key: SignatureAlgorithm,
        /// The certificate's.
        certificate: SignatureAlgorithm,
    },
    /// The certificate's key does not verify what the signer signs.
    #[error("the private key does not belong to the first certificate of the chain")]
    KeyMismatch,
    /// The signer could not be tried.
    #[error("the private key could not be tried")]
    Signer(#[source] SignerError),
}

impl Authority {
    /// Joins a chain and a signer, after a trial signature that the chain's first certificate has to verify.
    ///
    /// # Errors
    /// [`AuthorityError`] if they do not belong together, or the signer could not be reached to find out.
    pub async fn new(chain: IssuingChain, signer: Arc<dyn Signer>) -> Result<Self, AuthorityError> {
        let verification = chain.signature_check().clone();
        if signer.algorithm() != verification.algorithm() {
            return Err(AuthorityError::Algorithm { key: signer.algorithm(), certificate: verification.algorithm() });
        }
        let signature = signer.sign(SELF_TEST).await.map_err(AuthorityError::Signer)?;
        verification.verify(SELF_TEST, &signature).map_err(|_| AuthorityError::KeyMismatch)?;
        Ok(Self { chain, signer, verification, health: Health::default() })
    }

    /// The chain that this authority issues under.
    #[must_use]
    pub fn chain(&self) -> &IssuingChain {
        &self.chain
    }

    /// The algorithm of this authority's signatures.
    #[must_use]
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.verification.algorithm()
    }

    /// Whether this authority signs precertificates.
    #[must_use]
    pub fn signs_precertificates(&self) -> bool {
        self.signer.signs_precertificates()
    }

    /// Signs a linted certificate: the bits of its `signatureValue`, ECDSA as DER.
    ///
    /// What comes from outside this process is verified first, so that no broken or lying backend can put a bad
    /// signature into a certificate or its log.
    ///
    /// # Errors
    /// [`SignerError`] if there is no signature, or a wrong one.
    pub async fn sign(&self, tbs: &LintedTbs) -> Result<Vec<u8>, SignerError> {
        self.sign_octets(tbs.as_der()).await
    }

    /// Whether signatures may be asked for: not so after three failures in a row.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.health.is_ready()
    }

    /// Whether the last signature failed.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.health.is_failing()
    }

    /// Tries to sign something that is no certificate, to see whether a failing signer is back.
    ///
    /// # Errors
    /// [`SignerError`] if it is not.
    pub async fn probe(&self) -> Result<(), SignerError> {
        self.sign_octets(SELF_TEST).await.map(drop)
    }

    async fn sign_octets(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        let outcome = self.sign_unrecorded(message).await;
        match outcome {
            Ok(_) => self.health.succeeded(),
            Err(_) => self.health.failed(),
        }
        outcome
    }

    async fn sign_unrecorded(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        let signature = self.signer.sign(message).await?;
        match self.signer.location() {
            KeyLocation::InProcess => Ok(signature),
            KeyLocation::Remote => match self.verification.verify(message, &signature) {
                Ok(()) => Ok(signature),
                Err(_) => Err(SignerError::WrongSignature),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        time::SystemTime,
    };

    use super::signer::Signing;
    use super::{Authority, AuthorityError, KeyLocation, SignatureAlgorithm, Signer, SignerError, ephemeral};

    /// A remote signer that is right for the self-test and then answers with a signature of something else.
    #[derive(Debug)]
    struct Lying {
        honest: Arc<dyn Signer>,
        location: KeyLocation,
        calls: AtomicUsize,
    }

    impl Signer for Lying {
        fn algorithm(&self) -> SignatureAlgorithm {
            self.honest.algorithm()
        }

        fn location(&self) -> KeyLocation {
            self.location
        }

        fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a> {
            let first = self.calls.fetch_add(1, Ordering::Relaxed) == 0;
            self.honest.sign(if first { message } else { b"something else" })
        }
    }

    #[tokio::test]
    async fn a_wrong_answer_from_outside_never_becomes_a_signature() {
        let honest =
            ephemeral::root_and_intermediate(SignatureAlgorithm::EcdsaP256Sha256, SystemTime::now()).await.unwrap();
        let lying =
            Lying { honest: honest.signer.clone(), location: KeyLocation::Remote, calls: AtomicUsize::default() };
        let authority = Authority::new(honest.chain.clone(), Arc::new(lying)).await.unwrap();
        let answer = authority.sign_octets(b"tbs").await;
        assert!(matches!(answer, Err(SignerError::WrongSignature)), "{answer:?}");
    }

    #[tokio::test]
    async fn a_key_of_another_certificate_is_refused() {
        let one =
            ephemeral::root_and_intermediate(SignatureAlgorithm::EcdsaP256Sha256, SystemTime::now()).await.unwrap();
        let other =
            ephemeral::root_and_intermediate(SignatureAlgorithm::EcdsaP256Sha256, SystemTime::now()).await.unwrap();
        let mixed = Authority::new(one.chain.clone(), other.signer).await;
        assert!(matches!(mixed, Err(AuthorityError::KeyMismatch)), "{mixed:?}");
        let third = ephemeral::root(SystemTime::now()).await.unwrap();
        let mixed = Authority::new(one.chain, third.signer).await;
        assert!(matches!(mixed, Err(AuthorityError::Algorithm { .. })), "{mixed:?}");
    }
}
