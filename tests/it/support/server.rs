//! The real server on a real socket, and a client that sends requests to it.

use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use sigmint::app;
use sigmint::audit::Audit;
use sigmint::authority::AuthoritySource;
use sigmint::blocklist::BlockList;
use sigmint::certificate::ValidityPolicy;
use sigmint::identity::fetch::{ClusterFiles, Fetcher};
use sigmint::identity::issuers::Issuers;
use sigmint::identity::keys::{KeyStore, KeyTiming};
use sigmint::issuance::Issuance;
use sigmint::limits::Limits;
use sigmint::limits::single_use::SingleUse;
use sigmint::possession::PermittedAlgorithms;
use sigmint::server::{Server, ServerOptions};
use sigmint::telemetry::metrics::{BuildInfo, Metrics};

use super::authority::{CountingSigner, TestCa};
use super::keys::Key;

/// A server that listens, and what is known of its inside.
pub struct Running {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// The same for gRPC.
    pub grpc_url: String,
    pub ca: TestCa,
    client: reqwest::Client,
    http2: reqwest::Client,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// `details[0].reason`, or nothing.
    pub fn reason(&self) -> String {
        self.json()["details"][0]["reason"].as_str().unwrap_or_default().to_owned()
    }

    /// The certificates of an answer, the leaf first.
    pub fn certificates(&self) -> Vec<Vec<u8>> {
        assert_eq!(self.status, 200, "{self:?}");
        let chain = &self.json()["signedCertificateDetachedSct"]["chain"]["certificates"];
        let texts = chain.as_array().unwrap_or_else(|| panic!("{self:?}"));
        texts.iter().map(|text| pem::parse(text.as_str().unwrap()).unwrap().into_contents()).collect()
    }
}

impl Running {
    /// A server that trusts these issuers, as `sigmint serve` puts it together.
    pub async fn start(issuers: &str) -> Self {
        Self::start_with(issuers, TestCa::new().await)
    }

    /// The same, with this CA.
    pub fn start_with(issuers: &str, ca: TestCa) -> Self {
        let source = AuthoritySource::Fixed(Arc::clone(&ca.authority));
        let issuance =
            app::issuance(parse(issuers), source, PermittedAlgorithms::default(), ValidityPolicy::default()).unwrap();
        Self::serve(issuance, ca)
    }

    /// The same, with other life-times of issuers' keys.
    pub async fn start_timed(issuers: &str, timing: &KeyTiming) -> Self {
        Self::start_fetching(issuers, Fetcher::new().unwrap(), timing).await
    }

    /// The same, with another way to fetch as well.
    pub async fn start_fetching(issuers: &str, fetcher: Fetcher, timing: &KeyTiming) -> Self {
        let ca = TestCa::new().await;
        let keys = KeyStore::new(fetcher, ClusterFiles::default(), timing);
        Self::serve(Arc::new(Issuance { keys, ..by_hand(issuers, &ca) }), ca)
    }

    /// Serves what a test put together.
    pub fn serve(issuance: Arc<Issuance>, ca: TestCa) -> Self {
        Self::serve_on(issuance, ca, &ServerOptions::default())
    }

    /// The same, listening as told.
    pub fn serve_on(issuance: Arc<Issuance>, ca: TestCa, options: &ServerOptions) -> Self {
        let server = Server::bind(issuance, options).unwrap();
        let url = format!("http://{}", server.local_addr());
        let grpc_url = format!("http://{}", server.grpc_addr());
        tokio::spawn(server.run());
        // Without a pool: a server that closes a connection early must not spoil the next request.
        let client = reqwest::Client::builder().pool_max_idle_per_host(0).no_proxy().build().unwrap();
        let http2 = reqwest::Client::builder().pool_max_idle_per_host(0).no_proxy().http2_prior_knowledge();
        Self { url, grpc_url, ca, client, http2: http2.build().unwrap() }
    }

    pub fn signer(&self) -> &CountingSigner {
        &self.ca.signer
    }

    pub async fn get(&self, path: &str) -> Reply {
        Reply::of(self.client.get(format!("{}{path}", self.url)).send().await.unwrap()).await
    }

    /// A request to be changed and sent.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method.parse().unwrap(), format!("{}{path}", self.url))
    }

    /// The same over HTTP/2, without asking first.
    pub fn request_http2(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.http2.request(method.parse().unwrap(), format!("{}{path}", self.url))
    }

    /// Asks for a certificate with any body.
    pub async fn post(&self, body: impl Into<reqwest::Body>) -> Reply {
        let request = self.request("POST", "/api/v2/signingCert").header("Content-Type", "application/json");
        Reply::of(request.body(body).send().await.unwrap()).await
    }

    /// Asks for a certificate for the key, with the proof over the challenge.
    pub async fn ask(&self, token: &str, key: &Key, challenge: &str) -> Reply {
        self.post(key_body(Some(token), &key.spki_pem(), &key.prove(challenge)).to_string()).await
    }
}

/// What `app::issuance` puts together, in parts that a test can replace.
pub fn by_hand(issuers: &str, ca: &TestCa) -> Issuance {
    Issuance {
        issuers: arc_swap::ArcSwap::from_pointee(parse(issuers)),
        keys: KeyStore::new(Fetcher::new().unwrap(), ClusterFiles::default(), &KeyTiming::default()),
        algorithms: PermittedAlgorithms::default(),
        blocklist: BlockList::default(),
        policy: arc_swap::ArcSwapOption::empty(),
        validity: ValidityPolicy::default(),
        authority: AuthoritySource::Fixed(Arc::clone(&ca.authority)),
        logs: None,
        limits: Limits::default(),
        single_use: SingleUse::default(),
        audit: Audit::default(),
        metrics: Metrics::new(&BuildInfo::default()),
        trust: arc_swap::ArcSwapOption::empty(),
        clock: Box::new(SystemTime::now),
        rng: Box::new(random),
    }
}

fn random() -> Option<[u8; 20]> {
    let mut bytes = [0; 20];
    aws_lc_rs::rand::fill(&mut bytes).ok().map(|()| bytes)
}

/// Reads the text of an issuer file.
pub fn parse(issuers: &str) -> Issuers {
    Issuers::parse("test.yaml", issuers).unwrap_or_else(|error| panic!("{error}\n{issuers}"))
}

/// The body that asks for a certificate for a key.
pub fn key_body(token: Option<&str>, public_key: &str, proof: &[u8]) -> Value {
    let mut body = json!({"publicKeyRequest": {
        "publicKey": {"algorithm": "PUBLIC_KEY_ALGORITHM_UNSPECIFIED", "content": public_key},
        "proofOfPossession": STANDARD.encode(proof),
    }});
    if let Some(token) = token {
        body["credentials"] = json!({"oidcIdentityToken": token});
    }
    body
}

/// The body that asks for a certificate for a signing request.
pub fn request_body(token: &str, signing_request: &str) -> Value {
    json!({"credentials": {"oidcIdentityToken": token}, "certificateSigningRequest": STANDARD.encode(signing_request)})
}
