//! One request through REST v1, REST v2 and gRPC: the same certificate profile, the same chain, the same refusals.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails must stop"
)]

mod support;

use std::sync::Arc;

use prost::Message as _;
use serde_json::{Value, json};
use sigmint::api::grpc::proto;
use sigmint::failure::FailureKind;
use support::adapters::{Material, Outcome, ask_all, assert_kind, good};
use support::certificate::{assert_chain, extensions, parse};
use support::grpc::{GrpcClient, error_info, key_message};
use support::identities::email_file;
use support::scene::{ADDRESS, Scene};
use support::server::by_hand;
use support::{Answer, FakeIssuer, Key, Kind, Running, TestCa};
use tonic::Code;
use tonic::metadata::{MetadataMap, MetadataValue};

#[tokio::test]
async fn one_request_makes_the_same_certificate_three_times() {
    let scene = Scene::new().await;
    for kind in Kind::ALL {
        let key = Key::new(kind);
        for material in [good(&key), Material::SigningRequest(key.signing_request())] {
            let chains = ask_all(&scene, &scene.token(), &material).await.map(|outcome| match outcome {
                Outcome::Issued(chain) => chain,
                Outcome::Refused { .. } => panic!("{kind:?}: {outcome:?}"),
            });
            let [first, others @ ..] = &chains;
            assert_chain(first);
            for other in others {
                assert_eq!(first[1..], other[1..], "the chain");
                assert_ne!(first[0], other[0], "serial numbers are never used twice");
                assert_eq!(extensions(&first[0]), extensions(&other[0]));
                let (first, other) = (parse(&first[0]), parse(&other[0]));
                assert_eq!(first.public_key().raw, other.public_key().raw);
                assert_eq!(first.issuer().as_raw(), other.issuer().as_raw());
                assert_eq!(first.subject().as_raw(), other.subject().as_raw());
                let length = |certificate: &x509_parser::certificate::X509Certificate<'_>| {
                    certificate.validity().not_after.timestamp() - certificate.validity().not_before.timestamp()
                };
                assert_eq!(length(&first), length(&other));
            }
        }
    }
}

#[tokio::test]
async fn every_refusal_has_the_same_code_text_reason_and_metadata() {
    let scene = Scene::new().await;
    let key = &scene.key;
    let changed = |name: &str, value: Value| {
        let mut claims = scene.claims();
        claims[name] = value;
        scene.issuer.token(&claims)
    };
    let stranger = FakeIssuer::start();
    let forged = scene.token().rsplit_once('.').unwrap().0.to_owned() + ".AAAA";
    let x25519 = [b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x6e\x03\x21\x00".as_slice(), &[7; 32]].concat();
    let with_key = |pem: String| Material::Key { pem, proof: key.prove(ADDRESS) };
    let cases: Vec<(FailureKind, String, Material)> = vec![
        (FailureKind::TokenMissing, String::new(), good(key)),
        (FailureKind::TokenMalformed, "a.b".to_owned(), good(key)),
        (FailureKind::TokenSignature, forged, good(key)),
        (FailureKind::TokenIssuerUnknown, stranger.token(&stranger.claims("email", &json!({}))), good(key)),
        (FailureKind::TokenExpired, changed("exp", json!(1)), good(key)),
        (FailureKind::TokenAudience, changed("aud", json!("other")), good(key)),
        (FailureKind::TokenClaim, changed("exp", json!("soon")), good(key)),
        (FailureKind::IdentityRefused, changed("email_verified", json!(false)), good(key)),
        (FailureKind::KeyMalformed, scene.token(), with_key("no key".to_owned())),
        (FailureKind::KeyMalformed, scene.token(), with_key(String::new())),
        (FailureKind::KeyInsecure, scene.token(), with_key(pem::encode(&pem::Pem::new("PUBLIC KEY", x25519)))),
        (FailureKind::CsrMalformed, scene.token(), Material::SigningRequest("no request".to_owned())),
        (
            FailureKind::ProofInvalid,
            scene.token(),
            Material::Key { pem: key.spki_pem(), proof: key.prove("someone@example.com") },
        ),
    ];
    for (kind, token, material) in cases {
        let outcomes = ask_all(&scene, &token, &material).await;
        assert_kind(&outcomes, kind);
    }
    assert_eq!(scene.server.signer().calls(), 0, "something was signed");

    scene.server.signer().fail();
    assert_kind(&ask_all(&scene, &scene.token(), &good(key)).await, FailureKind::SignerUnavailable);
}

#[tokio::test]
async fn an_issuer_that_is_down_is_unavailable_everywhere() {
    let scene = Scene::new().await;
    scene.issuer.answer("/email/.well-known/openid-configuration", Answer::Close);
    assert_kind(&ask_all(&scene, &scene.token(), &good(&scene.key)).await, FailureKind::IssuerUnavailable);
    assert_eq!(scene.server.signer().calls(), 0);
}

#[tokio::test]
async fn every_adapter_counts_its_answers_and_refusals() {
    let issuer = FakeIssuer::start();
    let ca = TestCa::new().await;
    let issuance = by_hand(&email_file(&issuer.issuer("email")), &ca);
    let metrics = issuance.metrics.clone();
    let scene = Scene { issuer, server: Running::serve(Arc::new(issuance), ca), key: Key::new(Kind::P256) };
    ask_all(&scene, "", &good(&scene.key)).await;
    ask_all(&scene, &scene.token(), &good(&scene.key)).await;
    let text = metrics.encode().unwrap();
    for line in [
        r#"sigmint_failures_total{reason="token_missing"} 3"#,
        r#"http_requests_total{code="400",method="post"} 2"#,
        r#"http_requests_total{code="200",method="post"} 1"#,
        r#"http_requests_total{code="201",method="post"} 1"#,
        "fulcio_new_certs 3",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    for code in ["OK", "InvalidArgument"] {
        let labels = format!(r#"grpc_code="{code}",grpc_method="CreateSigningCertificate""#);
        let line = text.lines().find(|line| line.starts_with("grpc_server_handled_total") && line.contains(&labels));
        assert!(line.is_some_and(|line| line.ends_with(" 1")), "{labels}: {line:?}");
    }
}

#[tokio::test]
async fn trust_bundle_and_configuration_say_the_same() {
    let scene = Scene::new().await;
    let client = GrpcClient::new(&scene.server.grpc_url);

    let rest = scene.server.get("/api/v2/trustBundle").await.json();
    let call = client.call("GetTrustBundle", tonic::Request::new(proto::GetTrustBundleRequest {}));
    let bundle: proto::TrustBundle = call.await.unwrap().into_inner();
    let [chain] = bundle.chains.as_slice() else { panic!("{bundle:?}") };
    assert_eq!(rest, json!({"chains": [{"certificates": chain.certificates}]}));
    let root = scene.server.get("/api/v1/rootCert").await;
    assert_eq!(root.header("content-type"), Some("application/pem-certificate-chain"));
    let trimmed: Vec<&str> = chain.certificates.iter().map(|text| text.trim_end()).collect();
    assert_eq!(root.text, trimmed.join("\n"));

    let rest = scene.server.get("/api/v2/configuration").await.json();
    let call = client.call("GetConfiguration", tonic::Request::new(proto::GetConfigurationRequest {}));
    let configuration: proto::Configuration = call.await.unwrap().into_inner();
    let [issuer] = configuration.issuers.as_slice() else { panic!("{configuration:?}") };
    let location = proto::oidc_issuer::Issuer::IssuerUrl(scene.issuer.issuer("email"));
    assert_eq!(issuer.issuer, Some(location));
    let expected = json!({"issuers": [{
        "issuerUrl": scene.issuer.issuer("email"),
        "audience": issuer.audience,
        "challengeClaim": issuer.challenge_claim,
        "spiffeTrustDomain": issuer.spiffe_trust_domain,
        "issuerType": issuer.issuer_type,
        "subjectDomain": issuer.subject_domain,
        "skipEmailVerification": issuer.skip_email_verification,
    }]});
    assert_eq!(rest, expected);
}

#[tokio::test]
async fn the_token_may_stand_in_the_metadata_and_the_request_id_goes_back() {
    let scene = Scene::new().await;
    let client = GrpcClient::new(&scene.server.grpc_url);
    let message = || key_message("", &scene.key.spki_pem(), &scene.key.prove(ADDRESS));
    let token: MetadataValue<_> = scene.token().parse().unwrap();
    let mut metadata = MetadataMap::new();
    metadata.insert("oidcidentitytoken", token.clone());
    metadata.insert("x-request-id", MetadataValue::from_static("mine"));
    let answer = client.ask_with(message(), metadata.clone()).await.unwrap();
    assert_eq!(answer.metadata().get("x-request-id").unwrap(), "mine");
    metadata.append("oidcidentitytoken", token);
    let status = client.ask_with(message(), metadata).await.unwrap_err();
    assert_eq!(error_info(&status).reason, "TOKEN_MISSING");
    assert_eq!(status.metadata().get("x-request-id").unwrap(), "mine");
}

/// A message whose first field is a number, where the service expects a message.
#[derive(Clone, PartialEq, prost::Message)]
struct Other {
    #[prost(uint64, tag = "1")]
    number: u64,
}

#[tokio::test]
async fn what_the_library_refuses_is_said_in_our_words() {
    let scene = Scene::new().await;
    let client = GrpcClient::new(&scene.server.grpc_url);
    let limit = sigmint::limits::MessageBytes::DEFAULT.get();
    let base = key_message("", "", b"").encoded_len();
    // Tags and lengths grow with the field: a message of exactly the limit is found by trying.
    let of_length = |length: usize| {
        let fits = (0..32).map(|less| key_message("", &"k".repeat(length - base - less), b""));
        fits.into_iter().find(|message| message.encoded_len() == length).unwrap()
    };
    let status = client.ask(of_length(limit)).await.unwrap_err();
    assert_eq!(error_info(&status).reason, "TOKEN_MISSING", "256 KiB are read");
    let status = client.ask(of_length(limit + 1)).await.unwrap_err();
    assert_eq!((status.code(), error_info(&status).reason.as_str()), (Code::ResourceExhausted, "REQUEST_TOO_LARGE"));

    let call = client
        .call::<_, proto::SigningCertificate>("CreateSigningCertificate", tonic::Request::new(Other { number: 7 }));
    let status = call.await.unwrap_err();
    assert_eq!((status.code(), error_info(&status).reason.as_str()), (Code::InvalidArgument, "REQUEST_MALFORMED"));
    let call = client.call::<_, proto::SigningCertificate>("Nothing", tonic::Request::new(Other { number: 7 }));
    assert_eq!(call.await.unwrap_err().code(), Code::Unimplemented);
    assert_eq!(scene.server.signer().calls(), 0);
}
