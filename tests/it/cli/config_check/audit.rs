//! `sigmint config check` with an audit log: what would keep a server from recording is found, and nothing is written.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixDatagram, UnixListener};

use serde_json::{Value, json};

use super::{Deployment, FAR, findings, issuers};
use crate::support::{Answer, FakeIssuer, Key, Kind};

/// A deployment with an audit key.
fn deployment() -> Deployment {
    let deployment = Deployment::new(&issuers(FAR));
    deployment.write("audit.key", &pem::encode(&pem::Pem::new("PRIVATE KEY", Key::new(Kind::P256).pkcs8())));
    deployment.write("redact", &"k".repeat(32));
    deployment
}

/// The files of the folder, with what is in them.
fn files(deployment: &Deployment) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(deployment.folder.path()).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap_or_default()))
        .collect()
}

fn says(report: &Value, severity: &str, part: &str) -> bool {
    let is_meant = |one: &&Value| one["about"] == "audit log" && one["message"].as_str().unwrap().contains(part);
    findings(report, severity).iter().any(is_meant)
}

const PLACE: &str = "--audit-path=FOLDER/audit.jsonl";

#[test]
fn a_good_audit_log_is_fine_and_not_begun() {
    let deployment = deployment();
    let before = files(&deployment);
    let good = [
        PLACE,
        "--audit-key=FOLDER/audit.key",
        "--audit-redact=email",
        "--audit-redact-key=FOLDER/redact",
        "--audit-anchor=FOLDER/heads,https://anchor.example/heads",
        "--audit-unverified-path=FOLDER/unverified.jsonl",
        "--audit-max-size=64M",
    ];
    let (code, report) = deployment.check(&good);
    assert_eq!((code, &report["errors"]), (Some(0), &json!(0)), "{report:#}");
    for part in [
        "records can go to",
        "audit.jsonl",
        "the audit key signs, and is not a CA's",
        "heads can be written",
        "requests whose token did not verify can go to",
    ] {
        assert!(says(&report, "ok", part), "{part} {report:#}");
    }
    assert!(says(&report, "skipped", "the anchor anchor.example is not asked (--online asks)"), "{report:#}");
    assert!(!says(&report, "warning", ""), "{report:#}");
    assert_eq!(files(&deployment), before);
    deployment.finds("warning", "audit log", "the audit log's head is not signed", &[PLACE]);
    let (_, report) = deployment.check(&[]);
    assert!(!report.to_string().contains("audit log"), "{report:#}");
    let (_, report) = deployment.check(&["--audit-path=-"]);
    assert!(says(&report, "ok", "records can go to standard output"), "{report:#}");
}

#[test]
fn what_keeps_records_from_being_written_is_an_error() {
    let deployment = deployment();
    deployment.write("notes", "not an audit log\n");
    deployment.write("short", &"k".repeat(31));
    fs::create_dir(deployment.path("folder")).unwrap();
    symlink("nowhere/audit.jsonl", deployment.path("link")).unwrap();
    let _listener = UnixListener::bind(deployment.path("stream")).unwrap();
    let before = files(&deployment);
    let both = |key: &str| vec![PLACE.to_owned(), key.to_owned()];
    let one = |place: &str| vec![format!("--audit-path={place}")];
    for (part, more) in [
        ("--audit-path: FOLDER/none/audit.jsonl: ", one("FOLDER/none/audit.jsonl")),
        ("--audit-path: FOLDER/link: ", one("FOLDER/link")),
        ("--audit-path: FOLDER/notes/audit.jsonl: ", one("FOLDER/notes/audit.jsonl")),
        ("--audit-path: FOLDER/folder is not a file", one("FOLDER/folder")),
        ("--audit-path: FOLDER/notes is not an audit log", one("FOLDER/notes")),
        ("cannot connect to syslog at FOLDER/none", one("syslog:FOLDER/none")),
        ("cannot connect to syslog at FOLDER/stream", one("syslog:FOLDER/stream")),
        ("--audit-key: ", both("--audit-key=FOLDER/none.key")),
        ("--audit-key: ", both("--audit-key=FOLDER/notes")),
        ("--audit-key: the audit key is a CA's key", both("--audit-key=FOLDER/ca/intermediate.key")),
        ("--audit-unverified-path: FOLDER/none/u: ", both("--audit-unverified-path=FOLDER/none/u")),
        ("--audit-unverified-path: FOLDER/folder: ", both("--audit-unverified-path=FOLDER/folder")),
        (
            "FOLDER/short is shorter than 32 bytes",
            [both("--audit-redact=email"), vec!["--audit-redact-key=FOLDER/short".to_owned()]].concat(),
        ),
    ] {
        let part = part.replace("FOLDER", deployment.folder.path().to_str().unwrap());
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        deployment.finds("error", "audit log", &part, &more);
    }
    assert_eq!(files(&deployment), before);
    for (part, more) in [
        ("standard output and syslog cannot be flushed to a disk", ["--audit-path=-", "--audit-sync=request"]),
        ("standard output and syslog cannot be flushed to a disk", ["--audit-path=syslog:", "--audit-sync=request"]),
        ("heads are not signed", [PLACE, "--audit-anchor=FOLDER/heads"]),
    ] {
        deployment.finds("error", "settings", part, &more);
    }
    let anchors = [PLACE, "--audit-key=FOLDER/audit.key", "--audit-anchor=https://:443"];
    deployment.finds("error", "settings", "--audit-anchor", &anchors);
}

#[test]
fn syslog_is_connected_to_and_told_nothing() {
    let deployment = deployment();
    let daemon = UnixDatagram::bind(deployment.path("log")).unwrap();
    daemon.set_nonblocking(true).unwrap();
    let (code, report) = deployment.check(&["--audit-path=syslog:FOLDER/log"]);
    assert!(code == Some(0) && says(&report, "ok", "records can go to syslog at"), "{report:#}");
    assert!(daemon.recv(&mut [0; 1]).is_err(), "a record was sent");
}

#[test]
fn a_file_that_a_server_writes_is_said_and_is_no_error() {
    let deployment = deployment();
    deployment.write("audit.jsonl", "{\"v\":1");
    let held = File::open(deployment.path("audit.jsonl")).unwrap();
    held.try_lock().unwrap();
    let settings = [PLACE, "--audit-key=FOLDER/audit.key"];
    deployment.finds("warning", "audit log", "is locked by a process that writes it", &settings);
    let (code, report) = deployment.check(&[&settings[..], &["--while-running"]].concat());
    assert!(code == Some(0) && says(&report, "ok", "is being written by a process"), "{report:#}");
    assert!(!says(&report, "warning", ""), "{report:#}");
    drop(held);
    let (code, report) = deployment.check(&settings);
    assert!(code == Some(0) && says(&report, "ok", "records can go to"), "{report:#}");
    // The check itself holds it no longer than it looks.
    File::open(deployment.path("audit.jsonl")).unwrap().try_lock().unwrap();
}

#[test]
fn a_key_in_a_service_is_compared_with_the_ca_and_opened_only_if_it_may_be_asked() {
    let deployment = deployment();
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    service.set_nonblocking(true).unwrap();
    let named = [PLACE, "--audit-key=hashivault://audit"];
    let (code, report) = deployment.check(&named);
    assert!(code == Some(0) && says(&report, "skipped", "the audit key is in a service or a token"), "{report:#}");
    let kms = ["--ca=kmsca", "--kms-resource=hashivault://audit", "--kms-cert-chain-path=FOLDER/ca/chain.pem"];
    deployment.finds("error", "audit log", "the audit key is a CA's key", &[&kms[..], &named].concat());
    // The CA is not opened, its chain says which key it has.
    let file = [PLACE, "--audit-key=FOLDER/ca/intermediate.key", "--kms-resource=hashivault://ca"];
    deployment.finds("error", "audit log", "the audit key is a CA's key", &[&kms[..], &file].concat());
    assert!(service.accept().is_err(), "nobody is asked");
}

#[test]
fn anchors_are_asked_without_a_head() {
    let deployment = deployment();
    let issuer = FakeIssuer::start();
    deployment.write("issuers.yaml", &issuers(&issuer.url));
    issuer.answer("/heads", Answer::Body(405, Vec::new()));
    let check = |url: &str, more: &[&str]| {
        let anchor = format!("--audit-anchor={url}/heads");
        deployment.check(&[&[PLACE, "--audit-key=FOLDER/audit.key", &anchor], more].concat())
    };
    let (code, report) = check(&issuer.url, &[]);
    assert!(code == Some(0) && issuer.received().is_empty(), "nobody is asked: {report:#}");
    let (code, report) = check(&issuer.url, &["--online"]);
    assert!(code == Some(0) && says(&report, "ok", "answers (status 405 to HEAD)"), "{report:#}");
    let asked: Vec<_> = issuer.received().into_iter().filter(|request| request.path == "/heads").collect();
    assert!(asked.len() == 1 && asked[0].head[0].starts_with("HEAD "), "{asked:?}");
    // Certificates are issued all the same.
    let (code, report) = check("http://127.0.0.1:1", &["--online"]);
    assert!(code == Some(0) && says(&report, "warning", "127.0.0.1 would not take a head"), "{report:#}");
    deployment.write("notes", "");
    for file in ["FOLDER/none/heads", "FOLDER/notes/heads", "FOLDER/ca"] {
        let anchor = format!("--audit-anchor={file}");
        let settings = [PLACE, "--audit-key=FOLDER/audit.key", &anchor];
        deployment.finds("warning", "audit log", "would not take a head", &settings);
    }
}
