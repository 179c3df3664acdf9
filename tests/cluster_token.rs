//! The pod's token goes to the issuers that the file names, and to nobody else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails must stop"
)]

mod support;

use std::sync::Arc;

use serde_json::{Value, json};
use sigmint::identity::fetch::{ClusterFiles, Fetcher};
use sigmint::identity::keys::{KeyStore, KeyTiming};
use sigmint::issuance::Issuance;
use support::authority::pem_file;
use support::server::by_hand;
use support::{Answer, FakeIssuer, Key, Kind, Running, TestCa};

const SUBJECT: &str = "system:serviceaccount:builds:signer";
const BEARER: &str = "authorization: Bearer pod-token";
/// The entry that makes the other kubernetes issuers of the file the cluster's own.
const CLUSTER: &str = "  https://kubernetes.default.svc: {client-id: sigstore, type: kubernetes}\n";

struct Scene {
    issuer: FakeIssuer,
    server: Running,
    files: tempfile::TempDir,
}

impl Scene {
    /// A server with these issuers and the files that Kubernetes mounts.
    async fn new(issuers: impl Fn(&FakeIssuer) -> String) -> Self {
        let (issuer, ca, files) = (FakeIssuer::start(), TestCa::new().await, tempfile::tempdir().unwrap());
        let cluster = ClusterFiles { ca_certificate: files.path().join("ca.crt"), token: files.path().join("token") };
        let root = ca.authority.chain().certificates().last().unwrap().der().to_vec();
        std::fs::write(&cluster.ca_certificate, pem_file(&[root])).unwrap();
        std::fs::write(&cluster.token, "pod-token\n").unwrap();
        let keys = KeyStore::new(Fetcher::new().unwrap(), cluster, &KeyTiming::default());
        let issuance = Issuance { keys, ..by_hand(&issuers(&issuer), &ca) };
        Self { server: Running::serve(Arc::new(issuance), ca), issuer, files }
    }

    /// Asks with a token of this issuer; answers with the status.
    async fn ask(&self, name: &str) -> u16 {
        let account: Value = json!({"namespace": "builds", "serviceaccount": {"name": "signer"}});
        let claims = self.issuer.claims(name, &json!({"sub": SUBJECT, "kubernetes.io": account}));
        self.server.ask(&self.issuer.token(&claims), &Key::new(Kind::P256), SUBJECT).await.status
    }

    /// Of each request that reached the issuer, whether it carried the pod's token.
    fn with_token(&self) -> Vec<bool> {
        let carried = |head: &Vec<String>| head.iter().any(|line| line.eq_ignore_ascii_case(BEARER));
        self.issuer.received().iter().map(|request| carried(&request.head)).collect()
    }
}

fn named(issuer: &FakeIssuer) -> String {
    format!("  {}: {{client-id: sigstore, type: kubernetes}}\n", issuer.issuer("cluster"))
}

#[tokio::test]
async fn an_issuer_that_the_file_names_is_asked_with_the_token() {
    let scene = Scene::new(|issuer| format!("oidc-issuers:\n{CLUSTER}{}", named(issuer))).await;
    assert_eq!(scene.ask("cluster").await, 200);
    assert_eq!(scene.with_token(), [true, true], "discovery and keys");
}

#[tokio::test]
async fn without_the_clusters_own_issuer_there_is_no_token() {
    let scene = Scene::new(|issuer| format!("oidc-issuers:\n{}", named(issuer))).await;
    assert_eq!(scene.ask("cluster").await, 200);
    assert_eq!(scene.with_token(), [false, false]);
}

#[tokio::test]
async fn an_issuer_that_matched_a_pattern_gets_no_token() {
    let meta = |issuer: &FakeIssuer| {
        let pattern = issuer.issuer("*");
        format!("oidc-issuers:\n{CLUSTER}meta-issuers:\n  {pattern}: {{client-id: sigstore, type: kubernetes}}\n")
    };
    let scene = Scene::new(meta).await;
    assert_eq!(scene.ask("cluster").await, 200);
    assert_eq!(scene.with_token(), [false, false]);
}

#[tokio::test]
async fn the_token_crosses_no_redirect_and_follows_no_foreign_key_url() {
    let scene = Scene::new(|issuer| format!("oidc-issuers:\n{CLUSTER}{}", named(issuer))).await;
    let elsewhere = FakeIssuer::start();
    let foreign = elsewhere.url.replace("127.0.0.1", "localhost");
    scene.issuer.answer("/cluster/.well-known/openid-configuration", Answer::Redirect(foreign.clone()));
    assert_eq!(scene.ask("cluster").await, 503);
    assert!(elsewhere.received().is_empty(), "a redirect to another host is not followed");

    let scene = Scene::new(|issuer| format!("oidc-issuers:\n{CLUSTER}{}", named(issuer))).await;
    let document = json!({"issuer": scene.issuer.issuer("cluster"), "jwks_uri": format!("{}/keys", elsewhere.url)});
    let body = Answer::Body(200, document.to_string().into_bytes());
    scene.issuer.answer("/cluster/.well-known/openid-configuration", body);
    scene.ask("cluster").await;
    let heads: Vec<_> = elsewhere.received().into_iter().flat_map(|request| request.head).collect();
    assert!(!heads.is_empty(), "the keys are asked for where discovery says");
    assert!(!heads.iter().any(|line| line.to_ascii_lowercase().starts_with("authorization")), "{heads:?}");
}

#[tokio::test]
async fn the_token_is_read_anew_and_its_absence_is_no_failure() {
    let scene = Scene::new(|issuer| format!("oidc-issuers:\n{CLUSTER}{}", named(issuer))).await;
    std::fs::remove_file(scene.files.path().join("token")).unwrap();
    assert_eq!(scene.ask("cluster").await, 200);
    assert_eq!(scene.with_token(), [false, false]);
    let other = Scene::new(|issuer| format!("oidc-issuers:\n{CLUSTER}{}", named(issuer))).await;
    std::fs::remove_file(other.files.path().join("ca.crt")).unwrap();
    assert_eq!(other.ask("cluster").await, 503, "without the cluster's CA nobody is asked");
    assert!(other.issuer.received().is_empty());
}
