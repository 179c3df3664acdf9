//! Owns the certificate authority as one value: the chain it issues under and the key that signs, checked against each
//! other, so that no rotation can ever mix the two.
//!
//! Refuses to know what is in a leaf certificate, and transports. Each kind of key has its own file.

pub(crate) mod ca_profile;
pub(crate) mod chain_file;
pub mod ephemeral;
pub mod file;
#[cfg(feature = "gcp")]
pub mod google_ca;
mod health;
pub mod managed;
pub mod rotation;

use std::sync::Arc;

use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::certificate::LintedTbs;
use crate::certificate::chain::IssuingChain;
use crate::crypto::algorithm::SignatureAlgorithm;
use crate::crypto::signature_check::SignatureCheck;
use crate::panics::caught;
use crate::signer::backend::TRIAL;
use crate::signer::unfit::Unfit;
use crate::signer::{KeyLocation, Signer, SignerError};
use crate::text;
use managed::ManagedCa;

use health::Health;

pub use rotation::{AuthoritySet, Rotation};

/// A chain, and who makes certificates under it.
#[derive(Debug)]
pub struct Authority {
    chain: Arc<IssuingChain>,
    maker: Maker,
    health: Health,
}

/// Who makes an authority's certificates.
#[derive(Debug)]
enum Maker {
    /// We do, with a key that signs.
    Key {
        signer: Arc<dyn Signer>,
        verification: SignatureCheck,
    },
    Managed(Arc<dyn ManagedCa>),
}

/// A certificate that was made.
#[derive(Debug)]
pub struct SignedCertificate {
    /// DER.
    pub certificate: Vec<u8>,
    /// The chain whose first certificate issued it.
    pub chain: Arc<IssuingChain>,
    /// Whether a service chose the serial number.
    foreign_serial: bool,
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
    pub fn current(&self) -> Arc<Authority> {
        match self {
            Self::Fixed(authority) => Arc::clone(authority),
            Self::Rotating(rotation) => Arc::clone(&rotation.current().active),
        }
    }

    /// Every authority as of now: the one that issues, and those that clients are to trust besides.
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

    /// Whether the files hold something newer that cannot be used.
    pub fn is_behind(&self) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Rotating(rotation) => rotation.is_behind(),
        }
    }
}

/// Why a chain and a signer make no authority.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error(
        "the private key does not belong to the issuing certificate of the chain: the key is for {key}, the certificate for {certificate}"
    )]
    Algorithm { key: SignatureAlgorithm, certificate: SignatureAlgorithm },
    #[error("the private key does not belong to the issuing certificate of the chain")]
    KeyMismatch,
    #[error("the private key could not be tried")]
    Signer(#[source] SignerError),
}

impl SignedCertificate {
    /// Its serial number, hexadecimal, when a service chose it: what we choose is known before.
    pub fn serial(&self) -> Option<String> {
        if !self.foreign_serial {
            return None;
        }
        let (_, parsed) = X509Certificate::from_der(&self.certificate).ok()?;
        Some(text::hex_number(parsed.raw_serial()))
    }
}

/// Why no certificate was made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// This authority cannot make this certificate, no matter who asks for it.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    #[error(transparent)]
    Signer(#[from] SignerError),
    #[error(transparent)]
    Assemble(#[from] der::Error),
}

impl Authority {
    /// Joins a chain and a signer, after a trial signature that the chain's first certificate has to verify.
    pub async fn new(chain: IssuingChain, signer: Arc<dyn Signer>) -> Result<Self, AuthorityError> {
        let verification = chain.signature_check().clone();
        if signer.algorithm() != verification.algorithm() {
            return Err(AuthorityError::Algorithm { key: signer.algorithm(), certificate: verification.algorithm() });
        }
        let signature = signer.sign(TRIAL).await.map_err(AuthorityError::Signer)?;
        verification.verify(TRIAL, &signature).map_err(|_| AuthorityError::KeyMismatch)?;
        Ok(Self { chain: Arc::new(chain), maker: Maker::Key { signer, verification }, health: Health::default() })
    }

    /// Takes a service that makes certificates. Nothing when it has no chain.
    pub fn managed(service: Arc<dyn ManagedCa>) -> Option<Self> {
        let chain = service.chains().first().cloned()?;
        Some(Self { chain, maker: Maker::Managed(service), health: Health::default() })
    }

    /// The chain that this authority issues under; a service with several may take another, see [`SignedCertificate::chain`].
    pub fn chain(&self) -> &IssuingChain {
        &self.chain
    }

    /// Every chain that this authority may issue under.
    pub fn chains(&self) -> Vec<Arc<IssuingChain>> {
        match &self.maker {
            Maker::Key { .. } => vec![Arc::clone(&self.chain)],
            Maker::Managed(service) => service.chains().to_vec(),
        }
    }

    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.chain.algorithm()
    }

    pub fn signs_precertificates(&self) -> bool {
        matches!(self.maker, Maker::Key { .. })
    }

    /// Whether this authority can make this certificate as far as that depends on the certificate. Asks nobody. `more` is the length in
    /// bytes of what timestamps will add to it.
    pub fn check(&self, tbs: &LintedTbs, more: usize) -> Result<(), Unfit> {
        match &self.maker {
            Maker::Key { signer, .. } => {
                Unfit::check_length(tbs.as_der().len().saturating_add(more), signer.longest_message())
            }
            Maker::Managed(service) => service.check(tbs),
        }
    }

    /// Makes a linted certificate.
    ///
    /// What comes from outside this process is verified first, so that no broken or lying backend can put a bad
    /// signature into a certificate or its log.
    pub async fn make(&self, tbs: &LintedTbs) -> Result<SignedCertificate, MakeError> {
        match &self.maker {
            Maker::Key { signer, .. } => {
                // With its timestamps it may have become longer than it was to become.
                Unfit::check_length(tbs.as_der().len(), signer.longest_message())?;
                let signature = self.sign_bytes(tbs.as_der()).await?;
                let certificate = tbs.assemble(self.algorithm(), &signature)?;
                Ok(SignedCertificate { certificate, chain: Arc::clone(&self.chain), foreign_serial: false })
            }
            Maker::Managed(service) => {
                let made = self.recorded(
                    caught(async { service.issue(tbs).await.map_err(SignerError::from) })
                        .await
                        .unwrap_or_else(|panic| Err(panic.into())),
                )?;
                Ok(SignedCertificate { certificate: made.certificate, chain: made.chain, foreign_serial: true })
            }
        }
    }

    /// Whether signatures may be asked for: not so after three failures in a row.
    pub fn is_ready(&self) -> bool {
        self.health.is_ready()
    }

    /// Whether the last signature failed.
    pub fn is_failing(&self) -> bool {
        self.health.is_failing()
    }

    /// Sees whether a failing signer or service is back, without making a certificate.
    pub async fn probe(&self) -> Result<(), SignerError> {
        match &self.maker {
            Maker::Key { .. } => self.sign_bytes(TRIAL).await.map(drop),
            Maker::Managed(service) => self.recorded(service.probe().await.map_err(SignerError::from)),
        }
    }

    async fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        match &self.maker {
            Maker::Key { signer, verification } => {
                self.recorded(sign_verified(signer.as_ref(), verification, message).await)
            }
            Maker::Managed(_) => Err(SignerError::Rejected("a managed CA signs certificates only".to_owned())),
        }
    }

    /// Notes how it went. What depends on the request says nothing of the signer.
    fn recorded<T>(&self, outcome: Result<T, SignerError>) -> Result<T, SignerError> {
        match outcome {
            Ok(_) => self.health.succeeded(),
            Err(SignerError::Unfit(_)) => {}
            Err(_) => self.health.failed(),
        }
        outcome
    }
}

async fn sign_verified(
    signer: &dyn Signer,
    verification: &SignatureCheck,
    message: &[u8],
) -> Result<Vec<u8>, SignerError> {
    let signature = caught(async { signer.sign(message).await }).await??;
    match signer.location() {
        KeyLocation::InProcess => Ok(signature),
        KeyLocation::Remote => match verification.verify(message, &signature) {
            Ok(()) => Ok(signature),
            Err(_) => Err(SignerError::WrongSignature),
        },
    }
}

#[cfg(test)]
mod tests;
