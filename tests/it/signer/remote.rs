//! What holds for every key outside this process, shown with one that can be broken at will.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sigmint::authority::AuthoritySource;
use sigmint::crypto::algorithm::SignatureAlgorithm;
use sigmint::failure::FailureKind;
use sigmint::issuance::Issuance;
use sigmint::signer::Signer as _;
use sigmint::signer::local::LocalSigner;
use sigmint::signer::remote::{Asking, Bounds, RemoteError, RemoteKey, RemotePublicKey, SigningRequest};
use sigmint::signer::unfit::Unfit;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::adapters::{Material, Outcome, WAYS, ask_all, assert_kind};
use crate::support::identities::{identities, issuers_file};
use crate::support::keys::{Key, Kind};
use crate::support::remote::{RemoteScene, authority_of, conforms};
use crate::support::scene::Scene;
use crate::support::server::by_hand;
use crate::support::{FakeIssuer, Running, TestCa, eventually};

/// A key in this process that behaves like one in a service.
#[derive(Debug)]
struct Service {
    signer: LocalSigner,
    public: RemotePublicKey,
    down: AtomicBool,
    lies: AtomicBool,
    calls: AtomicUsize,
}

impl Service {
    fn new() -> Arc<Self> {
        let key = Key::new(Kind::P384);
        Arc::new(Self {
            signer: LocalSigner::from_pkcs8(SignatureAlgorithm::EcdsaP384Sha384, key.pkcs8()).unwrap(),
            public: RemotePublicKey::from_spki_der(key.spki_der()).unwrap(),
            down: AtomicBool::new(false),
            lies: AtomicBool::new(false),
            calls: AtomicUsize::new(0),
        })
    }
}

impl RemoteKey for Service {
    fn public_key(&self) -> &RemotePublicKey {
        &self.public
    }

    fn ask<'a>(&'a self, request: &'a SigningRequest<'a>) -> Asking<'a> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            if self.down.load(Ordering::SeqCst) {
                return Err(RemoteError::Unreachable("connection refused at 10.1.2.3".into()));
            }
            let message = if self.lies.load(Ordering::SeqCst) { b"another message" } else { request.message };
            Ok(self.signer.sign(message).await.unwrap())
        })
    }
}

#[tokio::test]
async fn sixty_four_clients_get_certificates_that_openssl_verifies() {
    conforms(Service::new()).await;
}

#[tokio::test]
async fn an_outage_and_a_wrong_signature_give_503_and_no_certificate() {
    let service = Service::new();
    let scene = RemoteScene::new(Arc::clone(&service) as _).await;
    for broken in [&service.down, &service.lies] {
        broken.store(true, Ordering::SeqCst);
        let reply = scene.ask().await;
        let row = FailureKind::SignerUnavailable.row();
        assert_eq!((reply.status, reply.reason().as_str()), (503, row.reason), "{reply:?}");
        assert_eq!(reply.json()["code"], 14);
        assert_eq!(reply.json()["message"], row.text);
        assert!(reply.header("retry-after").is_some());
        assert!(!reply.text.contains("10.1.2.3") && !reply.text.contains("CERTIFICATE"), "{reply:?}");
        broken.store(false, Ordering::SeqCst);
        scene.verified_by_openssl(&scene.ask().await);
    }
}

#[tokio::test]
async fn a_signer_that_fails_makes_the_server_unready_and_one_that_is_back_makes_it_ready_without_any_request() {
    let service = Service::new();
    let scene = RemoteScene::new(Arc::clone(&service) as _).await;
    let ready = async || scene.server.get("/readyz").await.status;
    assert_eq!(ready().await, 200);
    service.down.store(true, Ordering::SeqCst);
    scene.ask().await;
    assert_eq!(ready().await, 200, "one failure is no outage");
    eventually("the server is not ready", async || (ready().await == 503).then_some(())).await;
    assert_eq!(grpc_health(&scene, CA_SERVICE).await, ServingStatus::NotServing);
    assert_eq!(grpc_health(&scene, "").await, ServingStatus::Serving, "no reason to start the process again");
    assert_eq!(scene.server.get("/healthz").await.status, 200);
    service.down.store(false, Ordering::SeqCst);
    eventually("the server is ready again", async || (ready().await == 200).then_some(())).await;
    eventually("its clients are told", async || {
        (grpc_health(&scene, CA_SERVICE).await == ServingStatus::Serving).then_some(())
    })
    .await;
}

const CA_SERVICE: &str = "dev.sigstore.fulcio.v2.CA";

async fn grpc_health(scene: &RemoteScene, service: &str) -> ServingStatus {
    let channel = tonic::transport::Channel::from_shared(scene.server.grpc_url.clone()).unwrap().connect().await;
    let request = HealthCheckRequest { service: service.to_owned() };
    let answer = HealthClient::new(channel.unwrap()).check(request).await.unwrap();
    answer.into_inner().status()
}

/// A key that signs messages and not their digests, up to a length; it is never asked for a longer one.
#[derive(Debug)]
struct Whole {
    signer: LocalSigner,
    public: RemotePublicKey,
    /// What it says of itself.
    says: Option<usize>,
    takes: usize,
    calls: AtomicUsize,
}

impl Whole {
    fn new(says: Option<usize>, takes: usize) -> Arc<Self> {
        let key = Key::new(Kind::Ed25519);
        Arc::new(Self {
            signer: LocalSigner::from_pkcs8(SignatureAlgorithm::Ed25519, key.pkcs8()).unwrap(),
            public: RemotePublicKey::from_spki_der(key.spki_der()).unwrap(),
            says,
            takes,
            calls: AtomicUsize::new(0),
        })
    }
}

impl RemoteKey for Whole {
    fn public_key(&self) -> &RemotePublicKey {
        &self.public
    }

    fn longest_message(&self) -> Option<usize> {
        self.says
    }

    fn ask<'a>(&'a self, request: &'a SigningRequest<'a>) -> Asking<'a> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            if request.message.len() > self.takes {
                return Err(Unfit::Refused("data length out of range".into()).into());
            }
            Ok(self.signer.sign(request.message).await.unwrap())
        })
    }
}

#[tokio::test]
async fn a_certificate_that_is_too_long_for_the_key_is_the_clients_fault() {
    for (says, kind) in [(Some(4096), FailureKind::CertificateTooLarge), (None, FailureKind::CertificateRefused)] {
        let service = Whole::new(says, 4096);
        let authority = authority_of(Arc::clone(&service) as _, Bounds::default()).await.unwrap();
        let (issuer, unused) = (FakeIssuer::start(), TestCa::new().await);
        let authority = AuthoritySource::Fixed(Arc::new(authority));
        let issuance = Issuance { authority, ..by_hand(&issuers_file(&issuer.url, "127.0.0.1"), &unused) };
        let server = Running::serve(Arc::new(issuance), unused);
        let scene = Scene { issuer, server, key: Key::new(Kind::P256) };
        let all = identities(&scene.issuer.url, "127.0.0.1");
        let workflow = all.iter().find(|identity| identity.name == "github-workflow").unwrap();
        let token = |name: String| {
            let mut claims = workflow.claims.clone();
            claims["workflow"] = name.into();
            scene.issuer.token(&scene.issuer.claims(workflow.name, &claims))
        };
        let subject = workflow.claims["sub"].as_str().unwrap();
        let material = Material::Key { pem: scene.key.spki_pem(), proof: scene.key.prove(subject) };
        let before = service.calls.load(Ordering::SeqCst);
        for _ in 0..3 {
            assert_kind(&ask_all(&scene, &token("w".repeat(5000)), &material).await, kind);
        }
        let asked = service.calls.load(Ordering::SeqCst) - before;
        assert_eq!(asked, if says.is_some() { 0 } else { 3 * WAYS }, "what is known beforehand is not asked");
        assert_eq!(scene.server.get("/readyz").await.status, 200);
        for outcome in ask_all(&scene, &token("w".repeat(500)), &material).await {
            assert!(matches!(outcome, Outcome::Issued(_)), "{outcome:?}");
        }
    }
}
