//! Keys and signing requests of clients that are weak, or made to hurt.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::SigningKey as _;
use serde_json::{Value, json};
use sigmint::api::messages::proto;
use sigmint::failure::FailureKind;
use tonic::Code;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::support::adapters::{Material, Outcome, ask_all, assert_kind};
use crate::support::certificate::parse;
use crate::support::grpc::GrpcClient;
use crate::support::panics::watched_scene;
use crate::support::scene::{ADDRESS, assert_refused};
use crate::support::server::{key_body, request_body};
use crate::support::{Answer, Key, Kind, Reply, Scene};

const ECDSA_WITH_SHA256: [u8; 12] = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
/// A key with the fingerprint of CVE-2017-15361, made for these tests.
const ROCA: &[u8] = include_bytes!("../../e2e/parity/keys/rsaroca.pub.der");

/// DER of this tag around these parts.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head =
        if length[0] == 0 && length[1] < 128 { vec![tag, length[1]] } else { vec![tag, 0x82, length[0], length[1]] };
    [head, content].concat()
}

/// What a signing request signs: of this key, with these attributes, encoded.
fn request_info(spki: &[u8], attributes: &[u8]) -> Vec<u8> {
    der(0x30, &[&[2, 1, 0], &der(0x30, &[]), spki, &der(0xa0, &[attributes])])
}

fn request(info: &[u8], signature: &[u8]) -> String {
    let bits = der(3, &[&[0], signature]);
    pem::encode(&pem::Pem::new("CERTIFICATE REQUEST", der(0x30, &[info, &ECDSA_WITH_SHA256, &bits])))
}

/// CVE-2017-15361: a chip's library made RSA keys that can be factored from their public half. Here such a key is neither certified, by
/// proof or by signing request, nor trusted when an issuer has it.
#[tokio::test]
async fn roca_weak_rsa_keys() {
    let scene = Scene::new().await;
    let text = pem::encode(&pem::Pem::new("PUBLIC KEY", ROCA));
    for material in [
        Material::Key { pem: text, proof: vec![1; 256] },
        Material::SigningRequest(request(&request_info(ROCA, &[]), &[1; 256])),
    ] {
        assert_kind(&ask_all(&scene, &scene.token(), &material).await, FailureKind::KeyInsecure);
    }
    assert_eq!(scene.server.signer().calls(), 0);

    let (_, spki) = SubjectPublicKeyInfo::from_der(ROCA).unwrap();
    let Ok(PublicKey::RSA(key)) = spki.parsed() else { panic!("no RSA key") };
    let modulus = URL_SAFE_NO_PAD.encode(&key.modulus[key.modulus.iter().take_while(|byte| **byte == 0).count()..]);
    let roca = json!({"kty": "RSA", "alg": "RS256", "kid": "roca", "n": modulus, "e": "AQAB"});
    let other = Scene::new().await;
    other.issuer.answer("/keys", Answer::Body(200, json!({"keys": [roca]}).to_string().into_bytes()));
    other.refuses(&other.token(), FailureKind::IssuerUnavailable, "an issuer with nothing else").await;
    let mixed = Scene::new().await;
    mixed.issuer.add_jwks(vec![roca]);
    let token = mixed.issuer.token_of_text(r#"{"alg":"RS256","kid":"roca"}"#, &mixed.claims().to_string());
    mixed.refuses(&token, FailureKind::TokenSignature, "signed by it").await;
    assert_eq!(mixed.ask(&mixed.token()).await.status, 200, "the issuer's other keys are good");
}

/// CVE-2022-21449 once more: a proof, or a signing request's signature, of two zeros proved the possession of any key.
#[tokio::test]
async fn ecdsa_r_and_s_of_zero_in_a_proof() {
    let scene = Scene::new().await;
    for (kind, length) in [(Kind::P256, 64), (Kind::P384, 96), (Kind::P521, 132)] {
        let key = Key::new(kind);
        let zeros = [vec![0x30, 6, 2, 1, 0, 2, 1, 0], vec![0; length], vec![0xff; length], vec![0x30, 0], vec![]];
        for proof in zeros {
            let material = Material::Key { pem: key.spki_pem(), proof };
            assert_kind(&ask_all(&scene, &scene.token(), &material).await, FailureKind::ProofInvalid);
        }
    }
    let info = request_info(&scene.key.spki_der(), &[]);
    for signature in [vec![0x30, 6, 2, 1, 0, 2, 1, 0], vec![0; 64], vec![]] {
        let material = Material::SigningRequest(request(&info, &signature));
        assert_kind(&ask_all(&scene, &scene.token(), &material).await, FailureKind::ProofInvalid);
    }
    assert_eq!(scene.server.signer().calls(), 0);
    let genuine = Material::SigningRequest(request(&info, &scene.key.pair().sign(&info).unwrap()));
    assert!(matches!(ask_all(&scene, &scene.token(), &genuine).await[0], Outcome::Issued(_)), "but for the zeros");
}

/// step-ca looked for the first of a signing request's extended key usages where there was none, and panicked. Here a request's extensions
/// are not looked at: whatever they say or lack, the certificate's usage is code signing.
#[tokio::test]
async fn cve_2026_40097_a_request_with_an_empty_extended_key_usage() {
    let scene = watched_scene().await;
    let usage = |value: &[u8]| der(0x30, &[&[6, 3, 0x55, 0x1d, 0x25], &der(4, &[value])]);
    let wanted = |extensions: &[u8]| {
        let identifier = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 0x0e];
        der(0x30, &[&identifier, &der(0x31, &[extensions])])
    };
    let server_authentication = der(0x30, &[&[6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1]]);
    for (case, attributes, must_be_issued) in [
        ("no attributes", vec![], true),
        ("no usage", wanted(&der(0x30, &[&usage(&der(0x30, &[]))])), true),
        ("another usage", wanted(&der(0x30, &[&usage(&server_authentication)])), true),
        ("no value", wanted(&der(0x30, &[&usage(&[])])), false),
        ("no extensions", wanted(&der(0x30, &[])), false),
        ("no set", wanted(&[]), false),
        ("an empty attribute", der(0x30, &[]), false),
        ("half an attribute", vec![0x30, 9, 6], false),
    ] {
        let info = request_info(&scene.key.spki_der(), &attributes);
        let text = request(&info, &scene.key.pair().sign(&info).unwrap());
        let reply = scene.server.post(request_body(&scene.token(), &text).to_string()).await;
        if reply.status != 200 && !must_be_issued {
            assert_eq!(reply.reason(), FailureKind::CsrMalformed.row().reason, "{case}: {reply:?}");
            continue;
        }
        let certificates = reply.certificates();
        let leaf = parse(&certificates[0]);
        let usage = leaf.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.code_signing && !usage.server_auth && usage.other.is_empty(), "{case}");
    }
    scene.is_well().await;
}

/// Rekor panicked on a proposed entry that lacked a member which its code took for granted. Here every member of a request is taken away,
/// emptied and set to null in turn, in each protocol, and nothing panics.
#[tokio::test]
async fn cve_2023_33199_requests_that_lack_any_one_member() {
    let scene = watched_scene().await;
    let v2 = key_body(Some(&scene.token()), &scene.key.spki_pem(), &scene.key.prove(ADDRESS));
    let v1 = json!({"publicKey": {"content": STANDARD.encode(scene.key.spki_pem()), "algorithm": "ecdsa"},
        "signedEmailAddress": STANDARD.encode(scene.key.prove(ADDRESS))});
    let members = [
        "credentials",
        "credentials/oidcIdentityToken",
        "publicKeyRequest",
        "publicKeyRequest/publicKey",
        "publicKeyRequest/publicKey/content",
        "publicKeyRequest/proofOfPossession",
        "publicKey",
        "publicKey/content",
        "signedEmailAddress",
    ];
    for (path, body) in [("/api/v2/signingCert", &v2), ("/api/v1/signingCert", &v1)] {
        for member in members.iter().filter(|member| body.pointer(&format!("/{member}")).is_some()) {
            for hostile in [None, Some(Value::Null), Some(json!("")), Some(json!({})), Some(json!([null]))] {
                let reply = post(&scene, path, &without(body, member, hostile.as_ref())).await;
                assert_eq!((reply.status, reply.json()["code"].clone()), (400, json!(3)), "{member}: {hostile:?}");
            }
        }
    }
    for body in [json!({}), json!([]), Value::Null, json!(""), json!(0)] {
        assert_eq!(post(&scene, "/api/v2/signingCert", &body).await.status, 400, "{body}");
    }
    lacking_messages(&scene).await;
    assert_eq!(scene.server.signer().calls(), 0, "something was signed");
    scene.is_well().await;
}

async fn post(scene: &Scene, path: &str, body: &Value) -> Reply {
    let mut request = scene.server.request("POST", path);
    if path.contains("v1") {
        request = request.header("Authorization", format!("Bearer {}", scene.token()));
    }
    Reply::of(request.body(body.to_string()).send().await.unwrap()).await
}

/// The body without the member, or with something else in its place.
fn without(body: &Value, member: &str, other: Option<&Value>) -> Value {
    let mut body = body.clone();
    let (parent, name) = member.rsplit_once('/').unwrap_or(("", member));
    let pointer = if parent.is_empty() { String::new() } else { format!("/{parent}") };
    let object = body.pointer_mut(&pointer).unwrap().as_object_mut().unwrap();
    match other {
        Some(value) => drop(object.insert(name.to_owned(), value.clone())),
        None => drop(object.remove(name)),
    }
    body
}

async fn lacking_messages(scene: &Scene) {
    use proto::create_signing_certificate_request::Key as Requested;
    let credentials = Some(proto::Credentials {
        credentials: Some(proto::credentials::Credentials::OidcIdentityToken(scene.token())),
    });
    let none = || Some(proto::Credentials { credentials: None });
    let key = |public_key| {
        Some(Requested::PublicKeyRequest(proto::PublicKeyRequest { public_key, proof_of_possession: vec![] }))
    };
    let empty = proto::PublicKey { algorithm: 99, content: String::new() };
    for (credentials, key) in [
        (None, None),
        (none(), None),
        (credentials.clone(), None),
        (credentials.clone(), key(None)),
        (credentials.clone(), key(Some(empty.clone()))),
        (none(), key(Some(empty))),
        (credentials, Some(Requested::CertificateSigningRequest(vec![]))),
    ] {
        let message = proto::CreateSigningCertificateRequest { credentials, key };
        let status = GrpcClient::new(&scene.server.grpc_url).ask(message).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    }
}

/// The proof that [`assert_refused`] would fail if a signature had been made.
#[tokio::test]
async fn a_count_of_zero_means_something() {
    let scene = Scene::new().await;
    let reply = scene.ask("x").await;
    assert_refused(&scene.server, &reply, FailureKind::TokenMalformed, "no token");
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
    assert_eq!(scene.server.signer().calls(), 1);
}
