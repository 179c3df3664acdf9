//! What each step's errors are called towards the client.
//!
//! Owns the choice of a [`FailureKind`] for every error of the core, and of what helps the client. Exhaustive: a new error does not
//! compile until it has a name here.

use crate::authority::MakeError;
use crate::blocklist::Blocked;
use crate::certificate::ComposeError;
use crate::ct::TransparencyError;
use crate::failure::{Failure, FailureKind};
use crate::identity::fetch::Reach;
use crate::identity::kinds::PrincipalError;
use crate::identity::restrictions::RestrictionError;
use crate::identity::token::TokenError;
use crate::identity::verify::VerifyError;
use crate::limits::single_use::{LONGEST_LIFE, SingleUseError};
use crate::panics::Panicked;
use crate::policy::{Denied, Rule};
use crate::possession::{CsrError, PossessionError, PublicKeyError};
use crate::signer::SignerError;
use crate::signer::unfit::Unfit;

/// Said of every issuer of a pattern that could not be reached and would be refused a private address, not only of those that have one:
/// a stranger learns nothing of the names of our network.
const UNREACHED_OF_PATTERN: &str = "The identity token's issuer could not be reached for its keys. It matches a pattern, and is \
    reached on the public internet only: if it is in a private network, the server's operator can allow that \
    (allow-private-addresses)";

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        let kind = match &error {
            TokenError::Absent => FailureKind::TokenMissing,
            TokenError::Algorithm => FailureKind::TokenAlgorithm,
            TokenError::ForAnotherUse(_) => FailureKind::TokenType,
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
            VerifyError::Misconfigured(_) => Self::new(FailureKind::IssuerMisconfigured, error),
            VerifyError::Claim(claim) | VerifyError::Restricted(RestrictionError::Claim(claim)) => {
                let name = claim.claim().to_owned();
                Self::new(FailureKind::TokenClaim, claim).with("claim", name)
            }
            VerifyError::Audience { ref expected } => {
                let expected = expected.clone();
                Self::new(FailureKind::TokenAudience, error).with("expectedAudience", expected)
            }
            VerifyError::Expired => Self::new(FailureKind::TokenExpired, error),
            VerifyError::Restricted(RestrictionError::TokenType) => Self::new(FailureKind::TokenType, error),
            VerifyError::Restricted(RestrictionError::AuthorizedParty) => Self::new(FailureKind::TokenParty, error),
            VerifyError::Restricted(RestrictionError::TooOld) => Self::new(FailureKind::TokenTooOld, error),
            VerifyError::NotYetValid | VerifyError::Restricted(RestrictionError::IssuedAhead) => {
                Self::new(FailureKind::TokenNotYetValid, error)
            }
            VerifyError::AlgorithmNotOffered => Self::new(FailureKind::TokenAlgorithm, error),
            VerifyError::Signature => Self::new(FailureKind::TokenSignature, error),
            VerifyError::UnknownKeyId(_) | VerifyError::KeyLeftOut { .. } => {
                Self::new(FailureKind::TokenKeyUnknown, error)
            }
            VerifyError::Identity(error) => error.into(),
            VerifyError::Keys { reach: Reach::PublicInternet, ref source, .. } if source.is_unreached() => {
                Self::new(FailureKind::IssuerUnavailable, error).with_message(UNREACHED_OF_PATTERN.to_owned())
            }
            VerifyError::Keys { .. } => Self::new(FailureKind::IssuerUnavailable, error),
        }
    }
}

impl From<PrincipalError> for Failure {
    fn from(error: PrincipalError) -> Self {
        let claim = error.claim().map(str::to_owned);
        let failure = match (&error, &claim) {
            (PrincipalError::Ambiguous, _) => Self::new(FailureKind::IdentityAmbiguous, error),
            (PrincipalError::NotAllowed(rule), _) => {
                let rule = rule.to_string();
                Self::new(FailureKind::NameNotAllowed, error).with("problem", rule)
            }
            (PrincipalError::Template { .. }, Some(name)) => {
                let message = format!("{}: the claim {name:?}", FailureKind::IdentityTemplate.row().text);
                Self::new(FailureKind::IdentityTemplate, error).with_message(message)
            }
            _ => Self::new(FailureKind::IdentityRefused, error),
        };
        match claim {
            Some(name) => failure.with("claim", name),
            None => failure,
        }
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        let id = denied.rule().map(|rule| rule.id().to_owned());
        // The operator wrote it for clients.
        let said = denied.rule().and_then(Rule::message).map(str::to_owned);
        let failure = Self::new(FailureKind::PolicyDenied, denied);
        let failure = match id {
            Some(id) => failure.with("rule", id),
            None => failure,
        };
        match said {
            Some(said) => failure.with_message(format!("{}: {said}", FailureKind::PolicyDenied.row().text)),
            None => failure,
        }
    }
}

impl From<PossessionError> for Failure {
    fn from(error: PossessionError) -> Self {
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

impl From<Blocked> for Failure {
    /// An entry's reason is for the log alone.
    fn from(blocked: Blocked) -> Self {
        match blocked {
            Blocked::Entry { .. } => Self::new(FailureKind::Blocked, blocked),
            Blocked::PublicKey => {
                let problem = blocked.to_string();
                Self::new(FailureKind::KeyBlocked, blocked).with("problem", problem)
            }
        }
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

impl From<SingleUseError> for Failure {
    fn from(error: SingleUseError) -> Self {
        match error {
            SingleUseError::Claim(claim) => {
                let name = claim.claim().to_owned();
                Self::new(FailureKind::TokenClaim, claim).with("claim", name)
            }
            SingleUseError::Spent => Self::new(FailureKind::TokenSpent, error),
            SingleUseError::LivesTooLong => {
                Self::new(FailureKind::TokenLife, error).with("longestSeconds", LONGEST_LIFE.as_secs().to_string())
            }
            SingleUseError::Unknown(_) => Self::new(FailureKind::TokenUsesUnknown, error),
        }
    }
}

impl From<Panicked> for Failure {
    fn from(panic: Panicked) -> Self {
        Self::new(FailureKind::Internal, panic)
    }
}

impl From<TransparencyError> for Failure {
    fn from(error: TransparencyError) -> Self {
        let kind = if error.is_about_clocks() { FailureKind::LogClock } else { FailureKind::LogUnavailable };
        Self::new(kind, error)
    }
}

impl From<Unfit> for Failure {
    fn from(unfit: Unfit) -> Self {
        let kind = match unfit {
            Unfit::Key(_) => FailureKind::KeyNotCertifiable,
            Unfit::Length { .. } => FailureKind::CertificateTooLarge,
            Unfit::Refused(_) => FailureKind::CertificateRefused,
            Unfit::Form(_) => FailureKind::Internal,
        };
        Self::new(kind, unfit)
    }
}

impl From<MakeError> for Failure {
    fn from(error: MakeError) -> Self {
        match error {
            MakeError::Unfit(unfit) | MakeError::Signer(SignerError::Unfit(unfit)) => unfit.into(),
            MakeError::Signer(error) => Self::new(FailureKind::SignerUnavailable, error),
            MakeError::Assemble(error) => Self::new(FailureKind::Internal, error),
        }
    }
}
