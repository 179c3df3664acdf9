//! What is refused, over the wire: status, code, text, reason - and each time the proof that nothing was signed.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::identities::{identities, issuers_file};
use crate::support::issuer::{KEYS, signed};
use crate::support::scene::{Scene, assert_refused};
use crate::support::{FakeIssuer, Key, Kind, Running};
use serde_json::{Value, json};
use sigmint::failure::FailureKind;

fn seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

#[tokio::test]
async fn a_good_request_is_signed_once_so_that_a_count_of_zero_means_something() {
    let scene = Scene::new().await;
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
    assert_eq!(scene.server.signer().calls(), 1);
}

/// What jsonwebtoken accepts unless told otherwise, and what no verifier should.
#[tokio::test]
async fn claims_that_make_no_good_token() {
    let scene = Scene::new().await;
    let now = seconds();
    let nested = json!({"sigstore": 1});
    let cases: &[(&str, Value, FailureKind)] = &[
        ("iss", Value::Null, FailureKind::TokenClaim),
        ("iss", json!([scene.issuer.issuer("email")]), FailureKind::TokenClaim),
        ("iss", json!(""), FailureKind::TokenClaim),
        ("iss", json!(7), FailureKind::TokenClaim),
        ("iss", json!("https://stranger.example"), FailureKind::TokenIssuerUnknown),
        ("iss", json!(format!("{}/", scene.issuer.issuer("email"))), FailureKind::TokenIssuerUnknown),
        ("aud", Value::Null, FailureKind::TokenClaim),
        ("aud", json!(1), FailureKind::TokenClaim),
        ("aud", nested, FailureKind::TokenClaim),
        ("aud", json!(["sigstore", 1]), FailureKind::TokenClaim),
        ("aud", json!([]), FailureKind::TokenAudience),
        ("aud", json!(""), FailureKind::TokenAudience),
        ("aud", json!("Sigstore"), FailureKind::TokenAudience),
        ("aud", json!(["other", "sigstore2"]), FailureKind::TokenAudience),
        ("exp", json!(now - 1.0), FailureKind::TokenExpired),
        ("exp", json!(now - 59.0), FailureKind::TokenExpired),
        ("exp", json!(0), FailureKind::TokenExpired),
        ("exp", json!(format!("{}", now + 600.0)), FailureKind::TokenClaim),
        ("exp", Value::Null, FailureKind::TokenClaim),
        ("exp", json!([now + 600.0]), FailureKind::TokenClaim),
        ("nbf", json!(now + 600.0), FailureKind::TokenNotYetValid),
        ("nbf", json!("tomorrow"), FailureKind::TokenClaim),
        ("iat", json!("today"), FailureKind::TokenClaim),
        ("sub", json!(17), FailureKind::TokenClaim),
    ];
    for (name, value, kind) in cases {
        let mut claims = scene.claims();
        claims[*name] = value.clone();
        scene.refuses(&scene.issuer.token(&claims), *kind, &format!("{name} = {value}")).await;
    }
    for name in ["iss", "aud", "exp"] {
        let mut claims = scene.claims();
        claims.as_object_mut().unwrap().remove(name);
        scene.refuses(&scene.issuer.token(&claims), FailureKind::TokenClaim, &format!("no {name}")).await;
    }
    for other_case in ["Sub", "SUB", "\u{17f}ub"] {
        let mut claims = scene.claims();
        let subject = claims.as_object_mut().unwrap().remove("sub").unwrap();
        claims[other_case] = subject;
        scene.refuses(&scene.issuer.token(&claims), FailureKind::TokenClaim, other_case).await;
    }
}

#[tokio::test]
async fn claims_of_good_tokens_that_look_odd_are_taken() {
    let scene = Scene::new().await;
    let now = seconds();
    for (name, value) in [
        ("aud", json!(["other", "sigstore"])),
        ("exp", json!(now + 30.5)),
        ("nbf", json!(now + 240.0)),
        ("iat", json!(now + 3600.0)),
        ("email_verified", json!("true")),
        ("nbf", Value::Null),
        ("iat", Value::Null),
        ("nonce", Value::Null),
        ("sub", Value::Null),
        ("sub", json!("")),
    ] {
        let mut claims = scene.claims();
        claims[name] = value.clone();
        assert_eq!(scene.ask(&scene.issuer.token(&claims)).await.status, 200, "{name} = {value}");
    }
}

#[tokio::test]
async fn headers_that_make_no_good_token() {
    let scene = Scene::new().await;
    let payload = scene.claims().to_string();
    let jwk = Key::new(Kind::P256).jwk();
    let cases = [
        (json!({"alg": "ES256", "crit": ["exp"], "exp": 1}).to_string(), FailureKind::TokenMalformed),
        (json!({"alg": "ES256", "crit": []}).to_string(), FailureKind::TokenMalformed),
        (json!({"alg": "ES256", "crit": null}).to_string(), FailureKind::TokenMalformed),
        (json!({"alg": "ES256", "crit": ["b64"], "b64": false}).to_string(), FailureKind::TokenMalformed),
        (json!({"kid": "first"}).to_string(), FailureKind::TokenMalformed),
        (json!({"alg": null}).to_string(), FailureKind::TokenMalformed),
        (json!({"alg": ["ES256"]}).to_string(), FailureKind::TokenMalformed),
        (json!({"alg": "ES256", "kid": 1}).to_string(), FailureKind::TokenMalformed),
        (r#"{"alg":"ES256","alg":"ES256"}"#.to_owned(), FailureKind::TokenMalformed),
        (r#"{"alg":"none","alg":"ES256"}"#.to_owned(), FailureKind::TokenMalformed),
        ("[]".to_owned(), FailureKind::TokenMalformed),
        (r#"["ES256"]"#.to_owned(), FailureKind::TokenMalformed),
        (r#"["ES256","first"]"#.to_owned(), FailureKind::TokenMalformed),
        (r#"["ES256","first",null]"#.to_owned(), FailureKind::TokenMalformed),
        (r#"["ES256","first","JWT"]"#.to_owned(), FailureKind::TokenMalformed),
        ("ES256".to_owned(), FailureKind::TokenMalformed),
        (json!({"alg": "none"}).to_string(), FailureKind::TokenAlgorithm),
        (json!({"alg": "None"}).to_string(), FailureKind::TokenAlgorithm),
        (json!({"alg": ""}).to_string(), FailureKind::TokenAlgorithm),
        (json!({"alg": "HS256"}).to_string(), FailureKind::TokenAlgorithm),
        (json!({"alg": "HS512"}).to_string(), FailureKind::TokenAlgorithm),
        (json!({"alg": "ES256K"}).to_string(), FailureKind::TokenAlgorithm),
        (json!({"alg": "es256"}).to_string(), FailureKind::TokenAlgorithm),
        (json!({"alg": "ES384"}).to_string(), FailureKind::TokenSignature),
        (json!({"alg": "RS256"}).to_string(), FailureKind::TokenSignature),
        (json!({"alg": "ES256", "kid": "unknown"}).to_string(), FailureKind::TokenKeyUnknown),
    ];
    for (header, kind) in &cases {
        scene.refuses(&scene.issuer.token_of_text(header, &payload), *kind, header).await;
    }
    // A key that the token brings along is not looked at: signed with it, the token is not the issuer's.
    let stranger = Key::new(Kind::P256);
    for header in [
        json!({"alg": "ES256", "jwk": stranger.jwk()}),
        json!({"alg": "ES256", "kid": "first", "jku": "http://127.0.0.1:1/keys", "jwk": jwk}),
    ] {
        let token = crate::support::issuer::signed(&stranger, "ES256", &header.to_string(), &payload);
        scene.refuses(&token, FailureKind::TokenSignature, &header.to_string()).await;
    }
}

#[tokio::test]
async fn payloads_that_make_no_good_token() {
    let scene = Scene::new().await;
    let good = scene.claims().to_string();
    let open = good.strip_suffix('}').unwrap();
    let nested = format!(r#"{open},"deep":{{"a":1,"a":2}}}}"#);
    for payload in [
        format!(r#"{open},"sub":"1234567890"}}"#),
        format!(r#"{open},"email":"root@example.com"}}"#),
        format!(r#"{open},"\u0065mail":"root@example.com"}}"#),
        nested,
        format!("[{good}]"),
        format!("{good} x"),
        open.to_owned(),
        "null".to_owned(),
        String::new(),
    ] {
        let token = scene.issuer.token_of_text(r#"{"alg":"ES256"}"#, &payload);
        scene.refuses(&token, FailureKind::TokenMalformed, &payload).await;
    }
}

#[tokio::test]
async fn tokens_that_were_tampered_with() {
    let scene = Scene::new().await;
    let token = scene.token();
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let flipped = if signature.starts_with('A') { 'B' } else { 'A' };
    let changed = format!("{header}.{payload}.{flipped}{}", &signature[1..]);
    let other = scene.issuer.token(&scene.issuer.claims("email", &json!({"email": "root@example.com"})));
    let swapped = format!("{header}.{}.{signature}", other.split('.').nth(1).unwrap());
    let stranger = crate::support::issuer::signed(
        &Key::new(Kind::P256),
        "ES256",
        r#"{"alg":"ES256"}"#,
        &scene.claims().to_string(),
    );
    for (case, text, kind) in [
        ("absent", String::new(), FailureKind::TokenMissing),
        ("white space", " \n".to_owned(), FailureKind::TokenMissing),
        ("one part", "x".to_owned(), FailureKind::TokenMalformed),
        ("two parts", format!("{header}.{payload}"), FailureKind::TokenMalformed),
        ("four parts", format!("{token}.x"), FailureKind::TokenMalformed),
        ("five parts", format!("{token}.x.y"), FailureKind::TokenMalformed),
        ("padded", format!("{header}=.{payload}.{signature}"), FailureKind::TokenMalformed),
        ("a space inside", format!("{header}.{payload} .{signature}"), FailureKind::TokenMalformed),
        ("other base64", format!("{header}.{}+.{signature}", &payload[1..]), FailureKind::TokenMalformed),
        ("no signature", format!("{header}.{payload}."), FailureKind::TokenSignature),
        ("a changed signature", changed, FailureKind::TokenSignature),
        ("a shorter signature", format!("{header}.{payload}.{}", &signature[2..]), FailureKind::TokenSignature),
        ("a padded signature", format!("{token}=="), FailureKind::TokenSignature),
        ("a signature that is not base64", format!("{header}.{payload}.***"), FailureKind::TokenSignature),
        ("another's payload", swapped, FailureKind::TokenSignature),
        ("a stranger's key", stranger, FailureKind::TokenSignature),
    ] {
        scene.refuses(&text, kind, case).await;
    }
}

#[tokio::test]
async fn an_algorithm_that_discovery_does_not_list() {
    let scene = Scene::new().await;
    scene.issuer.set_algorithms(&["RS256"]);
    scene.refuses(&scene.token(), FailureKind::TokenAlgorithm, "ES256 where RS256 is listed").await;
    let silent = Scene::new().await;
    silent.issuer.set_algorithms(&[]);
    silent.refuses(&silent.token(), FailureKind::TokenAlgorithm, "ES256 where nothing is listed").await;
}

#[tokio::test]
async fn claims_that_make_no_identity_of_the_issuers_type() {
    let issuer = FakeIssuer::start();
    let server = Running::start(&issuers_file(&issuer.url, "127.0.0.1")).await;
    let key = Key::new(Kind::P256);
    for identity in identities(&issuer.url, "127.0.0.1") {
        for name in identity.needed {
            for bad in [None, Some(json!("")), Some(json!(null)), Some(json!(["x"])), Some(json!({"a": "b"}))] {
                // An empty text is a value like any other to a template; its name is checked as a whole.
                if identity.name == "ci-provider" && *name != "sub" && bad == Some(json!("")) {
                    continue;
                }
                let mut claims = issuer.claims(identity.name, &identity.claims);
                match &bad {
                    None => drop(claims.as_object_mut().unwrap().remove(*name)),
                    Some(value) => claims[*name] = value.clone(),
                }
                let reply = server.ask(&issuer.token(&claims), &key, &identity.challenge).await;
                let kind = match (identity.name, *name) {
                    (_, "sub") => FailureKind::TokenClaim,
                    ("ci-provider", _) => FailureKind::IdentityTemplate,
                    _ => FailureKind::IdentityRefused,
                };
                let case = format!("{}: {name} = {bad:?}", identity.name);
                assert_refused(&server, &reply, kind, &case);
                let named = reply.json()["details"][0]["metadata"]["claim"].as_str().unwrap_or_default().to_owned();
                assert!(named.starts_with(name), "{case}: {named:?} is named");
            }
        }
    }
}

#[tokio::test]
async fn identities_that_are_not_the_issuers_to_vouch_for() {
    let issuer = FakeIssuer::start();
    let server = Running::start(&issuers_file(&issuer.url, "127.0.0.1")).await;
    let key = Key::new(Kind::P256);
    for (name, changes, kind) in [
        ("email", json!({"email_verified": false}), FailureKind::IdentityRefused),
        ("email", json!({"email_verified": 1}), FailureKind::IdentityRefused),
        ("email", json!({"email_verified": null}), FailureKind::IdentityRefused),
        ("email", json!({"email": "no address"}), FailureKind::IdentityRefused),
        ("email", json!({"email": "dev@localhost"}), FailureKind::IdentityRefused),
        ("email", json!({"email": "d\u{e9}v@example.com"}), FailureKind::IdentityRefused),
        ("email-issuer-claim", json!({"federated_claims": {}}), FailureKind::IdentityRefused),
        ("email-issuer-claim", json!({"federated_claims": {"connector_id": ""}}), FailureKind::IdentityRefused),
        ("email-issuer-claim", json!({"federated_claims": {"connector_id": 1}}), FailureKind::IdentityRefused),
        ("uri", json!({"sub": "http://evil.example/users/17"}), FailureKind::IdentityRefused),
        ("uri", json!({"sub": "https://127.0.0.1/users/17"}), FailureKind::IdentityRefused),
        ("uri", json!({"sub": "dev@example.com"}), FailureKind::IdentityRefused),
        ("username", json!({"sub": "jane!root"}), FailureKind::IdentityRefused),
        ("username", json!({"sub": "dev@example.com"}), FailureKind::IdentityRefused),
        ("spiffe", json!({"sub": "spiffe://evil.org/ns/prod"}), FailureKind::IdentityRefused),
        ("spiffe", json!({"sub": "https://example.org/x"}), FailureKind::IdentityRefused),
        ("kubernetes", json!({"kubernetes.io": {"namespace": ""}}), FailureKind::IdentityRefused),
        ("gitlab-pipeline", json!({"ref_type": "merge"}), FailureKind::IdentityRefused),
        ("gitlab-pipeline", json!({"runner_id": 0}), FailureKind::IdentityRefused),
        ("chainguard-identity", json!({"email": "dev@example.com"}), FailureKind::IdentityRefused),
        ("ci-provider", json!({"url": "no uri"}), FailureKind::IdentityRefused),
    ] {
        let identity = identities(&issuer.url, "127.0.0.1").into_iter().find(|other| other.name == name).unwrap();
        let mut claims = issuer.claims(name, &identity.claims);
        for (claim, value) in changes.as_object().unwrap() {
            claims[claim.as_str()] = value.clone();
        }
        let reply = server.ask(&issuer.token(&claims), &key, claims["sub"].as_str().unwrap()).await;
        assert_refused(&server, &reply, kind, &format!("{name} with {changes}"));
    }
}

#[tokio::test]
async fn what_held_keys_say_comes_before_what_the_claims_lack() {
    let scene = Scene::new().await;
    let header = json!({"alg": "ES256", "kid": "another"}).to_string();
    // Made after the keys were fetched: for such a token they are fetched again, if it could pass with others.
    let mut claims = scene.claims();
    claims["iat"] = json!(seconds() + 30.0);
    for (case, is_verified) in [("no keys are held", true), ("the keys are held", false)] {
        claims["email_verified"] = json!(is_verified);
        let token = signed(&Key::fixed_p256(), "ES256", &header, &claims.to_string());
        scene.refuses(&token, FailureKind::TokenKeyUnknown, case).await;
        assert_eq!(scene.issuer.requests(KEYS), 1, "{case}");
    }
}
