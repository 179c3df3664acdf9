use super::*;
use serde_json::json;

fn claims(value: &Value) -> Claims {
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
    for beyond in [json!(1e20), json!(i64::MAX), json!(-1e300)] {
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
