//! Tokens that are costly to read, or that say things in another type than they should.

use serde_json::{Value, json};
use sigmint::failure::FailureKind;
use sigmint::identity::token::{MAX_TOKEN_BYTES, TokenError, UnverifiedToken};

use crate::support::adapters::{ask_all, assert_kind, good};
use crate::support::grpc::{GrpcClient, error_info, key_message};
use crate::support::scene::{ADDRESS, Scene};
use crate::support::server::key_body;
use crate::support::{Key, Kind, Reply, Running};

/// Refused through every adapter, with nothing signed and no issuer asked; a good token still gets its certificate.
async fn refused_everywhere(scene: &Scene, token: &str, kind: FailureKind) {
    assert_kind(&ask_all(scene, token, &good(&scene.key)).await, kind);
    assert_eq!(scene.server.signer().calls(), 0, "something was signed");
    assert!(scene.issuer.received().is_empty(), "somebody was asked");
}

/// Fulcio split a token at its dots before it looked at it: a body of dots cost sixteen times its size in memory. Here the length is
/// looked at first, and a token of legal length is cut in three without counting its dots.
#[tokio::test]
async fn ghsa_f83f_xpx7_ffpw_tokens_of_nothing_but_dots() {
    let scene = Scene::new().await;
    let dots = |count: usize| ".".repeat(count);
    assert!(matches!(UnverifiedToken::parse(&dots(MAX_TOKEN_BYTES + 1)), Err(TokenError::TooLong)));
    assert!(matches!(UnverifiedToken::parse(&dots(MAX_TOKEN_BYTES)), Err(TokenError::NotThreeParts)));
    for (count, kind) in [
        (3, FailureKind::TokenMalformed),
        (MAX_TOKEN_BYTES, FailureKind::TokenMalformed),
        (200_000, FailureKind::TokenMalformed),
        (4_000_000, FailureKind::RequestTooLarge),
    ] {
        let reply = scene.server.post(key_body(Some(&dots(count)), &scene.key.spki_pem(), b"x").to_string()).await;
        assert_eq!(reply.reason(), kind.row().reason, "{count}");
    }
    refused_everywhere(&scene, &dots(4096), FailureKind::TokenMalformed).await;
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
}

/// go-jose split compact serializations at every dot. The attack: a good token with sixty thousand dots behind it.
#[tokio::test]
async fn cve_2025_27144_a_good_token_with_many_more_parts() {
    let scene = Scene::new().await;
    let token = scene.token();
    for tail in [".", ".x", &".".repeat(MAX_TOKEN_BYTES - token.len()), &".a".repeat(10_000)] {
        let long = format!("{token}{tail}");
        let reply = scene.server.post(key_body(Some(&long), &scene.key.spki_pem(), b"x").to_string()).await;
        assert_eq!(reply.reason(), FailureKind::TokenMalformed.row().reason);
    }
    refused_everywhere(&scene, &format!("{token}{}", ".a".repeat(100)), FailureKind::TokenMalformed).await;
    assert_eq!(scene.ask(&token).await.status, 200);
}

/// golang-jwt split what stood in an Authorization header at its dots, before it was authenticated. The attack goes through that header
/// and through gRPC's metadata.
#[tokio::test]
async fn cve_2025_30204_an_authorization_header_of_dots() {
    let scene = Scene::new().await;
    let body = key_body(None, &scene.key.spki_pem(), &scene.key.prove(ADDRESS)).to_string();
    for dots in [2, 3, 4000, 60_000] {
        let bearer = format!("Bearer {}", ".".repeat(dots));
        for path in ["/api/v2/signingCert", "/api/v1/signingCert"] {
            let request = scene.server.request("POST", path).header("Authorization", &bearer).body(body.clone());
            let reply = Reply::of(request.send().await.unwrap()).await;
            assert!((400..500).contains(&reply.status), "{dots} at {path}: {}", reply.status);
        }
    }
    let mut metadata = tonic::metadata::MetadataMap::new();
    metadata.insert("oidcidentitytoken", ".".repeat(4000).parse().unwrap());
    let message = key_message("", &scene.key.spki_pem(), &scene.key.prove(ADDRESS));
    let status = GrpcClient::new(&scene.server.grpc_url).ask_with(message, metadata).await.unwrap_err();
    assert_eq!(error_info(&status).reason, FailureKind::TokenMalformed.row().reason);
    assert_eq!(scene.server.signer().calls(), 0);
    assert!(scene.issuer.received().is_empty());
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
}

/// golang.org/x/oauth2/jws took unexpected memory for malformed tokens of any length. Here every part has a bound that stands before its
/// decoding: long headers, payloads, signatures, and all of them without their dots.
#[tokio::test]
async fn cve_2025_22868_malformed_tokens_of_any_length() {
    let scene = Scene::new().await;
    let token = scene.token();
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let long = "A".repeat(100_000);
    for (case, token) in [
        ("header", format!("{long}.{payload}.{signature}")),
        ("payload", format!("{header}.{long}.{signature}")),
        ("signature", format!("{header}.{payload}.{long}")),
        ("no dots", long.clone()),
        ("dots at the ends", format!(".{}.", "A".repeat(MAX_TOKEN_BYTES - 2))),
    ] {
        scene.refuses(&token, FailureKind::TokenMalformed, case).await;
    }
    assert!(scene.issuer.received().is_empty());
    assert_eq!(scene.ask(&token).await.status, 200);
}

/// jsonwebtoken took a claim of the wrong type for one that is not there: a token whose `exp` or `nbf` was a string had none. Here it is
/// refused, and before its issuer is asked for keys.
#[tokio::test]
async fn ghsa_h395_gr6q_cpjc_claims_of_another_type_are_not_absent() {
    let scene = Scene::new().await;
    let wrong = [json!("1"), json!("9999999999"), json!([9_999_999_999_u64]), json!({"a": 1}), json!(true)];
    for claim in ["exp", "nbf", "iat"] {
        for value in &wrong {
            let mut claims = scene.claims();
            claims[claim] = value.clone();
            scene.refuses(&scene.issuer.token(&claims), FailureKind::TokenClaim, &format!("{claim}: {value}")).await;
        }
    }
    let mut claims = scene.claims();
    claims["exp"] = Value::Null;
    scene.refuses(&scene.issuer.token(&claims), FailureKind::TokenClaim, "no expiry").await;
    for (claim, value) in [("aud", json!({"sigstore": true})), ("aud", json!([["sigstore"]])), ("sub", json!(["a"]))] {
        let mut claims = scene.claims();
        claims[claim] = value;
        scene.refuses(&scene.issuer.token(&claims), FailureKind::TokenClaim, claim).await;
    }
    assert!(scene.issuer.received().is_empty());
    for value in [json!(1), json!("yes"), json!(["true"]), Value::Null] {
        let mut claims = scene.claims();
        claims["email_verified"] = value.clone();
        scene.refuses(&scene.issuer.token(&claims), FailureKind::IdentityRefused, &format!("verified: {value}")).await;
    }
}

/// A proxy kept what it knew of a token under the token's first twenty characters, which all tokens of an issuer share: anyone who came
/// second was taken for the first. Here tokens that begin alike get each their own certificate, or their own refusal.
#[tokio::test]
async fn cve_2026_35030_tokens_that_begin_alike_are_not_each_other() {
    let scene = Scene::new().await;
    let of = |address: &str| {
        let mut claims = scene.claims();
        claims["email"] = json!(address);
        scene.issuer.token(&claims)
    };
    let (first, second) = (of("alice@example.com"), of("mallory@example.com"));
    assert_eq!(first[..20], second[..20]);
    assert_eq!(scene.server.ask(&first, &scene.key, "alice@example.com").await.status, 200);
    let signed = scene.server.signer().calls();
    assert_eq!(scene.server.ask(&second, &scene.key, "alice@example.com").await.reason(), "PROOF_INVALID");
    let tail = first.rsplit_once('.').unwrap().1;
    let forged = format!("{}.{tail}", second.rsplit_once('.').unwrap().0);
    assert_eq!(scene.server.ask(&forged, &scene.key, "alice@example.com").await.reason(), "TOKEN_SIGNATURE_INVALID");
    assert_eq!(scene.server.signer().calls(), signed, "something was signed");
    let reply = scene.server.ask(&second, &scene.key, "mallory@example.com").await;
    let names = crate::support::certificate::subject_alternative_names(&crate::support::certificate::parse(
        &reply.certificates()[0],
    ));
    assert_eq!(names, ["email mallory@example.com"]);
}

/// The same of issuers: keys are held under the whole URL. Two issuers that differ in their last character, or in case, do not verify for
/// each other, whichever was asked first.
#[tokio::test]
async fn cve_2026_35030_issuers_that_begin_alike_do_not_share_keys() {
    let (one, other) = (crate::support::FakeIssuer::start(), crate::support::FakeIssuer::start());
    let (url, file) = (one.issuer("email"), |url: &str| crate::support::identities::email_file(url));
    let second = file(&other.issuer("email")).replace("oidc-issuers:\n", "");
    let server = Running::start(&format!("{}{second}", file(&url))).await;
    let (key, claims) = (Key::new(Kind::P256), crate::support::identities::email_claims());
    for issuer in [&one, &other] {
        assert_eq!(server.ask(&issuer.token(&issuer.claims("email", &claims)), &key, ADDRESS).await.status, 200);
    }
    let signed = server.signer().calls();
    for (signer, named) in [(&one, &other), (&other, &one)] {
        let reply = server.ask(&signer.token(&named.claims("email", &claims)), &key, ADDRESS).await;
        assert_eq!(reply.reason(), "TOKEN_SIGNATURE_INVALID");
    }
    let mut cased = one.claims("email", &claims);
    cased["iss"] = json!(url.replace("email", "Email"));
    assert_eq!(server.ask(&one.token(&cased), &key, ADDRESS).await.reason(), "TOKEN_ISSUER_UNKNOWN");
    assert_eq!(server.signer().calls(), signed, "something was signed");
}
