//! Keys, proofs, bodies, and faults on the server's own side: each refused as the failure table says, and nothing signed.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::support::identities::{email_claims, email_file};
use crate::support::scene::{ADDRESS, Scene, assert_refused};
use crate::support::server::{by_hand, key_body, request_body};
use crate::support::{FakeIssuer, Key, Kind, Running, TestCa};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sigmint::failure::FailureKind;
use sigmint::issuance::{Issuance, Rng};

/// Public keys that cannot be certified, from the parity run's fixtures.
const WEAK_KEYS: [(&str, &[u8]); 12] = [
    ("RSA 512", include_bytes!("../../e2e/parity/keys/rsa512.pub.der")),
    ("RSA 1536", include_bytes!("../../e2e/parity/keys/rsa1536.pub.der")),
    ("RSA 2047", include_bytes!("../../e2e/parity/keys/rsa2047.pub.der")),
    ("RSA 2056", include_bytes!("../../e2e/parity/keys/rsa2056.pub.der")),
    ("RSA 8192", include_bytes!("../../e2e/parity/keys/rsa8192.pub.der")),
    ("exponent 3", include_bytes!("../../e2e/parity/keys/rsa2048e3.pub.der")),
    ("exponent 17", include_bytes!("../../e2e/parity/keys/rsa2048e17.pub.der")),
    ("exponent 65539", include_bytes!("../../e2e/parity/keys/rsa2048e65539.pub.der")),
    ("ROCA", include_bytes!("../../e2e/parity/keys/rsaroca.pub.der")),
    ("factors close together", include_bytes!("../../e2e/parity/keys/rsafermat.pub.der")),
    ("X25519", include_bytes!("../../e2e/parity/keys/x25519.pub.der")),
    ("DSA", include_bytes!("../../e2e/parity/keys/dsa2048.pub.der")),
];

fn pem_of(der: &[u8]) -> String {
    pem::encode(&pem::Pem::new("PUBLIC KEY", der))
}

impl Scene {
    async fn refuses_body(&self, body: &Value, kind: FailureKind, case: &str) {
        let reply = self.server.post(body.to_string()).await;
        assert_refused(&self.server, &reply, kind, case);
    }
}

#[tokio::test]
async fn weak_keys() {
    let scene = Scene::new().await;
    for (case, der) in WEAK_KEYS {
        let body = key_body(Some(&scene.token()), &pem_of(der), b"any");
        scene.refuses_body(&body, FailureKind::KeyInsecure, case).await;
    }
}

#[tokio::test]
async fn texts_that_are_no_keys() {
    let scene = Scene::new().await;
    let good = scene.key.spki_pem();
    let private = pem::encode(&pem::Pem::new("PRIVATE KEY", scene.key.pkcs8()));
    let mut off_curve = scene.key.spki_der();
    *off_curve.last_mut().unwrap() ^= 1;
    for (case, key, kind) in [
        ("nothing", String::new(), FailureKind::KeyMalformed),
        ("words", "no key at all".to_owned(), FailureKind::KeyMalformed),
        ("a private key", private, FailureKind::KeyMalformed),
        ("a certificate's label", good.replace("PUBLIC KEY", "CERTIFICATE"), FailureKind::KeyMalformed),
        ("empty PEM", pem_of(b""), FailureKind::KeyMalformed),
        ("cut off", pem_of(&scene.key.spki_der()[..60]), FailureKind::KeyMalformed),
        ("bytes behind", pem_of(&[scene.key.spki_der(), vec![0]].concat()), FailureKind::KeyMalformed),
        ("too long", "A".repeat(17 * 1024), FailureKind::KeyMalformed),
        ("Ed448", pem_of(include_bytes!("../../e2e/parity/keys/ed448.pub.der")), FailureKind::KeyMalformed),
        (
            "a curve of numbers",
            pem_of(include_bytes!("../../e2e/parity/keys/explicit256.pub.der")),
            FailureKind::KeyMalformed,
        ),
        ("off the curve", pem_of(&off_curve), FailureKind::KeyMalformed),
    ] {
        let body = key_body(Some(&scene.token()), &key, &scene.key.prove(ADDRESS));
        let reply = scene.server.post(body.to_string()).await;
        // Whether a point off its curve is unreadable or insecure is for the unit tests of that; that it is refused is not.
        let kind = if case == "off the curve" && reply.reason() == FailureKind::KeyInsecure.row().reason {
            FailureKind::KeyInsecure
        } else {
            kind
        };
        assert_refused(&scene.server, &reply, kind, case);
        assert!(reply.json()["details"][0]["metadata"]["problem"].is_string(), "{reply:?}");
    }
}

#[tokio::test]
async fn proofs_that_prove_nothing() {
    let scene = Scene::new().await;
    let other = Key::new(Kind::P256);
    for kind in Kind::ALL {
        let key = Key::new(kind);
        let good = key.prove(ADDRESS);
        let mut changed = good.clone();
        *changed.last_mut().unwrap() ^= 1;
        for (case, proof) in [
            ("nothing", Vec::new()),
            ("another key's", other.prove(ADDRESS)),
            ("over the subject", key.prove("1234567890")),
            ("over nothing", key.prove("")),
            ("over the address and a newline", key.prove("dev@example.com\n")),
            ("cut off", good[..good.len() - 1].to_vec()),
            ("longer", [good.clone(), vec![0]].concat()),
            ("changed", changed),
        ] {
            let body = key_body(Some(&scene.token()), &key.spki_pem(), &proof);
            scene.refuses_body(&body, FailureKind::ProofInvalid, &format!("{kind:?}: {case}")).await;
        }
    }
}

#[tokio::test]
async fn signing_requests_that_cannot_be_used() {
    let scene = Scene::new().await;
    let text = scene.key.signing_request();
    let der = pem::parse(&text).unwrap().into_contents();
    let with_label = |label: &str, der: &[u8]| pem::encode(&pem::Pem::new(label, der));
    let mut bad_signature = der.clone();
    *bad_signature.last_mut().unwrap() ^= 1;
    let name = der.windows(8).position(|window| window == b"somebody").unwrap();
    let mut other_name = der.clone();
    other_name[name] = b'S';
    for (case, request, kind) in [
        ("words", "no request".to_owned(), FailureKind::CsrMalformed),
        ("another label", with_label("CERTIFICATE", &der), FailureKind::CsrMalformed),
        ("a public key", scene.key.spki_pem(), FailureKind::CsrMalformed),
        ("cut off", with_label("CERTIFICATE REQUEST", &der[..100]), FailureKind::CsrMalformed),
        ("bytes behind", with_label("CERTIFICATE REQUEST", &[&der[..], &[0]].concat()), FailureKind::CsrMalformed),
        ("another signature", with_label("CERTIFICATE REQUEST", &bad_signature), FailureKind::ProofInvalid),
        ("another name", with_label("CERTIFICATE REQUEST", &other_name), FailureKind::ProofInvalid),
    ] {
        scene.refuses_body(&request_body(&scene.token(), &request), kind, case).await;
    }
}

#[tokio::test]
async fn algorithms_that_the_operator_does_not_permit() {
    let issuer = FakeIssuer::start();
    let ca = TestCa::new().await;
    let issuance =
        Issuance { algorithms: "ed25519".parse().unwrap(), ..by_hand(&email_file(&issuer.issuer("email")), &ca) };
    let server = Running::serve(Arc::new(issuance), ca);
    let token = issuer.token(&issuer.claims("email", &email_claims()));
    for kind in [Kind::P256, Kind::P384, Kind::P521, Kind::Rsa2048] {
        let key = Key::new(kind);
        let reply = server.ask(&token, &key, ADDRESS).await;
        assert_refused(&server, &reply, FailureKind::AlgorithmNotPermitted, &format!("{kind:?}"));
        let reply = server.post(request_body(&token, &key.signing_request()).to_string()).await;
        assert_refused(&server, &reply, FailureKind::AlgorithmNotPermitted, &format!("{kind:?} request"));
        let reply = server.ask(&token, &key, "somebody else").await;
        assert_refused(&server, &reply, FailureKind::ProofInvalid, "the proof comes before the list");
    }
    assert_eq!(server.ask(&token, &Key::new(Kind::Ed25519), ADDRESS).await.status, 200);
}

#[tokio::test]
async fn the_token_comes_before_the_key_and_the_key_before_the_proof() {
    let scene = Scene::new().await;
    let body = key_body(Some("x"), &pem_of(WEAK_KEYS[0].1), b"");
    scene.refuses_body(&body, FailureKind::TokenMalformed, "all wrong").await;
    let body = key_body(Some(&scene.token()), &pem_of(WEAK_KEYS[0].1), b"");
    scene.refuses_body(&body, FailureKind::KeyInsecure, "weak and unproven").await;
}

#[tokio::test]
async fn bodies_that_are_not_the_request() {
    let scene = Scene::new().await;
    let token = scene.token();
    let good = key_body(Some(&token), &scene.key.spki_pem(), &scene.key.prove(ADDRESS));
    let mut both = good.clone();
    both["certificateSigningRequest"] = json!(STANDARD.encode(scene.key.signing_request()));
    scene.refuses_body(&both, FailureKind::RequestAmbiguous, "both").await;
    scene.refuses_body(&json!({}), FailureKind::TokenMissing, "an empty message").await;
    let only_token = json!({"credentials": {"oidcIdentityToken": token}});
    scene.refuses_body(&only_token, FailureKind::KeyMalformed, "neither key nor request").await;
    let twice = good.to_string().replacen('{', &format!("{{\"credentials\":{{\"oidcIdentityToken\":\"{token}\"}},"), 1);
    for (case, text) in [
        ("twice", twice),
        ("a list", "[]".to_owned()),
        ("null", "null".to_owned()),
        ("words", "certificate, please".to_owned()),
        ("cut off", good.to_string()[..40].to_owned()),
        ("no base64", good.to_string().replace("\"proofOfPossession\":\"", "\"proofOfPossession\":\"*")),
    ] {
        let reply = scene.server.post(text).await;
        assert_refused(&scene.server, &reply, FailureKind::RequestMalformed, case);
    }
}

#[tokio::test]
async fn a_signer_that_fails_is_a_503_and_no_certificate() {
    let scene = Scene::new().await;
    scene.server.signer().fail();
    let reply = scene.ask(&scene.token()).await;
    let row = FailureKind::SignerUnavailable.row();
    assert_eq!((reply.status, reply.reason().as_str()), (503, row.reason));
    assert_eq!((reply.json()["code"].clone(), reply.json()["message"].clone()), (json!(14), json!(row.text)));
    assert!(reply.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    assert!(!reply.text.contains("CERTIFICATE---"), "{reply:?}");
    assert_eq!(scene.server.signer().calls(), 1, "asked once, without a retry");
}

#[tokio::test]
async fn a_ca_that_ends_before_the_certificate_would_signs_nothing() {
    let issuer = FakeIssuer::start();
    for (left, status) in [(Duration::from_mins(9), 503), (Duration::from_mins(12), 200)] {
        let ca = TestCa::with(&Key::new(Kind::P256), SystemTime::now(), left).await;
        let server = Running::start_with(&email_file(&issuer.issuer("email")), ca);
        let token = issuer.token(&issuer.claims("email", &email_claims()));
        let reply = server.ask(&token, &Key::new(Kind::P256), ADDRESS).await;
        assert_eq!(reply.status, status, "{reply:?}");
        if status == 503 {
            assert_refused(&server, &reply, FailureKind::CaExpiring, "nine minutes left");
        }
    }
}

#[tokio::test]
async fn without_randomness_nothing_is_signed_and_nothing_told() {
    let issuer = FakeIssuer::start();
    let ca = TestCa::new().await;
    let rng: Rng = Box::new(|| None);
    let issuance = Issuance { rng, ..by_hand(&email_file(&issuer.issuer("email")), &ca) };
    let server = Running::serve(Arc::new(issuance), ca);
    let token = issuer.token(&issuer.claims("email", &email_claims()));
    let reply = server.ask(&token, &Key::new(Kind::P256), ADDRESS).await;
    assert_refused(&server, &reply, FailureKind::Internal, "no randomness");
    assert_eq!(reply.json()["details"][0]["metadata"], json!({}));
}
