//! The verdict is the server's: of its own functions on a token's signature, and compared with a server that runs.

use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::explain;
use crate::support::identities::{email_file, identities, issuers_file};
use crate::support::{FakeIssuer, Key, Kind, Running, Scene, issuer};

#[test]
fn the_signature_is_checked_with_the_issuer_s_keys_if_they_may_be_fetched() {
    let issuer = FakeIssuer::start();
    let file = email_file(&issuer.issuer("email"));
    let claims = issuer.claims("email", &json!({"email": "dev@example.com", "email_verified": true}));
    let token = issuer.token(&claims);
    let body = claims.to_string();
    let verdict = "Would be issued: a certificate for dev@example.com";
    let told = explain(&file, &token, &[]);
    assert_eq!((told.line(0), told.code), (verdict, Some(0)), "{}", told.output);
    assert_eq!(told.line(1), "signature: not checked (--online fetches the issuer's keys and checks it)");
    assert!(issuer.received().is_empty(), "nobody is asked");
    let told = explain(&file, &token, &["--online"]);
    assert_eq!(
        (told.line(0), told.line(1)),
        (verdict, "signature: one of the issuer's keys made it"),
        "{}",
        told.output
    );
    assert!(!told.output.contains(&token) && !told.output.contains(token.rsplit('.').next().unwrap()), "not the token");

    let forged = issuer::signed(&Key::new(Kind::P256), "ES256", r#"{"alg":"ES256"}"#, &body);
    let unknown = issuer.token_of_text(r#"{"alg":"ES256","kid":"unknown"}"#, &body);
    for (text, first, second) in [
        (
            forged.as_str(),
            "Refused: bad signature: no key of the issuer made the token's signature",
            "Change: get a new token from the issuer",
        ),
        (
            &unknown,
            "Refused: unknown key id: the issuer has no key \"unknown\"",
            "Change: have the issuer publish the key",
        ),
    ] {
        assert_eq!(explain(&file, text, &[]).line(0), verdict, "nobody can tell without keys");
        let told = explain(&file, text, &["--online"]);
        assert!(told.line(0) == first && told.line(1).starts_with(second) && told.code == Some(1), "{}", told.output);
    }
    let cut = &token[..token.len() - 2];
    assert_eq!(
        explain(&file, cut, &[]).line(0),
        "Refused: bad signature: no key of the issuer made the token's signature"
    );

    let mut jwk = issuer.first_key().jwk();
    jwk["kid"] = json!("first");
    let keys = json!({"keys": [jwk]}).to_string();
    let fixed = format!("{file}    jwks: '{keys}'\n");
    let asked = issuer.received().len();
    let told = explain(&fixed, &token, &[]);
    assert_eq!(told.line(1), "signature: one of the issuer's keys made it", "{}{}", told.output, told.errors);
    assert_eq!(explain(&fixed, &forged, &[]).code, Some(1));
    assert_eq!(issuer.received().len(), asked, "the keys are in the file");

    issuer.set_algorithms(&["RS256"]);
    let told = explain(&file, &token, &["--online"]);
    assert_eq!(told.line(0), "Refused: the issuer does not sign with the token's algorithm");
    assert!(told.line(1).contains("id_token_signing_alg_values_supported"), "{}", told.output);
    issuer.answer("/email/.well-known/openid-configuration", crate::support::Answer::Body(500, Vec::new()));
    let told = explain(&file, &token, &["--online"]);
    assert!(
        told.line(0).starts_with("Refused: could not fetch the keys of ") && told.line(0).contains("answered 500"),
        "{}",
        told.output
    );
    assert!(told.line(1).starts_with("Change: see that this machine reaches the issuer"), "{}", told.output);
}

/// What a server answers to tokens, and what the command says would become of them.
#[tokio::test(flavor = "multi_thread")]
async fn the_verdict_is_the_server_s() {
    let scene = Scene::new().await;
    let file = email_file(&scene.issuer.issuer("email"));
    let now = scene.claims()["exp"].as_u64().unwrap() - 600;
    let mut tokens = vec![("good".to_owned(), scene.token())];
    for (name, value) in [
        ("iss", json!(7)),
        ("iss", json!("")),
        ("iss", json!("https://stranger.example")),
        ("iss", json!(format!("{}/", scene.issuer.issuer("email")))),
        ("aud", Value::Null),
        ("aud", json!(["sigstore", 1])),
        ("aud", json!([])),
        ("aud", json!("Sigstore")),
        ("aud", json!(["other", "sigstore"])),
        ("exp", json!(now - 60)),
        ("exp", json!(0)),
        ("exp", json!("x")),
        ("exp", Value::Null),
        ("nbf", json!(now + 600)),
        ("nbf", json!("x")),
        ("nbf", Value::Null),
        ("iat", json!("x")),
        ("iat", json!(now + 3600)),
        ("sub", json!(17)),
        ("sub", Value::Null),
        ("sub", json!("")),
        ("nonce", json!(1)),
        ("at_hash", json!([])),
        ("_claim_names", json!("x")),
        ("email", json!("no address")),
        ("email", Value::Null),
        ("email_verified", json!(false)),
        ("email_verified", json!(1)),
        ("email_verified", json!("true")),
        ("email", json!("d\u{e9}v@example.com")),
    ] {
        let mut claims = scene.claims();
        claims[name] = value.clone();
        tokens.push((format!("{name} = {value}"), scene.issuer.token(&claims)));
    }
    let payload = scene.claims().to_string();
    for header in [
        r#"{"alg":"ES256","crit":["exp"]}"#,
        r#"{"kid":"first"}"#,
        r#"{"alg":"none"}"#,
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"ES384"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"ES256","kid":"unknown"}"#,
        r#"{"alg":"ES256","typ":"logout+jwt"}"#,
        r#"{"alg":"ES256","typ":"at+jwt"}"#,
        r#"["ES256"]"#,
        r#"{"alg":"ES256","alg":"ES256"}"#,
    ] {
        tokens.push((header.to_owned(), scene.issuer.token_of_text(header, &payload)));
    }
    let token = scene.token();
    tokens.push(("cut".to_owned(), token[..token.len() - 2].to_owned()));
    tokens.push(("padded".to_owned(), format!("{token}==")));
    tokens.push(("four parts".to_owned(), format!("{token}.x")));
    tokens.push((
        "duplicate".to_owned(),
        scene.issuer.token_of_text(r#"{"alg":"ES256"}"#, &payload.replacen('{', r#"{"sub":"x","#, 1)),
    ));
    tokens.push((
        "another's key".to_owned(),
        issuer::signed(&Key::new(Kind::P256), "ES256", r#"{"alg":"ES256"}"#, &payload),
    ));
    compare(&scene.server, &file, tokens, &|_| "dev@example.com".to_owned()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verdict_on_every_identity_type_is_the_server_s() {
    let issuer = FakeIssuer::start();
    let file = issuers_file(&issuer.url, "127.0.0.1");
    let server = Running::start(&file).await;
    let mut tokens = Vec::new();
    for identity in identities(&issuer.url, "127.0.0.1") {
        let claims = issuer.claims(identity.name, &identity.claims);
        tokens.push((identity.name.to_owned(), issuer.token(&claims)));
        for name in identity.needed {
            let mut claims = claims.clone();
            claims.as_object_mut().unwrap().remove(*name);
            tokens.push((format!("{} without {name}", identity.name), issuer.token(&claims)));
        }
    }
    let challenges = identities(&issuer.url, "127.0.0.1");
    let challenge = |case: &str| {
        let found = challenges.iter().find(|one| case == one.name);
        found.map_or_else(|| "subject-1".to_owned(), |one| one.challenge.clone())
    };
    compare(&server, &file, tokens, &challenge).await;
}

async fn compare(server: &Running, file: &str, tokens: Vec<(String, String)>, challenge: &dyn Fn(&str) -> String) {
    let key = Key::new(Kind::P256);
    let (mut issued, mut refused) = (0, 0);
    for (case, token) in tokens {
        let reply = server.ask(&token, &key, &challenge(&case)).await;
        let (file, text) = (file.to_owned(), token.clone());
        let told = tokio::task::spawn_blocking(move || explain(&file, &text, &["--online", "--json"])).await.unwrap();
        let report = told.json();
        if reply.status == 200 {
            issued += 1;
            assert_eq!((told.code, &report["verdict"]), (Some(0), &json!("issued")), "{case}: {}", told.output);
            let certificate = reply.certificates().remove(0);
            let (_, parsed) = X509Certificate::from_der(&certificate).unwrap();
            let names = crate::support::certificate::subject_alternative_names(&parsed);
            let name = report["certificate"]["name"]["value"].as_str().unwrap();
            assert!(names.iter().all(|found| found.ends_with(name)), "{case}: {names:?} {name}");
        } else {
            refused += 1;
            assert_eq!(report["refusal"]["reason"], reply.reason(), "{case}: {}", told.output);
            assert_eq!(report["refusal"]["httpStatus"], reply.status, "{case}");
            assert_eq!((told.code, &report["verdict"]), (Some(1), &json!("refused")), "{case}");
        }
    }
    assert!(issued > 3 && refused > 10, "{issued} {refused}");
}
