//! A log that cannot be written: nothing is signed, somebody is told, and it comes back by itself.

use std::os::unix::net::UnixDatagram;
use std::path::Path;

use crate::support::adapters::{ask_all, assert_kind, good};
use crate::support::audit::{log_in, of_type, options, records, scene};
use crate::support::log::Log;
use crate::support::{eventually, is_alone};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sigmint::audit::verify::{VerifyOptions, verify};
use sigmint::audit::{Audit, Destination, OnFailure, SyncMode};
use sigmint::failure::FailureKind;
use tokio::signal::unix::{SignalKind, signal};

fn to_socket(path: &Path, on_failure: OnFailure) -> Audit {
    let mut options = options(path);
    options.destination = Destination::Syslog(path.to_owned());
    (options.sync, options.on_failure) = (SyncMode::None, on_failure);
    Audit::open(options).unwrap()
}

#[tokio::test]
async fn without_an_intent_nothing_is_signed_by_any_way_and_readiness_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let socket = UnixDatagram::bind(&path).unwrap();
    let audit = to_socket(&path, OnFailure::Refuse);
    let (scene, issuance) = scene(&audit).await;
    assert_eq!(scene.server.get("/readyz").await.status, 200);
    drop(socket);
    assert_kind(&ask_all(&scene, &scene.token(), &good(&scene.key)).await, FailureKind::AuditUnavailable);
    assert_eq!(scene.server.signer().calls(), 0, "something was signed");
    assert!(!issuance.is_ready());
    assert_eq!(scene.server.get("/readyz").await.status, 503);
    // It comes back without a request.
    std::fs::remove_file(&path).unwrap();
    let socket = UnixDatagram::bind(&path).unwrap();
    std::thread::spawn(move || {
        let mut bytes = vec![0; 65536];
        while socket.recv(&mut bytes).is_ok() {}
    });
    eventually("readiness", || async { (scene.server.get("/readyz").await.status == 200).then_some(()) }).await;
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
}

#[tokio::test]
async fn open_means_signed_without_a_record_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let socket = UnixDatagram::bind(&path).unwrap();
    let audit = to_socket(&path, OnFailure::Sign);
    let (scene, issuance) = scene(&audit).await;
    drop(socket);
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
    let reading = audit.reading().unwrap();
    assert_eq!((reading.unrecorded, reading.failed_intents), (1, 1));
    assert!(!reading.ready && issuance.is_ready());
}

/// A process of its own: the limit is the process's.
#[tokio::test]
async fn a_full_disk_signs_nothing_says_so_once_and_recovers_by_itself() {
    const TEST: &str = concat!(module_path!(), "::a_full_disk_signs_nothing_says_so_once_and_recovers_by_itself");
    if !is_alone(TEST) {
        return;
    }
    let log = Log::capture(tracing::Level::INFO);
    // The limit's signal would end the process.
    let _signal = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = log_in(&folder);
    let audit = Audit::open(options(&path)).unwrap();
    let (scene, _) = scene(&audit).await;
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
    let signed = scene.server.signer().calls();
    let length = std::fs::metadata(&path).unwrap().len();
    let unlimited = getrlimit(Resource::Fsize);
    // In the middle of the next record.
    setrlimit(Resource::Fsize, Rlimit { current: Some(length + 500), ..unlimited }).unwrap();
    for _ in 0..3 {
        let reply = scene.ask(&scene.token()).await;
        assert_eq!((reply.status, reply.reason().as_str()), (503, "AUDIT_UNAVAILABLE"), "{reply:?}");
    }
    assert_eq!(scene.server.signer().calls(), signed, "something was signed");
    assert_eq!(scene.server.get("/readyz").await.status, 503);
    // Only whole lines stand there.
    assert!(std::fs::read(&path).unwrap().ends_with(b"\n"));
    setrlimit(Resource::Fsize, unlimited).unwrap();
    eventually("readiness", || async { (scene.server.get("/readyz").await.status == 200).then_some(()) }).await;
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
    assert!(audit.close());

    let records = records(&path);
    let [resume] = of_type(&records, "resume").try_into().unwrap();
    assert_eq!((&resume["refused"], &resume["lost"]), (&3.into(), &0.into()), "{resume}");
    // What was refused meanwhile was kept.
    let refusals = of_type(&records, "refusal");
    assert_eq!(refusals.len(), 3);
    assert!(refusals.iter().all(|record| record["reason"] == "AUDIT_UNAVAILABLE"));
    assert_eq!(of_type(&records, "intent").len(), of_type(&records, "outcome").len());
    let report = verify(&[path], &VerifyOptions::default()).unwrap();
    assert!(report.is_good(), "{report:?}");
    let errors: Vec<_> = log.lines().into_iter().filter(|line| line["level"] == "ERROR").collect();
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    assert_eq!(error["fields"]["message"], "the audit log cannot be written");
}
