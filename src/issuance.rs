//! The pipeline: from a token and a key to a certificate.
//!
//! Owns the order of the steps and what each failure is called. Knows no transport, no file and no concrete backend.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;

use crate::authority::{Authority, AuthoritySource, SignerError};
use crate::certificate::{ComposeError, Ingredients, LintedTbs, Serial, ValidityPolicy};
use crate::config::issuers::Issuers;
use crate::failure::{Failure, FailureKind};
use crate::identity::keys::KeyStore;
use crate::identity::principal::PrincipalError;
use crate::identity::token::TokenError;
use crate::identity::verify::{VerifyError, verify};
use crate::identity::{Principal, UnverifiedToken};
use crate::possession::{KeyRequest, PermittedAlgorithms, PossessionError, prove};

/// What a client sends, whatever the transport.
pub struct Request {
    /// The identity token; empty when none was sent.
    pub token: String,
    /// The key to certify.
    pub key: KeyRequest,
}

/// An issued certificate.
#[derive(Debug)]
pub struct Issued {
    /// DER.
    pub certificate: Vec<u8>,
    /// The authority that issued it, with its chain.
    pub authority: Arc<Authority>,
    /// What the audit log says of it.
    pub record: Record,
}

/// What the audit log says of an issued certificate: no e-mail address, no claim.
#[derive(Debug)]
pub struct Record {
    /// The certificate's serial number, hexadecimal.
    pub serial: String,
    /// The issuer of the token.
    pub issuer: String,
    /// The identity type's name.
    pub identity: &'static str,
    /// The kind of key.
    pub key: &'static str,
}

/// The clock and the source of randomness.
pub struct Ambient {
    /// The time.
    pub clock: Box<dyn Fn() -> SystemTime + Send + Sync>,
    /// Twenty random octets, or nothing when there is no randomness to be had.
    pub random: Box<dyn Fn() -> Option<[u8; Serial::LENGTH]> + Send + Sync>,
}

/// Everything that issuing needs.
pub struct Issuance {
    /// The trusted issuers; replaced as a whole.
    pub issuers: ArcSwap<Issuers>,
    /// Their keys.
    pub keys: KeyStore,
    /// Which client keys are accepted.
    pub algorithms: PermittedAlgorithms,
    /// How long certificates live.
    pub validity: ValidityPolicy,
    /// Who signs.
    pub authority: AuthoritySource,
    /// Clock and randomness.
    pub ambient: Ambient,
}

impl Issuance {
    /// Issues a certificate. Nothing is signed before the token is verified, the key proven and the certificate linted.
    ///
    /// # Errors
    /// A [`Failure`] says what the client may know; its cause is for the log.
    pub async fn issue(&self, request: Request) -> Result<Issued, Failure> {
        let now = (self.ambient.clock)();
        let token = UnverifiedToken::parse(&request.token)?;
        let claims = verify(token, &self.issuers.load(), &self.keys, now).await?;
        let principal = Principal::from_claims(&claims)?;
        let key = prove(&request.key, principal.challenge(), &self.algorithms)?;
        let authority = self.authority.current();
        let serial = self.serial()?;
        let tbs = LintedTbs::compose(&Ingredients {
            principal: &principal,
            key: &key,
            issuer: authority.chain(),
            algorithm: authority.algorithm(),
            validity: self.validity,
            now: (self.ambient.clock)(),
            serial: &serial,
        })?;
        let signature = authority.sign(&tbs).await?;
        let certificate = tbs
            .assemble(authority.algorithm(), &signature)
            .map_err(|error| Failure::new(FailureKind::Internal, error))?;
        let record = Record {
            serial: serial.to_hex(),
            issuer: claims.issuer_url().to_owned(),
            identity: claims.issuer().identity.name(),
            key: key.public_key().kind().name(),
        };
        Ok(Issued { certificate, authority, record })
    }

    fn serial(&self) -> Result<Serial, Failure> {
        let octets =
            (self.ambient.random)().ok_or_else(|| Failure::new(FailureKind::Internal, "no randomness is to be had"))?;
        Ok(Serial::from_random(octets))
    }
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        let kind = match &error {
            TokenError::Absent => FailureKind::TokenMissing,
            TokenError::Algorithm => FailureKind::TokenAlgorithm,
            TokenError::Issuer(_) => FailureKind::TokenClaim,
            TokenError::TooLong
            | TokenError::NotThreeParts
            | TokenError::NotBase64(_)
            | TokenError::Header(_)
            | TokenError::Critical
            | TokenError::Claims(_) => FailureKind::TokenMalformed,
        };
        Self::new(kind, error)
    }
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::UnknownIssuer(_) => Self::new(FailureKind::TokenIssuerUnknown, error),
            VerifyError::Claim(claim) => {
                let name = claim.claim().to_owned();
                Self::new(FailureKind::TokenClaim, claim).with("claim", name)
            }
            VerifyError::Audience { ref expected } => {
                let expected = expected.clone();
                Self::new(FailureKind::TokenAudience, error).with("expectedAudience", expected)
            }
            VerifyError::Expired => Self::new(FailureKind::TokenExpired, error),
            VerifyError::NotYetValid => Self::new(FailureKind::TokenNotYetValid, error),
            VerifyError::AlgorithmNotOffered => Self::new(FailureKind::TokenAlgorithm, error),
            VerifyError::Signature => Self::new(FailureKind::TokenSignature, error),
            VerifyError::Keys { .. } => Self::new(FailureKind::IssuerUnavailable, error),
        }
    }
}

impl From<PrincipalError> for Failure {
    fn from(error: PrincipalError) -> Self {
        let claim = error.claim().map(str::to_owned);
        let failure = match (&error, &claim) {
            (PrincipalError::Template { .. }, Some(name)) => {
                let message = format!("{}: the claim {name:?}", FailureKind::IdentityTemplate.row().text);
                Self::new(FailureKind::IdentityTemplate, error).saying(message)
            }
            _ => Self::new(FailureKind::IdentityRefused, error),
        };
        match claim {
            Some(name) => failure.with("claim", name),
            None => failure,
        }
    }
}

impl From<PossessionError> for Failure {
    fn from(error: PossessionError) -> Self {
        use crate::possession::{CsrError, PublicKeyError};
        let kind = match error {
            PossessionError::Key(PublicKeyError::Malformed(_) | PublicKeyError::UnknownAlgorithm) => {
                FailureKind::KeyMalformed
            }
            PossessionError::Csr(CsrError::Malformed(_)) => FailureKind::CsrMalformed,
            PossessionError::Key(PublicKeyError::Insecure(_)) | PossessionError::Csr(CsrError::Insecure(_)) => {
                FailureKind::KeyInsecure
            }
            PossessionError::Proof(_) => FailureKind::ProofInvalid,
            PossessionError::NotPermitted { .. } => FailureKind::AlgorithmNotPermitted,
        };
        // Why a key or proof is refused is a constant text of ours, and the caller's own business.
        Self::new(kind, error).with("problem", error.to_string())
    }
}

impl From<ComposeError> for Failure {
    fn from(error: ComposeError) -> Self {
        match error {
            ComposeError::IssuerExpires | ComposeError::IssuerNotYetValid => Self::new(FailureKind::CaExpiring, error),
            ComposeError::Encoding(_) | ComposeError::Lint(_) => Self::new(FailureKind::Internal, error),
        }
    }
}

impl From<SignerError> for Failure {
    fn from(error: SignerError) -> Self {
        Self::new(FailureKind::SignerUnavailable, error)
    }
}
