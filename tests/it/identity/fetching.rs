//! Where issuers' documents are fetched and where not: TLS, addresses, foreign hosts, key files and bearer tokens.

use std::net::SocketAddr;

use crate::support::identities::{ca_cert, email_claims, email_file};
use crate::support::issuer::{ALGORITHMS, KEYS, signed};
use crate::support::scene::ADDRESS;
use crate::support::{Answer, FakeIssuer, Key, Kind, Names, Running, eventually};
use serde_json::{Value, json};
use sigmint::identity::keys::KeyTiming;

const DISCOVERY: &str = "/.well-known/openid-configuration";

/// An issuer that speaks TLS, and the certificate to trust it by.
struct Tls {
    issuer: FakeIssuer,
    certificate: String,
}

impl Tls {
    fn start(names: &[&str]) -> Self {
        let (issuer, certificate) = FakeIssuer::start_tls(names);
        Self { issuer, certificate }
    }

    /// The setting that makes its certificate trusted.
    fn ca_cert(&self) -> String {
        ca_cert(&self.certificate)
    }

    /// A token of the issuer by this URL.
    fn token(&self, url: &str) -> String {
        token(&self.issuer, url)
    }
}

fn token(issuer: &FakeIssuer, url: &str) -> String {
    let mut claims = issuer.claims("", &email_claims());
    claims["iss"] = json!(url);
    issuer.token(&claims)
}

/// The answer to a token, of a server that knows these names.
async fn ask(file: &str, names: &[(&str, SocketAddr)], token: &str) -> u16 {
    let server = Running::start_fetching(file, Names::fetcher(names), &KeyTiming::default()).await;
    let reply = server.ask(token, &Key::new(Kind::P256), ADDRESS).await;
    if reply.status != 200 {
        assert_eq!(reply.reason(), "ISSUER_UNAVAILABLE", "{reply:?}");
        assert_eq!(server.signer().calls(), 0);
    }
    reply.status
}

fn meta_file(pattern: &str) -> String {
    email_file(pattern).replace("oidc-issuers", "meta-issuers")
}

fn documents(issuer: &str, jwks_uri: &str) -> Answer {
    let document = json!({"issuer": issuer, "jwks_uri": jwks_uri, "id_token_signing_alg_values_supported": ALGORITHMS});
    Answer::Body(200, document.to_string().into_bytes())
}

#[tokio::test]
async fn an_https_issuer_is_trusted_by_its_own_ca_certificate_and_no_other() {
    let tls = Tls::start(&["idp.example.com", "127.0.0.1"]);
    let names = [("idp.example.com", tls.issuer.address()), ("other.example.com", tls.issuer.address())];
    for url in ["https://idp.example.com", &tls.issuer.url] {
        let (file, token) = (email_file(url), tls.token(url));
        assert_eq!(ask(&(file.clone() + &tls.ca_cert()), &names, &token).await, 200, "{url}");
        assert_eq!(ask(&file, &names, &token).await, 503, "{url}: nobody vouches for its certificate");
        let stranger = Tls::start(&["idp.example.com", "127.0.0.1"]);
        assert_eq!(ask(&(file + &stranger.ca_cert()), &names, &token).await, 503, "{url}: another one's");
    }
    let url = "https://other.example.com";
    let reply = ask(&(email_file(url) + &tls.ca_cert()), &names, &tls.token(url)).await;
    assert_eq!(reply, 503, "the certificate is for another name");
    assert_eq!(tls.issuer.received().len(), 4, "the refused ones got not even a request through");
}

#[tokio::test]
async fn keys_are_not_fetched_without_tls_for_an_issuer_with_tls() {
    let (tls, plain) = (Tls::start(&["idp.example.com"]), FakeIssuer::start());
    let url = "https://idp.example.com";
    let names = [("idp.example.com", tls.issuer.address())];
    for keys in [format!("http://idp.example.com{KEYS}"), format!("{}{KEYS}", plain.url)] {
        tls.issuer.answer(DISCOVERY, documents(url, &keys));
        assert_eq!(ask(&(email_file(url) + &tls.ca_cert()), &names, &tls.token(url)).await, 503, "{keys}");
    }
    assert!(plain.received().is_empty() && tls.issuer.requests(KEYS) == 0);
}

#[tokio::test]
async fn plain_http_needs_a_permission_and_gets_it() {
    let issuer = FakeIssuer::start();
    let (url, names) = ("http://idp.example.com", [("idp.example.com", issuer.address())]);
    let file = email_file(url) + "    allow-http: true\n";
    assert_eq!(ask(&file, &names, &token(&issuer, url)).await, 200);
}

#[tokio::test]
async fn keys_on_another_host_need_https_and_a_public_address() {
    let (tls, elsewhere) = (Tls::start(&["idp.example.com", "keys.example.com"]), "https://keys.example.com/keys");
    let names = [("idp.example.com", tls.issuer.address()), ("keys.example.com", tls.issuer.address())];
    let url = "https://idp.example.com";
    tls.issuer.answer(DISCOVERY, documents(url, elsewhere));
    let file = email_file(url) + &tls.ca_cert();
    assert_eq!(ask(&file, &names, &tls.token(url)).await, 503, "the other host is on this machine");
    assert_eq!(tls.issuer.requests(KEYS), 0);
    let allowed = file + "    allow-private-addresses: true\n";
    assert_eq!(ask(&allowed, &names, &tls.token(url)).await, 200);

    let plain = FakeIssuer::start();
    let foreign = plain.url.replace("127.0.0.1", "localhost") + KEYS;
    plain.answer(&format!("/email{DISCOVERY}"), documents(&plain.issuer("email"), &foreign));
    let url = plain.issuer("email");
    let allowed = email_file(&url) + "    allow-private-addresses: true\n";
    assert_eq!(ask(&allowed, &[], &token(&plain, &url)).await, 503, "discovery came without TLS");
    assert_eq!(plain.requests(KEYS), 0);
}

#[tokio::test]
async fn an_issuer_that_matched_a_star_is_reached_on_the_public_internet_only() {
    let tls = Tls::start(&["a.idp.example.com", "127.0.0.1", "localhost"]);
    let port = tls.issuer.address().port();
    let names = [(".idp.example.com", tls.issuer.address()), ("localhost", tls.issuer.address())];
    let cases = [
        ("https://*.idp.example.com", "https://a.idp.example.com".to_owned()),
        ("https://*:PORT", format!("https://localhost:{port}")),
        ("https://*.0.0.1:PORT", format!("https://127.0.0.1:{port}")),
        ("https://*.0.0.1:PORT", format!("https://0x7f.0.0.1:{port}")),
        ("https://*:PORT", format!("https://2130706433:{port}")),
    ];
    for (pattern, url) in cases {
        let pattern = meta_file(&pattern.replace("PORT", &port.to_string()));
        let file = pattern + &tls.ca_cert() + "    trust-any-host: true\n";
        assert_eq!(ask(&file, &names, &tls.token(&url)).await, 503, "{url}");
    }
    assert!(tls.issuer.received().is_empty(), "{:?}", tls.issuer.received());
    let allowed = meta_file("https://*.idp.example.com") + &tls.ca_cert() + "    allow-private-addresses: true\n";
    assert_eq!(ask(&allowed, &names, &tls.token("https://a.idp.example.com")).await, 200);
}

#[tokio::test]
async fn an_issuer_of_a_fixed_name_in_a_pattern_is_not_reached_on_a_private_address_either() {
    let tls = Tls::start(&["idp.example.com"]);
    let names = [("idp.example.com", tls.issuer.address())];
    let file = meta_file("https://idp.example.com/*") + &tls.ca_cert();
    assert_eq!(ask(&file, &names, &tls.token("https://idp.example.com/team")).await, 503);
    let by_address = meta_file(&tls.issuer.issuer("*"));
    assert_eq!(ask(&by_address, &names, &tls.token(&tls.issuer.issuer("team"))).await, 503, "a stranger's certificate");
    assert!(tls.issuer.received().is_empty());
}

#[tokio::test]
async fn a_client_of_an_unreached_issuer_of_a_pattern_is_told_of_the_setting_whatever_its_address_is() {
    let issuer = FakeIssuer::start();
    let names = [("private.idp.example.com", issuer.address())];
    let reply = async |pattern: String, url: &str| {
        let server = Running::start_fetching(&pattern, Names::fetcher(&names), &KeyTiming::default()).await;
        server.ask(&token(&issuer, url), &Key::new(Kind::P256), ADDRESS).await
    };
    let pattern = meta_file("https://*.idp.example.com");
    for host in ["private", "unknown"] {
        let reply = reply(pattern.clone(), &format!("https://{host}.idp.example.com")).await;
        assert_eq!((reply.status, reply.reason().as_str()), (503, "ISSUER_UNAVAILABLE"));
        assert!(reply.text.contains("(allow-private-addresses)"), "{host}: {}", reply.text);
    }
    // Nobody is told of a setting that is set, or that would change nothing.
    let allowed = pattern.clone() + "    allow-private-addresses: true\n";
    let exact = email_file("https://unknown.idp.example.com");
    for file in [allowed, exact] {
        let reply = reply(file, "https://unknown.idp.example.com").await;
        assert_eq!(reply.status, 503);
        assert!(!reply.text.contains("allow-private-addresses"), "{}", reply.text);
    }
}

/// The issuer's key under no name, so that any token of it is verified by it.
fn key_set(issuer: &FakeIssuer) -> Value {
    json!({"keys": [issuer.first_key().jwk()]})
}

fn without_key_id(issuer: &FakeIssuer, url: &str) -> String {
    let mut claims = issuer.claims("", &email_claims());
    claims["iss"] = json!(url);
    issuer.token_of_text(r#"{"alg":"ES256"}"#, &claims.to_string())
}

#[tokio::test]
async fn keys_come_from_where_the_file_says_and_discovery_is_not_asked() {
    let (issuer, url) = (FakeIssuer::start(), "https://unreachable.example.com");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    std::fs::write(&path, key_set(&issuer).to_string()).unwrap();
    let stranger = signed(&Key::fixed_p256(), "ES256", r#"{"alg":"ES256"}"#, &{
        let mut claims = issuer.claims("", &email_claims());
        claims["iss"] = json!(url);
        claims.to_string()
    });
    for setting in [
        format!("    jwks: '{}'\n", key_set(&issuer)),
        format!("    jwks-file: {}\n", path.display()),
        format!("    jwks-url: {}{KEYS}\n", issuer.url),
    ] {
        let file = email_file(url) + &setting;
        let server = Running::start_fetching(&file, Names::fetcher(&[]), &KeyTiming::default()).await;
        let key = Key::new(Kind::P256);
        let refused = server.ask(&stranger, &key, ADDRESS).await;
        assert_eq!(refused.reason(), "TOKEN_SIGNATURE_INVALID", "{setting}");
        assert_eq!(server.signer().calls(), 0);
        let reply = server.ask(&without_key_id(&issuer, url), &key, ADDRESS).await;
        assert_eq!(reply.status, 200, "{setting}: {reply:?}");
    }
    assert!(issuer.received().iter().all(|request| request.path == KEYS));
}

#[tokio::test]
async fn a_key_file_is_read_again_when_its_keys_are_due() {
    let (old, new, url) = (FakeIssuer::start(), FakeIssuer::start(), "https://unreachable.example.com");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    std::fs::write(&path, key_set(&old).to_string()).unwrap();
    let file = email_file(url) + &format!("    jwks-file: {}\n", path.display());
    let timing = KeyTiming { lifetime: std::time::Duration::from_millis(100), ..KeyTiming::default() };
    let server = Running::start_fetching(&file, Names::fetcher(&[]), &timing).await;
    let key = Key::new(Kind::P256);
    assert_eq!(server.ask(&without_key_id(&old, url), &key, ADDRESS).await.status, 200);
    std::fs::write(&path, key_set(&new).to_string()).unwrap();
    let token = without_key_id(&new, url);
    eventually("the new key", async || (server.ask(&token, &key, ADDRESS).await.status == 200).then_some(())).await;
    assert_eq!(server.ask(&without_key_id(&old, url), &key, ADDRESS).await.reason(), "TOKEN_SIGNATURE_INVALID");
}

/// Of each request that reached the issuer, the bearer token it carried.
fn bearers(issuer: &FakeIssuer) -> Vec<Option<String>> {
    let bearer = |line: &String| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("authorization").then(|| value.strip_prefix("Bearer ").unwrap().to_owned())
    };
    issuer.received().iter().map(|request| request.head.iter().find_map(bearer)).collect()
}

#[tokio::test]
async fn the_bearer_token_is_read_at_each_fetch_and_stays_at_its_host() {
    let (issuer, elsewhere) = (FakeIssuer::start(), FakeIssuer::start());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let url = issuer.issuer("email");
    let file = email_file(&url) + &format!("    token-file: {}\n", path.display());
    assert_eq!(ask(&file, &[], &token(&issuer, &url)).await, 503, "the file is not there");
    assert!(issuer.received().is_empty(), "and nobody is asked without");
    for text in ["first", "second"] {
        std::fs::write(&path, format!("{text}\n")).unwrap();
        assert_eq!(ask(&file, &[], &token(&issuer, &url)).await, 200);
        assert_eq!(bearers(&issuer).pop().unwrap().as_deref(), Some(text));
    }
    assert_eq!(bearers(&issuer).len(), 4);
    // The same host by another port is another server.
    issuer.answer(&format!("/email{DISCOVERY}"), documents(&url, &format!("{}{KEYS}", elsewhere.url)));
    ask(&file, &[], &token(&elsewhere, &url)).await;
    assert_eq!(bearers(&elsewhere), [None]);
    // A place of keys that the operator names gets the token that he names.
    let named = format!("{file}    jwks-url: {}{KEYS}\n", elsewhere.url);
    assert_eq!(ask(&named, &[], &token(&elsewhere, &url)).await, 200);
    assert_eq!(bearers(&elsewhere).pop().unwrap().as_deref(), Some("second"));
}
