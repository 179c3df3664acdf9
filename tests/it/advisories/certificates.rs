//! Certificates that would outlive their CA, and logs that would be counted twice.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{ExtendedKeyUsagePurpose, Issuer};
use sigmint::ct::{LogKey, LogSettings, LogSetupError, Logs, LogsOptions, parse_list};
use sigmint::dev::DevLog;
use sigmint::failure::FailureKind;
use sigmint::issuance::Issuance;

use crate::support::adapters::{ask_all, assert_kind, good};
use crate::support::authority::params;
use crate::support::certificate::parse;
use crate::support::identities::email_file;
use crate::support::scene::Scene;
use crate::support::server::by_hand;
use crate::support::{FakeIssuer, Key, Kind, Running, TestCa};

/// A CA whose own certificate and whose root end so long from now.
async fn ending(issuing: Duration, root: Duration) -> TestCa {
    let (now, key, root_key) = (SystemTime::now(), Key::new(Kind::P256), Key::new(Kind::P256));
    let begin = now - Duration::from_hours(1);
    let above = params("test root", 1, begin, now + root);
    let mut below = params("test CA", 0, begin, now + issuing);
    below.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    below.use_authority_key_identifier_extension = true;
    let certificate = below.signed_by(key.pair(), &Issuer::from_params(&above, root_key.pair())).unwrap();
    let root = above.self_signed(root_key.pair()).unwrap();
    TestCa::of_chain(&key, vec![certificate.der().to_vec(), root.der().to_vec()], now).await
}

fn scene(ca: TestCa) -> Scene {
    let issuer = FakeIssuer::start();
    let server = Running::start_with(&email_file(&issuer.issuer("email")), ca);
    Scene { issuer, server, key: Key::new(Kind::P256) }
}

/// cosign took a signature for good although a certificate above the signer's had ended. Here no certificate is made that any certificate
/// above it would not outlive: neither the CA's nor the root's, which may well end first.
#[tokio::test]
async fn cve_2026_24122_an_issuer_that_expires_first() {
    let (soon, late) = (Duration::from_mins(5), Duration::from_hours(24));
    for (case, issuing, root) in [("the CA", soon, late), ("the root", late, soon), ("both", soon, soon)] {
        let scene = scene(ending(issuing, root).await);
        assert_kind(&ask_all(&scene, &scene.token(), &good(&scene.key)).await, FailureKind::CaExpiring);
        assert_eq!(scene.server.signer().calls(), 0, "{case}: something was signed");
    }
    let enough = Duration::from_mins(11);
    let scene = scene(ending(enough, enough).await);
    let certificates = scene.ask(&scene.token()).await.certificates();
    let ends: Vec<i64> = certificates.iter().map(|der| parse(der).validity().not_after.timestamp()).collect();
    assert!(ends[0] <= ends[1] && ends[0] <= ends[2], "{ends:?}");
}

/// A log that works, and its second name.
fn log(ca: &TestCa, key_is_known: bool) -> [LogSettings; 2] {
    let root = ca.authority.chain().certificates().last().unwrap().der().to_vec();
    let log = DevLog::bind(0, root, None).unwrap();
    let key = key_is_known.then(|| LogKey::from_spki_der(log.spki_der()).unwrap());
    let url = log.base();
    let other = url.replace("127.0.0.1", "localhost");
    tokio::spawn(log.run());
    [url, other].map(|url| LogSettings { url, origin: None, public_key: key.clone(), tls_ca: None })
}

fn two_of(logs: Vec<LogSettings>) -> Result<Logs, LogSetupError> {
    let options = LogsOptions { quorum: NonZeroUsize::new(2).unwrap(), ..LogsOptions::new(SystemTime::now) };
    Logs::new(logs, &options)
}

/// sigstore-go counted promises, not the logs that made them: one log alone was a quorum of two. Here a log under two names counts once,
/// before the start when its key is known, else at its answer: no certificate leaves, and none is signed.
#[tokio::test]
async fn ghsa_9vcr_p3rj_q5q6_one_log_is_no_quorum_of_two() {
    let ca = TestCa::new().await;
    assert!(matches!(two_of(log(&ca, true).into()), Err(LogSetupError::Quorum { quorum: 2, distinct: 1 })));
    let [one, again] = log(&ca, true);
    assert!(two_of(vec![one.clone(), one.clone()]).is_err(), "the same name twice");
    let [unknown, _] = log(&ca, false);
    let settings = vec![again, LogSettings { public_key: None, ..one }, unknown];
    assert!(two_of(settings).is_ok(), "a third log may be another one");

    for known in [false, true] {
        let ca = TestCa::new().await;
        let mut logs: Vec<LogSettings> = log(&ca, false).into();
        if known {
            logs.push(log(&ca, true)[0].clone());
        }
        let issuer = FakeIssuer::start();
        let issuance =
            Issuance { logs: Some(two_of(logs).unwrap()), ..by_hand(&email_file(&issuer.issuer("email")), &ca) };
        let scene = Scene { issuer, server: Running::serve(Arc::new(issuance), ca), key: Key::new(Kind::P256) };
        let reply = scene.ask(&scene.token()).await;
        if !known {
            assert_eq!((reply.status, reply.reason().as_str()), (503, "CT_LOG_UNAVAILABLE"), "{reply:?}");
            assert!(!reply.text.contains("CERTIFICATE-----"));
            assert_eq!(scene.server.signer().calls(), 1, "the precertificate alone");
            continue;
        }
        let chain = &reply.json()["signedCertificateEmbeddedSct"]["chain"]["certificates"];
        let leaf = pem::parse(chain[0].as_str().unwrap()).unwrap().into_contents();
        let ids = log_ids(&leaf);
        assert_eq!(ids.len(), 2, "{reply:?}");
        assert_ne!(ids[0], ids[1], "each of another log");
    }
}

fn log_ids(leaf: &[u8]) -> Vec<sigmint::ct::LogId> {
    let last = parse(leaf).extensions().last().unwrap().clone();
    // An OCTET STRING around the TLS list, with one or two bytes of length.
    let header = match last.value[1] {
        0x82 => 4,
        0x81 => 3,
        _ => 2,
    };
    parse_list(&last.value[header..]).unwrap().iter().map(sigmint::ct::Sct::log_id).collect()
}
