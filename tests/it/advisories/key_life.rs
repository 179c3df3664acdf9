//! Issuers' keys that change, multiply, or are asked for too often; and what must not be kept.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sigmint::failure::FailureKind;
use sigmint::identity::keys::KeyTiming;

use crate::support::certificate::parse;
use crate::support::identities::email_file;
use crate::support::issuer::{KEYS, signed};
use crate::support::scene::Scene;
use crate::support::{FakeIssuer, Key, Kind, Running};

/// A scene whose server looks for new keys at every token that no key verifies.
async fn impatient() -> Scene {
    let issuer = FakeIssuer::start();
    let timing = KeyTiming { cool_down: Duration::ZERO, ..KeyTiming::default() };
    let server = Running::start_timed(&email_file(&issuer.issuer("email")), &timing).await;
    Scene { issuer, server, key: Key::new(Kind::P256) }
}

/// openidconnect-rs fetches keys once and never again: after a rotation every token is refused until a restart. Here the first token of a
/// new key brings the new keys, and the old key's tokens end with it.
#[tokio::test]
async fn openidconnect_rs_232_keys_are_rotated() {
    let scene = impatient().await;
    let old = scene.token();
    assert_eq!(scene.ask(&old).await.status, 200);
    for kind in [Kind::P384, Kind::Ed25519, Kind::P256] {
        scene.issuer.set_keys(vec![(Key::new(kind), Some("next"))]);
        assert_eq!(scene.ask(&scene.token()).await.status, 200, "{kind:?}");
    }
    let signed = scene.server.signer().calls();
    assert_eq!(scene.ask(&old).await.reason(), FailureKind::TokenKeyUnknown.row().reason);
    assert_eq!(scene.server.signer().calls(), signed);
}

/// go-oidc refuses a whole key set for one key of a type that it does not know, and an issuer that tries out a new algorithm is out of
/// service. Here such keys are passed over, and none of them verifies anything.
#[tokio::test]
async fn go_oidc_491_a_key_of_an_unknown_type() {
    let scene = Scene::new().await;
    let mut number_as_id = Key::new(Kind::P256).jwk();
    number_as_id["kid"] = json!(1);
    let mut other_curve = Key::new(Kind::P256).jwk();
    other_curve["crv"] = json!("P-384");
    scene.issuer.add_jwks(vec![
        json!({"kty": "AKP", "kid": "first", "alg": "ML-DSA-65", "pub": "AAAA"}),
        json!({"kty": "OKP", "crv": "Ed448", "x": "AAAA"}),
        json!({"kty": "EC", "crv": "BP-256", "x": "AA", "y": "AA"}),
        json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
        json!({"kty": ["EC"]}),
        json!({}),
        json!(null),
        json!(17),
        number_as_id,
        other_curve,
    ]);
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
}

/// go-oidc asks the issuer for its keys at every token that no key verifies; anybody can write such tokens. Here 300 of them, half with key
/// ids that nobody has, cost the issuer one request for its keys, and a good token among them its certificate.
#[tokio::test]
async fn go_oidc_482_a_flood_of_unknown_key_ids() {
    let scene = Arc::new(Scene::new().await);
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
    let stranger = Arc::new(Key::new(Kind::P256));
    let flood: Vec<_> = (0..6)
        .map(|lane| {
            let (scene, stranger) = (Arc::clone(&scene), Arc::clone(&stranger));
            tokio::spawn(async move {
                for number in 0..50 {
                    let kid = if number % 2 == 0 { format!("unknown-{lane}-{number}") } else { "first".to_owned() };
                    let header = json!({"alg": "ES256", "kid": kid}).to_string();
                    let reply = scene.ask(&signed(&stranger, "ES256", &header, &scene.claims().to_string())).await;
                    let kinds = [FailureKind::TokenKeyUnknown, FailureKind::TokenSignature];
                    assert_eq!(reply.reason(), kinds[number % 2].row().reason);
                }
            })
        })
        .collect();
    assert_eq!(scene.ask(&scene.token()).await.status, 200, "a good token among them");
    for lane in flood {
        lane.await.unwrap();
    }
    assert_eq!(scene.server.signer().calls(), 2, "something was signed");
    // The first fetch, and one more if the machine was so slow that the cool-down of 30 seconds ended.
    assert!(scene.issuer.requests(KEYS) <= 2, "{}", scene.issuer.requests(KEYS));
}

/// Keycloak kept tokens that it had seen until they expired: tokens that never do filled its memory. Here nothing is kept for as long as a
/// token says: the certificate has its ten minutes, and a token whose key is withdrawn is refused at the next look, however far its end.
#[tokio::test]
async fn cve_2025_2559_a_token_that_never_expires() {
    let scene = impatient().await;
    let tokens: Vec<String> = (0..20)
        .map(|number| {
            let mut claims = scene.claims();
            claims["exp"] = json!(253_402_300_799_u64);
            claims["jti"] = json!(format!("token-{number}"));
            scene.issuer.token(&claims)
        })
        .collect();
    for token in &tokens {
        let certificates = scene.ask(token).await.certificates();
        let validity = parse(&certificates[0]).validity().clone();
        assert_eq!(validity.not_after.timestamp() - validity.not_before.timestamp(), 600);
    }
    scene.issuer.set_keys(vec![(Key::new(Kind::P256), Some("second"))]);
    assert_eq!(scene.ask(&scene.token()).await.status, 200, "the new key's token brings the new keys");
    let signed = scene.server.signer().calls();
    for token in &tokens {
        assert_eq!(scene.ask(token).await.reason(), FailureKind::TokenKeyUnknown.row().reason);
    }
    assert_eq!(scene.server.signer().calls(), signed);
    let mut beyond = scene.claims();
    beyond["exp"] = json!(1e300);
    assert_eq!(scene.ask(&scene.issuer.token(&beyond)).await.reason(), FailureKind::TokenClaim.row().reason);
}
