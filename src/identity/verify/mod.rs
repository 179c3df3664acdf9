//! The step from a token that says something to claims that are believed.
//!
//! Owns the signature's place among the checks and the only constructor of [`VerifiedClaims`]. The checks before it are in `checks`. Knows
//! neither identities nor key requests.

mod checks;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::claims::{ClaimError, Claims};
use super::fetch::Reach;
use super::keys::{KeyError, KeyStore, KeyWait, LeftOut, SignatureCheck};
use super::kinds::{Principal, PrincipalError};
use super::restrictions::RestrictionError;
use super::select::identify;
use super::token::UnverifiedToken;
use super::token_type::TokenType;
use crate::identity::issuers::{Issuer, Issuers};
use crate::networks::Networks;
use crate::text::peer_text::PeerText;

pub use checks::{Check, NOT_BEFORE_LEEWAY};
pub(super) use checks::{UNUSED, check_unsigned};

/// Claims that one of the issuer's keys signed, for our audience, within their time.
#[derive(Debug)]
pub struct VerifiedClaims {
    claims: Claims,
    issuer: Arc<Issuer>,
    /// Further identities of the issuer for the token's audience, in their order.
    alternatives: Vec<Arc<Issuer>>,
    signing_input_digest: Option<SigningInputDigest>,
    has_unknown_type: bool,
}

/// SHA-256 of the text that the issuer signed: the token without its signature, which others may be able to vary.
pub type SigningInputDigest = [u8; 32];

/// Why a token is not believed.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("no configured issuer is \"{0}\"")]
    UnknownIssuer(PeerText),
    #[error("the entry of \"{0}\" in the issuer file cannot be used; the start or the reload logged why")]
    Misconfigured(PeerText),
    /// A claim that every token needs is missing or of the wrong type.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    #[error("the token's audience is not {expected:?}")]
    Audience {
        /// The audience that is configured for the issuer.
        expected: String,
    },
    /// `exp` is not in the future.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is too far ahead.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// The issuer's entry has a restriction that the token breaks.
    #[error(transparent)]
    Restricted(#[from] RestrictionError),
    #[error("the issuer does not sign with the token's algorithm")]
    AlgorithmNotOffered,
    #[error("bad signature: no key of the issuer made the token's signature")]
    Signature,
    #[error("unknown key id: the issuer has no key \"{0}\"")]
    UnknownKeyId(PeerText),
    #[error("the issuer's key \"{id}\" is not used: {reason}")]
    KeyLeftOut {
        /// The key's id, as the token names it.
        id: PeerText,
        reason: LeftOut,
    },
    /// The claims do not make an identity of the issuer. Found before the issuer is asked for its keys.
    #[error(transparent)]
    Identity(#[from] PrincipalError),
    #[error("could not fetch the keys of {issuer}")]
    Keys {
        issuer: PeerText,
        /// Which addresses it may have.
        reach: Reach,
        source: Arc<KeyError>,
    },
}

impl VerifiedClaims {
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The configured issuer that the token is of; of several identities of it, the one that is looked at.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The issuer's other identities for the token's audience, once.
    pub(super) fn take_alternatives(&mut self) -> Vec<Arc<Issuer>> {
        std::mem::take(&mut self.alternatives)
    }

    /// Looks at another of the issuer's identities. Returns the one before.
    pub(super) const fn with_issuer(&mut self, issuer: Arc<Issuer>) -> Arc<Issuer> {
        std::mem::replace(&mut self.issuer, issuer)
    }

    /// `iss`: for a meta issuer the concrete one.
    pub fn issuer_url(&self) -> &str {
        self.claims.get("iss").and_then(Value::as_str).unwrap_or_default()
    }

    /// `sub`, which some identities do without.
    pub fn subject(&self) -> Option<&str> {
        self.claims.get("sub").and_then(Value::as_str).filter(|subject| !subject.is_empty())
    }

    /// What tells the issuer's identities apart: the subject, or the address of a token without one.
    pub fn party(&self) -> &str {
        self.subject().or_else(|| self.claims.get("email").and_then(Value::as_str)).unwrap_or_default()
    }

    /// What tells this token from every other one, for issuers whose tokens are counted.
    pub const fn signing_input_digest(&self) -> Option<&SigningInputDigest> {
        self.signing_input_digest.as_ref()
    }

    /// Whether the token's `typ` header is one that is not known here.
    pub const fn has_unknown_type(&self) -> bool {
        self.has_unknown_type
    }

    /// `exp`: in the future when the token was verified.
    pub fn expires_at(&self) -> SystemTime {
        expires_at(&self.claims)
    }

    /// The issuer, to make other claims of it.
    #[cfg(test)]
    pub(crate) const fn issuer_for_test(&self) -> &Arc<Issuer> {
        &self.issuer
    }

    /// Claims as if they were verified, for the tests of what comes after.
    #[cfg(test)]
    pub(crate) const fn for_test(claims: Claims, issuer: Arc<Issuer>) -> Self {
        Self { claims, issuer, alternatives: Vec::new(), signing_input_digest: Some([0; 32]), has_unknown_type: false }
    }
}

/// `exp` of claims that have one.
pub(crate) fn expires_at(claims: &Claims) -> SystemTime {
    let seconds = claims.numeric_date("exp").ok().flatten().unwrap_or_default().max(0.0);
    UNIX_EPOCH + Duration::from_secs_f64(seconds)
}

/// Whether an issuer that has to be asked for its keys is waited for.
#[derive(Clone, Copy, Debug)]
pub enum Patience {
    /// Yes, on behalf of this client.
    Waits(Option<Networks>),
    /// No, it was: what is held counts.
    Waited,
}

/// What comes of a token.
#[derive(Debug)]
pub enum Verification {
    Believed(VerifiedClaims),
    /// Its issuer is being asked for its keys. The token is to be verified again after the wait.
    Waits(UnverifiedToken, KeyWait),
}

/// Verifies a token, and waits for its issuer's keys if they are not held.
pub async fn verify(
    mut token: UnverifiedToken,
    issuers: &Issuers,
    keys: &KeyStore,
    now: SystemTime,
) -> Result<VerifiedClaims, VerifyError> {
    let mut patience = Patience::Waits(None);
    loop {
        match verify_now(token, issuers, keys, now, patience)? {
            Verification::Believed(claims) => return Ok(claims),
            Verification::Waits(same, wait) => {
                wait.over().await?;
                (token, patience) = (same, Patience::Waited);
            }
        }
    }
}

/// Verifies a token with the keys that are held. What costs nothing is checked before they are looked at, and nobody is asked because of a
/// token that would be refused whatever its issuer answers.
pub fn verify_now(
    token: UnverifiedToken,
    issuers: &Issuers,
    keys: &KeyStore,
    now: SystemTime,
    patience: Patience,
) -> Result<Verification, VerifyError> {
    let (issuer, alternatives) = check_unsigned(token.jws().token_type(), token.claims(), issuers, now, |_| ())?;
    match check_signature(&token, &issuer, &alternatives, keys, now, patience)? {
        Answer::Wait(wait) => Ok(Verification::Waits(token, wait)),
        Answer::Check(SignatureCheck::Good) => {
            let counted =
                std::iter::once(&issuer).chain(&alternatives).any(|one| one.max_certificates_per_token.is_some());
            let signing_input_digest = counted.then(|| Sha256::digest(token.jws().signed_text()).into());
            let has_unknown_type = matches!(token.jws().token_type(), TokenType::Unknown(_));
            let claims = token.into_claims();
            Ok(Verification::Believed(VerifiedClaims {
                claims,
                issuer,
                alternatives,
                signing_input_digest,
                has_unknown_type,
            }))
        }
        Answer::Check(SignatureCheck::Bad) => Err(VerifyError::Signature),
        Answer::Check(SignatureCheck::UnknownKeyId) => Err(VerifyError::UnknownKeyId(key_id(&token))),
        Answer::Check(SignatureCheck::KeyLeftOut(reason)) => {
            Err(VerifyError::KeyLeftOut { id: key_id(&token), reason })
        }
        Answer::Check(SignatureCheck::AlgorithmNotOffered) => Err(VerifyError::AlgorithmNotOffered),
    }
}

fn key_id(token: &UnverifiedToken) -> PeerText {
    PeerText::of(token.jws().key_id().unwrap_or_default())
}

/// What the issuer's keys say, or the wait for them.
enum Answer {
    Check(SignatureCheck),
    Wait(KeyWait),
}

/// The keys that are held decide, if one of them made the signature. If not, the issuer is asked, unless the token is refused in any case.
fn check_signature(
    token: &UnverifiedToken,
    issuer: &Arc<Issuer>,
    alternatives: &[Arc<Issuer>],
    keys: &KeyStore,
    now: SystemTime,
    patience: Patience,
) -> Result<Answer, VerifyError> {
    let unavailable = |source| VerifyError::Keys {
        issuer: PeerText::of(token.issuer()),
        reach: issuer.reach(token.issuer()),
        source,
    };
    let held = keys.check_held(token, issuer);
    let before = held.map(|held| held.check);
    if let Patience::Waits(client) = patience
        && before != Some(SignatureCheck::Good)
        && keys.may_ask(token, issuer, held, now)
    {
        match check_form(token).and_then(|()| check_identity(token, issuer, alternatives)) {
            Ok(()) => {
                if let Some(wait) = keys.ask(token, issuer, held, now, client).map_err(unavailable)? {
                    return Ok(Answer::Wait(wait));
                }
            }
            Err(hopeless) if before.is_none() => return Err(hopeless),
            Err(_) => {}
        }
    }
    Ok(Answer::Check(match before {
        Some(check) => check,
        None => keys.check_any(token, issuer).map_err(unavailable)?,
    }))
}

/// A signature of another length than its algorithm's is nobody's.
fn check_form(token: &UnverifiedToken) -> Result<(), VerifyError> {
    if token.jws().has_signature_form() { Ok(()) } else { Err(VerifyError::Signature) }
}

/// What the token would be refused for, had its issuer signed it.
fn check_identity(
    token: &UnverifiedToken,
    issuer: &Arc<Issuer>,
    alternatives: &[Arc<Issuer>],
) -> Result<(), VerifyError> {
    Ok(identify_as_if_signed(token.claims(), issuer, alternatives, |_, _| ())?)
}

/// Shows what [`identify`] makes of claims that nobody has verified. They are lent for one look: nothing that is given out here leads to a
/// certificate, so `look` must not copy the principal.
pub(super) fn identify_as_if_signed<T>(
    claims: &Claims,
    issuer: &Arc<Issuer>,
    alternatives: &[Arc<Issuer>],
    look: impl FnOnce(&VerifiedClaims, &Principal) -> T,
) -> Result<T, PrincipalError> {
    let as_if_signed = VerifiedClaims {
        claims: claims.clone(),
        issuer: Arc::clone(issuer),
        alternatives: alternatives.to_vec(),
        signing_input_digest: None,
        has_unknown_type: false,
    };
    identify(as_if_signed).map(|(claims, principal)| look(&claims, &principal))
}

#[cfg(test)]
mod tests;
