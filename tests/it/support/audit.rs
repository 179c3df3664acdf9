//! An audit log in a folder of its own, and a server that writes it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use sigmint::audit::head::HeadKey;
use sigmint::audit::{Audit, AuditOptions, ChainId, Destination, OnFailure, RecordedClaims, SyncMode};
use sigmint::crypto::algorithm::SignatureAlgorithm;
use sigmint::crypto::signature_check::SignatureCheck;
use sigmint::issuance::Issuance;
use sigmint::signer::local::LocalSigner;

use super::identities::{email_claims, email_file};
use super::scene::Scene;
use super::server::by_hand;
use super::{FakeIssuer, Key, Kind, Running, TestCa};

/// A log in this file, or elsewhere once its destination is changed.
pub fn options(path: &Path) -> AuditOptions {
    let mut chain = [0; 8];
    aws_lc_rs::rand::fill(&mut chain).unwrap();
    AuditOptions {
        destination: Destination::File { path: path.to_owned(), most_bytes: None },
        claims: RecordedClaims::All,
        redaction: None,
        sync: SyncMode::Request,
        on_failure: OnFailure::Refuse,
        samples: None,
        head_key: None,
        chain: ChainId::new(chain),
        clock: SystemTime::now,
    }
}

/// Where the log of a folder is.
pub fn log_in(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("audit.jsonl")
}

/// A server that trusts one `email` issuer and records in this log, and its core.
pub async fn scene(audit: &Audit) -> (Scene, Arc<Issuance>) {
    let (issuer, ca) = (FakeIssuer::start(), TestCa::new().await);
    let issuance = Issuance { audit: audit.clone(), ..by_hand(&email_file(&issuer.issuer("email")), &ca) };
    let issuance = Arc::new(issuance);
    let server = Running::serve(Arc::clone(&issuance), ca);
    (Scene { issuer, server, key: Key::new(Kind::P256) }, issuance)
}

/// A token with other claims.
pub fn token_with(scene: &Scene, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = email_claims();
    change(&mut claims);
    scene.issuer.token(&scene.issuer.claims("email", &claims))
}

/// The records of a file.
pub fn records(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

pub fn of_type<'r>(records: &'r [Value], kind: &str) -> Vec<&'r Value> {
    records.iter().filter(|record| record["type"] == kind).collect()
}

/// A key that signs heads, and what verifies them.
pub fn head_key() -> (HeadKey, SignatureCheck) {
    let key = Key::new(Kind::P256);
    let signer = LocalSigner::from_pkcs8(SignatureAlgorithm::EcdsaP256Sha256, key.pkcs8()).unwrap();
    let verification = SignatureCheck::from_spki_der(&key.spki_der()).unwrap();
    (HeadKey::new(Arc::new(signer), key.spki_der()).unwrap(), verification)
}

/// Waits until the outcome of every intent is written: a client has its answer before that.
async fn settled(audit: &Audit) {
    let are_written = || {
        let written = audit.reading().unwrap().written;
        let of = |kind| written.iter().find(|(name, _)| *name == kind).unwrap().1;
        of("intent") == of("outcome")
    };
    let waiting = async {
        while !are_written() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("every intent has an outcome");
}

/// Signs the head once all that happened is written.
pub async fn sign_head(audit: &Audit, key: &HeadKey) -> sigmint::audit::head::SignedHead {
    settled(audit).await;
    let head = key.sign(audit.reading().unwrap().position).await.unwrap();
    audit.head(&head).await.unwrap();
    head
}
