use super::*;
use serde_json::json;

pub(in crate::identity::verify) fn claims(value: &Value) -> Claims {
    Claims::parse(value.to_string().as_bytes()).unwrap()
}

fn times(value: &Value) -> Result<(), VerifyError> {
    check_times(&claims(value), UNIX_EPOCH + Duration::from_secs(1000))
}

#[test]
fn expiry_has_no_leeway() {
    assert!(times(&json!({"exp": 1001})).is_ok());
    assert!(times(&json!({"exp": 1000.5})).is_ok());
    for expired in [json!(1000), json!(999.9), json!(0), json!(-1)] {
        assert!(matches!(times(&json!({"exp": expired})), Err(VerifyError::Expired)), "{expired}");
    }
}

#[test]
fn not_before_has_five_minutes() {
    assert!(times(&json!({"exp": 2000, "nbf": 1300})).is_ok());
    assert!(matches!(times(&json!({"exp": 2000, "nbf": 1300.5})), Err(VerifyError::NotYetValid)));
}

#[test]
fn issued_at_may_be_in_the_future() {
    assert!(times(&json!({"exp": 2000, "iat": 9000})).is_ok());
}

#[test]
fn a_time_of_the_wrong_type_is_refused_and_never_absent() {
    for bad in [json!("2000"), json!(true), json!([2000]), json!({})] {
        for name in ["exp", "nbf", "iat"] {
            let mut value = json!({"exp": 2000});
            value[name] = bad.clone();
            assert!(matches!(times(&value), Err(VerifyError::Claim(ClaimError::WrongType { .. }))), "{name} {bad}");
        }
    }
    for beyond in [json!(1e15), json!(1e20), json!(i64::MAX), json!(-1e300)] {
        assert!(times(&json!({"exp": beyond})).is_err() && times(&json!({"exp": 2000, "nbf": beyond})).is_err());
        assert!(times(&json!({"exp": 2000, "iat": beyond})).is_ok(), "never checked");
    }
    assert!(matches!(times(&json!({})), Err(VerifyError::Claim(ClaimError::Missing(_)))));
}

#[test]
fn a_null_time_is_absent_and_an_expiry_is_never_absent() {
    assert!(times(&json!({"exp": 2000, "nbf": null, "iat": null})).is_ok());
    let refused = times(&json!({"exp": null, "nbf": 1, "iat": 1}));
    assert!(matches!(refused, Err(VerifyError::Claim(ClaimError::Missing(claim))) if claim == "exp"));
}

#[test]
fn claims_that_are_not_used_are_still_of_their_type() {
    let check = |name: &str, value: Value| check_unused(&claims(&json!({name: value})));
    for name in ["nonce", "at_hash"] {
        assert!(check(name, json!("x")).is_ok() && check(name, json!(null)).is_ok());
        assert!(check(name, json!(7)).is_err() && check(name, json!(["x"])).is_err(), "{name}");
    }
    for name in ["_claim_names", "_claim_sources"] {
        assert!(check(name, json!({})).is_ok() && check(name, json!("x")).is_err(), "{name}");
    }
}

#[test]
fn the_audience_is_a_text_or_a_list_of_texts() {
    let check = |aud: Value| check_audience(&claims(&json!({"aud": aud})), "sigstore");
    assert!(check(json!("sigstore")).is_ok());
    assert!(check(json!(["a", "sigstore"])).is_ok());
    for other in [json!("Sigstore"), json!("a"), json!([]), json!(["a"]), json!("sigstore ")] {
        assert!(matches!(check(other.clone()), Err(VerifyError::Audience { .. })), "{other}");
    }
    for wrong in [json!(null), json!(1), json!({"sigstore": 1}), json!(["sigstore", 1]), json!([["sigstore"]])] {
        assert!(matches!(check(wrong.clone()), Err(VerifyError::Claim(_))), "{wrong}");
    }
    assert!(check_audience(&claims(&json!({})), "sigstore").is_err());
}

/// An identity of this type for tokens of this audience.
pub(in crate::identity::verify) fn identity(kind: &str, audience: &str) -> Arc<Issuer> {
    let file = format!("oidc-issuers:\n  https://a.example:\n    client-id: {audience}\n    type: {kind}\n");
    Arc::clone(Issuers::parse("test.yaml", &file).unwrap().iter().next().unwrap())
}

/// The audiences of what was found: they tell the identities apart.
fn audiences<E>(found: Result<(Arc<Issuer>, Vec<Arc<Issuer>>), E>) -> Result<String, E> {
    found.map(|(first, others)| std::iter::once(&first).chain(&others).map(|one| one.audience.as_str()).collect())
}

#[test]
fn the_identities_for_the_audience_are_found_in_their_order() {
    let identities = ["a", "b", "c", "d"].map(|audience| identity("email", audience));
    let found = |aud: Value, among| audiences(for_audience(&claims(&json!({"aud": aud})), among, "url"));
    for (aud, expected) in [(json!("a"), "a"), (json!("d"), "d"), (json!(["d", "b"]), "bd"), (json!(["a", "c"]), "ac")]
    {
        assert_eq!(found(aud.clone(), &identities).unwrap(), expected, "{aud}");
    }
    let refused = found(json!("e"), &identities);
    assert!(matches!(refused, Err(VerifyError::Audience { expected }) if expected == "a"), "what the first one says");
    assert!(matches!(found(json!("a"), &[]), Err(VerifyError::UnknownIssuer(_))));
}

#[test]
fn the_identities_whose_restrictions_a_token_keeps_are_left() {
    let [first, second, third] = ["a", "b", "c"].map(|audience| identity("email", audience));
    for (kept, expected) in [("abc", Ok("abc")), ("bc", Ok("bc")), ("ac", Ok("ac")), ("c", Ok("c")), ("", Err("a"))] {
        let refusal = |one: &Issuer| ClaimError::Missing(one.audience.clone()).into();
        let check = |one: &Issuer| if kept.contains(&one.audience) { Ok(()) } else { Err(refusal(one)) };
        let found = unrestricted(Arc::clone(&first), vec![Arc::clone(&second), Arc::clone(&third)], check);
        let found = audiences(found).map_err(|error| match error {
            RestrictionError::Claim(error) => error.claim().to_owned(),
            other => panic!("{other}"),
        });
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{kept}");
    }
}

#[test]
fn the_subject_is_needed_unless_one_of_the_identities_does_without() {
    let (cluster, email) = (identity("kubernetes", "a"), identity("email", "a"));
    for (value, alone, with_email) in [
        (json!({"sub": "x", "Sub": "y"}), true, true),
        (json!({"a": 1}), false, true),
        (json!({"sub": null}), false, true),
        (json!({"sub": ""}), false, true),
        (json!({"sub": 7}), false, false),
        (json!({"Sub": "x"}), false, false),
        (json!({"sub": null, "\u{17f}ub": "x"}), false, false),
    ] {
        let check = |others: &[Arc<Issuer>]| check_subject(&claims(&value), &cluster, others).is_ok();
        assert_eq!((check(&[]), check(&[Arc::clone(&email)])), (alone, with_email), "{value}");
    }
}
