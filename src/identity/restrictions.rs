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
    /// Another type than those of `token-types`.
    #[error("the token's typ header is not one of the issuer's token-types")]
    TokenType,
    /// Another `azp` than those of `authorized-parties`, or none.
    #[error("the token's azp is not one of the issuer's authorized-parties")]
    AuthorizedParty,
    /// `iat` is longer ago than `max-token-age`.
    #[error("the token is older than the issuer's max-token-age")]
    TooOld,
    /// `iat` is ahead of our clock.
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
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(restrictions: &Restrictions, typ: &str, claims: &Value) -> Result<(), RestrictionError> {
        let claims = Claims::parse(claims.to_string().as_bytes()).unwrap();
        restrictions.check_token(&TokenType::parse(typ), &claims, UNIX_EPOCH + Duration::from_secs(10_000))
    }

    fn list(entries: &[&str]) -> Vec<String> {
        entries.iter().map(|entry| (*entry).to_owned()).collect()
    }

    #[test]
    fn nothing_is_restricted_unless_it_is_said() {
        let claims = json!({"azp": 7, "iat": 99_999_999});
        assert_eq!(check(&Restrictions::default(), "at+jwt", &claims), Ok(()));
    }

    #[test]
    fn only_listed_types_pass() {
        let restrictions = Restrictions { token_types: Some(list(&["jwt", "foo+jwt"])), ..Restrictions::default() };
        for (typ, expected) in [
            ("JWT", Ok(())),
            ("application/FOO+jwt", Ok(())),
            ("at+jwt", Err(RestrictionError::TokenType)),
            ("", Err(RestrictionError::TokenType)),
        ] {
            assert_eq!(check(&restrictions, typ, &json!({})), expected, "{typ}");
        }
    }

    #[test]
    fn only_listed_parties_pass_and_one_must_be_named() {
        let restrictions = Restrictions { authorized_parties: Some(list(&["cli", "ci"])), ..Restrictions::default() };
        let outcome = |azp: Value| check(&restrictions, "JWT", &json!({"azp": azp}));
        assert_eq!((outcome(json!("cli")), outcome(json!("ci"))), (Ok(()), Ok(())));
        for other in ["other", "CLI", "cli ", ""] {
            assert_eq!(outcome(json!(other)), Err(RestrictionError::AuthorizedParty), "{other}");
        }
        assert!(matches!(outcome(json!(null)), Err(RestrictionError::Claim(ClaimError::Missing(_)))));
        for wrong in [json!(["cli"]), json!(1)] {
            assert!(matches!(outcome(wrong), Err(RestrictionError::Claim(ClaimError::WrongType { .. }))));
        }
        assert!(matches!(
            check(&restrictions, "JWT", &json!({})),
            Err(RestrictionError::Claim(ClaimError::Missing(_)))
        ));
    }

    #[test]
    fn a_token_has_an_age_where_that_counts() {
        let restrictions = Restrictions { max_token_age: Some(Duration::from_mins(10)), ..Restrictions::default() };
        let outcome = |iat: Value| check(&restrictions, "JWT", &json!({"iat": iat}));
        for fresh in [json!(10_000), json!(9400), json!(9400.0), json!(10_060)] {
            assert_eq!(outcome(fresh.clone()), Ok(()), "{fresh}");
        }
        for old in [json!(9399), json!(9399.9), json!(0), json!(-1)] {
            assert_eq!(outcome(old.clone()), Err(RestrictionError::TooOld), "{old}");
        }
        for ahead in [json!(10_061), json!(10_060.5), json!(99_999_999)] {
            assert_eq!(outcome(ahead.clone()), Err(RestrictionError::IssuedAhead), "{ahead}");
        }
        assert!(matches!(outcome(json!(null)), Err(RestrictionError::Claim(ClaimError::Missing(_)))));
        for wrong in [json!("10000"), json!(1e20), json!(true)] {
            assert!(matches!(outcome(wrong), Err(RestrictionError::Claim(ClaimError::WrongType { .. }))));
        }
        assert!(matches!(
            check(&restrictions, "JWT", &json!({})),
            Err(RestrictionError::Claim(ClaimError::Missing(_)))
        ));
    }
}
