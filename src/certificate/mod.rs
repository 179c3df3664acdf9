//! Certificates: from an admitted principal with its proven key to bytes that may be signed, and from a signature to the certificate.
//!
//! Owns the profile (RFC 5280). Knows the issuing chain, but neither signs nor knows who does.

mod append;
pub mod chain;
mod compose;
mod lint;
mod serial;

use std::time::{Duration, SystemTime};

use der::asn1::{AnyRef, BitStringRef};
use der::{Decode, Encode, Sequence};

use crate::certificate::chain::IssuingChain;
use crate::crypto::algorithm::SignatureAlgorithm;
use crate::policy::AdmittedPrincipal;

pub use append::logged_tbs;
pub use compose::{POISON, TIMESTAMPS};
pub use lint::LintError;
pub use serial::Serial;

/// The shortest lifetime that may be set.
pub const MIN_LIFETIME: Duration = Duration::from_mins(10);
/// The longest lifetime that may be set.
pub const MAX_LIFETIME: Duration = Duration::from_mins(20);
/// The most that `notBefore` may be set back.
pub const MAX_BACKDATING: Duration = Duration::from_mins(5);

/// When certificates begin and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValidityPolicy {
    lifetime: Duration,
    backdating: Duration,
}

/// A validity setting out of bounds.
#[derive(Debug, thiserror::Error)]
#[error("certificates live between 10 and 20 minutes, and are backdated by 5 minutes at most")]
pub struct ValidityOutOfBounds;

impl ValidityPolicy {
    /// Certificates that are valid for `lifetime` from `backdating` before now.
    pub fn new(lifetime: Duration, backdating: Duration) -> Result<Self, ValidityOutOfBounds> {
        if !(MIN_LIFETIME..=MAX_LIFETIME).contains(&lifetime) || backdating > MAX_BACKDATING {
            return Err(ValidityOutOfBounds);
        }
        Ok(Self { lifetime, backdating })
    }
}

impl Default for ValidityPolicy {
    fn default() -> Self {
        Self { lifetime: MIN_LIFETIME, backdating: Duration::ZERO }
    }
}

/// What a certificate is made of.
#[derive(Clone, Copy, Debug)]
pub struct CertificateRequest<'a> {
    /// Whom it is for, with the key: none but whom the policy admitted.
    pub admitted: &'a AdmittedPrincipal,
    pub issuer: &'a IssuingChain,
    pub algorithm: SignatureAlgorithm,
    pub validity: ValidityPolicy,
    pub now: SystemTime,
    pub serial: &'a Serial,
}

impl CertificateRequest<'_> {
    /// From notBefore to notAfter: as set, but for what the policy says.
    fn lifetime(&self) -> Duration {
        self.admitted.lifetime(self.validity.lifetime, MIN_LIFETIME)
    }
}

/// Why there is nothing to sign.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The CA certificate ends before the certificate would.
    #[error("the CA certificate expires before a certificate issued now would")]
    IssuerExpires,
    /// The CA certificate is not valid yet.
    #[error("the CA certificate is not valid yet")]
    IssuerNotYetValid,
    /// The clock or a length is out of what DER can hold.
    #[error("the certificate cannot be encoded: {0}")]
    Encoding(#[from] der::Error),
    #[error("the certificate does not have the profile: {0}")]
    Lint(#[from] LintError),
}

/// The DER of a TBSCertificate that was read back and found to have the profile. The signer takes nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintedTbs {
    der: Vec<u8>,
    form: Form,
}

/// What stands in the last place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Nothing that has to do with logs: a certificate for which no log is asked, or the base of the other two.
    Plain,
    /// The poison extension (RFC 6962 section 3.1).
    Precertificate,
    /// The list of signed certificate timestamps (RFC 6962 section 3.3).
    Timestamped,
}

impl LintedTbs {
    /// Puts a certificate together and lints it.
    pub fn compose(request: &CertificateRequest<'_>) -> Result<Self, ComposeError> {
        let der = compose::tbs_certificate(request)?;
        lint::check(&der, request)?;
        Ok(Self { der, form: Form::Plain })
    }

    /// The precertificate: the same with the poison extension.
    pub fn precertificate(&self) -> Result<Self, ComposeError> {
        self.extended(&compose::poison()?, Form::Precertificate)
    }

    /// The final certificate: the same with the logs' timestamps. `list` is a TLS-encoded SignedCertificateTimestampList.
    pub fn with_timestamps(&self, list: &[u8]) -> Result<Self, ComposeError> {
        self.extended(&compose::timestamps(list)?, Form::Timestamped)
    }

    /// Both forms come from the same linted bytes; that they differ from them in one extension only is checked by taking it away again.
    fn extended(&self, extension: &[u8], form: Form) -> Result<Self, ComposeError> {
        if self.form != Form::Plain {
            return Err(LintError::NOT_PLAIN.into());
        }
        let der = append::append(&self.der, extension)?;
        lint::check_extended(&der, &self.der, form)?;
        Ok(Self { der, form })
    }

    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate (RFC 5280 section 4.1).
    pub fn assemble(&self, algorithm: SignatureAlgorithm, signature: &[u8]) -> der::Result<Vec<u8>> {
        Certificate {
            tbs_certificate: AnyRef::from_der(&self.der)?,
            signature_algorithm: AnyRef::from_der(algorithm.algorithm_identifier_der())?,
            signature: BitStringRef::from_bytes(signature)?,
        }
        .to_der()
    }
}

/// RFC 5280 section 4.1; the fields' names are the RFC's.
#[derive(Sequence)]
#[allow(clippy::struct_field_names, reason = "the names of RFC 5280")]
struct Certificate<'a> {
    tbs_certificate: AnyRef<'a>,
    signature_algorithm: AnyRef<'a>,
    signature: BitStringRef<'a>,
}
