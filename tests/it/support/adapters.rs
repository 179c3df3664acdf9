//! One request through REST v1, REST v2 (both over HTTP/1 and HTTP/2) and gRPC, and what each of them says to it in one form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sigmint::failure::FailureKind;

use super::grpc::{ErrorInfo, GrpcClient, certificates, error_info, key_message, request_message};
use super::scene::{ADDRESS, Scene};
use super::server::{key_body, request_body};
use super::{Key, Reply};

/// What a client is certified with.
pub enum Material {
    Key { pem: String, proof: Vec<u8> },
    SigningRequest(String),
}

/// What a client is told, whatever the transport.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    Issued(Vec<Vec<u8>>),
    Refused { code: i64, text: String, reason: String, metadata: Vec<(String, String)> },
}

/// How many ways there are to ask.
pub const WAYS: usize = 5;

/// Sends one request through all adapters: REST over either version of HTTP, and gRPC.
pub async fn ask_all(scene: &Scene, token: &str, material: &Material) -> [Outcome; WAYS] {
    let http1 = |method: &str, path: &str| scene.server.request(method, path);
    let http2 = |method: &str, path: &str| scene.server.request_http2(method, path);
    [
        v1(&http1, token, material).await,
        v2(&http1, token, material).await,
        grpc(scene, token, material).await,
        v1(&http2, token, material).await,
        v2(&http2, token, material).await,
    ]
}

/// Begins a request with a method and a path.
type Begin<'a> = &'a dyn Fn(&str, &str) -> reqwest::RequestBuilder;

async fn v1(begin: Begin<'_>, token: &str, material: &Material) -> Outcome {
    let body = match material {
        Material::Key { pem, proof } => json!({
            "publicKey": {"content": STANDARD.encode(pem), "algorithm": "ecdsa"},
            "signedEmailAddress": STANDARD.encode(proof),
        }),
        Material::SigningRequest(text) => json!({"certificateSigningRequest": STANDARD.encode(text)}),
    };
    let mut request = begin("POST", "/api/v1/signingCert");
    if !token.is_empty() {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let reply = Reply::of(request.body(body.to_string()).send().await.unwrap()).await;
    if reply.status != 201 {
        return refused(&reply);
    }
    assert_eq!(reply.header("content-type"), Some("application/pem-certificate-chain"));
    assert_eq!(reply.header("sct"), None);
    assert_eq!(reply.text, reply.text.trim());
    Outcome::Issued(pem::parse_many(&reply.text).unwrap().into_iter().map(pem::Pem::into_contents).collect())
}

async fn v2(begin: Begin<'_>, token: &str, material: &Material) -> Outcome {
    let mut body = match material {
        Material::Key { pem, proof } => key_body(None, pem, proof),
        Material::SigningRequest(text) => request_body("", text),
    };
    body["credentials"] = json!({"oidcIdentityToken": token});
    let request = begin("POST", "/api/v2/signingCert").header("Content-Type", "application/json");
    let reply = Reply::of(request.body(body.to_string()).send().await.unwrap()).await;
    if reply.status == 200 { Outcome::Issued(reply.certificates()) } else { refused(&reply) }
}

async fn grpc(scene: &Scene, token: &str, material: &Material) -> Outcome {
    let message = match material {
        Material::Key { pem, proof } => key_message(token, pem, proof),
        Material::SigningRequest(text) => request_message(token, text),
    };
    match GrpcClient::new(&scene.server.grpc_url).ask(message).await {
        Ok(answer) => Outcome::Issued(certificates(&answer)),
        Err(status) => {
            let ErrorInfo { reason, domain, metadata } = error_info(&status);
            assert_eq!(domain, "sigmint.dev");
            let mut metadata: Vec<_> = metadata.into_iter().collect();
            metadata.sort();
            let code = i64::from(i32::from(status.code()));
            Outcome::Refused { code, text: status.message().to_owned(), reason, metadata }
        }
    }
}

fn refused(reply: &Reply) -> Outcome {
    let json = reply.json();
    let info = &json["details"][0];
    let metadata = info["metadata"].as_object().unwrap().iter();
    let mut metadata: Vec<_> =
        metadata.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
    // gRPC has no header for it.
    metadata.extend(reply.header("retry-after").map(|seconds| ("retryAfterSeconds".to_owned(), seconds.to_owned())));
    metadata.sort();
    Outcome::Refused {
        code: json["code"].as_i64().unwrap(),
        text: json["message"].as_str().unwrap().to_owned(),
        reason: info["reason"].as_str().unwrap().to_owned(),
        metadata,
    }
}

pub fn good(key: &Key) -> Material {
    Material::Key { pem: key.spki_pem(), proof: key.prove(ADDRESS) }
}

/// Asserts that all refused for this reason, in the same words.
pub fn assert_kind(outcomes: &[Outcome], kind: FailureKind) {
    let row = kind.row();
    for outcome in outcomes {
        assert_eq!(*outcome, outcomes[0], "{kind:?}");
        let Outcome::Refused { code, text, reason, .. } = outcome else { panic!("{kind:?}: issued") };
        assert_eq!((*code, reason.as_str()), (i64::from(row.grpc as u8), row.reason), "{outcome:?}");
        assert!(text.starts_with(row.text), "{outcome:?}");
    }
}
