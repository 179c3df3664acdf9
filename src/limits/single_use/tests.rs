use super::*;
use crate::identity::claims::Claims;
use crate::identity::issuers::{Issuer, Issuers};
use serde_json::json;
use std::sync::Arc;

fn verified(limit: Option<u32>, claims: &Value) -> VerifiedClaims {
    let text = "oidc-issuers:\n  https://a.example:\n    client-id: x\n    type: email\n";
    let issuers = Issuers::parse("test.yaml", text).unwrap();
    let issuer: Issuer = issuers.iter().next().unwrap().as_ref().clone();
    let issuer = Issuer { max_certificates_per_token: limit.and_then(NonZeroU32::new), ..issuer };
    VerifiedClaims::for_test(Claims::parse(claims.to_string().as_bytes()).unwrap(), Arc::new(issuer))
}

fn counted(claims: &Value) -> Counted {
    Counted::of(&verified(Some(1), claims)).unwrap().unwrap()
}

#[test]
fn tokens_are_the_same_by_issuer_and_id() {
    let token = |issuer: &str, id: &str| counted(&json!({"iss": issuer, "jti": id, "exp": 2000.5})).key;
    assert_eq!(token("a", "bc"), token("a", "bc"));
    assert_ne!(token("a", "bc"), token("ab", "c"));
    assert_ne!(token("a", "bc"), token("a", "bd"));
    let nameless = counted(&json!({"iss": "a", "exp": 2000})).key;
    assert_eq!(nameless, token("a", ""), "an empty id is none");
    assert_ne!(nameless, counted(&json!({"iss": "a", "exp": 2000, "jti": "\0".repeat(32)})).key, "an id is not a hash");
    assert_eq!(counted(&json!({"iss": "a", "exp": 2000.5})).expires, 2001);
    assert_ne!(counted(&json!({"iss": "a"})).issuer, counted(&json!({"iss": "b"})).issuer, "each has its share");
}

#[test]
fn an_id_of_another_type_is_refused_and_an_issuer_without_a_limit_not_counted() {
    assert!(
        Counted::of(&verified(Some(1), &json!({"iss": "a", "jti": null}))).unwrap().is_some(),
        "counted by the token"
    );
    assert_eq!([Some(1), None].map(|limit| SingleUse::counts(&verified(limit, &json!({})))), [true, false]);
    for id in [json!(1), json!(["x"])] {
        assert!(Counted::of(&verified(Some(1), &json!({"iss": "a", "jti": id}))).is_err());
        assert!(Counted::of(&verified(None, &json!({"iss": "a", "jti": id}))).unwrap().is_none());
    }
}

#[tokio::test]
async fn a_use_that_was_given_back_can_be_taken_again() {
    let single_use = SingleUse::default();
    let claims = verified(Some(2), &json!({"iss": "a", "jti": "1", "exp": 2000}));
    let serial = Serial::from_random([7; 20]);
    let take = || single_use.take(&claims, &serial, UNIX_EPOCH + Duration::from_secs(1000));
    let (first, _second) = (take().await.unwrap(), take().await.unwrap());
    assert!(matches!(take().await, Err(SingleUseError::Spent)));
    single_use.give_back(first).await;
    let _third = take().await.unwrap();
    assert!(matches!(take().await, Err(SingleUseError::Spent)));
}

#[tokio::test]
async fn a_token_that_would_be_remembered_for_too_long_is_refused_whatever_happens_to_the_uncounted() {
    let life = LONGEST_LIFE.as_secs();
    for when_unknown in [WhenUnknown::Refuse, WhenUnknown::Pass] {
        let single_use = SingleUse::in_memory(when_unknown);
        for (expires, passes) in
            [(1000 + life, true), (1001 + life, false), (4_000_000_000, false), (900_000_000_000_000, false)]
        {
            let claims = verified(Some(1), &json!({"iss": "a", "jti": expires.to_string(), "exp": expires}));
            let now = UNIX_EPOCH + Duration::from_secs(1000);
            let taken = single_use.take(&claims, &Serial::from_random([7; 20]), now).await;
            assert_eq!(taken.is_ok(), passes, "{expires}");
            assert!(passes || matches!(taken, Err(SingleUseError::LivesTooLong)));
        }
        let uncounted = verified(None, &json!({"iss": "a", "jti": "x", "exp": 4_000_000_000_u64}));
        assert!(single_use.take(&uncounted, &Serial::from_random([7; 20]), UNIX_EPOCH).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_full_memory_refuses_or_passes_as_it_was_told() {
    for (when_unknown, passes) in [(WhenUnknown::Refuse, false), (WhenUnknown::Pass, true)] {
        let single_use = SingleUse::new(Store::Memory(MemoryStore::new(0)), when_unknown);
        let claims = verified(Some(1), &json!({"iss": "a", "jti": "1", "exp": 2000}));
        let taken = single_use.take(&claims, &Serial::from_random([7; 20]), UNIX_EPOCH).await;
        assert_eq!((taken.is_ok(), single_use.uncounted()), (passes, u64::from(passes)));
        assert!(passes || matches!(taken, Err(SingleUseError::Unknown(StoreError::Full))));
    }
}
