//! What strangers can make grow, and ways around the one gate.

use std::sync::Arc;

use serde_json::json;
use sigmint::failure::FailureKind;
use tonic::Request;

use crate::support::adapters::{Material, ask_all, assert_kind, good};
use crate::support::grpc::{GrpcClient, key_message};
use crate::support::identities::email_file;
use crate::support::scene::{ADDRESS, Scene};
use crate::support::server::{by_hand, key_body};
use crate::support::{FakeIssuer, Key, Kind, Reply, Running, TestCa};

/// The timestamp authority took memory for every separator in a request's content type. Here the type is not taken apart at all: the
/// answer is the same, or the header is too long as a header.
#[tokio::test]
async fn ghsa_4qg8_fj49_pxjh_content_types_of_many_parts() {
    let scene = Scene::new().await;
    let body = key_body(Some(&scene.token()), &scene.key.spki_pem(), &scene.key.prove(ADDRESS)).to_string();
    for name in ["Content-Type", "Accept", "Accept-Language", "Content-Language"] {
        for (case, value) in [
            ("separators", format!("application/json{}", ";".repeat(4000))),
            ("parameters", format!("application/json{}", ";a=b".repeat(1000))),
            ("slashes", "/".repeat(4000)),
            ("commas", ",".repeat(4000)),
            ("quotes", format!("a/b;c=\"{}", "\\\"".repeat(2000))),
        ] {
            let request = scene.server.request("POST", "/api/v2/signingCert").header(name, value).body(body.clone());
            assert_eq!(Reply::of(request.send().await.unwrap()).await.status, 200, "{name}: {case}");
        }
    }
    let long = scene.server.request("POST", "/api/v2/signingCert").header("Content-Type", ";".repeat(2_000_000));
    if let Ok(response) = long.body(body).send().await {
        assert!(response.status().is_client_error(), "{response:?}");
    }
    assert_eq!(scene.ask(&scene.token()).await.status, 200, "the server goes on");
}

/// The timestamp authority counted requests under their path and method as they came: every new path was a new series, for ever. Here all
/// labels are words of the program: after what strangers invented there are as many series as before, and not one of their words.
#[tokio::test]
async fn ghsa_9c54_x2g4_v92j_metrics_for_invented_paths_and_methods() {
    let issuer = FakeIssuer::start();
    let ca = TestCa::new().await;
    let issuance = by_hand(&email_file(&issuer.issuer("email")), &ca);
    let metrics = issuance.metrics.clone();
    let scene = Scene { issuer, server: Running::serve(Arc::new(issuance), ca), key: Key::new(Kind::P256) };
    let series = || metrics.encode().unwrap().lines().filter(|line| !line.starts_with('#')).count();
    invent(&scene, 0..2).await;
    let before = series();
    invent(&scene, 2..60).await;
    assert_eq!(series(), before);
    let text = metrics.encode().unwrap().to_lowercase();
    assert!(!text.contains("invented"), "{text}");
}

async fn invent(scene: &Scene, numbers: std::ops::Range<u32>) {
    let grpc = GrpcClient::new(&scene.server.grpc_url);
    for number in numbers {
        let word = format!("invented{number}");
        for (method, path) in [
            ("GET", format!("/{word}")),
            (word.as_str(), "/api/v2/signingCert".to_owned()),
            (word.as_str(), format!("/{word}")),
            ("POST", format!("/api/v2/signingCert?{word}")),
            ("POST", format!("/api/{word}/signingCert")),
        ] {
            assert!(scene.server.request(method, &path).send().await.unwrap().status().is_client_error());
        }
        let message = key_message(&word, &word, word.as_bytes());
        assert!(grpc.call::<_, ()>(&word, Request::new(message.clone())).await.is_err());
        assert!(grpc.ask(message).await.is_err());
        let header = json!({"alg": "ES256", "kid": word}).to_string();
        let mut claims = scene.claims();
        claims["iss"] = json!(format!("https://{word}.example"));
        assert_eq!(scene.ask(&scene.issuer.token_of_text(&header, &claims.to_string())).await.status, 400);
        claims = scene.claims();
        claims["aud"] = json!(word);
        assert_eq!(scene.ask(&scene.issuer.token(&claims)).await.status, 400);
    }
}

/// step-ca checked who asks for each kind of message but one, and that one issued. Here every way to a certificate goes through the same
/// gate: the three adapters refuse the same for the same reason, and no other path, method or spelling of a path issues anything.
#[tokio::test]
async fn ghsa_q4r8_xm5f_56gw_every_path_goes_through_one_gate() {
    let scene = Scene::new().await;
    let (key, other) = (&scene.key, Key::new(Kind::P256));
    let expired = {
        let mut claims = scene.claims();
        claims["exp"] = json!(1);
        scene.issuer.token(&claims)
    };
    let forged = format!("{}A", scene.token());
    for material in [good(key), Material::SigningRequest(key.signing_request())] {
        for (token, kind) in [
            (String::new(), FailureKind::TokenMissing),
            (expired.clone(), FailureKind::TokenExpired),
            (forged.clone(), FailureKind::TokenSignature),
        ] {
            assert_kind(&ask_all(&scene, &token, &material).await, kind);
        }
    }
    let foreign = Material::Key { pem: other.spki_pem(), proof: key.prove(ADDRESS) };
    assert_kind(&ask_all(&scene, &scene.token(), &foreign).await, FailureKind::ProofInvalid);

    let body = key_body(Some(&scene.token()), &key.spki_pem(), &key.prove(ADDRESS)).to_string();
    for path in ODD_PATHS {
        for method in ["POST", "PUT", "GET", "PATCH", "REPORT"] {
            let request =
                scene.server.request(method, path).header("X-HTTP-Method-Override", "POST").body(body.clone());
            let reply = Reply::of(request.send().await.unwrap()).await;
            assert!((400..500).contains(&reply.status), "{method} {path}: {reply:?}");
        }
    }
    for method in ["PUT", "GET", "HEAD", "DELETE", "PATCH", "UPDATE"] {
        for path in ["/api/v1/signingCert", "/api/v2/signingCert"] {
            let reply = scene.server.request(method, path).body(body.clone()).send().await.unwrap();
            assert!(reply.status().is_client_error(), "{method} {path}");
        }
    }
    let grpc = GrpcClient::new(&scene.server.grpc_url);
    for method in ["UpdateSigningCertificate", "createSigningCertificate", "CreateSigningCertificate/", ""] {
        let message = key_message(&scene.token(), &key.spki_pem(), &key.prove(ADDRESS));
        assert!(grpc.call::<_, ()>(method, Request::new(message)).await.is_err(), "{method}");
    }
    assert_eq!(scene.server.signer().calls(), 0, "something was signed");
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
}

/// Spellings and neighbours of the two paths that issue.
const ODD_PATHS: [&str; 14] = [
    "/api/v2/signingCert/",
    "//api/v2/signingCert",
    "/api//v2/signingCert",
    "/api/v2/signingcert",
    "/API/v2/signingCert",
    "/api/v2/signingCert%2f",
    "/api/v2/signingCert;x",
    "/api/v2/./signingCert%00",
    "/api/v1beta1/signingCert",
    "/api/v2beta/signingCert",
    "/api/v3/signingCert",
    "/signingCert",
    "/dev.sigstore.fulcio.v2.CA/CreateSigningCertificate",
    "/healthz/../api/v2/signingCert%20",
];
