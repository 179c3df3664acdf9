//! Tokens and names that are refused whatever the signature says: other uses, characters that no certificate carries, and what an
//! issuer's entry restricts. Each time with the proof that nothing was signed.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::adapters::{Outcome, WAYS, ask_all, assert_kind, good};
use crate::support::certificate::extensions;
use crate::support::identities::{email_claims, email_file, identities, issuers_file};
use crate::support::issuer::KEYS;
use crate::support::scene::Scene;
use crate::support::server::by_hand;
use crate::support::{FakeIssuer, Key, Kind, Running, TestCa};
use serde_json::{Value, json};
use sigmint::failure::FailureKind;

const FOR_ANOTHER_USE: [&str; 6] = [
    "logout+jwt",
    "secevent+jwt",
    "dpop+jwt",
    "token-introspection+jwt",
    "oauth-authz-req+jwt",
    "entity-statement+jwt",
];

/// An `email` issuer with further settings.
async fn restricted(settings: &str) -> Scene {
    let issuer = FakeIssuer::start();
    let server = Running::start(&format!("{}{settings}", email_file(&issuer.issuer("email")))).await;
    Scene { issuer, server, key: Key::new(Kind::P256) }
}

fn typed(scene: &Scene, typ: &str, claims: &Value) -> String {
    scene.issuer.token_of_text(&json!({"alg": "ES256", "kid": "first", "typ": typ}).to_string(), &claims.to_string())
}

fn assert_issued(outcomes: &[Outcome]) {
    for outcome in outcomes {
        assert!(matches!(outcome, Outcome::Issued(_)), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_token_for_another_use_is_refused_before_keys_are_asked_for() {
    let scene = Scene::new().await;
    for typ in FOR_ANOTHER_USE {
        for spelled in
            [typ.to_owned(), typ.to_uppercase(), format!("application/{typ}"), format!("Application/{typ};x=y")]
        {
            let token = typed(&scene, &spelled, &scene.claims());
            assert_kind(&ask_all(&scene, &token, &good(&scene.key)).await, FailureKind::TokenType);
        }
    }
    assert_eq!((scene.server.signer().calls(), scene.issuer.requests(KEYS)), (0, 0));
}

#[tokio::test]
async fn an_unknown_type_passes_and_is_counted_once_the_token_is_verified() {
    let issuer = FakeIssuer::start();
    let ca = TestCa::new().await;
    let issuance = by_hand(&email_file(&issuer.issuer("email")), &ca);
    let metrics = issuance.metrics.clone();
    let scene = Scene { issuer, server: Running::serve(Arc::new(issuance), ca), key: Key::new(Kind::P256) };
    let counted = |number: usize| {
        let text = metrics.encode().unwrap();
        assert!(text.contains(&format!("sigmint_unknown_token_types_total {number}\n")), "{text}");
    };
    for typ in ["JWT", "at+jwt", "application/at+jwt"] {
        assert_issued(&ask_all(&scene, &typed(&scene, typ, &scene.claims()), &good(&scene.key)).await);
    }
    counted(0);
    for typ in ["foo+jwt", "", "logout"] {
        assert_issued(&ask_all(&scene, &typed(&scene, typ, &scene.claims()), &good(&scene.key)).await);
    }
    counted(3 * WAYS);
    let forged = typed(&scene, "foo+jwt", &scene.claims()).rsplit_once('.').unwrap().0.to_owned() + ".AAAA";
    assert_kind(&ask_all(&scene, &forged, &good(&scene.key)).await, FailureKind::TokenSignature);
    counted(3 * WAYS);
}

#[tokio::test]
async fn access_tokens_and_foreign_parties_pass_unless_the_entry_forbids_them() {
    let open = Scene::new().await;
    let mut claims = open.claims();
    claims["azp"] = json!("another-client");
    assert_issued(&ask_all(&open, &typed(&open, "at+jwt", &claims), &good(&open.key)).await);

    let strict = restricted("    token-types: [JWT]\n    authorized-parties: [cli]\n").await;
    let mut claims = strict.claims();
    for (azp, kind) in [
        (json!("another-client"), FailureKind::TokenParty),
        (json!(""), FailureKind::TokenParty),
        (json!(["cli"]), FailureKind::TokenClaim),
        (Value::Null, FailureKind::TokenClaim),
    ] {
        claims["azp"] = azp;
        assert_kind(&ask_all(&strict, &strict.issuer.token(&claims), &good(&strict.key)).await, kind);
    }
    claims["azp"] = json!("cli");
    for typ in ["at+jwt", "foo+jwt", ""] {
        assert_kind(&ask_all(&strict, &typed(&strict, typ, &claims), &good(&strict.key)).await, FailureKind::TokenType);
    }
    assert_eq!((strict.server.signer().calls(), strict.issuer.requests(KEYS)), (0, 0));
    for typ in ["JWT", "application/jwt"] {
        assert_issued(&ask_all(&strict, &typed(&strict, typ, &claims), &good(&strict.key)).await);
    }
    assert_issued(&ask_all(&strict, &strict.issuer.token(&claims), &good(&strict.key)).await);
}

#[tokio::test]
async fn the_age_of_a_token_counts_where_the_entry_says_so() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let scene = restricted("    max-token-age: 10m\n").await;
    let mut claims = scene.claims();
    for (iat, kind) in [
        (json!(now - 700.0), FailureKind::TokenTooOld),
        (json!(0), FailureKind::TokenTooOld),
        (json!(now + 90.0), FailureKind::TokenNotYetValid),
        (json!(1e20), FailureKind::TokenClaim),
        (json!("now"), FailureKind::TokenClaim),
        (Value::Null, FailureKind::TokenClaim),
    ] {
        claims["iat"] = iat;
        assert_kind(&ask_all(&scene, &scene.issuer.token(&claims), &good(&scene.key)).await, kind);
    }
    claims.as_object_mut().unwrap().remove("iat");
    assert_kind(&ask_all(&scene, &scene.issuer.token(&claims), &good(&scene.key)).await, FailureKind::TokenClaim);
    assert_eq!((scene.server.signer().calls(), scene.issuer.requests(KEYS)), (0, 0));
    for iat in [now - 500.0, now + 30.0] {
        claims["iat"] = json!(iat);
        assert_issued(&ask_all(&scene, &scene.issuer.token(&claims), &good(&scene.key)).await);
    }
    // Without the setting a token may be of any age.
    let open = Scene::new().await;
    let mut claims = open.claims();
    claims["iat"] = json!(0);
    assert_issued(&ask_all(&open, &open.issuer.token(&claims), &good(&open.key)).await);
}

#[tokio::test]
async fn names_that_the_policy_does_not_allow_are_refused_before_anything_is_signed() {
    for policy in [
        "{denied-email-domains: [Example.com]}",
        "{allowed-email-domains: [example.org, sub.example.com]}",
        "{allowed-san-prefixes: [admin@]}",
        "{denied-san-prefixes: [dev@]}",
        "{allowed-email-domains: [example.com], denied-san-prefixes: [dev]}",
    ] {
        let scene = restricted(&format!("    name-policy: {policy}\n")).await;
        assert_kind(&ask_all(&scene, &scene.token(), &good(&scene.key)).await, FailureKind::NameNotAllowed);
        assert_eq!(scene.server.ask(&scene.token(), &scene.key, "dev@example.com").await.status, 403, "{policy}");
        assert_eq!(scene.server.signer().calls(), 0, "{policy}");
    }
    let scene =
        restricted("    name-policy: {allowed-email-domains: [example.com], allowed-san-prefixes: [dev@]}\n").await;
    assert_issued(&ask_all(&scene, &scene.token(), &good(&scene.key)).await);
}

#[tokio::test]
async fn of_several_identities_only_those_count_whose_restrictions_the_token_keeps() {
    let issuer = FakeIssuer::start();
    let url = issuer.issuer("team");
    let file = format!(
        "oidc-issuers:\n  {url}:\n    - {{client-id: sigstore, type: email, token-types: [at+jwt]}}\n    \
         - {{client-id: sigstore, type: email, name-policy: {{denied-email-domains: [example.com]}}}}\n"
    );
    let server = Running::start(&file).await;
    let scene = Scene { issuer, server, key: Key::new(Kind::P256) };
    let claims = scene.issuer.claims("team", &email_claims());
    assert_kind(&ask_all(&scene, &typed(&scene, "JWT", &claims), &good(&scene.key)).await, FailureKind::NameNotAllowed);
    assert_eq!(scene.server.signer().calls(), 0);
    assert_issued(&ask_all(&scene, &typed(&scene, "at+jwt", &claims), &good(&scene.key)).await);
}

/// Every string in the claims of every identity type: refused, or in no part of the certificate.
#[tokio::test]
async fn control_characters_reach_no_certificate_whatever_the_type() {
    let (issuer, ca) = (FakeIssuer::start(), TestCa::new().await);
    let host = "127.0.0.1";
    let all = identities(&issuer.url, host);
    let server = Running::start_with(&issuers_file(&issuer.url, host), ca);
    let key = Key::new(Kind::P256);
    let mut refused = 0;
    for identity in &all {
        for path in strings(&identity.claims, String::new()) {
            for character in ["\n", "\0", "\u{7f}", "\u{85}"] {
                let mut claims = issuer.claims(identity.name, &identity.claims);
                let place = claims.pointer_mut(&path).unwrap();
                let changed = format!("{}{character}", place.as_str().unwrap());
                *place = json!(changed.clone());
                let challenge = if changed.starts_with(&identity.challenge) { &changed } else { &identity.challenge };
                let reply = server.ask(&issuer.token(&claims), &key, challenge).await;
                if reply.status == 200 {
                    // The claim is of no use to this type.
                    let shown = format!("{:?}", extensions(&reply.certificates()[0]));
                    assert!(!shown.contains("\\n") && !shown.contains("\\u{"), "{} {path}: {shown}", identity.name);
                } else {
                    let (status, reason) = (reply.status, reply.reason());
                    assert_eq!(status, 400, "{} {path}: {reply:?}", identity.name);
                    assert!(
                        ["TOKEN_CLAIM_INVALID", "IDENTITY_REFUSED", "IDENTITY_CLAIM_MISSING"]
                            .contains(&reason.as_str()),
                        "{} {path}: {reason}",
                        identity.name
                    );
                    refused += 1;
                }
            }
        }
        for name in identity.needed.iter().filter(|name| identity.claims[**name].is_string()) {
            let mut claims = issuer.claims(identity.name, &identity.claims);
            claims[*name] = json!(format!("{}\u{9f}", claims[*name].as_str().unwrap()));
            let reply = server.ask(&issuer.token(&claims), &key, &identity.challenge).await;
            assert_eq!(reply.json()["details"][0]["metadata"]["claim"], json!(name), "{}: {reply:?}", identity.name);
        }
    }
    assert!(refused > 150, "{refused}");
}

/// JSON pointers to every string.
fn strings(value: &Value, path: String) -> Vec<String> {
    match value {
        Value::String(_) => vec![path],
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| strings(value, format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"))))
            .collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn a_long_number_reaches_the_certificate_with_every_digit() {
    let (issuer, ca) = (FakeIssuer::start(), TestCa::new().await);
    let server = Running::start_with(&issuers_file(&issuer.url, "127.0.0.1"), ca);
    let key = Key::new(Kind::P256);
    let identity = identities(&issuer.url, "127.0.0.1").into_iter().find(|one| one.name == "ci-provider").unwrap();
    for (number, text) in [
        ("9007199254740993", "9007199254740993"),
        ("18446744073709551617", "18446744073709551617"),
        ("123456789012345678901234", "123456789012345678901234"),
        ("9007199254740993.0", "9007199254740993"),
        ("1e20", "100000000000000000000"),
        ("100000000000000000001E0", "100000000000000000001"),
    ] {
        let payload = issuer.claims(identity.name, &identity.claims).to_string().replace("12345678901", number);
        let token = issuer.token_of_text(&json!({"alg": "ES256", "kid": "first"}).to_string(), &payload);
        let reply = server.ask(&token, &key, &identity.challenge).await;
        let shown = format!("{:?}", extensions(&reply.certificates()[0]));
        assert!(shown.contains(&format!("UTF8String \\\"{text}\\\"")), "{number}: {shown}");
    }
    let calls = server.signer().calls();
    let payload = issuer.claims(identity.name, &identity.claims).to_string().replace("12345678901", "1e-401");
    let token = issuer.token_of_text(&json!({"alg": "ES256", "kid": "first"}).to_string(), &payload);
    let reply = server.ask(&token, &key, &identity.challenge).await;
    assert_eq!((reply.status, reply.reason()), (400, "IDENTITY_CLAIM_MISSING".to_owned()));
    assert_eq!(server.signer().calls(), calls);
}
