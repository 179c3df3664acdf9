//! Owns what a managed certificate authority is to the rest of the program: one that makes certificates itself.
//!
//! Refuses to know services. Such an authority signs no precertificates: what it made is logged as it is.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::certificate::LintedTbs;
use crate::certificate::chain::IssuingChain;
use crate::signer::remote::RemoteError;
use crate::signer::unfit::Unfit;

/// What a [`ManagedCa`] is asked for: the future of one answer.
pub type Answering<'a, T> = Pin<Box<dyn Future<Output = Result<T, RemoteError>> + Send + 'a>>;

/// A certificate that is what was asked for.
#[derive(Clone, Debug)]
pub struct ManagedCertificate {
    /// DER.
    pub certificate: Vec<u8>,
    /// The chain whose first certificate issued it.
    pub chain: Arc<IssuingChain>,
}

/// A service that makes certificates.
pub trait ManagedCa: Send + Sync + fmt::Debug {
    /// The chain of every authority of the service: what clients have to trust. At least one; first those that issue.
    fn chains(&self) -> Arc<Vec<Arc<IssuingChain>>>;

    /// Whether the service could make this certificate, as far as that can be told without asking it.
    fn check(&self, tbs: &LintedTbs) -> Result<(), Unfit>;

    /// Has a certificate made, and checks that it is what was asked for. Bounds its own calls in time and number.
    fn issue<'a>(&'a self, tbs: &'a LintedTbs) -> Answering<'a, ManagedCertificate>;

    /// Sees whether the service answers, without having a certificate made.
    fn probe(&self) -> Answering<'_, ()>;
}
