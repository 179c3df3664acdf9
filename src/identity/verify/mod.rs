//! The step from a token that says something to claims that are believed.
//!
//! Owns the order of the checks and the only constructor of [`VerifiedClaims`]. Knows neither identities nor key requests.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::claims::{ClaimError, Claims, json_type, wrong_type};
use super::fetch::Reach;
use super::keys::{KeyError, KeyStore, KeyWait, LeftOut, SignatureCheck};
use super::kinds::PrincipalError;
use super::restrictions::RestrictionError;
use super::select::identify;
use super::token::UnverifiedToken;
use super::token_type::TokenType;
use crate::identity::issuers::{Issuer, Issuers};
use crate::networks::Networks;
use crate::text::peer_text::PeerText;

/// How far ahead of our clock `nbf` may be: issuers' clocks differ.
const NOT_BEFORE_LEEWAY: Duration = Duration::from_mins(5);

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
        let seconds = self.claims.numeric_date("exp").ok().flatten().unwrap_or_default().max(0.0);
        UNIX_EPOCH + Duration::from_secs_f64(seconds)
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
    let identities = issuers.find(token.issuer());
    if identities.is_empty() && issuers.is_misconfigured(token.issuer()) {
        return Err(VerifyError::Misconfigured(PeerText::of(token.issuer())));
    }
    let (issuer, alternatives) = for_audience(token.claims(), identities, token.issuer())?;
    check_times(token.claims(), now)?;
    check_unused(token.claims())?;
    check_subject(token.claims(), &issuer, &alternatives)?;
    let (issuer, alternatives) = unrestricted(issuer, alternatives, |one| {
        one.restrictions.check_token(token.jws().token_type(), token.claims(), now)
    })?;
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

/// What the token would be refused for, had its issuer signed it. Nothing of the identity leaves here: it is not verified.
fn check_identity(
    token: &UnverifiedToken,
    issuer: &Arc<Issuer>,
    alternatives: &[Arc<Issuer>],
) -> Result<(), VerifyError> {
    let as_if_signed = VerifiedClaims {
        claims: token.claims().clone(),
        issuer: Arc::clone(issuer),
        alternatives: alternatives.to_vec(),
        signing_input_digest: None,
        has_unknown_type: false,
    };
    Ok(identify(as_if_signed).map(drop)?)
}

/// Of the identities of an issuer, the first one for the token's audience and the further ones.
fn for_audience(
    claims: &Claims,
    identities: &[Arc<Issuer>],
    url: &str,
) -> Result<(Arc<Issuer>, Vec<Arc<Issuer>>), VerifyError> {
    let mut refusal = VerifyError::UnknownIssuer(PeerText::of(url));
    for (position, issuer) in identities.iter().enumerate() {
        match check_audience(claims, &issuer.audience) {
            Ok(()) => {
                let rest = identities.get(position + 1..).unwrap_or_default();
                let fits = |issuer: &&Arc<Issuer>| check_audience(claims, &issuer.audience).is_ok();
                return Ok((Arc::clone(issuer), rest.iter().filter(fits).cloned().collect()));
            }
            Err(error) if position == 0 => refusal = error,
            Err(_) => {}
        }
    }
    Err(refusal)
}

/// Those of the identities whose restrictions the token keeps; of none, what the first one says.
fn unrestricted(
    first: Arc<Issuer>,
    mut others: Vec<Arc<Issuer>>,
    check: impl Fn(&Issuer) -> Result<(), RestrictionError>,
) -> Result<(Arc<Issuer>, Vec<Arc<Issuer>>), RestrictionError> {
    let refusal = check(&first).err();
    others.retain(|other| check(other).is_ok());
    match refusal {
        None => Ok((first, others)),
        Some(refusal) if others.is_empty() => Err(refusal),
        Some(_) => Ok((others.remove(0), others)),
    }
}

/// `aud` is a string or a list of strings (RFC 7519 section 4.1.3) and contains the audience.
fn check_audience(claims: &Claims, expected: &str) -> Result<(), VerifyError> {
    let found = match claims.get("aud") {
        None => return Err(ClaimError::Missing("aud".to_owned()).into()),
        Some(Value::String(audience)) => audience == expected,
        Some(Value::Array(list)) => {
            if let Some(odd) = list.iter().find(|entry| !entry.is_string()) {
                let found = json_type(odd);
                return Err(
                    ClaimError::WrongType { claim: "aud".to_owned(), found, wanted: "a list of strings" }.into()
                );
            }
            list.iter().any(|entry| entry == expected)
        }
        Some(other) => return Err(wrong_type("aud", other, "a string or a list of strings").into()),
    };
    if found { Ok(()) } else { Err(VerifyError::Audience { expected: expected.to_owned() }) }
}

/// The subject is a string with something in it, unless one of the identities does without. Each identity that needs it asks again.
fn check_subject(claims: &Claims, issuer: &Issuer, alternatives: &[Arc<Issuer>]) -> Result<(), ClaimError> {
    let mut identities = std::iter::once(issuer).chain(alternatives.iter().map(Arc::as_ref));
    if identities.all(|one| one.identity.kind().needs_subject()) {
        return claims.non_empty_str("sub").map(drop);
    }
    // In another letter case it is not the subject here, but it is to readers that do not look at the case: no certificate.
    if claims.get("sub").is_none() && claims.names().any(|name| name != "sub" && name.to_uppercase() == "SUB") {
        return Err(ClaimError::Missing("sub".to_owned()));
    }
    claims.optional_text("sub").map(drop)
}

fn check_times(claims: &Claims, now: SystemTime) -> Result<(), VerifyError> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let expiry = claims.numeric_date("exp")?.ok_or_else(|| ClaimError::Missing("exp".to_owned()))?;
    if expiry <= now {
        return Err(VerifyError::Expired);
    }
    if claims.numeric_date("nbf")?.is_some_and(|not_before| not_before > now + NOT_BEFORE_LEEWAY.as_secs_f64()) {
        return Err(VerifyError::NotYetValid);
    }
    // Issuers' clocks run ahead: `iat` may be any number, but nothing else.
    match claims.get("iat") {
        Some(value) if !value.is_number() => Err(wrong_type("iat", value, "a number").into()),
        _ => Ok(()),
    }
}

/// Claims that OpenID Connect defines (Core 1.0 sections 2 and 5.6.2) and that are of no use here: absent (null is), or of their type.
fn check_unused(claims: &Claims) -> Result<(), ClaimError> {
    type Check = (&'static str, fn(&Value) -> bool, &'static str);
    const CHECKS: [Check; 4] = [
        ("nonce", Value::is_string, "a string"),
        ("at_hash", Value::is_string, "a string"),
        ("_claim_names", Value::is_object, "an object"),
        ("_claim_sources", Value::is_object, "an object"),
    ];
    CHECKS.into_iter().try_for_each(|(name, is_right, wanted)| match claims.get(name) {
        Some(value) if !is_right(value) => Err(wrong_type(name, value, wanted)),
        _ => Ok(()),
    })
}

#[cfg(test)]
mod tests;
