use super::checks::tests::{claims, identity};
use super::*;
use crate::identity::fetch::{ClusterFiles, Fetcher};
use crate::identity::keys::KeyTiming;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

#[test]
fn what_is_verified_says_who_until_when_and_by_which_token() {
    let plain = |value: Value| VerifiedClaims::for_test(claims(&value), identity("email", "a"));
    let mut verified = VerifiedClaims {
        alternatives: vec![identity("email", "b")],
        has_unknown_type: true,
        ..plain(json!({"exp": 1000, "sub": "", "email": "e"}))
    };
    assert_eq!((verified.party(), plain(json!({"sub": "s", "email": "e"})).party()), ("e", "s"));
    assert_eq!(verified.expires_at(), UNIX_EPOCH + Duration::from_secs(1000));
    assert_eq!(verified.signing_input_digest(), Some(&[0; 32]));
    assert!(verified.has_unknown_type() && !plain(json!({})).has_unknown_type());
    assert_eq!((verified.take_alternatives().len(), verified.take_alternatives().len()), (1, 0));
}

#[tokio::test]
async fn an_issuer_is_asked_only_for_a_token_that_its_keys_could_make_good() {
    const URL: &str = "http://127.0.0.1:9";
    let file = format!("oidc-issuers:\n  {URL}:\n    client-id: sigstore\n    type: email\n");
    let issuers = Issuers::parse("test.yaml", &file).unwrap();
    let keys = KeyStore::new(Fetcher::new().unwrap(), ClusterFiles::default(), &KeyTiming::default());
    let verify = |issuer: &str, email: &str, length: usize| {
        let claims = json!({"iss": issuer, "aud": "sigstore", "exp": 2000, "email": email, "email_verified": true});
        let parts = [br#"{"alg":"ES256"}"#.to_vec(), claims.to_string().into_bytes(), vec![7; length]];
        let token = UnverifiedToken::parse(&parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")).unwrap();
        verify_now(token, &issuers, &keys, UNIX_EPOCH + Duration::from_secs(1000), Patience::Waits(None))
    };
    assert!(matches!(verify("http://127.0.0.1:8", "dev@example.com", 64), Err(VerifyError::UnknownIssuer(_))));
    assert!(matches!(verify(URL, "dev@example.com", 63), Err(VerifyError::Signature)));
    assert!(matches!(verify(URL, "nobody", 64), Err(VerifyError::Identity(PrincipalError::NotAnAddress))));
    assert!(matches!(verify(URL, "dev@example.com", 64), Ok(Verification::Waits(..))));
}
