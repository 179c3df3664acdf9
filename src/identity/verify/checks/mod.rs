//! What a token is refused for whatever its issuer's keys say: its issuer, its audience, its times, and what the issuer's entry demands.
//!
//! Owns these checks and their order. Leaves signatures and identities to others.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::VerifyError;
use crate::identity::claims::{ClaimError, Claims, json_type, wrong_type};
use crate::identity::issuers::{Issuer, Issuers};
use crate::identity::restrictions::RestrictionError;
use crate::identity::token_type::TokenType;
use crate::text::peer_text::PeerText;

/// How far ahead of our clock `nbf` may be: issuers' clocks differ.
pub const NOT_BEFORE_LEEWAY: Duration = Duration::from_mins(5);

/// A check of a token before its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// `iss` is a configured issuer's.
    Issuer,
    Audience,
    /// `exp`, `nbf` and `iat`.
    Times,
    /// Claims that OpenID Connect defines and that are of no use here are of their type.
    UnusedClaims,
    Subject,
    /// What the issuer's entry demands besides: `token-types`, `authorized-parties`, `max-token-age`.
    Restrictions,
}

impl Check {
    /// In the order in which they are made.
    pub const ALL: [Self; 6] =
        [Self::Issuer, Self::Audience, Self::Times, Self::UnusedClaims, Self::Subject, Self::Restrictions];
}

/// The identities of its issuer that a token is for, at least one, whatever its signature. `begins` hears of each check before it is made.
pub(in crate::identity) fn check_unsigned(
    typ: &TokenType,
    claims: &Claims,
    issuers: &Issuers,
    now: SystemTime,
    mut begins: impl FnMut(Check),
) -> Result<(Arc<Issuer>, Vec<Arc<Issuer>>), VerifyError> {
    let url = claims.get("iss").and_then(Value::as_str).unwrap_or_default();
    begins(Check::Issuer);
    let identities = issuers.find(url);
    if identities.is_empty() {
        let name = PeerText::of(url);
        let refusal =
            if issuers.is_misconfigured(url) { VerifyError::Misconfigured } else { VerifyError::UnknownIssuer };
        return Err(refusal(name));
    }
    begins(Check::Audience);
    let (issuer, alternatives) = for_audience(claims, identities, url)?;
    begins(Check::Times);
    check_times(claims, now)?;
    begins(Check::UnusedClaims);
    check_unused(claims)?;
    begins(Check::Subject);
    check_subject(claims, &issuer, &alternatives)?;
    begins(Check::Restrictions);
    Ok(unrestricted(issuer, alternatives, |one| one.restrictions.check_token(typ, claims, now))?)
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

/// A claim of no use here, whether a value is of its type, and that type.
type Unused = (&'static str, fn(&Value) -> bool, &'static str);

/// Claims that OpenID Connect defines (Core 1.0 sections 2 and 5.6.2) and that are of no use here.
pub(in crate::identity) const UNUSED: [Unused; 4] = [
    ("nonce", Value::is_string, "a string"),
    ("at_hash", Value::is_string, "a string"),
    ("_claim_names", Value::is_object, "an object"),
    ("_claim_sources", Value::is_object, "an object"),
];

/// They are absent (null is), or of their type.
fn check_unused(claims: &Claims) -> Result<(), ClaimError> {
    UNUSED.into_iter().try_for_each(|(name, is_right, wanted)| match claims.get(name) {
        Some(value) if !is_right(value) => Err(wrong_type(name, value, wanted)),
        _ => Ok(()),
    })
}

#[cfg(test)]
pub(super) mod tests;
