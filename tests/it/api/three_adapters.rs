//! One request through REST v1, REST v2 (over HTTP/1 and HTTP/2) and gRPC: the same certificate profile, the same chain, the same refusals.

use std::sync::Arc;

use crate::support::adapters::{Material, Outcome, ask_all, assert_kind, good};
use crate::support::certificate::{assert_chain, extensions, parse};
use crate::support::grpc::{GrpcClient, certificates, error_info, key_message};
use crate::support::identities::email_file;
use crate::support::scene::{ADDRESS, Scene};
use crate::support::server::by_hand;
use crate::support::{Answer, FakeIssuer, Key, Kind, Reply, Running, TestCa};
use prost::Message as _;
use serde_json::{Value, json};
use sigmint::api::messages::proto;
use sigmint::failure::FailureKind;
use sigmint::issuance::{Issuance, Rng};
use tonic::Code;
use tonic::client::Grpc;
use tonic::codec::CompressionEncoding;
use tonic::metadata::{MetadataMap, MetadataValue};

#[tokio::test]
async fn one_request_makes_the_same_certificate_by_every_way() {
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
        r#"sigmint_failures_total{reason="token_missing"} 5"#,
        r#"http_requests_total{code="400",method="post"} 4"#,
        r#"http_requests_total{code="200",method="post"} 2"#,
        r#"http_requests_total{code="201",method="post"} 2"#,
        "fulcio_new_certs 5",
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

/// The parts of an answer that do not change from one to the next.
async fn lasting(request: reqwest::RequestBuilder) -> (u16, Vec<(String, String)>, String) {
    let reply = Reply::of(request.header("x-request-id", "same").send().await.unwrap()).await;
    let of_connection = ["date", "connection", "transfer-encoding"];
    let mut fields: Vec<_> = reply.headers.iter().filter(|(name, _)| !of_connection.contains(&name.as_str())).collect();
    fields.sort_by_key(|(name, _)| name.as_str());
    let fields = fields.into_iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    (reply.status, fields.collect(), reply.text)
}

/// Method, path, header fields, body, and the answer's status.
type HttpCase<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, u16);

#[tokio::test]
async fn both_versions_of_http_give_the_same_answers() {
    let scene = Scene::new().await;
    let too_large = "a".repeat(sigmint::limits::MessageBytes::DEFAULT.get() + 1);
    let origin = ("origin", "https://page.example.com");
    let asks = ("access-control-request-method", "POST");
    let cases: [HttpCase; 17] = [
        ("GET", "/healthz", &[], "", 200),
        ("HEAD", "/healthz", &[], "", 200),
        ("GET", "/readyz", &[origin], "", 200),
        ("HEAD", "/api/v2/trustBundle", &[], "", 200),
        ("GET", "/api/v2/trustBundle?x=1", &[("accept", "text/html")], "", 200),
        ("GET", "/api/v2/configuration", &[], "", 200),
        ("GET", "/api/v1/rootCert", &[("content-type", "application/grpc")], "", 200),
        ("GET", "/nothing", &[("content-type", "application/grpc")], "", 404),
        ("HEAD", "/api/v2/signingCert", &[], "", 405),
        ("DELETE", "/healthz", &[], "", 405),
        ("OPTIONS", "/healthz", &[], "", 405),
        ("OPTIONS", "/api/v2/signingCert", &[origin, asks], "", 204),
        ("POST", "/api/v2/signingCert", &[("content-type", "application/grpc-web+proto")], "{}", 400),
        ("POST", "/api/v2/signingCert", &[("content-type", "text/plain; charset=latin1")], "{}", 400),
        ("POST", "/api/v2/signingCert", &[("content-type", "no type at all")], "no JSON", 400),
        ("POST", "/api/v1/signingCert", &[], &too_large, 413),
        ("POST", "/api/v2/signing%43ert", &[], "{}", 400),
    ];
    for (method, path, fields, body, status) in cases {
        let with = |request: reqwest::RequestBuilder| {
            let request = fields.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            if body.is_empty() { request } else { request.body(body.to_owned()) }
        };
        let http1 = lasting(with(scene.server.request(method, path))).await;
        let http2 = lasting(with(scene.server.request_http2(method, path))).await;
        assert_eq!(http1.0, status, "{method} {path}: {http1:?}");
        assert_eq!(http1, http2, "{method} {path}");
    }
}

#[tokio::test]
async fn messages_may_come_compressed_and_are_then_answered_so() {
    let scene = Scene::new().await;
    let client = GrpcClient::new(&scene.server.grpc_url);
    let path = "/dev.sigstore.fulcio.v2.CA/CreateSigningCertificate";
    let ask = async |message: proto::CreateSigningCertificateRequest, encoding: Option<CompressionEncoding>| {
        let mut client = Grpc::new(client.channel.clone()).accept_compressed(CompressionEncoding::Gzip);
        if let Some(encoding) = encoding {
            client = client.send_compressed(encoding);
        }
        client.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<_, proto::SigningCertificate>::default();
        client.unary(tonic::Request::new(message), path.parse().unwrap(), codec).await
    };
    let gzip = Some(CompressionEncoding::Gzip);
    let message = || key_message(&scene.token(), &scene.key.spki_pem(), &scene.key.prove(ADDRESS));
    for (encoding, answered) in [(None, None), (gzip, Some("gzip"))] {
        let answer = ask(message(), encoding).await.unwrap();
        let sent = answer.metadata().get("grpc-encoding").map(|value| value.to_str().unwrap());
        assert_eq!(sent, answered, "as the request");
        assert_chain(&certificates(answer.get_ref()));
    }
    let signed = scene.server.signer().calls();

    // A few KiB on the wire, far more than a message may have.
    let bomb = key_message("", &"k".repeat(20_000_000), b"");
    let status = ask(bomb, gzip).await.unwrap_err();
    assert_eq!((status.code(), error_info(&status).reason.as_str()), (Code::ResourceExhausted, "REQUEST_TOO_LARGE"));
    let raw = |encoding: &'static str, message: &[u8]| {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let body = [&[1][..], &length, message].concat();
        let request = scene.http2_to_grpc(path).header("content-type", "application/grpc");
        request.header("grpc-encoding", encoding).body(body).send()
    };
    let broken = Reply::of(raw("gzip", b"no gzip").await.unwrap()).await;
    assert_eq!(broken.header("grpc-status"), Some("3"), "{broken:?}");
    let unknown = Reply::of(raw("snappy", b"whatever").await.unwrap()).await;
    let said = ["grpc-status", "grpc-accept-encoding"].map(|name| unknown.header(name));
    assert_eq!(said, [Some("12"), Some("gzip")], "{unknown:?}");
    assert_eq!(scene.server.signer().calls(), signed);
}

#[tokio::test]
async fn what_is_not_grpc_is_told_so_on_its_paths() {
    let scene = Scene::new().await;
    let path = "/dev.sigstore.fulcio.v2.CA/GetConfiguration";
    for (content_type, status) in [
        ("application/grpc", 200),
        ("application/grpc+proto", 200),
        ("Application/GRPC; charset=utf-8", 200),
        ("application/grpc-web", 415),
        ("application/grpc-web+proto", 415),
        ("application/grpc-web-text", 415),
        ("application/grpcx", 415),
        ("application/json", 415),
    ] {
        let request = scene.http2_to_grpc(path).header("content-type", content_type).body(vec![0; 5]);
        assert_eq!(request.send().await.unwrap().status(), status, "{content_type}");
    }
}

#[tokio::test]
async fn who_asks_for_names_sends_no_large_messages_compressed_or_not() {
    let scene = Scene::new().await;
    let large = [&[0x0a, 0xf8, 0x3f][..], &[b'n'; 8184]].concat();
    let length = |message: &[u8]| u32::try_from(message.len()).unwrap().to_be_bytes();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, &large).unwrap();
    let small = encoder.finish().unwrap();
    for (flag, message) in [(0, &large), (1, &small)] {
        let body = [&[flag][..], &length(message), message].concat();
        let request = scene.http2_to_grpc("/grpc.health.v1.Health/Check").header("content-type", "application/grpc");
        let answer = Reply::of(request.header("grpc-encoding", "gzip").body(body).send().await.unwrap()).await;
        assert_eq!(answer.header("grpc-status"), Some("8"), "{flag}: {answer:?}");
    }
}

#[tokio::test]
async fn a_panic_below_is_an_internal_error_of_one_request_in_every_adapter() {
    let issuer = FakeIssuer::start();
    let ca = TestCa::new().await;
    let rng: Rng = Box::new(|| panic!("as told"));
    let issuance = Issuance { rng, ..by_hand(&email_file(&issuer.issuer("email")), &ca) };
    let server = Running::serve(Arc::new(issuance), ca);
    let scene = Scene { issuer, server, key: Key::new(Kind::P256) };
    for _ in 0..2 {
        assert_kind(&ask_all(&scene, &scene.token(), &good(&scene.key)).await, FailureKind::Internal);
    }
    let reply = scene.ask(&scene.token()).await;
    assert!(reply.header("x-request-id").is_some_and(|id| !id.is_empty()));
    assert_eq!(scene.server.signer().calls(), 0);
}

#[tokio::test]
async fn a_panic_in_a_signer_is_a_failed_signature() {
    let scene = Scene::new().await;
    scene.server.signer().panic();
    for _ in 0..3 {
        assert_kind(&ask_all(&scene, &scene.token(), &good(&scene.key)).await, FailureKind::SignerUnavailable);
    }
    assert_eq!(scene.server.get("/readyz").await.status, 503, "it counts towards readiness");
}

#[tokio::test]
async fn reflection_knows_the_detail_that_refusals_carry() {
    let scene = Scene::new().await;
    let name = b"google.rpc.ErrorInfo";
    let question = [&[0x22, u8::try_from(name.len()).unwrap()][..], name].concat();
    let length = u32::try_from(question.len()).unwrap().to_be_bytes();
    let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let request = scene.http2_to_grpc(path).header("content-type", "application/grpc");
    let answer = Reply::of(request.body([&[0][..], &length, &question].concat()).send().await.unwrap()).await;
    assert!(answer.text.contains("google/rpc/error_details.proto"), "{answer:?}");
}
