//! Tokens that bring along what they want to be verified with, or nothing at all.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sigmint::failure::FailureKind;

use crate::support::adapters::{ask_all, assert_kind, good};
use crate::support::issuer::signed;
use crate::support::scene::Scene;
use crate::support::{FakeIssuer, Key, Kind, Running};

fn unsigned(header: &Value, payload: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(payload))
}

/// What a token with this header is refused for when its issuer did not sign it.
fn expected(header: &Value) -> FailureKind {
    match header["kid"].as_str() {
        None | Some("first") => FailureKind::TokenSignature,
        Some(_) => FailureKind::TokenKeyUnknown,
    }
}

/// CVE-2015-9235 and its many followers: a token whose header says that it has no signature was taken at its word. Here `none` is no
/// algorithm, in whatever spelling, with or without a signature behind it.
#[tokio::test]
async fn alg_none() {
    let scene = Scene::new().await;
    let genuine = scene.token();
    let signature = genuine.rsplit_once('.').unwrap().1;
    for alg in ["none", "None", "NONE", "nOnE", " none", "none\0", ""] {
        for tail in ["", signature] {
            let token = format!("{}.{tail}", unsigned(&json!({"alg": alg, "kid": "first"}), &scene.claims()));
            scene.refuses(&token, FailureKind::TokenAlgorithm, alg).await;
        }
    }
    let token = format!("{}.", unsigned(&json!({"alg": "none"}), &scene.claims()));
    assert_kind(&ask_all(&scene, &token, &good(&scene.key)).await, FailureKind::TokenAlgorithm);
    assert!(scene.issuer.received().is_empty(), "somebody was asked");
    // An issuer that lists it makes no difference.
    scene.issuer.set_algorithms(&["none", "ES256"]);
    scene.refuses(&token, FailureKind::TokenAlgorithm, "listed").await;
}

/// CVE-2016-10555 and its followers: the issuer's public key, which everybody has, as the secret of an HMAC. Here no HMAC is an algorithm
/// of tokens, not even when discovery lists it and the key set has the secret.
#[tokio::test]
async fn hmac_with_a_public_key() {
    let scene = Scene::new().await;
    let key = scene.issuer.first_key();
    let secrets = [
        key.spki_pem().into_bytes(),
        key.spki_pem().trim_end().as_bytes().to_vec(),
        key.spki_der(),
        key.jwk().to_string().into_bytes(),
        URL_SAFE_NO_PAD.decode(key.jwk()["x"].as_str().unwrap()).unwrap(),
        Vec::new(),
    ];
    scene.issuer.set_algorithms(&["HS256", "HS384", "HS512", "ES256"]);
    scene.issuer.add_jwks(vec![json!({"kty": "oct", "kid": "first", "alg": "HS256", "k": STANDARD.encode("secret")})]);
    for secret in &secrets {
        for (alg, algorithm) in
            [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
        {
            let text = unsigned(&json!({"alg": alg, "kid": "first"}), &scene.claims());
            let tag = hmac::sign(&hmac::Key::new(algorithm, secret), text.as_bytes());
            let token = format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag));
            scene.refuses(&token, FailureKind::TokenAlgorithm, alg).await;
        }
    }
    assert!(scene.issuer.received().is_empty(), "somebody was asked");
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
}

/// CVE-2018-0114 and its followers: the key in the token's own header verified the token. Here `jwk` and `x5c` are never looked at.
#[tokio::test]
async fn jwk_in_the_header() {
    let scene = Scene::new().await;
    let (stranger, payload) = (Key::new(Kind::P256), scene.claims().to_string());
    let mut named = stranger.jwk();
    named["kid"] = json!("first");
    for header in [
        json!({"alg": "ES256", "jwk": stranger.jwk()}),
        json!({"alg": "ES256", "kid": "first", "jwk": named}),
        json!({"alg": "ES256", "kid": "stranger", "jwk": named}),
        json!({"alg": "ES256", "x5c": [STANDARD.encode(stranger.spki_der())]}),
        json!({"alg": "ES256", "kid": stranger.jwk().to_string()}),
    ] {
        let token = signed(&stranger, "ES256", &header.to_string(), &payload);
        scene.refuses(&token, expected(&header), &header.to_string()).await;
    }
    // The issuer's own signature is good whatever else the header says.
    let header = json!({"alg": "ES256", "kid": "first", "jwk": stranger.jwk()});
    assert_eq!(scene.ask(&scene.issuer.token_of_text(&header.to_string(), &payload)).await.status, 200);
}

/// The same by address: `jku` and `x5u` name where the attacker's keys are (CVE-2020-5497 is one of many). Here nobody is asked but the
/// issuer, and a `kid` is a name, not a place.
#[tokio::test]
async fn jku_in_the_header() {
    let scene = Scene::new().await;
    let attacker = FakeIssuer::start();
    let place = format!("{}/keys", attacker.url);
    for header in [
        json!({"alg": "ES256", "kid": "first", "jku": place}),
        json!({"alg": "ES256", "x5u": place}),
        json!({"alg": "ES256", "kid": place}),
        json!({"alg": "ES256", "kid": "../../keys"}),
        json!({"alg": "ES256", "iss": attacker.url, "jku": place, "x5u": place}),
    ] {
        let payload = scene.claims().to_string();
        let token = signed(&attacker.first_key(), "ES256", &header.to_string(), &payload);
        scene.refuses(&token, expected(&header), &header.to_string()).await;
    }
    assert!(attacker.received().is_empty(), "{:?}", attacker.received());
    assert!(scene.issuer.received().iter().all(|request| !request.path.contains("..")));
}

/// CVE-2022-21449: Java took a signature of two zeros for anybody's. Here neither zeros nor the curve's order are numbers of a signature.
#[tokio::test]
async fn ecdsa_r_and_s_of_zero_in_a_token() {
    let issuer = FakeIssuer::start();
    issuer.set_keys([Kind::P256, Kind::P384, Kind::P521].map(|kind| (Key::new(kind), None)).into());
    let server = Running::start(&crate::support::identities::email_file(&issuer.issuer("email"))).await;
    let scene = Scene { issuer, server, key: Key::new(Kind::P256) };
    for (alg, length) in [("ES256", 64), ("ES384", 96), ("ES512", 132)] {
        let text = unsigned(&json!({"alg": alg}), &scene.claims());
        let one = [vec![0; length / 2 - 1], vec![1], vec![0; length / 2]].concat();
        let der = [0x30, 6, 2, 1, 0, 2, 1, 0].to_vec();
        for signature in [vec![0; length], one, vec![0xff; length], vec![0; length * 2], der, vec![0]] {
            let token = format!("{text}.{}", URL_SAFE_NO_PAD.encode(&signature));
            scene.refuses(&token, FailureKind::TokenSignature, &format!("{alg} {signature:02x?}")).await;
        }
    }
}
