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
    assert!(matches!(check(&restrictions, "JWT", &json!({})), Err(RestrictionError::Claim(ClaimError::Missing(_)))));
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
    assert!(matches!(check(&restrictions, "JWT", &json!({})), Err(RestrictionError::Claim(ClaimError::Missing(_)))));
}
