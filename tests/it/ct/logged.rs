//! Certificates and the logs they are entered in: embedded and detached timestamps, quorums, and logs that fail.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::support::certificate::{assert_chain, parse};
use crate::support::grpc::{GrpcClient, key_message};
use crate::support::identities::{email_claims, email_file};
use crate::support::log::Log;
use crate::support::scene::ADDRESS;
use crate::support::server::by_hand;
use crate::support::{FakeIssuer, Key, Kind, Reply, Running, TestCa, is_alone};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sigmint::authority::managed::{Answering, ManagedCa, ManagedCertificate};
use sigmint::authority::{Authority, AuthoritySource};
use sigmint::certificate::LintedTbs;
use sigmint::certificate::chain::IssuingChain;
use sigmint::ct::{LogKey, LogSettings, Logs, LogsOptions, Sct, parse_list};
use sigmint::dev::DevLog;
use sigmint::issuance::Issuance;
use sigmint::signer::Signer;
use sigmint::signer::unfit::Unfit;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tonic::Code;
use x509_parser::extensions::ParsedExtension;

/// How long the logs may take in these tests.
const DEADLINE: Duration = Duration::from_millis(700);

/// A log that works.
fn good_log(ca: &TestCa) -> LogSettings {
    let root = ca.authority.chain().certificates().last().unwrap().der().to_vec();
    let log = DevLog::bind(0, root, None).unwrap();
    let (url, key) = (log.base(), LogKey::from_spki_der(log.spki_der()).unwrap());
    tokio::spawn(log.run());
    LogSettings { url, origin: None, public_key: Some(key), tls_ca: None }
}

/// A log that answers every request with these bytes, or holds it for ever.
async fn canned_log(answer: Option<Vec<u8>>) -> LogSettings {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            tokio::spawn(async move {
                let _ = connection.read(&mut vec![0; 65_536]).await;
                match answer {
                    Some(bytes) => drop(connection.write_all(&bytes).await),
                    None => std::future::pending().await,
                }
            });
        }
    });
    LogSettings { url, origin: None, public_key: None, tls_ca: None }
}

fn answer(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).into_bytes()
}

struct Scene {
    issuer: FakeIssuer,
    server: Running,
    key: Key,
}

impl Scene {
    fn new(ca: TestCa, logs: Vec<LogSettings>, quorum: usize) -> Self {
        let issuer = FakeIssuer::start();
        let quorum = NonZeroUsize::new(quorum).unwrap();
        let options = LogsOptions { quorum, deadline: DEADLINE, ..LogsOptions::new(SystemTime::now) };
        let logs = Some(Logs::new(logs, &options).unwrap());
        let issuance = Issuance { logs, ..by_hand(&email_file(&issuer.issuer("email")), &ca) };
        Self { issuer, server: Running::serve(Arc::new(issuance), ca), key: Key::new(Kind::P256) }
    }

    fn token(&self) -> String {
        self.issuer.token(&self.issuer.claims("email", &email_claims()))
    }

    async fn ask(&self) -> Reply {
        self.server.ask(&self.token(), &self.key, ADDRESS).await
    }

    /// The chain of an answer with embedded timestamps.
    async fn embedded(&self) -> Vec<Vec<u8>> {
        let reply = self.ask().await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let chain = reply.json()["signedCertificateEmbeddedSct"]["chain"]["certificates"].clone();
        let texts = chain.as_array().unwrap().iter();
        texts.map(|text| pem::parse(text.as_str().unwrap()).unwrap().into_contents()).collect()
    }
}

/// The timestamps inside a certificate.
fn timestamps(leaf: &[u8]) -> Vec<Sct> {
    let last = parse(leaf).extensions().last().unwrap().clone();
    assert!(matches!(last.parsed_extension(), ParsedExtension::SCT(_)), "the list stands last");
    // An OCTET STRING around the TLS list; short form of the length up to 127, else one or two bytes of it.
    let header = match last.value[1] {
        0x82 => 4,
        0x81 => 3,
        _ => 2,
    };
    parse_list(&last.value[header..]).unwrap()
}

#[tokio::test]
async fn the_timestamp_is_embedded_and_the_precertificate_was_logged() {
    let ca = TestCa::new().await;
    let log = good_log(&ca);
    let url = log.url.clone();
    let scene = Scene::new(ca, vec![log], 1);
    let chain = scene.embedded().await;
    assert_chain(&chain);
    assert_eq!(timestamps(&chain[0]).len(), 1);
    assert_eq!(scene.server.signer().calls(), 2, "precertificate and certificate");
    let entries = reqwest::get(format!("{url}/ct/v1/get-entries?start=0&end=0")).await.unwrap();
    let entries: serde_json::Value = serde_json::from_slice(&entries.bytes().await.unwrap()).unwrap();
    let leaf_input = STANDARD.decode(entries["entries"][0]["leaf_input"].as_str().unwrap()).unwrap();
    let logged = sigmint::certificate::logged_tbs(parse(&chain[0]).tbs_certificate.as_ref()).unwrap();
    assert!(
        leaf_input.windows(logged.len()).any(|window| window == logged),
        "the log holds the TBS without its timestamp"
    );
}

#[tokio::test]
async fn one_dead_log_of_three_costs_nothing_and_as_many_are_embedded_as_the_quorum_says() {
    let ca = TestCa::new().await;
    let logs = vec![canned_log(None).await, good_log(&ca), good_log(&ca)];
    let scene = Scene::new(ca, logs, 2);
    let chain = scene.embedded().await;
    let found = timestamps(&chain[0]);
    assert_eq!(found.len(), 2);
    assert_ne!(found[0].log_id(), found[1].log_id());
}

/// Every way in which a log can fail: no certificate leaves, the client is told to come back, and the log line names the log.
#[tokio::test]
async fn a_log_that_fails_lets_no_certificate_out() {
    if !is_alone(concat!(module_path!(), "::a_log_that_fails_lets_no_certificate_out")) {
        return;
    }
    let said = Log::capture(tracing::Level::INFO);
    let ca = || TestCa::new();
    let foreign = {
        let (one, other) = (ca().await, ca().await);
        let (answering, key) = (good_log(&one), good_log(&other).public_key);
        (one, LogSettings { public_key: key, ..answering })
    };
    let forged =
        json!({"sct_version": 0, "id": STANDARD.encode([7; 32]), "timestamp": 1, "extensions": "", "signature": ""});
    let cases = [
        ("slow", ca().await, canned_log(None).await),
        ("rubbish", ca().await, canned_log(Some(answer("<html>"))).await),
        ("no timestamp", ca().await, canned_log(Some(answer("{}"))).await),
        ("half a timestamp", ca().await, canned_log(Some(answer(&forged.to_string()))).await),
        ("ten megabytes", ca().await, canned_log(Some(answer(&"x".repeat(10 << 20)))).await),
        ("an error", ca().await, canned_log(Some(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n".to_vec())).await),
        ("silence", ca().await, canned_log(Some(Vec::new())).await),
        ("wrong signature", foreign.0, foreign.1),
        ("nobody there", ca().await, LogSettings { url: "http://127.0.0.1:1/log".into(), ..canned_log(None).await }),
    ];
    for (case, ca, log) in cases {
        let name = log.url.trim_start_matches("http://").to_owned();
        let scene = Scene::new(ca, vec![log], 1);
        let reply = tokio::time::timeout(DEADLINE * 10, scene.ask()).await.expect(case);
        assert_eq!((reply.status, reply.reason().as_str()), (503, "CT_LOG_UNAVAILABLE"), "{case}: {reply:?}");
        assert_eq!(reply.json()["code"], 14, "{case}");
        assert_eq!(reply.json()["message"], "Error entering certificate in CTL", "{case}");
        assert!(reply.header("retry-after").is_some(), "{case}");
        assert!(!reply.text.contains("CERTIFICATE-----"), "{case}");
        assert_eq!(scene.server.signer().calls(), 1, "{case}: the certificate was signed without a timestamp");
        let line = said.lines_with("reason", "CT_LOG_UNAVAILABLE").pop().expect(case);
        assert!(line["fields"]["cause"].as_str().unwrap().contains(&name), "{case}: {line} does not name {name}");
        let message = key_message(&scene.token(), &scene.key.spki_pem(), &scene.key.prove(ADDRESS));
        let status = GrpcClient::new(&scene.server.grpc_url).ask(message).await.unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::Unavailable, "Error entering certificate in CTL"),
            "{case}"
        );
    }
}

/// A log whose clock is wrong: the reason says so, in every transport, and nothing but the precertificate was signed.
#[tokio::test]
async fn a_log_whose_clock_is_wrong_lets_no_certificate_out() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let signature = STANDARD.encode([4, 3, 0, 4, 1, 2, 3, 4]);
    let promise = |timestamp: u128| {
        let id = STANDARD.encode([7; 32]);
        answer(&format!(
            r#"{{"sct_version":0,"id":"{id}","timestamp":{timestamp},"extensions":"","signature":"{signature}"}}"#
        ))
    };
    for timestamp in [0, now - 120_000, now + 600_000, u128::from(u64::MAX)] {
        let scene = Scene::new(TestCa::new().await, vec![canned_log(Some(promise(timestamp))).await], 1);
        let reply = scene.ask().await;
        assert_eq!((reply.status, reply.reason().as_str()), (503, "CT_LOG_CLOCK"), "{timestamp}: {reply:?}");
        assert_eq!((reply.json()["code"].as_u64(), reply.header("retry-after").is_some()), (Some(14), true));
        let message = key_message(&scene.token(), &scene.key.spki_pem(), &scene.key.prove(ADDRESS));
        let status = GrpcClient::new(&scene.server.grpc_url).ask(message).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(scene.server.signer().calls(), 2, "the precertificates alone");
    }
    let scene = Scene::new(TestCa::new().await, vec![canned_log(Some(promise(now - 30_000))).await], 1);
    assert_eq!(scene.ask().await.status, 200, "a skew below the bound is taken");
}

/// A managed CA: it makes certificates, with a serial number of its own, but no precertificates.
#[derive(Debug)]
struct Managed {
    signer: Arc<dyn Signer>,
    chains: Arc<Vec<Arc<IssuingChain>>>,
}

impl ManagedCa for Managed {
    fn chains(&self) -> Arc<Vec<Arc<IssuingChain>>> {
        Arc::clone(&self.chains)
    }

    fn check(&self, _: &LintedTbs) -> Result<(), Unfit> {
        Ok(())
    }

    fn issue<'a>(&'a self, tbs: &'a LintedTbs) -> Answering<'a, ManagedCertificate> {
        Box::pin(async move {
            let signature = self.signer.sign(tbs.as_der()).await.unwrap();
            let certificate = tbs.assemble(self.signer.algorithm(), &signature).unwrap();
            // The last of its chains: which one is the service's choice.
            Ok(ManagedCertificate { certificate, chain: Arc::clone(self.chains.last().unwrap()) })
        })
    }

    fn probe(&self) -> Answering<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test]
async fn a_managed_ca_gets_a_detached_timestamp() {
    let ca = TestCa::new().await;
    let log = good_log(&ca);
    let key = log.public_key.clone().unwrap();
    let issuer = FakeIssuer::start();
    let chains = Arc::new(ca.authority.chains());
    let service = Managed { signer: Arc::clone(&ca.signer) as Arc<dyn Signer>, chains };
    let authority = Authority::managed(Arc::new(service)).unwrap();
    let logs = Some(Logs::new(vec![log], &LogsOptions::new(SystemTime::now)).unwrap());
    let authority = AuthoritySource::Fixed(Arc::new(authority));
    let issuance = Issuance { logs, authority, ..by_hand(&email_file(&issuer.issuer("email")), &ca) };
    let server = Running::serve(Arc::new(issuance), ca);
    let client = Key::new(Kind::P256);
    let token = issuer.token(&issuer.claims("email", &email_claims()));
    let reply = server.ask(&token, &client, ADDRESS).await;
    let leaf = reply.certificates().remove(0);
    let detached = reply.json()["signedCertificateDetachedSct"]["signedCertificateTimestamp"].clone();
    let answer = STANDARD.decode(detached.as_str().unwrap()).unwrap();
    let sct = Sct::from_add_chain_response(&answer).unwrap();
    assert!(key.verify(&sct, &sigmint::ct::LogEntry::X509(&leaf)).is_ok());
    // REST v1 carries it in a header.
    let body = json!({"publicKey": {"content": STANDARD.encode(client.spki_pem())},
        "signedEmailAddress": STANDARD.encode(client.prove(ADDRESS))});
    let request = server.request("POST", "/api/v1/signingCert").bearer_auth(&token).body(body.to_string());
    let reply = Reply::of(request.send().await.unwrap()).await;
    assert_eq!(reply.status, 201);
    let header = STANDARD.decode(reply.header("sct").unwrap()).unwrap();
    assert!(Sct::from_add_chain_response(&header).is_ok());
}
