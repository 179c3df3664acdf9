//! What one certificate costs: the floor that cryptography sets, and the whole pipeline above it, without HTTP.
//!
//! `cargo bench` prints both; their ratio is the figure to watch. A tiny issuer on loopback serves its keys once.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench stops when its setup fails; criterion's macros write undocumented items"
)]

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use criterion::{Criterion, criterion_group, criterion_main};
use sigmint::audit::{Audit, AuditOptions, ChainId, Destination, OnFailure, RecordedClaims, SyncMode, Transport};
use sigmint::authority::AuthoritySource;
use sigmint::authority::ephemeral::root_and_intermediate;
use sigmint::certificate::ValidityPolicy;
use sigmint::crypto::algorithm::SignatureAlgorithm;
use sigmint::identity::UnverifiedToken;
use sigmint::identity::issuers::Issuers;
use sigmint::issuance::{Issuance, Request};
use sigmint::possession::{KeyRequest, PermittedAlgorithms};

struct Issuer {
    key: rsa::KeyPair,
    url: String,
}

impl Issuer {
    /// Starts an issuer that serves a discovery document and one RSA key, and nothing else.
    fn start() -> Self {
        let key = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let components = RsaPublicKeyComponents::<Vec<u8>>::from(key.public_key());
        let (n, e) = (URL_SAFE_NO_PAD.encode(components.n), URL_SAFE_NO_PAD.encode(components.e));
        let keys = format!(r#"{{"keys":[{{"kty":"RSA","kid":"a","n":"{n}","e":"{e}"}}]}}"#);
        let discovery = format!(
            r#"{{"issuer":"{url}","jwks_uri":"{url}/keys","id_token_signing_alg_values_supported":["RS256"]}}"#
        );
        std::thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                let mut request = [0; 2048];
                let _ = connection.read(&mut request);
                let body = if request.starts_with(b"GET /keys") { &keys } else { &discovery };
                let _ = write!(
                    connection,
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Self { key, url }
    }

    fn token(&self) -> String {
        let expiry = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 3600;
        let claims = format!(
            r#"{{"iss":"{}","aud":"sigstore","sub":"17","exp":{expiry},"email":"dev@example.com","email_verified":true}}"#,
            self.url
        );
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"a"}"#), URL_SAFE_NO_PAD.encode(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn floor(criterion: &mut Criterion) {
    let random = SystemRandom::new();
    let message = [7; 900];
    let rsa = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let mut rsa_signature = vec![0; rsa.public_modulus_len()];
    rsa.sign(&RSA_PKCS1_SHA256, &random, &message, &mut rsa_signature).unwrap();
    let rsa_key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, rsa.public_key().as_ref().to_vec());
    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let p256_signature = p256.sign(&random, &message).unwrap();
    let p256_key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, p256.public_key().as_ref().to_vec());
    criterion.bench_function("floor: RS256 verify, P-256 verify, P-256 sign", |bencher| {
        bencher.iter(|| {
            rsa_key.verify(black_box(&message), &rsa_signature).unwrap();
            p256_key.verify(black_box(&message), p256_signature.as_ref()).unwrap();
            p256.sign(&random, black_box(&message)).unwrap()
        });
    });
}

fn pipeline(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let issuer = Issuer::start();
    let token = issuer.token();
    criterion.bench_function("take a token apart", |bencher| {
        bencher.iter(|| UnverifiedToken::parse(black_box(&token)).unwrap());
    });

    let file = format!("oidc-issuers:\n  {}:\n    client-id: sigstore\n    type: email\n", issuer.url);
    let core = |audit: Audit| -> Issuance {
        runtime.block_on(async {
            let now = SystemTime::now();
            let authority = root_and_intermediate(SignatureAlgorithm::EcdsaP256Sha256, now).await.unwrap();
            let source = AuthoritySource::Fixed(Arc::new(authority));
            let issuers = Issuers::parse("bench.yaml", &file).unwrap();
            let permitted = PermittedAlgorithms::default();
            let core = sigmint::app::issuance(issuers, source, permitted, ValidityPolicy::default()).unwrap();
            Issuance { audit, ..Arc::into_inner(core).unwrap() }
        })
    };
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let proof = key.sign(&SystemRandom::new(), b"dev@example.com").unwrap().as_ref().to_vec();
    let spki: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
    let content = pem::encode(&pem::Pem::new("PUBLIC KEY", spki.as_ref()));
    let request = || Request {
        token: token.clone(),
        client: None,
        request_id: None,
        transport: Transport::Local,
        key: KeyRequest::PublicKey { content: content.clone().into_bytes(), proof: proof.clone() },
    };
    let issuance = core(Audit::default());
    criterion.bench_function("issue: token and P-256 key to certificate", |bencher| {
        bencher.iter(|| runtime.block_on(issuance.issue(black_box(request()))).unwrap());
    });
    let mut bare = None;
    for (name, sync) in [("off", None), ("interval", Some(SyncMode::Interval)), ("request", Some(SyncMode::Request))] {
        let folder = tempfile::tempdir().unwrap();
        let audit = sync.map(|sync| open_audit(&folder.path().join("audit.jsonl"), sync)).unwrap_or_default();
        let issuance = core(audit);
        let many = || (0..AT_ONCE).map(|_| issuance.issue(request()));
        runtime.block_on(futures_util::future::join_all(many()));
        let begin = cpu_time();
        for _ in 0..ROUNDS {
            runtime.block_on(futures_util::future::join_all(many()));
        }
        let each = cpu_time().saturating_sub(begin) / (ROUNDS * AT_ONCE);
        let more = each.saturating_sub(*bare.get_or_insert(each));
        println!("CPU a certificate, audit {name}: {each:?}, {more:?} more than off");
    }
}

/// Certificates that are asked for at the same time, and how often.
const AT_ONCE: u32 = 32;
const ROUNDS: u32 = 200;

fn open_audit(path: &Path, sync: SyncMode) -> Audit {
    Audit::open(AuditOptions {
        destination: Destination::File { path: path.to_owned(), most_bytes: None },
        claims: RecordedClaims::All,
        redaction: None,
        sync,
        on_failure: OnFailure::Refuse,
        samples: None,
        head_key: None,
        chain: ChainId::new([0; 8]),
        clock: SystemTime::now,
    })
    .unwrap()
}

/// What this process took of all processors, from `/proc` in hundredths of a second.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, behind) = stat.rsplit_once(") ").unwrap();
    let ticks: u64 = behind.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(4));
    targets = floor, pipeline
}
criterion_main!(benches);
