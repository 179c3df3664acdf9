//! One record for every decision on a verified identity, by every way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::support::adapters::{Material, Outcome, WAYS, ask_all, good};
use crate::support::audit::{log_in, of_type, options, records, scene, token_with};
use crate::support::certificate::parse;
use crate::support::grpc::{GrpcClient, key_message};
use crate::support::identities::{email_claims, identities, issuers_file};
use crate::support::scene::ADDRESS;
use crate::support::server::{by_hand, key_body};
use crate::support::{DEADLINE, FakeIssuer, Key, Kind, Reply, Running, TestCa, eventually};
use serde_json::{Value, json};
use sigmint::api::messages::proto;
use sigmint::audit::{Audit, AuditOptions, RecordedClaims, Redaction};
use sigmint::failure::FailureKind;
use sigmint::issuance::Issuance;

fn sha256(bytes: &[u8]) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes))
}

fn by_transport(records: &[&Value]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for record in records {
        *counts.entry(record["transport"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

/// As many as [`ask_all`] sends by each.
fn all_ways() -> BTreeMap<String, usize> {
    [("grpc", 1), ("rest-v1", 2), ("rest-v2", 2)].map(|(name, count)| (name.to_owned(), count)).into()
}

#[tokio::test]
async fn every_decision_has_its_record_by_every_way_and_the_token_is_in_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = log_in(&folder);
    let audit = Audit::open(options(&path)).unwrap();
    let (scene, _) = scene(&audit).await;
    let token = scene.token();
    let issued = ask_all(&scene, &token, &good(&scene.key)).await;
    let mut certificates: Vec<Vec<u8>> = Vec::new();
    for outcome in issued {
        let Outcome::Issued(chain) = outcome else { panic!("{outcome:?}") };
        certificates.push(chain[0].clone());
    }
    let unproven = Material::Key { pem: scene.key.spki_pem(), proof: scene.key.prove("someone@example.com") };
    ask_all(&scene, &token, &unproven).await;
    let nobody = token_with(&scene, |claims| claims["email_verified"] = json!(false));
    ask_all(&scene, &nobody, &good(&scene.key)).await;
    let forged = token.rsplit_once('.').unwrap().0.to_owned() + ".AAAA";
    ask_all(&scene, &forged, &good(&scene.key)).await;
    scene.server.signer().fail();
    ask_all(&scene, &token, &good(&scene.key)).await;
    audit.summarize(SystemTime::now());
    assert!(audit.close());

    let records = records(&path);
    let (intents, outcomes) = (of_type(&records, "intent"), of_type(&records, "outcome"));
    assert_eq!((intents.len(), outcomes.len()), (2 * WAYS, 2 * WAYS));
    for certificate in &certificates {
        let serial = hex::encode(parse(certificate).raw_serial());
        let is_it = |record: &&&Value| record["serial"] == serial;
        let (intent, outcome) = (intents.iter().find(is_it).unwrap(), outcomes.iter().find(is_it).unwrap());
        assert_eq!(outcome["certificate_sha256"], sha256(certificate));
        assert_eq!(outcome["scts"], json!([]));
        assert_eq!(intent["tbs_sha256"], sha256(parse(certificate).tbs_certificate.as_ref()));
        assert_eq!(outcome["tbs_sha256"], intent["tbs_sha256"]);
        assert_eq!(outcome["request_id"], intent["request_id"]);
        assert!(intent["seq"].as_u64() < outcome["seq"].as_u64());
        assert_eq!(intent["san"], json!({"type": "email", "value": ADDRESS}));
        assert_eq!(intent["identity"], "email");
        assert_eq!(intent["issuer"], scene.issuer.issuer("email"));
        assert_eq!(intent["audience"], json!(["sigstore"]));
        assert_eq!(intent["client"], "127.0.0.1");
        assert_eq!(intent["extensions"]["issuer"], scene.issuer.issuer("email"));
        assert_eq!(intent["claims"]["sub"], email_claims()["sub"]);
        let key = json!({"kind": "ecdsa", "bits": 256, "sha256": sha256(&scene.key.spki_der())});
        assert_eq!(intent["key"], key);
        assert_eq!(intent["policy"], json!({"outcome": "none"}));
    }
    let with = |list: &[&Value], reason: FailureKind| -> Vec<Value> {
        list.iter().filter(|record| record["reason"] == reason.row().reason).map(|record| (*record).clone()).collect()
    };
    let refusals = of_type(&records, "refusal");
    assert_eq!(refusals.len(), 2 * WAYS);
    for kind in [FailureKind::ProofInvalid, FailureKind::IdentityRefused] {
        let found = with(&refusals, kind);
        assert_eq!(by_transport(&found.iter().collect::<Vec<_>>()), all_ways(), "{kind:?}");
        assert!(found.iter().all(|record| record["issuer"] == scene.issuer.issuer("email")));
    }
    assert!(with(&refusals, FailureKind::ProofInvalid).iter().all(|record| record["san"]["value"] == ADDRESS));
    let unsigned = with(&outcomes, FailureKind::SignerUnavailable);
    assert_eq!(by_transport(&unsigned.iter().collect::<Vec<_>>()), all_ways());
    let [summary] = of_type(&records, "unverified").try_into().unwrap();
    let counts = summary["counts"].as_array().unwrap();
    assert!(counts.iter().all(|one| one["reason"] == "TOKEN_SIGNATURE_INVALID"), "{summary}");
    assert_eq!(counts.iter().map(|one| one["count"].as_u64().unwrap()).sum::<u64>(), WAYS as u64);

    let text = std::fs::read_to_string(&path).unwrap();
    for part in token.split('.').chain([hex::encode(scene.key.prove(ADDRESS)).as_str()]) {
        assert!(!text.contains(part), "a part of the token is in the log");
    }
}

#[tokio::test]
async fn a_request_is_found_by_the_id_that_its_client_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let audit = Audit::open(options(&log_in(&folder))).unwrap();
    let (scene, _) = scene(&audit).await;
    let body = key_body(Some(&scene.token()), &scene.key.spki_pem(), &scene.key.prove(ADDRESS)).to_string();
    let request = scene.server.request("POST", "/api/v2/signingCert").header("x-request-id", "my-id-1").body(body);
    let reply = Reply::of(request.send().await.unwrap()).await;
    assert_eq!((reply.status, reply.header("x-request-id")), (200, Some("my-id-1")));
    let named = scene.ask(&scene.token()).await;
    assert!(audit.close());
    let records = records(&log_in(&folder));
    let ids: Vec<_> = of_type(&records, "outcome").iter().map(|record| record["request_id"].clone()).collect();
    assert_eq!(ids, ["my-id-1", named.header("x-request-id").unwrap()]);
}

#[tokio::test]
async fn the_intent_is_written_before_the_signer_is_asked_and_who_goes_away_has_an_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let path = log_in(&folder);
    let audit = Audit::open(options(&path)).unwrap();
    let (scene, _) = scene(&audit).await;
    scene.server.signer().hold();
    let message = key_message(&scene.token(), &scene.key.spki_pem(), &scene.key.prove(ADDRESS));
    let mut request = tonic::Request::new(message);
    // The server gives up then, wherever the call is.
    request.set_timeout(Duration::from_secs(4));
    let client = GrpcClient::new(&scene.server.grpc_url);
    let asking = tokio::spawn(async move {
        let answer: Result<tonic::Response<proto::SigningCertificate>, _> =
            client.call("CreateSigningCertificate", request).await;
        answer.unwrap_err()
    });
    eventually("an intent", || async {
        let records = records(&path);
        assert!(of_type(&records, "outcome").is_empty() && of_type(&records, "refusal").is_empty());
        (!of_type(&records, "intent").is_empty()).then_some(())
    })
    .await;
    asking.await.unwrap();
    eventually("an end", || async {
        let records = records(&path);
        let outcomes = of_type(&records, "outcome");
        let serial = of_type(&records, "intent")[0]["serial"].clone();
        (outcomes.len() == 1 && outcomes[0]["reason"] == "ABANDONED" && outcomes[0]["serial"] == serial).then_some(())
    })
    .await;
    scene.server.signer().release();
}

#[tokio::test]
async fn each_kind_of_identity_has_its_name_and_extensions_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let path = log_in(&folder);
    let audit = Audit::open(options(&path)).unwrap();
    let (issuer, ca) = (FakeIssuer::start(), TestCa::new().await);
    let host = "127.0.0.1";
    let file = issuers_file(&issuer.url, host);
    let server = Running::serve(Arc::new(Issuance { audit: audit.clone(), ..by_hand(&file, &ca) }), ca);
    let key = Key::new(Kind::P256);
    let all = identities(&issuer.url, host);
    for identity in &all {
        let token = issuer.token(&issuer.claims(identity.name, &identity.claims));
        let reply = server.ask(&token, &key, &identity.challenge).await;
        assert_eq!(reply.status, 200, "{}: {reply:?}", identity.name);
    }
    assert!(audit.close());
    let records = records(&path);
    let intents = of_type(&records, "intent");
    assert_eq!(intents.len(), all.len());
    for (identity, intent) in all.iter().zip(intents) {
        // The certificate's name as another helper writes it ends in the same text.
        let value = intent["san"]["value"].as_str().unwrap();
        assert!(identity.san.ends_with(value), "{} {value}", identity.san);
        assert!(!intent["extensions"].as_object().unwrap().is_empty());
    }
}

/// Whatever `change` makes of the options, one certificate's intent.
async fn intent_with(change: impl FnOnce(&mut AuditOptions), policy: &[&str]) -> (Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = log_in(&folder);
    let mut options = options(&path);
    change(&mut options);
    let audit = Audit::open(options).unwrap();
    audit.set_policy_claims(policy.iter().map(|name| (*name).to_owned()).collect());
    let (scene, _) = scene(&audit).await;
    let token = token_with(&scene, |claims| {
        claims["upn"] = json!("Dev@Example.com");
        claims["nested"] = json!({"list": ["x dev@example.com"]});
    });
    assert_eq!(scene.ask(&token).await.status, 200);
    assert!(audit.close());
    (of_type(&records(&path), "intent")[0].clone(), std::fs::read_to_string(&path).unwrap())
}

#[tokio::test]
async fn claims_are_recorded_as_told() {
    let names = |intent: &Value| intent["claims"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let (all, _) = intent_with(|_| {}, &[]).await;
    for name in ["aud", "email", "exp", "iss", "nested", "sub", "upn"] {
        assert!(names(&all).iter().any(|one| one == name), "{name}: {all}");
    }
    let (none, _) = intent_with(|options| options.claims = RecordedClaims::None, &["sub"]).await;
    assert_eq!(none["claims"], json!({}));
    let (chosen, _) = intent_with(|options| options.claims = RecordedClaims::Policy, &["sub", "sub", "missing"]).await;
    assert_eq!(chosen["claims"], json!({"sub": "1234567890"}));
}

#[tokio::test]
async fn addresses_are_hashed_wherever_they_stand() {
    let redaction = Redaction::new(&[9; 32]).unwrap();
    let hash = redaction.hash(ADDRESS);
    let (intent, text) = intent_with(|options| options.redaction = Some(redaction.clone()), &[]).await;
    assert!(!text.to_lowercase().contains("example.com"), "{text}");
    assert_eq!(intent["san"], json!({"type": "email", "value": hash}));
    assert_eq!(intent["claims"]["email"], json!(hash));
    assert_eq!(intent["claims"]["upn"], json!(redaction.hash("Dev@Example.com")));
    assert_eq!(intent["claims"]["nested"], json!({"list": [format!("x {hash}")]}));
}

#[tokio::test]
async fn many_requests_at_once_share_flushes_and_each_has_its_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = log_in(&folder);
    let audit = Audit::open(options(&path)).unwrap();
    let (scene, _) = scene(&audit).await;
    let token = scene.token();
    let asked = (0..50).map(|_| scene.ask(&token));
    let replies = tokio::time::timeout(DEADLINE, futures_util::future::join_all(asked)).await.unwrap();
    assert!(replies.iter().all(|reply| reply.status == 200));
    assert!(audit.close());
    let records = records(&path);
    assert_eq!((of_type(&records, "intent").len(), of_type(&records, "outcome").len()), (50, 50));
}
