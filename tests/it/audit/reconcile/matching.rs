//! Entries and records that belong together, and those that do not.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use rcgen::{CertificateParams, DnType, Issuer, KeyPair};
use serde_json::json;
use sigmint::dev::DevLog;

use super::{ALARM, Ca, DAY, FAILED, HOUR, MATCHED, NOTICE, Scene, USAGE, ended, kinds, now, sha256};
use crate::support::certificate::{hex, parse};
use crate::support::read_log::{APIS, Api, Content};

#[test]
fn recorded_certificates_match_and_those_of_other_cas_are_none_of_ours() {
    for api in APIS {
        let mut scene = Scene::new(api);
        scene.issue(now() - 3 * DAY, 1);
        scene.log.add(now() - 3 * DAY, Ca::new("our CA").precertificate(9, "foreign@example.com").0);
        scene.log.add(now() - 3 * DAY, Content::X509(Ca::new("our CA").issue(9, "foreign@example.com", false)));
        scene.log.add(now() - 3 * DAY, Content::X509(b"not a certificate".to_vec()));
        scene.issue(now() - 1000, 2);
        let report = scene.json(MATCHED, &[]);
        assert_eq!(
            report["entries"],
            json!({"readBefore": 0, "recorded": 2, "foreign": 2, "beforeSince": 0, "unreadable": 1})
        );
        assert_eq!(
            report["records"],
            json!({"files": 1, "intents": 2, "certificates": 2, "failures": 0, "malformed": 0})
        );
        let name = if api == Api::Rfc6962 { "rfc6962" } else { "static-ct" };
        assert_eq!((report["log"]["api"].as_str(), report["log"]["treeSize"].as_u64()), (Some(name), Some(5)));
        assert_eq!(report["log"]["signatureChecked"], true);
        assert!(scene.run(MATCHED, &[]).ends_with("every recorded one that is due is in the log.\n"));
    }
}

/// What the whole command is there for.
#[test]
fn a_certificate_that_nobody_recorded_is_an_alarm_with_all_that_the_log_says_of_it() {
    for api in APIS {
        let mut scene = Scene::new(api);
        scene.issue(now() - HOUR, 1);
        let (content, tbs) = scene.ca.precertificate(0x66, "thief@example.com");
        let logged = now() - 1000;
        scene.log.add(logged, content);
        let report = scene.json(ALARM, &["--metrics=reconcile.prom"]);
        assert_eq!(kinds(&report), ["no_record"]);
        let finding = &report["findings"][0];
        assert_eq!((finding["index"].as_u64(), finding["serial"].as_str()), (Some(1), Some("112266")));
        assert_eq!(finding["san"], json!([{"kind": "email", "value": "thief@example.com"}]));
        assert_eq!((finding["tbsSha256"].as_str(), finding["signedByUs"].as_str()), (Some(tbs.as_str()), Some("yes")));
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(logged / 1000);
        assert_eq!(finding["logged"].as_str().unwrap(), humantime::format_rfc3339_seconds(time).to_string());
        assert_eq!((report["alarm"].as_bool(), finding["authority"].as_str()), (Some(true), Some("CN=our CA")));
        let metrics = std::fs::read_to_string(scene.path("reconcile.prom")).unwrap();
        for line in [
            "sigmint_audit_reconcile_success 1",
            "sigmint_audit_reconcile_findings{kind=\"no_record\"} 1",
            "sigmint_audit_reconcile_findings{kind=\"no_entry\"} 0",
            "sigmint_audit_reconcile_tree_size 2",
        ] {
            assert!(metrics.lines().any(|other| other == line), "{line}: {metrics}");
        }
        let text = scene.run(ALARM, &[]);
        for words in [
            "ALARM: a certificate of ours that is not recorded",
            "entry       1, logged",
            "112266",
            "thief@example.com (email)",
            &tbs,
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        // Not before it had time to arrive; not once it is accounted for.
        assert_eq!(scene.json(MATCHED, &["--record-delay=1h"])["waiting"], 1);
        scene.put("known", format!("# of the day we tried\n{tbs}  the trial\n").as_bytes());
        assert_eq!(scene.json(MATCHED, &["--acknowledged=known"])["acknowledged"], 1);
        scene.put("known", b"112266\n");
        assert!(scene.run(USAGE, &["--acknowledged=known"]).contains("known:1: "));
    }
}

#[test]
fn a_recorded_serial_number_covers_no_other_certificate() {
    for api in APIS {
        let mut scene = Scene::new(api);
        scene.issue(now() - HOUR, 1);
        scene.log.add(now() - HOUR, scene.ca.precertificate(1, "thief@example.com").0);
        let report = scene.json(ALARM, &[]);
        assert_eq!(kinds(&report), ["other_content"]);
        assert_eq!(
            (report["findings"][0]["index"].as_u64(), report["entries"]["recorded"].as_u64()),
            (Some(1), Some(1))
        );
    }
}

/// Final certificates in the log: of managed CAs, which choose serial numbers themselves, and of thieves in whatever name.
#[test]
fn final_certificates_are_matched_by_their_own_hash_and_ours_are_told_by_the_signature() {
    for api in APIS {
        let mut scene = Scene::new(api);
        let managed = scene.ca.issue(0x31, "managed@example.com", false);
        scene.intent(now() - HOUR, 0x30, &"cc".repeat(32));
        let (hash, log_id) = (hex(&sha256(&managed)), hex(&sha256(&scene.log.spki)));
        scene.record(
            now() - HOUR,
            json!({"type": "outcome", "serial": "112230", "certificate_serial": "112231",
            "certificate_sha256": hash, "scts": [log_id]}),
        );
        scene.log.add(now() - HOUR, Content::X509(managed));
        // A final certificate that somebody entered beside its precertificate.
        let plain = scene.ca.issue(0x32, "both@example.com", false);
        scene.intent(now() - HOUR, 0x32, &hex(&sha256(parse(&plain).tbs_certificate.as_ref())));
        scene.record(now() - HOUR, json!({"type": "outcome", "serial": "112232", "reason": "LOG_UNAVAILABLE"}));
        scene.log.add(now() - HOUR, Content::X509(plain));
        // Our own CA's certificate is no leaf.
        scene.log.add(now() - HOUR, Content::X509(scene.root.clone()));
        let report = scene.json(MATCHED, &["--mmd=1m"]);
        assert_eq!((report["entries"]["recorded"].as_u64(), report["entries"]["foreign"].as_u64()), (Some(2), Some(1)));
        // Our key under another name.
        let mut renamed = CertificateParams::default();
        renamed.distinguished_name.push(DnType::CommonName, "somebody else");
        let renamed = Ca { params: renamed, key: KeyPair::from_pem(&scene.ca.key.serialize_pem()).unwrap() };
        scene.log.add(now() - HOUR, Content::X509(renamed.issue(0x33, "thief@example.com", false)));
        let report = scene.json(ALARM, &["--mmd=1m"]);
        assert_eq!(kinds(&report), ["no_record"]);
        assert_eq!(
            (report["findings"][0]["serial"].as_str(), report["findings"][0]["index"].as_u64()),
            (Some("112233"), Some(3))
        );
    }
}

/// Whoever has a root's key makes an issuing CA first.
#[test]
fn a_certificate_of_a_ca_below_ours_is_an_alarm_unless_that_ca_is_named_as_another_s() {
    for api in APIS {
        let mut scene = Scene::new(api);
        scene.issue(now() - HOUR, 1);
        let below = Ca::new("below ours");
        let issuer = Issuer::from_params(&scene.ca.params, &scene.ca.key);
        let below_certificate = below.params.signed_by(&below.key, &issuer).unwrap();
        scene.log.change(|shown| {
            shown.chain = vec![below_certificate.der().to_vec(), scene.root.clone()];
            shown.entries.push((now(), below.precertificate(2, "thief@example.com").0));
        });
        let report = scene.json(ALARM, &["--state=state.json"]);
        assert_eq!(kinds(&report), ["unknown_authority"]);
        let finding = &report["findings"][0];
        assert_eq!((finding["serial"].as_str(), finding["authority"].as_str()), (Some("112202"), Some("CN=our CA")));
        assert_eq!(finding["issuerSha256"].as_str(), Some(hex(&sha256(below_certificate.der())).as_str()));
        scene.put("other.pem", below_certificate.pem().as_bytes());
        for more in [&["--other-ca=other.pem", "--state=state.json"][..], &["--other-ca=other.pem"]] {
            assert_eq!(kinds(&scene.json(MATCHED, more)), [""; 0]);
        }
    }
}

/// The log took an entry in our name that our key did not sign: it is shown, and whose fault it is.
#[test]
fn a_precertificate_in_our_name_that_we_did_not_sign_says_so() {
    let scene = Scene::new(Api::StaticCt);
    scene.put("audit/audit.jsonl", b"");
    let (content, _) = Ca::new("our CA").precertificate(1, "forged@example.com");
    let Content::Precertificate { tbs, precertificate, .. } = content else { unreachable!() };
    let issuer_key_hash = sha256(parse(scene.ca.certificate().der()).public_key().raw);
    scene.log.add(now(), Content::Precertificate { issuer_key_hash, tbs: tbs.clone(), precertificate });
    let (Content::Precertificate { precertificate: another, .. }, _) = scene.ca.precertificate(2, "a@example.com")
    else {
        unreachable!()
    };
    scene.log.add(now(), Content::Precertificate { issuer_key_hash, tbs, precertificate: another });
    let report = scene.json(ALARM, &[]);
    let signed: Vec<_> =
        report["findings"].as_array().unwrap().iter().map(|finding| finding["signedByUs"].clone()).collect();
    assert_eq!(signed, ["no", "unknown"]);
}

#[test]
fn an_intent_without_outcome_and_a_promise_that_was_not_kept_are_told_apart() {
    for api in APIS {
        let mut scene = Scene::new(api);
        // The server died between intent and outcome; another one is just at it.
        for (serial, time) in [(1, now() - DAY), (2, now() - 1000)] {
            let (content, tbs) = scene.ca.precertificate(serial, "died@example.com");
            scene.log.add(time, content);
            scene.intent(time, serial, &tbs);
        }
        // Two promises, of which one is due.
        for (serial, time) in [(3, now() - 25 * HOUR), (4, now() - HOUR)] {
            scene.intent(time, serial, &"dd".repeat(32));
            scene.outcome(time, serial);
        }
        // Nothing was promised by this log, or nothing came of it.
        scene.intent(now() - 3 * DAY, 5, &"ee".repeat(32));
        scene.record(now() - 3 * DAY, json!({"type": "outcome", "serial": "112205", "certificate_sha256": "ff".repeat(32), "scts": ["bb".repeat(32)]}));
        scene.intent(now() - 3 * DAY, 6, &"ee".repeat(32));
        scene.record(now() - 3 * DAY, json!({"type": "outcome", "serial": "112206", "reason": "SIGNER_UNAVAILABLE"}));
        let report = scene.json(NOTICE, &[]);
        assert_eq!((kinds(&report), report["waiting"].as_u64()), (vec!["no_outcome", "no_entry"], Some(1)));
        let (died, missing) = (&report["findings"][0], &report["findings"][1]);
        assert_eq!((died["serial"].as_str(), died["index"].as_u64()), (Some("112201"), Some(0)));
        assert_eq!((missing["serial"].as_str(), missing["requestId"].as_str()), (Some("112203"), Some("request-3")));
        assert_eq!(missing["san"], json!([{"kind": "email", "value": "recorded-3@example.com"}]));
        let report = scene.json(NOTICE, &["--mmd=30m"]);
        assert_eq!(kinds(&report).iter().filter(|kind| **kind == "no_entry").count(), 2);
    }
}

/// The log inside of `sigmint dev`.
#[test]
fn the_development_log_is_read() {
    let mut scene = Scene::new(Api::Rfc6962);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (entry, _) = scene.ca.precertificate(1, "thief@example.com");
    let Content::Precertificate { tbs, precertificate, .. } = entry else { unreachable!() };
    let root = scene.ca.certificate().der().to_vec();
    scene.put("chain.pem", pem::encode(&pem::Pem::new("CERTIFICATE", root.clone())).as_bytes());
    let url = runtime.block_on(async {
        let log = DevLog::bind(0, root, None).unwrap();
        scene.put("log.pem", pem::encode(&pem::Pem::new("PUBLIC KEY", log.spki_der())).as_bytes());
        let url = log.base();
        tokio::spawn(log.run());
        let body = json!({"chain": [STANDARD.encode(&precertificate)]}).to_string();
        let client = reqwest::Client::new();
        let answer = client.post(format!("{url}/ct/v1/add-pre-chain")).body(body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        url
    });
    scene.put("audit/audit.jsonl", b"");
    let run = |code| ended(scene.command(&["--ct-log", &url, "audit"]).output().unwrap(), code);
    assert!(run(ALARM).contains("112201"));
    let tbs = hex(&sha256(&tbs));
    scene.intent(now(), 1, &tbs);
    scene.outcome(now(), 1);
    // It is found to be a static log, and goes on answering by RFC 6962.
    for (asked, api) in [("auto", "static-ct"), ("rfc6962", "rfc6962")] {
        let output = scene.command(&["--ct-log", &url, "--ct-log-api", asked, "audit"]).output().unwrap();
        assert!(ended(output, MATCHED).contains(&format!("{api}), 1 entries")), "{asked}");
    }
}

#[test]
fn records_come_from_files_folders_and_compressed_files_and_a_torn_end_is_none() {
    let mut scene = Scene::new(Api::Rfc6962);
    scene.issue(now(), 1);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(scene.records.as_bytes()).unwrap();
    scene.put("audit/audit.jsonl.1.gz", &encoder.finish().unwrap());
    scene.records.clear();
    scene.issue(now(), 2);
    scene.put("audit/other.jsonl", b"{\"v\":1,\"type\":\"int");
    scene.put("audit/.hidden", b"not a record\n");
    let report = scene.json(MATCHED, &[]);
    assert_eq!(report["records"], json!({"files": 3, "intents": 2, "certificates": 2, "failures": 0, "malformed": 0}));
    scene
        .put("audit/other.jsonl", b"not a record\n{\"v\":2,\"type\":\"intent\",\"time\":\"2026-11-28T00:00:00Z\"}\n\n");
    assert_eq!(scene.json(MATCHED, &[])["records"]["malformed"], 2);
    // One file alone lacks the other's.
    let file = Path::new("audit/audit.jsonl");
    assert!(ended(scene.command(&[]).arg(file).output().unwrap(), ALARM).contains("112201"));
    std::fs::create_dir(scene.path("empty")).unwrap();
    for (records, words) in [("empty", "has no audit file"), ("none", "No such file"), ("/dev/null", "neither a file")]
    {
        assert!(ended(scene.command(&[]).arg(records).output().unwrap(), FAILED).contains(words), "{records}");
    }
}
