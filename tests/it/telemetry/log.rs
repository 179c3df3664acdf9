//! What the log tells of requests: enough to find the cause, and nothing that is secret or personal.

use crate::support::log::Log;
use crate::support::scene::{ADDRESS, Scene};
use crate::support::server::key_body;
use crate::support::{Key, Kind, Reply, is_alone};
use serde_json::json;

/// One test, because a process has one log.
#[tokio::test]
async fn the_log_names_causes_and_keeps_secrets() {
    if !is_alone(concat!(module_path!(), "::the_log_names_causes_and_keeps_secrets")) {
        return;
    }
    let log = Log::capture(tracing::Level::TRACE);
    let scene = Scene::new().await;
    let good = scene.token();
    assert_eq!(scene.ask(&good).await.status, 200);
    let issued = log.lines_with("message", "issued a certificate");
    assert_eq!(issued.len(), 1);
    assert_eq!(issued[0]["fields"]["identity"], "email");

    let mut secrets = vec![good];
    for (claim, value, reason) in [
        ("aud", json!("elsewhere"), "TOKEN_AUDIENCE_MISMATCH"),
        ("exp", json!(1), "TOKEN_EXPIRED"),
        ("email_verified", json!(false), "IDENTITY_REFUSED"),
        ("email", json!("no-address-of-jane"), "IDENTITY_REFUSED"),
    ] {
        let mut claims = scene.claims();
        claims[claim] = value;
        let token = scene.issuer.token(&claims);
        let body = key_body(Some(&token), &scene.key.spki_pem(), &scene.key.prove(ADDRESS));
        let id = format!("case-{claim}");
        let request = scene.server.request("POST", "/api/v2/signingCert").header("X-Request-Id", &id);
        let reply = Reply::of(request.body(body.to_string()).send().await.unwrap()).await;
        assert_eq!(reply.reason(), reason);
        let lines = log.lines_with("request_id", &id);
        assert_eq!(lines.len(), 1, "each failure is one line: {lines:?}");
        assert_eq!((&lines[0]["fields"]["reason"], &lines[0]["level"]), (&json!(reason), &json!("INFO")));
        secrets.push(token);
    }
    let proof = scene.key.prove("somebody else");
    let body = key_body(Some(&secrets[0]), &Key::new(Kind::P256).spki_pem(), &proof);
    assert_eq!(scene.server.post(body.to_string()).await.status, 400);
    // A token in the wrong place, and one that is broken.
    let wrong = json!({"credentials": secrets[0], "publicKeyRequest": secrets[0]}).to_string();
    assert_eq!(scene.server.post(wrong).await.status, 400);
    assert_eq!(scene.ask(&format!("{}x", secrets[0])).await.status, 400);

    scene.server.signer().fail();
    assert_eq!(scene.ask(&secrets[0]).await.status, 503);
    let lines = log.lines_with("reason", "SIGNER_UNAVAILABLE");
    assert_eq!((lines.len(), &lines[0]["level"]), (1, &json!("ERROR")), "a dependency's fault is an error");

    let text = log.text();
    for token in &secrets {
        for part in token.split('.').skip(1) {
            assert!(!text.contains(&part[..40]), "a part of a token is in the log");
        }
    }
    let own: String = text.lines().filter(|line| line.contains("\"target\":\"sigmint")).collect();
    for personal in [ADDRESS, "no-address-of-jane", "1234567890"] {
        assert!(!own.contains(personal), "{personal} is in the log");
    }
    assert!(!text.contains("panicked"), "{text}");
}
