//! Owns certificates from Google Cloud's Certificate Authority Service, which makes them itself: what is asked for, and that what comes
//! is that and no more.
//!
//! Refuses to know identities and keys: a linted to-be-signed certificate says what is wanted. It cannot sign precertificates, for the
//! service puts serial number and issuer in itself.

mod answer;
mod chains;
mod request;
mod uri;

use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::time::Instant;

use super::managed::{Answering, ManagedCa, ManagedCertificate};
use crate::authority::google_ca::uri::Parent;
use crate::certificate::LintedTbs;
use crate::certificate::chain::IssuingChain;
use crate::crypto::pem;
use crate::signer::google::{GoogleApi, GoogleOptions};
use crate::signer::remote::{Bounded, Bounds, OpenError, RemoteError};
use crate::signer::unfit::Unfit;
use crate::text::peer_text::PeerText;

pub use answer::{Deviation, check_answer};
pub use request::Wanted;

pub const ENDPOINT: &str = "https://privateca.googleapis.com";
/// What an operator may set.
#[derive(Clone, Debug)]
pub struct GoogleCaOptions {
    pub google: GoogleOptions,
    /// For one certificate: time, calls, and how many at once.
    pub bounds: Bounds,
    /// Tells the time of day, by which certificates are valid.
    pub clock: fn() -> SystemTime,
    /// How long the pool's chains are kept at least, before a certificate of an unknown issuer has them fetched again.
    pub refresh: Duration,
}

impl Default for GoogleCaOptions {
    fn default() -> Self {
        let (google, bounds) = (GoogleOptions::at(ENDPOINT), Bounds::default());
        Self { google, bounds, clock: SystemTime::now, refresh: Duration::from_mins(1) }
    }
}

/// A pool of certificate authorities, or one of them.
#[derive(Debug)]
pub struct GoogleCa {
    api: GoogleApi,
    parent: Parent,
    chains: ArcSwap<Vec<Arc<IssuingChain>>>,
    fetched: std::sync::Mutex<Instant>,
    calls: Bounded,
    clock: fn() -> SystemTime,
    refresh: Duration,
}

impl GoogleCa {
    /// Opens `projects/P/locations/L/caPools/POOL`, with `/certificateAuthorities/CA` behind it to have one of the pool issue all.
    pub async fn open(parent: &str, options: &GoogleCaOptions) -> Result<Self, OpenError> {
        let named = Parent::parse(parent)?;
        let api = GoogleApi::new(&options.google).map_err(|error| error.opening(parent, |_| None))?;
        let found = chains::fetch(&api, &named, (options.clock)())
            .await
            .map_err(|error| error.opening(parent, |status| chains::hint(status, &named)))?;
        if found.is_empty() {
            return Err(chains::none_issues(parent, &named));
        }
        let chains = ArcSwap::from_pointee(found);
        let (fetched, calls) = (std::sync::Mutex::new(Instant::now()), Bounded::new(options.bounds));
        Ok(Self { api, parent: named, chains, fetched, calls, clock: options.clock, refresh: options.refresh })
    }

    /// Has a certificate made, and checks that it is what was asked for before anybody sees it. [`RemoteError::Unusable`] names the
    /// [`Deviation`].
    async fn issue_checked(&self, tbs: &LintedTbs) -> Result<ManagedCertificate, RemoteError> {
        let wanted = Wanted::from_tbs(tbs.as_der(), (self.clock)())?;
        let answer = self.calls.call(|| self.create_certificate(&wanted)).await?;
        let certificate = answer.into_iter().next().unwrap_or_default();
        let mut chains = self.chains.load_full();
        let mut checked = check_answer(tbs.as_der(), &certificate, &chains, (self.clock)());
        if checked == Err(Deviation::Issuer) && self.may_fetch_again() {
            // An authority that joined the pool since.
            chains = self.calls.call(|| self.fetch_chains()).await?;
            checked = check_answer(tbs.as_der(), &certificate, &chains, (self.clock)());
        }
        match checked.map(|position| chains.get(position).cloned()) {
            Ok(Some(chain)) => Ok(ManagedCertificate { certificate, chain }),
            Ok(None) => Err(RemoteError::Unusable(PeerText::of(Deviation::Issuer))),
            Err(deviation) => {
                Err(RemoteError::Unusable(format!("not the certificate that was asked for: {deviation}").into()))
            }
        }
    }

    /// Asks once for a certificate: the leaf and, behind it, the chain as the service has it, DER. Nothing of it is checked. The same
    /// [`Wanted`] gives the same certificate, however often it is asked for.
    ///
    /// Errors: [`RemoteError`], of which the transient ones are worth another call.
    pub async fn create_certificate(&self, wanted: &Wanted) -> Result<Vec<Vec<u8>>, RemoteError> {
        let mut query = vec![("certificateId", wanted.certificate_id()), ("requestId", wanted.request_id())];
        query.extend(self.parent.authority().map(|authority| ("issuingCertificateAuthorityId", authority)));
        let path = format!("{}/certificates", self.parent.pool());
        let answer: request::Created =
            self.api.post(&path, &query, &wanted.body()).await.map_err(|error| match error.status.as_deref() {
                // Of what is sent, nothing but the client's key and name differs from one call to the next.
                Some("INVALID_ARGUMENT") => {
                    tracing::warn!(problem = %error.problem, "the CA pool does not make a certificate: its issuance policy may forbid it");
                    RemoteError::Unfit(Unfit::Refused(PeerText::of(error.problem)))
                }
                _ => error.problem,
            })?;
        let texts = std::iter::once(&answer.pem_certificate).chain(&answer.pem_certificate_chain);
        let mut certificates = Vec::new();
        for text in texts {
            certificates.extend(certificates_of(text)?);
        }
        Ok(certificates)
    }

    async fn fetch_chains(&self) -> Result<Arc<Vec<Arc<IssuingChain>>>, RemoteError> {
        let found = chains::fetch(&self.api, &self.parent, (self.clock)()).await.map_err(|error| error.problem)?;
        if found.is_empty() {
            return Err(RemoteError::Refused("no certificate authority of the pool issues".into()));
        }
        let found = Arc::new(found);
        self.chains.store(Arc::clone(&found));
        tracing::info!(chains = found.len(), "the chains of the pool were fetched again");
        Ok(found)
    }

    /// Not too often, no matter who asks.
    fn may_fetch_again(&self) -> bool {
        let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        let may = fetched.elapsed() >= self.refresh;
        if may {
            *fetched = Instant::now();
        }
        may
    }
}

impl ManagedCa for GoogleCa {
    fn chains(&self) -> Arc<Vec<Arc<IssuingChain>>> {
        self.chains.load_full()
    }

    fn check(&self, tbs: &LintedTbs) -> Result<(), Unfit> {
        Wanted::from_tbs(tbs.as_der(), (self.clock)()).map(drop)
    }

    fn issue<'a>(&'a self, tbs: &'a LintedTbs) -> Answering<'a, ManagedCertificate> {
        Box::pin(self.issue_checked(tbs))
    }

    fn probe(&self) -> Answering<'_, ()> {
        Box::pin(async { self.fetch_chains().await.map(drop) })
    }
}

/// The certificates of a PEM text, DER.
fn certificates_of(text: &str) -> Result<Vec<Vec<u8>>, RemoteError> {
    let found = pem::certificates(text.as_bytes()).map_err(|error| RemoteError::Unusable(PeerText::of(error)))?;
    if found.ders.is_empty() || !found.others.is_empty() {
        return Err(RemoteError::Unusable("no certificate in PEM".into()));
    }
    Ok(found.ders)
}
