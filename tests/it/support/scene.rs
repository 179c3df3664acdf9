//! The usual set-up: an `email` issuer, a server that trusts it, and a key whose proof is good.

use serde_json::{Value, json};
use sigmint::failure::FailureKind;

use super::identities::{email_claims, email_file};
use super::issuer::FakeIssuer;
use super::keys::{Key, Kind};
use super::server::{Reply, Running};

/// What clients sign for a token with [`email_claims`].
pub const ADDRESS: &str = "dev@example.com";

/// An issuer, a server and a client's key.
pub struct Scene {
    pub issuer: FakeIssuer,
    pub server: Running,
    pub key: Key,
}

impl Scene {
    /// A POST over HTTP/2 to a path of the gRPC listener, to be changed and sent.
    pub fn http2_to_grpc(&self, path: &str) -> reqwest::RequestBuilder {
        let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
        client.post(format!("{}{path}", self.server.grpc_url))
    }

    pub async fn new() -> Self {
        let issuer = FakeIssuer::start();
        let server = Running::start(&email_file(&issuer.issuer("email"))).await;
        Self { issuer, server, key: Key::new(Kind::P256) }
    }

    pub fn claims(&self) -> Value {
        self.issuer.claims("email", &email_claims())
    }

    pub fn token(&self) -> String {
        self.issuer.token(&self.claims())
    }

    /// The answer to a token in an otherwise good request.
    pub async fn ask(&self, token: &str) -> Reply {
        self.server.ask(token, &self.key, ADDRESS).await
    }

    /// Asserts that a token in an otherwise good request is refused, and nothing signed.
    pub async fn refuses(&self, token: &str, kind: FailureKind, case: &str) {
        let reply = self.ask(token).await;
        assert_refused(&self.server, &reply, kind, case);
    }
}

/// Asserts the row of the failure table in the answer, and that not one signature was made.
pub fn assert_refused(server: &Running, reply: &Reply, kind: FailureKind, case: &str) {
    let row = kind.row();
    assert_eq!(reply.reason(), row.reason, "{case}: {reply:?}");
    assert_eq!(reply.status, row.http, "{case}");
    assert_eq!(reply.json()["code"], json!(row.grpc as u8), "{case}");
    assert_eq!(reply.header("retry-after").is_some(), kind.is_transient(), "{case}");
    assert_eq!(reply.header("content-type"), Some("application/json"), "{case}");
    let message = reply.json()["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with(row.text), "{case}: {message}");
    assert_eq!(server.signer().calls(), 0, "{case}: something was signed");
}
