//! The pod's token goes to the cluster's own API server and to where that keeps its keys, and to nobody else.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use crate::support::issuer::KEYS;
use crate::support::names::Names;
use crate::support::server::by_hand;
use crate::support::{Answer, FakeIssuer, Key, Kind, Running, TestCa};
use serde_json::{Value, json};
use sigmint::identity::fetch::ClusterFiles;
use sigmint::identity::keys::{KeyStore, KeyTiming};
use sigmint::issuance::Issuance;

const SUBJECT: &str = "system:serviceaccount:builds:signer";
const BEARER: &str = "authorization: Bearer pod-token";
/// The API server's name with the cluster's domain.
const API: &str = "kubernetes.default.svc.cluster.local";
/// The API server's name in every cluster.
const OWN: &str = "kubernetes.default.svc";
/// Another name that the cluster's CA vouches for.
const SERVICE: &str = "issuer.tenants.svc";
const DISCOVERY: &str = "/.well-known/openid-configuration";
/// The entry that makes the other kubernetes issuers of the file the cluster's own.
const CLUSTER: &str = "  https://kubernetes.default.svc: {client-id: sigstore, type: kubernetes}\n";

/// A cluster whose CA vouches for its API server, for the address of its node, and for a service that a tenant runs.
struct Cluster {
    api: FakeIssuer,
    tenant: FakeIssuer,
    ca: String,
    files: tempfile::TempDir,
    service_host: Option<String>,
}

impl Cluster {
    fn new() -> Self {
        let (api, of_api) = FakeIssuer::start_tls(&[API, OWN, "127.0.0.1"]);
        let (tenant, of_tenant) = FakeIssuer::start_tls(&[SERVICE]);
        let (ca, files) = (format!("{of_api}{of_tenant}"), tempfile::tempdir().unwrap());
        Self { api, tenant, ca, files, service_host: None }
    }

    /// The API server's URL as an issuer.
    fn url(&self) -> String {
        format!("https://{API}:{}", self.api.address().port())
    }

    fn tenant_url(&self) -> String {
        format!("https://{SERVICE}:{}", self.tenant.address().port())
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.files.path().join(name)
    }

    /// A server in one of the cluster's pods, with this issuer file.
    async fn serve(&self, issuers: &str) -> Running {
        std::fs::write(self.path("ca.crt"), &self.ca).unwrap();
        std::fs::write(self.path("token"), "pod-token\n").unwrap();
        self.serve_with_files(issuers).await
    }

    async fn serve_with_files(&self, issuers: &str) -> Running {
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (ca_certificate, token) = (self.path("ca.crt"), self.path("token"));
        let cluster = ClusterFiles { ca_certificate, token, service_host: self.service_host.clone() };
        let fetcher = Names::fetcher(&[(API, here), (SERVICE, here), ("localhost", here), (OWN, self.api.address())]);
        let ca = TestCa::new().await;
        let keys = KeyStore::new(fetcher, cluster, &KeyTiming::default());
        let issuance = Issuance { keys, ..by_hand(issuers, &ca) };
        Running::serve(Arc::new(issuance), ca)
    }

    /// The file names the API server by this URL, and the cluster's usual name.
    async fn serve_named(&self, url: &str) -> Running {
        self.serve(&format!("oidc-issuers:\n{CLUSTER}{}", entry(url, ""))).await
    }

    /// Makes discovery say that the keys are elsewhere.
    fn keys_are_at(&self, url: &str, jwks_uri: &str) {
        let document = json!({"issuer": url, "jwks_uri": jwks_uri, "id_token_signing_alg_values_supported": ["ES256"]});
        self.api.answer(DISCOVERY, Answer::Body(200, document.to_string().into_bytes()));
    }
}

fn entry(url: &str, more: &str) -> String {
    format!("  \"{url}\": {{client-id: sigstore, type: kubernetes{more}}}\n")
}

/// Trusts certificates besides the system's.
fn trusting(pem: &str) -> String {
    format!(", ca-cert: {}", json!(pem))
}

/// Asks with a token of the issuer with this URL that `signer` has signed; answers with the status.
async fn ask(server: &Running, signer: &FakeIssuer, url: &str) -> u16 {
    let account: Value = json!({"namespace": "builds", "serviceaccount": {"name": "signer"}});
    let claims = signer.claims("", &json!({"iss": url, "sub": SUBJECT, "kubernetes.io": account}));
    server.ask(&signer.token(&claims), &Key::new(Kind::P256), SUBJECT).await.status
}

/// Of each request that reached a server, whether it carried the pod's token.
fn with_token(issuer: &FakeIssuer) -> Vec<bool> {
    let carried = |head: &Vec<String>| head.iter().any(|line| line.eq_ignore_ascii_case(BEARER));
    issuer.received().iter().map(|request| carried(&request.head)).collect()
}

#[tokio::test]
async fn the_api_server_is_asked_with_the_token_by_its_names_and_its_service_host() {
    let cluster = Cluster::new();
    // Its longer name needs no other entry.
    let server = cluster.serve(&format!("oidc-issuers:\n{}", entry(&cluster.url(), ""))).await;
    for path in [DISCOVERY, KEYS] {
        cluster.api.answer(path, Answer::Demands(BEARER));
    }
    assert_eq!(ask(&server, &cluster.api, &cluster.url()).await, 200);
    assert_eq!(with_token(&cluster.api), [true, true], "discovery and keys");

    let cluster = Cluster { service_host: Some("127.0.0.1".to_owned()), ..Cluster::new() };
    let server = cluster.serve_named(&cluster.api.url).await;
    assert_eq!(ask(&server, &cluster.api, &cluster.api.url).await, 200);
    assert_eq!(with_token(&cluster.api), [true, true]);
}

#[tokio::test]
async fn keys_at_the_nodes_address_are_asked_for_with_the_token() {
    let cluster = Cluster::new();
    let (node, of_node) = FakeIssuer::start_tls(&["127.0.0.1"]);
    let cluster = Cluster { ca: format!("{}{of_node}", cluster.ca), ..cluster };
    node.answer(KEYS, Answer::Demands(BEARER));
    cluster.keys_are_at(&cluster.url(), &format!("{}{KEYS}", node.url));
    let server = cluster.serve_named(&cluster.url()).await;
    assert_eq!(ask(&server, &node, &cluster.url()).await, 200);
    assert_eq!((with_token(&cluster.api), with_token(&node)), (vec![true], vec![true]));
}

#[tokio::test]
async fn keys_on_a_host_that_the_clusters_ca_does_not_vouch_for_are_asked_for_without() {
    let (cluster, (foreign, of_foreign)) = (Cluster::new(), FakeIssuer::start_tls(&["127.0.0.1"]));
    cluster.keys_are_at(&cluster.url(), &format!("{}{KEYS}", foreign.url));
    let server = cluster.serve(&format!("oidc-issuers:\n{}", entry(&cluster.url(), &trusting(&of_foreign)))).await;
    assert_eq!(ask(&server, &foreign, &cluster.url()).await, 200);
    assert_eq!((with_token(&cluster.api), with_token(&foreign)), (vec![true], vec![false]));
}

#[tokio::test]
async fn whoever_bears_the_api_servers_name_without_the_clusters_ca_is_asked_without() {
    let cluster = Cluster::new();
    let own = trusting(&cluster.ca);
    let (_, other) = FakeIssuer::start_tls(&[API]);
    let cluster = Cluster { ca: other, ..cluster };
    let server = cluster.serve(&format!("oidc-issuers:\n{}", entry(&cluster.url(), &own))).await;
    assert_eq!(ask(&server, &cluster.api, &cluster.url()).await, 200);
    assert_eq!(with_token(&cluster.api), [false, false]);
}

#[tokio::test]
async fn another_issuer_gets_no_token_whatever_the_file_and_its_discovery_say() {
    let cluster = Cluster::new();
    let server = cluster.serve_named(&cluster.tenant_url()).await;
    assert_eq!(ask(&server, &cluster.tenant, &cluster.tenant_url()).await, 200, "the cluster's CA vouches for it");
    assert_eq!(with_token(&cluster.tenant), [false, false]);

    // Its keys are said to be the API server's: nobody is to have that asked in our name.
    let cluster = Cluster::new();
    let jwks_uri = format!("{}{KEYS}", cluster.url());
    let document = json!({"issuer": cluster.tenant_url(), "jwks_uri": jwks_uri}).to_string();
    cluster.tenant.answer(DISCOVERY, Answer::Body(200, document.into_bytes()));
    let server = cluster.serve_named(&cluster.tenant_url()).await;
    ask(&server, &cluster.api, &cluster.tenant_url()).await;
    assert_eq!((with_token(&cluster.tenant), with_token(&cluster.api)), (vec![false], vec![false]));

    let plain = FakeIssuer::start();
    let server = cluster.serve_named(&plain.issuer("cluster")).await;
    assert_eq!(ask(&server, &plain, &plain.issuer("cluster")).await, 200);
    assert_eq!(with_token(&plain), [false, false], "an issuer on this machine, without TLS");
}

#[tokio::test]
async fn another_issuer_gets_the_token_that_its_entry_names() {
    let cluster = Cluster::new();
    let token = format!(", token-file: {}", cluster.path("token").display());
    let server = cluster.serve(&format!("oidc-issuers:\n{CLUSTER}{}", entry(&cluster.tenant_url(), &token))).await;
    assert_eq!(ask(&server, &cluster.tenant, &cluster.tenant_url()).await, 200);
    assert_eq!(with_token(&cluster.tenant), [true, true]);
}

#[tokio::test]
async fn an_issuer_that_matched_a_pattern_gets_no_token() {
    let cluster = Cluster::new();
    let pattern = cluster.url().replace("default", "*");
    let more = format!("{}, allow-private-addresses: true", trusting(&cluster.ca));
    let server = cluster.serve(&format!("oidc-issuers:\n{CLUSTER}meta-issuers:\n{}", entry(&pattern, &more))).await;
    assert_eq!(ask(&server, &cluster.api, &cluster.url()).await, 200);
    assert_eq!(with_token(&cluster.api), [false, false]);
}

#[tokio::test]
async fn the_token_crosses_no_redirect() {
    for path in [DISCOVERY, KEYS] {
        let cluster = Cluster::new();
        let elsewhere = format!("{}{path}", cluster.tenant_url());
        cluster.api.answer(path, Answer::Redirect(elsewhere));
        let server = cluster.serve_named(&cluster.url()).await;
        assert_eq!(ask(&server, &cluster.api, &cluster.url()).await, 503);
        assert!(cluster.tenant.received().is_empty(), "a redirect to another host is not followed");
    }
}

#[tokio::test]
async fn the_token_is_read_again_at_each_fetch_and_its_absence_is_no_failure() {
    let cluster = Cluster::new();
    let server = cluster.serve_named(&cluster.url()).await;
    std::fs::remove_file(cluster.path("token")).unwrap();
    assert_eq!(ask(&server, &cluster.api, &cluster.url()).await, 200);
    assert_eq!(with_token(&cluster.api), [false, false]);

    let cluster = Cluster::new();
    let server = cluster.serve_with_files(&format!("oidc-issuers:\n{CLUSTER}{}", entry(&cluster.url(), ""))).await;
    assert_eq!(ask(&server, &cluster.api, &cluster.url()).await, 503, "without the cluster's CA nobody is asked");
    assert!(cluster.api.received().is_empty());
}

/// The address of the pattern's own entry is not needed for the cluster's CA to count.
#[tokio::test]
async fn a_pattern_that_covers_the_clusters_issuer_makes_named_ones_the_clusters_own() {
    let pattern = "meta-issuers:\n  https://kubernetes.*.svc: {client-id: sigstore, type: kubernetes}\n";
    let cluster = Cluster::new();
    let named = format!("oidc-issuers:\n{}{}", entry(&cluster.url(), ""), entry(&cluster.tenant_url(), ""));
    let server = cluster.serve(&format!("{named}{pattern}")).await;
    assert_eq!(ask(&server, &cluster.tenant, &cluster.tenant_url()).await, 200, "the cluster's CA vouches for it");
    assert_eq!(ask(&server, &cluster.api, &cluster.url()).await, 200);
    assert_eq!((with_token(&cluster.tenant), with_token(&cluster.api)), (vec![false, false], vec![true, true]));

    // Without such an entry the cluster's CA vouches for nobody but the API server.
    let cluster = Cluster::new();
    let server = cluster.serve(&format!("oidc-issuers:\n{}", entry(&cluster.tenant_url(), ""))).await;
    assert_eq!(ask(&server, &cluster.tenant, &cluster.tenant_url()).await, 503);
}

#[tokio::test]
async fn the_clusters_own_issuer_is_reached_with_the_token_behind_a_pattern() {
    let own = format!("https://{OWN}");
    let pattern = "meta-issuers:\n  https://kubernetes.*.svc: {client-id: sigstore, type: kubernetes}\n";
    let cluster = Cluster::new();
    for path in [DISCOVERY, KEYS] {
        cluster.api.answer(path, Answer::Demands(BEARER));
    }
    let server = cluster.serve(pattern).await;
    assert_eq!(ask(&server, &cluster.api, &own).await, 200);
    assert_eq!(with_token(&cluster.api), [true, true]);

    // Its keys at the node's address, too.
    let cluster = Cluster::new();
    cluster.keys_are_at(&own, &format!("{}{KEYS}", cluster.api.url));
    let server = cluster.serve(pattern).await;
    assert_eq!(ask(&server, &cluster.api, &own).await, 200);
    assert_eq!(with_token(&cluster.api), [true, true]);

    // Not by another type, and not by another port.
    let cluster = Cluster::new();
    let server = cluster.serve(&pattern.replace("type: kubernetes", "type: github-workflow")).await;
    assert_ne!(ask(&server, &cluster.api, &own).await, 200);
    let elsewhere = format!("{own}:{}", cluster.api.address().port());
    let with_port = pattern.replace(".svc", &format!(".svc:{}", cluster.api.address().port()));
    let server = cluster.serve(&with_port).await;
    assert_eq!(ask(&server, &cluster.api, &elsewhere).await, 503);
    assert!(cluster.api.received().is_empty());

    // Anyone who answers for the name without the cluster's CA gets nothing.
    let (_, other) = FakeIssuer::start_tls(&[OWN]);
    let cluster = Cluster { ca: other, ..Cluster::new() };
    let server = cluster.serve(pattern).await;
    assert_eq!(ask(&server, &cluster.api, &own).await, 503);
    assert!(cluster.api.received().is_empty());
}

#[tokio::test]
async fn outside_of_a_cluster_other_issuers_of_the_file_do_without_its_ca() {
    let cluster = Cluster::new();
    let named = entry(&cluster.tenant_url(), &trusting(&cluster.ca));
    let server = cluster.serve_with_files(&format!("oidc-issuers:\n{CLUSTER}{named}")).await;
    assert_eq!(ask(&server, &cluster.tenant, &cluster.tenant_url()).await, 200);
}

#[tokio::test]
async fn keys_of_a_named_cluster_may_be_on_an_api_server_in_a_private_network() {
    let cluster = Cluster::new();
    let listed = json!({"issuer": cluster.tenant_url(), "jwks_uri": format!("{}{KEYS}", cluster.url()),
        "id_token_signing_alg_values_supported": ["ES256"]});
    cluster.tenant.answer(DISCOVERY, Answer::Body(200, listed.to_string().into_bytes()));
    let named = entry(&cluster.tenant_url(), &trusting(&cluster.ca));
    let server = cluster.serve(&format!("oidc-issuers:\n{named}")).await;
    assert_eq!(ask(&server, &cluster.api, &cluster.tenant_url()).await, 200);
    assert_eq!(with_token(&cluster.api), [false]);
}
