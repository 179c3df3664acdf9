//! Certificates from Google's CA Service: they are what was linted and no more, or nobody sees them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::ExtendedKeyUsagePurpose;
use sigmint::authority::Authority;
use sigmint::authority::google_ca::{GoogleCa, GoogleCaOptions, Wanted};
use sigmint::authority::managed::{ManagedCa as _, ManagedCertificate};
use sigmint::certificate::{CertificateRequest, LintedTbs, Serial, ValidityPolicy};
use sigmint::identity::fetch::{ClusterFiles, Fetcher};
use sigmint::identity::issuers::Issuers;
use sigmint::identity::keys::{KeyStore, KeyTiming};
use sigmint::identity::verify::verify;
use sigmint::identity::{Principal, UnverifiedToken};
use sigmint::policy::admit;
use sigmint::possession::{KeyRequest, PermittedAlgorithms, prove};
use sigmint::signer::remote::RemoteError;

use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::support::adapters::{Material, ask_all, assert_kind, good};
use crate::support::certificate::subject_alternative_names;
use crate::support::google::ca::POOL;
use crate::support::google::{CaLie, FakeGoogle, Fault};
use crate::support::identities::{Identity, identities, issuers_file};
use crate::support::issuer::FakeIssuer;
use crate::support::keys::{Key, Kind};
use crate::support::remote::{RemoteScene, openssl_verifies};
use crate::support::scene::Scene;
use sigmint::failure::FailureKind;

fn options(fake: &FakeGoogle) -> GoogleCaOptions {
    GoogleCaOptions { google: fake.options(), ..GoogleCaOptions::default() }
}

/// A pool, its client, and an issuer of identities.
struct PoolScene {
    fake: FakeGoogle,
    ca: GoogleCa,
    issuer: FakeIssuer,
    issuers: Issuers,
    keys: KeyStore,
}

impl PoolScene {
    /// With one authority.
    async fn new() -> Self {
        let fake = FakeGoogle::start();
        fake.state.ca.add("one");
        Self::of(fake, POOL).await
    }

    async fn of(fake: FakeGoogle, parent: &str) -> Self {
        let ca = GoogleCa::open(parent, &options(&fake)).await.unwrap();
        let issuer = FakeIssuer::start();
        let file = issuers_file(&issuer.url, "127.0.0.1");
        let issuers = Issuers::parse("test.yaml", &file).unwrap();
        let keys = KeyStore::new(Fetcher::new().unwrap(), ClusterFiles::default(), &KeyTiming::default());
        Self { fake, ca, issuer, issuers, keys }
    }

    fn identities(&self) -> Vec<Identity> {
        identities(&self.issuer.url, "127.0.0.1")
    }

    /// A linted certificate for an identity and a key, as the pipeline makes it.
    async fn linted(&self, identity: &Identity, key: &Key, validity: ValidityPolicy) -> LintedTbs {
        let now = SystemTime::now();
        let token = self.issuer.token(&self.issuer.claims(identity.name, &identity.claims));
        let token = UnverifiedToken::parse(&token).unwrap();
        let claims = verify(token, &self.issuers, &self.keys, now).await.unwrap();
        let principal = Principal::from_claims(&claims).unwrap();
        let proof = key.prove(principal.challenge());
        let request = KeyRequest::PublicKey { content: key.spki_pem().into_bytes(), proof };
        let key = prove(&request, principal.challenge(), &PermittedAlgorithms::default()).unwrap();
        let chain = Arc::clone(&self.ca.chains()[0]);
        let admitted = admit(None, &claims, principal, key, now).unwrap();
        LintedTbs::compose(&CertificateRequest {
            admitted: &admitted,
            issuer: &chain,
            algorithm: chain.algorithm(),
            validity,
            now,
            serial: &Serial::from_random([7; Serial::LENGTH]),
        })
        .unwrap()
    }

    /// The same for an e-mail address and a P-256 key.
    async fn usual(&self) -> LintedTbs {
        self.linted(&self.identities()[0], &Key::fixed_p256(), ValidityPolicy::default()).await
    }

    async fn issue(&self) -> Result<ManagedCertificate, RemoteError> {
        self.ca.issue(&self.usual().await).await
    }
}

fn verified(issued: &ManagedCertificate) {
    let above = issued.chain.certificates().iter().map(|certificate| certificate.der().to_vec());
    openssl_verifies(&std::iter::once(issued.certificate.clone()).chain(above).collect::<Vec<_>>());
}

#[tokio::test]
async fn certificates_of_every_identity_verify_and_bear_its_name() {
    let scene = PoolScene::new().await;
    for identity in scene.identities() {
        let tbs = scene.linted(&identity, &Key::fixed_p256(), ValidityPolicy::default()).await;
        let issued = scene.ca.issue(&tbs).await.unwrap_or_else(|error| panic!("{}: {error}", identity.name));
        verified(&issued);
        let (_, certificate) = X509Certificate::from_der(&issued.certificate).unwrap();
        assert_eq!(subject_alternative_names(&certificate), [identity.san.as_str()], "{}", identity.name);
    }
}

#[tokio::test]
async fn every_key_that_the_service_certifies_gets_a_certificate_and_others_a_word() {
    let scene = PoolScene::new().await;
    for kind in Kind::ALL {
        let tbs = scene.linted(&scene.identities()[0], &Key::new(kind), ValidityPolicy::default()).await;
        match scene.ca.issue(&tbs).await {
            Ok(issued) => verified(&issued),
            Err(error) => {
                assert_eq!(kind, Kind::Ed25519);
                assert_eq!(error.to_string(), "CA Service certifies RSA and ECDSA keys only");
            }
        }
    }
    assert_eq!(scene.fake.state.ca.made(), Kind::ALL.len() - 1, "nothing was asked for the other key");
}

#[tokio::test]
async fn what_a_client_asks_for_and_the_service_cannot_make_says_nothing_of_the_service() {
    let fake = FakeGoogle::start();
    fake.state.ca.add("one");
    let ca = GoogleCa::open(POOL, &options(&fake)).await.unwrap();
    let RemoteScene { issuer, server, .. } = RemoteScene::of(Authority::managed(Arc::new(ca)).unwrap()).await;
    let scene = Scene { issuer, server, key: Key::new(Kind::P256) };
    let (before, other) = (fake.calls().len(), Key::new(Kind::Ed25519));
    for material in [good(&other), Material::SigningRequest(other.signing_request())] {
        for _ in 0..3 {
            assert_kind(&ask_all(&scene, &scene.token(), &material).await, FailureKind::KeyNotCertifiable);
        }
    }
    assert_eq!(fake.calls().len(), before, "nobody was asked");
    let ready = async || scene.server.get("/readyz").await.status;
    assert_eq!(ready().await, 200);
    // What only the service knows, such as the pool's issuance policy.
    fake.fail(Fault::Status(400, "INVALID_ARGUMENT", "the issuance policy does not allow it"), usize::MAX);
    for _ in 0..3 {
        assert_kind(&ask_all(&scene, &scene.token(), &good(&scene.key)).await, FailureKind::CertificateRefused);
    }
    assert_eq!(ready().await, 200);
    fake.heal();
    // What is the service's own fault still counts.
    fake.fail(Fault::Status(400, "FAILED_PRECONDITION", "no CA of the pool is enabled"), usize::MAX);
    assert_kind(&ask_all(&scene, &scene.token(), &good(&scene.key)).await, FailureKind::SignerUnavailable);
    assert_eq!(ready().await, 503);
}

#[tokio::test]
async fn no_certificate_that_deviates_gets_out() {
    let scene = PoolScene::new().await;
    for (lie, text) in [
        (CaLie::Key, "its public key is another"),
        (CaLie::Subject, "its subject is another"),
        (CaLie::OtherName, "the extension 2.5.29.17 is another"),
        (CaLie::SecondName, "the extension 2.5.29.17 is another"),
        (CaLie::NotCritical, "the extension 2.5.29.17 is another"),
        (CaLie::Missing, "the extension 1.3.6.1.4.1.57264.1.24 is missing"),
        (CaLie::Value, "the extension 1.3.6.1.4.1.57264.1.24 is another"),
        (CaLie::Added, "the extension 1.3.6.1.4.1.57264.1.99 was not asked for"),
        (CaLie::Usage, "the extension 2.5.29.37 is another"),
        (CaLie::Authority, "it is a certificate authority"),
        (CaLie::Longer, "it does not end when it should"),
        (CaLie::Future, "it does not begin when it should"),
        (CaLie::Backdated, "it does not begin when it should"),
        (CaLie::Issuer, "its issuer is none of the pool's authorities"),
        (CaLie::Forged, "its signature is not its issuer's"),
        (CaLie::Nothing, "no certificate in PEM"),
        (CaLie::Serial, "its serial number is zero"),
        (CaLie::Twice, "an extension is a duplicate"),
        (CaLie::Identifier, "the extension 2.5.29.35 is another"),
        (CaLie::Critical, "the extension 1.3.6.1.5.5.7.1.1 was not asked for"),
        (CaLie::Ended, "it does not end when it should"),
    ] {
        scene.fake.state.ca.lie(Some(lie));
        let error = scene.issue().await.unwrap_err();
        assert!(matches!(&error, RemoteError::Unusable(problem) if problem.contains(text)), "{lie:?}: {error}");
    }
    scene.fake.state.ca.lie(None);
    verified(&scene.issue().await.unwrap());
}

#[tokio::test]
async fn a_pool_may_backdate_as_far_as_certificates_here_may_be() {
    let scene = PoolScene::new().await;
    scene.fake.state.ca.backdate(Duration::from_mins(5));
    verified(&scene.issue().await.unwrap());
    scene.fake.state.ca.backdate(Duration::from_mins(30));
    let error = scene.issue().await.unwrap_err().to_string();
    assert!(error.contains("set the pool's backdating to 5 minutes at most"), "{error}");
    scene.fake.state.ca.backdate(Duration::ZERO);
    let policy = ValidityPolicy::new(Duration::from_mins(20), Duration::from_mins(5)).unwrap();
    let tbs = scene.linted(&scene.identities()[0], &Key::fixed_p256(), policy).await;
    verified(&scene.ca.issue(&tbs).await.unwrap());
}

#[tokio::test]
async fn no_certificate_outlives_its_issuer() {
    let fake = FakeGoogle::start();
    fake.state.ca.add("lasting");
    let scene = PoolScene::of(fake, POOL).await;
    let tbs = scene.usual().await;
    let usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    scene.fake.state.ca.add_with("ending", usages, Duration::from_mins(5));
    let ca = GoogleCa::open(POOL, &options(&scene.fake)).await.unwrap();
    let error = ca.issue(&tbs).await.unwrap_err().to_string();
    assert!(error.contains("it is not within its issuer's validity"), "{error}");
}

#[tokio::test]
async fn any_authority_of_the_pool_may_issue_or_the_one_that_is_named() {
    let fake = FakeGoogle::start();
    fake.state.ca.add("one");
    fake.state.ca.add("two");
    fake.state.ca.add("three");
    fake.state.ca.set_state("three", "DISABLED");
    let scene = PoolScene::of(fake, POOL).await;
    let issued = scene.issue().await.unwrap();
    verified(&issued);
    assert!(issued.chain.subject().contains("two") && scene.ca.chains()[0].subject().contains("one"));
    assert_eq!(scene.ca.chains().len(), 3, "certificates of a disabled authority are valid until they end");

    let scene = PoolScene::of(scene.fake, &format!("{POOL}/certificateAuthorities/one")).await;
    let issued = scene.issue().await.unwrap();
    verified(&issued);
    assert!(issued.chain.subject().contains("one"));
    assert_eq!(scene.ca.chains().len(), 1);
}

#[tokio::test]
async fn an_authority_that_joins_the_pool_is_found_when_it_issues() {
    let fake = FakeGoogle::start();
    fake.state.ca.add("one");
    let mut scene = PoolScene::of(fake, POOL).await;
    scene.fake.state.ca.add("two");
    let error = scene.issue().await.unwrap_err().to_string();
    assert!(error.contains("its issuer is none of the pool's authorities"), "not asked for again so soon: {error}");

    let fake = FakeGoogle::start();
    fake.state.ca.add("one");
    let options = GoogleCaOptions { refresh: Duration::ZERO, ..options(&fake) };
    scene.ca = GoogleCa::open(POOL, &options).await.unwrap();
    fake.state.ca.add("two");
    let issued = scene.issue().await.unwrap();
    verified(&issued);
    assert!(issued.chain.subject().contains("two"));
    assert_eq!(scene.ca.chains().len(), 2);
}

#[tokio::test]
async fn a_pool_that_cannot_issue_says_what_to_mend() {
    let fake = FakeGoogle::start();
    let open = async |parent: &str| GoogleCa::open(parent, &options(&fake)).await.unwrap_err().to_string();
    let text = open(POOL).await;
    assert!(text.contains("no certificate authority here is enabled") && text.contains("roots enable"), "{text}");

    fake.state.ca.add_with("no-code-signing", vec![ExtendedKeyUsagePurpose::ServerAuth], Duration::from_hours(1));
    assert!(open(POOL).await.contains("needs the extended key usage codeSigning"));
    fake.state.ca.add("off");
    fake.state.ca.set_state("off", "AWAITING_USER_ACTIVATION");
    assert!(open(POOL).await.contains("no certificate authority here is enabled"));

    let text = open(&format!("{POOL}/certificateAuthorities/missing")).await;
    assert!(text.contains("404 NOT_FOUND") && text.contains("gcloud privateca roots list --pool pool"), "{text}");
    fake.fail(Fault::Status(403, "PERMISSION_DENIED", "Permission denied"), 1);
    let text = open(POOL).await;
    assert!(text.contains("--role roles/privateca.certificateManager"), "{text}");
    assert!(open("projects/p/caPools/x").await.contains("write projects/PROJECT/locations/LOCATION/caPools/POOL"));
}

#[tokio::test]
async fn however_often_it_is_asked_for_one_certificate_is_made() {
    let scene = PoolScene::new().await;
    let wanted = Wanted::from_tbs(scene.usual().await.as_der(), SystemTime::now()).unwrap();
    let first = scene.ca.create_certificate(&wanted).await.unwrap();
    assert_eq!(first, scene.ca.create_certificate(&wanted).await.unwrap());
    assert_eq!((first.len(), scene.fake.state.ca.made()), (3, 1));
    // The answer is lost on the way twice.
    scene.fake.fail(Fault::Cut, 2);
    verified(&scene.issue().await.unwrap());
    assert_eq!(scene.fake.state.ca.made(), 2);
}

#[tokio::test]
async fn what_passes_is_asked_again_and_what_stays_is_an_error() {
    let scene = PoolScene::new().await;
    let throttled = Fault::Status(429, "RESOURCE_EXHAUSTED", "Quota exceeded");
    scene.fake.fail(throttled, 2);
    verified(&scene.issue().await.unwrap());
    for (fault, transient) in [
        (throttled, true),
        (Fault::Status(503, "UNAVAILABLE", "unavailable"), true),
        (Fault::Hang, true),
        (Fault::Status(400, "FAILED_PRECONDITION", "no CA of the pool is enabled"), false),
        (Fault::Nonsense, false),
    ] {
        scene.fake.fail(fault, usize::MAX);
        assert_eq!(scene.issue().await.unwrap_err().is_transient(), transient, "{fault:?}");
        scene.fake.heal();
    }
    scene.fake.release();
    scene.fake.kill();
    assert!(scene.issue().await.unwrap_err().is_transient());
    scene.fake.revive();
    let many = (0..64).map(|_| scene.issue());
    for issued in futures_util::future::join_all(many).await {
        verified(&issued.unwrap());
    }
}
