//! Owns what every key outside this process has in common: the digest that is sent, bounds on time, tries and calls at once.
//!
//! Refuses to know services and devices: each implements [`RemoteKey`] in its own file. Whether an answer is right is
//! checked by [`crate::authority::Authority`], as for every signer.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::Semaphore;
use tokio::time::{self, Instant};

use super::unfit::Unfit;
use super::{KeyLocation, SignatureAlgorithm, Signer, SignerError, Signing};
use crate::crypto::algorithm::Hash;
use crate::crypto::signature_check::{KeyError, SignatureCheck};
use crate::http::backoff::Backoff;
use crate::text::peer_text::PeerText;

/// What a [`RemoteKey`] is asked for: the future of one answer.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, RemoteError>> + Send + 'a>>;

/// A private key in a service or a device, which is asked once for each call: [`RemoteSigner`] bounds and repeats.
pub trait RemoteKey: Send + Sync + fmt::Debug {
    /// The public half, fetched when the key was opened.
    fn public_key(&self) -> &RemotePublicKey;

    /// As [`Signer::longest_message`].
    fn longest_message(&self) -> Option<usize> {
        None
    }

    /// Asks for one signature, in the form of [`Signer::sign`]: ECDSA as DER (see [`ecdsa_der`]), RSA and Ed25519 bare.
    ///
    /// May be called many times at once. Dropping the future gives up waiting; it must leave nothing behind that would
    /// keep later calls from working.
    fn ask<'a>(&'a self, request: &'a SigningRequest<'a>) -> Asking<'a>;
}

/// The public half of a remote key.
#[derive(Clone, Debug)]
pub struct RemotePublicKey {
    spki_der: Vec<u8>,
    algorithm: SignatureAlgorithm,
}

/// What is to be signed, in both forms that services ask for.
#[derive(Debug)]
pub struct SigningRequest<'a> {
    /// The whole message: what Ed25519 signs.
    pub message: &'a [u8],
    /// Its digest with the algorithm's hash; empty for Ed25519.
    pub digest: &'a [u8],
}

/// Why a remote key gave no signature, or could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    #[error("no answer: {0}")]
    Unreachable(PeerText),
    #[error("throttled: {0}")]
    Throttled(PeerText),
    /// The service or device said no: a key that is disabled or missing, a permission, a wrong PIN.
    #[error("refused: {0}")]
    Refused(PeerText),
    #[error("unusable answer: {0}")]
    Unusable(PeerText),
    /// It depends on what was asked for: other requests succeed.
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

/// Why a remote key could not be opened. The text has what to fix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}\n  hint: {hint}")]
pub struct OpenError {
    /// The key as the operator named it.
    pub key: String,
    pub problem: RemoteError,
    pub hint: String,
}

/// How long, how often and how many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// For one call, connecting included.
    pub attempt: Duration,
    /// For a signature altogether: waiting for a turn, calls and the pauses between them.
    pub budget: Duration,
    /// Calls for one signature at most; at least one is made.
    pub attempts: u32,
    /// Calls at once, all signatures together.
    pub concurrency: usize,
}

impl Default for Bounds {
    /// Clients give up after 5 seconds, the most impatient ones.
    fn default() -> Self {
        Self { attempt: Duration::from_secs(2), budget: Duration::from_secs(4), attempts: 4, concurrency: 64 }
    }
}

/// The pauses before another try.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(50) };

/// Calls to what is outside this process, within their [`Bounds`].
#[derive(Debug)]
pub struct Bounded {
    bounds: Bounds,
    turns: Semaphore,
}

impl Bounded {
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, turns: Semaphore::new(bounds.concurrency.clamp(1, Semaphore::MAX_PERMITS)) }
    }

    /// Makes a call, and makes it again after an error that may pass.
    pub async fn call<T, F: Future<Output = Result<T, RemoteError>>>(
        &self,
        ask: impl Fn() -> F,
    ) -> Result<T, RemoteError> {
        let deadline = Instant::now() + self.bounds.budget;
        let mut attempt = 1;
        loop {
            let error = match self.attempt(&ask, deadline).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let pause = pause_after(attempt);
            if !error.is_transient() || attempt >= self.bounds.attempts || Instant::now() + pause >= deadline {
                return Err(error);
            }
            let error = error.to_string();
            tracing::debug!(error, attempt, "the signing backend is asked again");
            time::sleep(pause).await;
            attempt += 1;
        }
    }

    async fn attempt<T, F: Future<Output = Result<T, RemoteError>>>(
        &self,
        ask: &impl Fn() -> F,
        deadline: Instant,
    ) -> Result<T, RemoteError> {
        let Ok(Ok(_turn)) = time::timeout_at(deadline, self.turns.acquire()).await else {
            return Err(RemoteError::Throttled(
                format!("{} calls are waiting already", self.bounds.concurrency).into(),
            ));
        };
        let end = deadline.min(Instant::now() + self.bounds.attempt);
        let late = |_| Err(RemoteError::Unreachable("it took too long".into()));
        time::timeout_at(end, ask()).await.unwrap_or_else(late)
    }
}

/// A [`RemoteKey`] within its [`Bounds`].
#[derive(Debug)]
pub struct RemoteSigner {
    key: Arc<dyn RemoteKey>,
    calls: Bounded,
}

impl RemoteSigner {
    pub fn new(key: Arc<dyn RemoteKey>, bounds: Bounds) -> Self {
        Self { key, calls: Bounded::new(bounds) }
    }

    pub fn public_key(&self) -> &RemotePublicKey {
        self.key.public_key()
    }

    async fn sign_bounded(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        let digest = digest_for(self.algorithm(), message);
        let request = SigningRequest { message, digest: &digest };
        Ok(self.calls.call(|| self.key.ask(&request)).await?)
    }
}

impl Signer for RemoteSigner {
    fn algorithm(&self) -> SignatureAlgorithm {
        self.key.public_key().algorithm()
    }

    fn location(&self) -> KeyLocation {
        KeyLocation::Remote
    }

    fn longest_message(&self) -> Option<usize> {
        self.key.longest_message()
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a> {
        Box::pin(self.sign_bounded(message))
    }
}

impl RemotePublicKey {
    /// Takes a DER `SubjectPublicKeyInfo` (RFC 5280, section 4.1), as services answer with.
    pub fn from_spki_der(spki_der: Vec<u8>) -> Result<Self, KeyError> {
        let algorithm = SignatureCheck::from_spki_der(&spki_der)?.algorithm();
        Ok(Self { spki_der, algorithm })
    }

    pub fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    /// The one algorithm that we have this key sign with.
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }
}

impl RemoteError {
    /// Whether another try may succeed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Throttled(_))
    }
}

impl From<RemoteError> for SignerError {
    fn from(error: RemoteError) -> Self {
        match error {
            RemoteError::Unfit(unfit) => Self::Unfit(unfit),
            RemoteError::Unreachable(_) | RemoteError::Throttled(_) => Self::Unavailable(error.to_string()),
            RemoteError::Refused(_) | RemoteError::Unusable(_) => Self::Rejected(error.to_string()),
        }
    }
}

/// The bytes that services which sign digests are sent.
pub(super) fn digest_for(algorithm: SignatureAlgorithm, message: &[u8]) -> Vec<u8> {
    let hash = match algorithm.hash() {
        Hash::Sha256 => &digest::SHA256,
        Hash::Sha384 => &digest::SHA384,
        Hash::Sha512 => &digest::SHA512,
        Hash::None => return Vec::new(),
    };
    digest::digest(hash, message).as_ref().to_vec()
}

/// Between half and all of the doubled pause.
fn pause_after(attempt: u32) -> Duration {
    let mut random = [0; 2];
    let _ = SystemRandom::new().fill(&mut random);
    BACKOFF.after(attempt, 0.5, f64::from(u16::from_be_bytes(random)) / f64::from(u16::MAX))
}

/// Turns the two integers side by side (r‖s, IEEE P1363), as PKCS#11 and Azure answer, into the DER `Ecdsa-Sig-Value`.
pub fn ecdsa_der(fixed: &[u8]) -> Result<Vec<u8>, RemoteError> {
    use der::asn1::UintRef;
    let (r, s) = fixed.split_at(fixed.len() / 2);
    if r.is_empty() || r.len() != s.len() {
        return Err(RemoteError::Unusable(format!("an ECDSA signature of {} bytes", fixed.len()).into()));
    }
    let encode = || der::Encode::to_der(&vec![UintRef::new(r)?, UintRef::new(s)?]);
    encode().map_err(|error: der::Error| RemoteError::Unusable(PeerText::of(error)))
}

#[cfg(test)]
mod tests;
