//! Certificates over REST v2, from the real server: what is in them and how the answers look.

use crate::support::certificate::{assert_chain, extensions, hex, parse, subject_alternative_names};
use crate::support::identities::{email_claims, email_file, identities, issuers_file};
use crate::support::server::{key_body, request_body};
use crate::support::{FakeIssuer, Key, Kind, Reply, Running};
use serde_json::{Value, json};
use sigmint::certificate::chain::ChainCertificate;

const ADDRESS: &str = "dev@example.com";

async fn email_server() -> (FakeIssuer, Running) {
    let issuer = FakeIssuer::start();
    let server = Running::start(&email_file(&issuer.issuer("email"))).await;
    (issuer, server)
}

fn email_token(issuer: &FakeIssuer) -> String {
    issuer.token(&issuer.claims("email", &email_claims()))
}

#[tokio::test]
async fn every_kind_of_key_gets_a_certificate_with_key_or_signing_request() {
    let (issuer, server) = email_server().await;
    for kind in Kind::ALL {
        let key = Key::new(kind);
        let with_key = key_body(Some(&email_token(&issuer)), &key.spki_pem(), &key.prove(ADDRESS));
        let with_request = request_body(&email_token(&issuer), &key.signing_request());
        for body in [with_key, with_request] {
            let before = server.signer().calls();
            let reply = server.post(body.to_string()).await;
            let certificates = reply.certificates();
            assert_eq!(server.signer().calls(), before + 1, "{kind:?}");
            assert_profile(&server, &certificates, &key, &issuer.issuer("email"));
        }
    }
}

/// The profile of contract section 6, field by field.
fn assert_profile(server: &Running, certificates: &[Vec<u8>], key: &Key, issuer_url: &str) {
    assert_chain(certificates);
    let chain: Vec<&[u8]> = server.ca.authority.chain().certificates().iter().map(ChainCertificate::der).collect();
    assert_eq!(certificates[1..], chain, "the chain with its root follows the leaf");
    let leaf = parse(&certificates[0]);
    assert_eq!(leaf.version().0, 2);
    assert_eq!(leaf.subject().to_string(), "");
    assert_eq!(leaf.public_key().raw, key.spki_der(), "{:?}", key.kind);
    let serial = leaf.raw_serial();
    assert!((1..=20).contains(&serial.len()) && serial[0] & 0x80 == 0);
    let (begin, end) = (leaf.validity().not_before.timestamp(), leaf.validity().not_after.timestamp());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(end - begin, 600);
    let age = i64::try_from(now).unwrap() - begin;
    assert!((0..60).contains(&age), "begins {age} seconds ago");
    assert_eq!(subject_alternative_names(&leaf), [format!("email {ADDRESS}")]);

    let key_identifier = aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY,
        &leaf.public_key().subject_public_key.data,
    );
    let authority = hex(server.ca.authority.chain().subject_key_identifier());
    let own = |oid: &str, value: String| (format!("1.3.6.1.4.1.57264.1.{oid}"), false, value);
    let expected = [
        ("2.5.29.15".to_owned(), true, "03020780".to_owned()),
        ("2.5.29.37".to_owned(), false, "300a06082b06010505070303".to_owned()),
        ("2.5.29.14".to_owned(), false, format!("0414{}", hex(key_identifier.as_ref()))),
        ("2.5.29.35".to_owned(), false, format!("30168014{authority}")),
        ("2.5.29.17".to_owned(), true, format!("3011810f{}", hex(ADDRESS.as_bytes()))),
        own("1", format!("raw {issuer_url:?}")),
        own("8", format!("UTF8String {issuer_url:?}")),
        own("24", "UTF8String \"1234567890\"".to_owned()),
    ];
    assert_eq!(extensions(&certificates[0]), expected);
}

#[tokio::test]
async fn every_identity_type_gets_its_name_and_its_issuer() {
    let issuer = FakeIssuer::start();
    let server = Running::start(&issuers_file(&issuer.url, "127.0.0.1")).await;
    let key = Key::new(Kind::P256);
    for identity in identities(&issuer.url, "127.0.0.1") {
        let token = issuer.token(&issuer.claims(identity.name, &identity.claims));
        let certificates = server.ask(&token, &key, &identity.challenge).await.certificates();
        assert_chain(&certificates);
        assert_eq!(subject_alternative_names(&parse(&certificates[0])), [identity.san], "{}", identity.name);
        let expected = identity.issuer.map_or_else(|| issuer.issuer(identity.name), str::to_owned);
        let found = extensions(&certificates[0]);
        for (oid, value) in [("1", format!("raw {expected:?}")), ("8", format!("UTF8String {expected:?}"))] {
            assert!(
                found.contains(&(format!("1.3.6.1.4.1.57264.1.{oid}"), false, value)),
                "{}: {found:?}",
                identity.name
            );
        }
    }
}

#[tokio::test]
async fn the_answer_has_exactly_the_members_that_clients_read() {
    let (issuer, server) = email_server().await;
    let reply = server.ask(&email_token(&issuer), &Key::new(Kind::P256), ADDRESS).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    let answer = reply.json();
    let certificates = answer["signedCertificateDetachedSct"]["chain"]["certificates"].as_array().unwrap();
    let expected = json!({"signedCertificateDetachedSct": {
        "chain": {"certificates": certificates}, "signedCertificateTimestamp": ""}});
    assert_eq!(answer, expected);
    assert_eq!(certificates.len(), 3);
    for certificate in certificates {
        let text = certificate.as_str().unwrap();
        assert!(text.starts_with("-----BEGIN CERTIFICATE-----\n"), "{text}");
        assert!(text.ends_with("\n-----END CERTIFICATE-----"), "no final newline: {text:?}");
        assert!(!text.contains('\r') && text.lines().all(|line| line.len() <= 64), "{text}");
    }
}

#[tokio::test]
async fn the_token_may_stand_in_the_header_or_the_body_and_the_body_counts() {
    let (issuer, server) = email_server().await;
    let key = Key::new(Kind::P256);
    let good = email_token(&issuer);
    let bad = "not.a.token";
    for (header, body, status) in [
        (Some(format!("Bearer {good}")), None, 200),
        (Some(format!("bearer {good}")), None, 200),
        (None, Some(good.as_str()), 200),
        (Some(format!("Bearer {bad}")), Some(good.as_str()), 200),
        (Some(format!("Bearer {good}")), Some(bad), 400),
        (Some(format!("Bearer {good}")), Some(""), 200),
        (Some(format!("Basic {good}")), None, 400),
        (None, None, 400),
    ] {
        let mut request = server.request("POST", "/api/v2/signingCert");
        if let Some(header) = &header {
            request = request.header("Authorization", header);
        }
        let json = key_body(body, &key.spki_pem(), &key.prove(ADDRESS));
        let reply = Reply::of(request.body(json.to_string()).send().await.unwrap()).await;
        let place = (header.map(|text| text.chars().take(8).collect::<String>()), body.map(str::len));
        assert_eq!(reply.status, status, "{place:?}: {reply:?}");
    }
}

#[tokio::test]
async fn the_trust_bundle_is_the_chain_with_newlines() {
    let (_issuer, server) = email_server().await;
    let reply = server.get("/api/v2/trustBundle").await;
    let certificates: Vec<String> = server
        .ca
        .authority
        .chain()
        .certificates()
        .iter()
        .map(|one| pem::encode_config(&pem::Pem::new("CERTIFICATE", one.der()), line_feeds()))
        .collect();
    assert!(certificates[0].ends_with("-----\n"));
    assert_eq!((reply.status, reply.json()), (200, json!({"chains": [{"certificates": certificates}]})));
}

fn line_feeds() -> pem::EncodeConfig {
    pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF)
}

#[tokio::test]
async fn the_configuration_lists_every_issuer_with_every_member() {
    let issuer = FakeIssuer::start();
    let [email, users, meta] = ["email", "users", "k8s/*"].map(|name| issuer.issuer(name));
    let file = format!(
        "oidc-issuers:\n  {email}:\n    client-id: one\n    type: email\n    challenge-claim: email\n    skip-email-verification: true\n  \
         {users}:\n    client-id: two\n    type: username\n    subject-domain: 127.0.0.1\n\
         meta-issuers:\n  {meta}:\n    client-id: three\n    type: kubernetes\n"
    );
    let server = Running::start(&file).await;
    let entry = |address: (&str, &str), audience: &str, claim: &str, domain: &str, kind: &str, skip: bool| {
        json!({address.0: address.1, "audience": audience, "challengeClaim": claim, "spiffeTrustDomain": "",
            "issuerType": kind, "subjectDomain": domain, "skipEmailVerification": skip})
    };
    let expected = json!({"issuers": [
        entry(("issuerUrl", &email), "one", "email", "", "email", true),
        entry(("issuerUrl", &users), "two", "sub", "127.0.0.1", "username", false),
        entry(("wildcardIssuerUrl", &meta), "three", "sub", "", "kubernetes", false),
    ]});
    let reply = server.get("/api/v2/configuration").await;
    assert_eq!((reply.status, reply.json()), (200, expected));
}

#[tokio::test]
async fn health_needs_no_issuer() {
    let (issuer, server) = email_server().await;
    let reply = server.get("/healthz").await;
    assert_eq!((reply.status, reply.json()), (200, json!({"status": "SERVING"})));
    assert!(issuer.received().is_empty());
}

#[tokio::test]
async fn pages_of_any_origin_may_ask() {
    let (issuer, server) = email_server().await;
    let preflight = server
        .request("OPTIONS", "/api/v2/signingCert")
        .header("Origin", "https://page.example")
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "content-type");
    let reply = Reply::of(preflight.send().await.unwrap()).await;
    assert_eq!((reply.status, reply.text.as_str()), (204, ""));
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert_eq!(reply.header("access-control-allow-methods"), Some("POST"));
    assert_eq!(reply.header("access-control-allow-headers"), Some("content-type"));

    let key = Key::new(Kind::P256);
    let body = key_body(Some(&email_token(&issuer)), &key.spki_pem(), &key.prove(ADDRESS)).to_string();
    for (body, status) in [(body, 200), ("nonsense".to_owned(), 400)] {
        let request = server.request("POST", "/api/v2/signingCert").header("Origin", "https://page.example").body(body);
        let reply = Reply::of(request.send().await.unwrap()).await;
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (status, Some("*")));
    }
    let reply = server.get("/healthz").await;
    assert_eq!(reply.header("access-control-allow-origin"), None, "nobody asked");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_answered_in_the_same_form() {
    let (_issuer, server) = email_server().await;
    let reply = server.get("/api/v2/nothing").await;
    assert_eq!((reply.status, reply.json()), (404, json!({"code": 5, "message": "Not Found", "details": []})));
    for (method, path) in
        [("GET", "/api/v2/signingCert"), ("DELETE", "/api/v2/trustBundle"), ("POST", "/healthz"), ("PUT", "/healthz")]
    {
        let reply = Reply::of(server.request(method, path).send().await.unwrap()).await;
        assert_eq!((reply.status, reply.json()["code"].clone()), (405, json!(12)), "{method} {path}");
        assert_eq!(reply.header("allow"), Some(if path.ends_with("Cert") { "POST" } else { "GET, HEAD" }));
        assert_eq!(reply.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn a_request_has_an_id_the_clients_own_if_it_is_a_short_word() {
    let (_issuer, server) = email_server().await;
    let id = async |sent: Option<&str>, path: &str| {
        let mut request = server.request("GET", path);
        if let Some(sent) = sent {
            request = request.header("X-Request-Id", sent);
        }
        Reply::of(request.send().await.unwrap()).await.header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(id(Some("trace-17"), "/healthz").await, "trace-17");
    assert_eq!(id(Some("trace-17"), "/nothing").await, "trace-17");
    let (one, other) = (id(None, "/healthz").await, id(None, "/healthz").await);
    assert!(one != other && one.len() == 16, "{one} {other}");
    for odd in ["two words", &"x".repeat(65)] {
        assert_ne!(id(Some(odd), "/healthz").await, odd);
    }
}

#[tokio::test]
async fn an_error_tells_reason_domain_and_what_helps() {
    let (issuer, server) = email_server().await;
    let key = Key::new(Kind::P256);
    let mut claims = issuer.claims("email", &email_claims());
    claims["aud"] = json!("somebody-else");
    let reply = server.ask(&issuer.token(&claims), &key, ADDRESS).await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("retry-after"), None);
    let expected: Value = json!({"code": 3, "message": "There was an error processing the identity token", "details": [{
        "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "TOKEN_AUDIENCE_MISMATCH",
        "domain": "sigmint.dev", "metadata": {"expectedAudience": "sigstore"}}]});
    assert_eq!(reply.json(), expected);

    let claims = issuer.claims("email", &json!({"email_verified": true}));
    let reply = server.ask(&issuer.token(&claims), &key, ADDRESS).await;
    assert_eq!(reply.json()["details"][0]["metadata"], json!({"claim": "email"}));
}
