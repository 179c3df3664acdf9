//! Forged tokens in numbers: nothing that strangers send grows with what they send.

use std::sync::Arc;
use std::time::SystemTime;

use crate::support::audit::{log_in, of_type, options, records, scene};
use sigmint::audit::{Audit, SamplesOptions, Transport};
use sigmint::issuance::Request;
use sigmint::possession::KeyRequest;

const FLOOD: u64 = 20_000;

#[tokio::test]
async fn forged_tokens_fill_no_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = log_in(&folder);
    let samples =
        SamplesOptions { path: folder.path().join("unverified.jsonl"), most_bytes: 64 * 1024, per_minute: u32::MAX };
    let mut options = options(&path);
    options.samples = Some(samples);
    let audit = Audit::open(options).unwrap();
    let (scene, issuance) = scene(&audit).await;
    // The issuer's keys are held, so that the flood is judged by its signatures.
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
    let before = std::fs::metadata(&path).unwrap().len();
    let forged = scene.token().rsplit_once('.').unwrap().0.to_owned() + ".AAAA";
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let (issuance, forged) = (Arc::clone(&issuance), forged.clone());
        tasks.push(tokio::spawn(async move {
            for number in 0..FLOOD / 4 {
                let key = KeyRequest::PublicKey { content: Vec::new(), proof: Vec::new() };
                let request_id = Some(format!("{number:064}"));
                let request =
                    Request { token: forged.clone(), key, client: None, request_id, transport: Transport::RestV2 };
                issuance.issue(request).await.unwrap_err();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    audit.summarize(SystemTime::now());
    assert!(audit.close());
    let records = records(&path);
    let [summary] = of_type(&records, "unverified").try_into().unwrap();
    assert_eq!(summary["counts"][0]["count"], FLOOD);
    assert!(summary["unrecorded"].as_u64().is_some());
    let grown = std::fs::metadata(&path).unwrap().len() - before;
    assert!(grown < 4096, "{FLOOD} forged tokens made {grown} bytes of the log");
    let taken: u64 = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_str().unwrap().starts_with("unverified"))
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    assert!(0 < taken && taken <= 64 * 1024, "{taken} bytes of single records");
    let [.., end] = records.as_slice() else { panic!() };
    assert_eq!(end["type"], "unverified", "a forged token has a record of its own in the log");
}
