//! Whom servers over TLS are trusted by: `SSL_CERT_FILE`, `SSL_CERT_DIR`, `ca-cert` and `ca-cert-only`, and who is not asked for through a
//! proxy.
//!
//! The variables have to be in the environment from the start, so the tests run themselves again with an environment of their own.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::identities::{ca_cert, email_claims, email_file};
use crate::support::scene::ADDRESS;
use crate::support::{FakeIssuer, Key, Kind, Names, Running, run_again};
use rcgen::{BasicConstraints, IsCa};
use serde_json::json;
use sigmint::http::trust::{Protocols, Trust, named_certificates};
use sigmint::identity::keys::KeyTiming;

/// The folder of the run with the environment.
const INNER: &str = "SIGMINT_TRUST_INNER";

/// Runs a test of this file with `SSL_CERT_FILE` and `SSL_CERT_DIR` in a folder, and more variables.
fn run_with_folder(test: &str, variables: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    run_again(&format!("{}::{test}", module_path!()), |run| {
        run.env(INNER, folder.path())
            .env("SSL_CERT_FILE", folder.path().join("file.pem"))
            .env("SSL_CERT_DIR", folder.path().join("certificates"))
            .envs(variables.iter().copied())
    });
}

/// The folder, in the run with the environment.
fn folder() -> Option<PathBuf> {
    std::env::var_os(INNER).map(PathBuf::from)
}

/// What listens where the environment's proxy should be: it counts who comes, and answers nothing.
fn proxy() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, asked) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for _ in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (url, asked)
}

/// Certificates of issuers in the file and the folder of the environment; read when a fetcher is made.
fn put_into_environment(folder: &Path, in_file: &str, in_folder: &str) {
    std::fs::write(folder.join("file.pem"), in_file).unwrap();
    std::fs::create_dir(folder.join("certificates")).unwrap();
    std::fs::write(folder.join("certificates/corporate.crt"), in_folder).unwrap();
}

/// The answer to a token of the issuer at this URL.
async fn ask(issuer: &FakeIssuer, file: &str, url: &str) -> u16 {
    let names: [(&str, SocketAddr); 1] = [("idp.example.com", issuer.address())];
    let server = Running::start_fetching(file, Names::fetcher(&names), &KeyTiming::default()).await;
    let mut claims = issuer.claims("", &email_claims());
    claims["iss"] = json!(url);
    let reply = server.ask(&issuer.token(&claims), &Key::new(Kind::P256), ADDRESS).await;
    assert_eq!(server.signer().calls() > 0, reply.status == 200);
    reply.status
}

#[test]
fn certificates_of_the_environment_and_of_the_file_add_up() {
    run_with_folder("they_add_up", &[]);
}

#[tokio::test]
#[ignore = "run by certificates_of_the_environment_and_of_the_file_add_up"]
async fn they_add_up() {
    let Some(folder) = folder() else { return };
    let (by_file, of_file) = FakeIssuer::start_tls(&["127.0.0.1"]);
    let (by_folder, of_folder) = FakeIssuer::start_tls(&["127.0.0.1"]);
    let (unknown, of_unknown) = FakeIssuer::start_tls(&["127.0.0.1"]);
    put_into_environment(&folder, &of_file, &of_folder);
    for issuer in [&by_file, &by_folder] {
        let file = email_file(&issuer.url);
        assert_eq!(ask(issuer, &file, &issuer.url).await, 200);
        let stranger = file + &ca_cert(&of_unknown);
        assert_eq!(ask(issuer, &stranger, &issuer.url).await, 200, "a ca-cert takes nothing away");
        let only = stranger + "    ca-cert-only: true\n";
        let asked = issuer.received().len();
        assert_eq!(ask(issuer, &only, &issuer.url).await, 503, "unless it counts alone");
        assert_eq!(issuer.received().len(), asked, "no request got through");
    }
    let file = email_file(&unknown.url);
    assert_eq!(ask(&unknown, &file, &unknown.url).await, 503);
    let only = file + &ca_cert(&of_unknown) + "    ca-cert-only: true\n";
    assert_eq!(ask(&unknown, &only, &unknown.url).await, 200);
}

#[tokio::test]
async fn a_self_signed_certificate_of_an_authority_that_a_server_uses_as_its_own_is_trusted_when_it_is_listed() {
    for is_ca in [IsCa::Ca(BasicConstraints::Unconstrained), IsCa::ExplicitNoCa, IsCa::NoCa] {
        let (issuer, certificate) = FakeIssuer::start_tls_as(&["127.0.0.1"], is_ca);
        let (_, another) = FakeIssuer::start_tls_as(&["127.0.0.1"], is_ca);
        let file = email_file(&issuer.url);
        assert_eq!(ask(&issuer, &(file.clone() + &ca_cert(&certificate)), &issuer.url).await, 200);
        assert_eq!(ask(&issuer, &(file.clone() + &ca_cert(&another)), &issuer.url).await, 503);
        let (elsewhere, certificate) = FakeIssuer::start_tls(&["elsewhere.example"]);
        let file = email_file(&elsewhere.url) + &ca_cert(&certificate);
        assert_eq!(ask(&elsewhere, &file, &elsewhere.url).await, 503, "it is for another host");
    }
}

#[test]
fn an_issuer_with_its_own_certificates_is_not_asked_for_through_a_proxy() {
    let (url, asked) = proxy();
    run_with_folder("past_the_proxy", &[("https_proxy", &url), ("HTTPS_PROXY", &url)]);
    assert_eq!(asked.load(Ordering::SeqCst), 1, "the one without certificates, and no other");
}

#[tokio::test]
#[ignore = "run by an_issuer_with_its_own_certificates_is_not_asked_for_through_a_proxy"]
async fn past_the_proxy() {
    let Some(folder) = folder() else { return };
    let (issuer, certificate) = FakeIssuer::start_tls(&["idp.example.com"]);
    put_into_environment(&folder, &certificate, &certificate);
    let url = "https://idp.example.com";
    assert_eq!(ask(&issuer, &(email_file(url) + &ca_cert(&certificate)), url).await, 200);
    let received = issuer.received().len();
    assert_eq!(ask(&issuer, &email_file(url), url).await, 503, "the proxy of this test leads nowhere");
    let pattern = email_file("https://*.example.com").replace("oidc-issuers", "meta-issuers") + &ca_cert(&certificate);
    assert_eq!(
        ask(&issuer, &pattern, url).await,
        503,
        "a pattern's issuers are still reached at public addresses only"
    );
    assert_eq!(issuer.received().len(), received);
}

#[test]
fn certificates_of_flags_and_other_programs_variables_add_up_unless_they_count_alone() {
    for (value, adds_up) in [("", true), ("false", true), ("true", false), ("1", false)] {
        let expected = if adds_up { "adds up" } else { "counts alone" };
        run_with_folder("flags_add_up", &[("SIGMINT_CA_CERT_ONLY", value), ("EXPECTED", expected)]);
    }
}

#[tokio::test]
#[ignore = "run by certificates_of_flags_and_other_programs_variables_add_up_unless_they_count_alone"]
async fn flags_add_up() {
    let Some(folder) = folder() else { return };
    let (known, of_known) = FakeIssuer::start_tls(&["127.0.0.1"]);
    let (named, of_named) = FakeIssuer::start_tls(&["127.0.0.1"]);
    put_into_environment(&folder, &of_known, &of_known);
    let trust = Trust::of_named(named_certificates(of_named.as_bytes()).unwrap()).unwrap();
    let tls = trust.client_config(Protocols::Http).unwrap();
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap();
    let answers = async |issuer: &FakeIssuer| client.get(format!("{}/keys", issuer.url)).send().await.is_ok();
    assert!(answers(&named).await);
    assert_eq!(answers(&known).await, std::env::var("EXPECTED").unwrap() == "adds up");
    let nothing_named = Trust::of_named(Vec::new()).unwrap().client_config(Protocols::Http).unwrap();
    let client = reqwest::Client::builder().tls_backend_preconfigured(nothing_named).no_proxy().build().unwrap();
    assert!(client.get(format!("{}/keys", known.url)).send().await.is_ok(), "nothing is named that could count alone");
}
