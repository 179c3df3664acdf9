//! What an issuer's entry demands of its tokens and names beyond what every token must have.
//!
//! Owns those checks. They are off unless the operator sets them; knows nothing of the file in which that is written.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::claims::{ClaimError, Claims};
use super::name_policy::NamePolicy;
use super::token_type::TokenType;

/// How far ahead of our clock `iat` may be where a token's age counts: issuers' clocks differ.
pub(crate) const ISSUED_AT_LEEWAY: Duration = Duration::from_mins(1);

/// The restrictions of one identity of an issuer; the default restricts nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restrictions {
    /// `token-types`: the only types of tokens, as [`super::token_type::plain_name`] writes them.
    pub token_types: Option<Vec<String>>,
    /// `authorized-parties`: the only values of `azp`.
    pub authorized_parties: Option<Vec<String>>,
    /// `max-token-age`: how long ago `iat` may be.
    pub max_token_age: Option<Duration>,
    /// `name-policy`
    pub names: NamePolicy,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestrictionError {
    #[error("the token's typ header is not one of the issuer's token-types")]
    TokenType,
    #[error("the token's azp is not one of the issuer's authorized-parties")]
    AuthorizedParty,
    #[error("the token is older than the issuer's max-token-age")]
    TooOld,
    #[error("the token's iat is more than 60 s ahead, and its age counts")]
    IssuedAhead,
    /// A claim that a restriction needs is missing or of the wrong type.
    #[error(transparent)]
    Claim(#[from] ClaimError),
}

impl Restrictions {
    /// Whether the issuer's entry takes the token.
    pub fn check_token(&self, typ: &TokenType, claims: &Claims, now: SystemTime) -> Result<(), RestrictionError> {
        if self.token_types.as_ref().is_some_and(|types| !types.iter().any(|one| one == typ.name())) {
            return Err(RestrictionError::TokenType);
        }
        if let Some(parties) = &self.authorized_parties {
            let party = claims.text("azp")?;
            if !parties.iter().any(|one| one == party) {
                return Err(RestrictionError::AuthorizedParty);
            }
        }
        self.max_token_age.map_or(Ok(()), |longest| check_age(claims, longest, now))
    }
}

fn check_age(claims: &Claims, longest: Duration, now: SystemTime) -> Result<(), RestrictionError> {
    let issued = claims.numeric_date("iat")?.ok_or_else(|| ClaimError::Missing("iat".to_owned()))?;
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    if issued > now + ISSUED_AT_LEEWAY.as_secs_f64() {
        return Err(RestrictionError::IssuedAhead);
    }
    if issued + longest.as_secs_f64() < now {
        return Err(RestrictionError::TooOld);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
