//! Blocked public keys: refused in every transport and form before anything is signed, and read again when their file is replaced.

use std::path::Path;
use std::sync::Arc;

use crate::support::adapters::{Material, Outcome, ask_all, assert_kind, good};
use crate::support::certificate::hex;
use crate::support::identities::email_file;
use crate::support::scene::{ADDRESS, Scene};
use crate::support::server::by_hand;
use crate::support::{FakeIssuer, Key, Kind, Running, TestCa, eventually};
use sha2::{Digest as _, Sha256};
use sigmint::app::blocked_keys::BlockedKeysFile;
use sigmint::failure::FailureKind;
use sigmint::issuance::Issuance;
use sigmint::possession::BlockedKeys;

/// A scene and its inside.
async fn scene() -> (Scene, Arc<Issuance>) {
    let (issuer, ca) = (FakeIssuer::start(), TestCa::new().await);
    let issuance = Arc::new(by_hand(&email_file(&issuer.issuer("email")), &ca));
    let server = Running::serve(Arc::clone(&issuance), ca);
    (Scene { issuer, server, key: Key::new(Kind::P256) }, issuance)
}

fn hash(key: &Key) -> String {
    hex(&Sha256::digest(pem::parse(key.spki_pem()).unwrap().contents()))
}

fn is_issued(outcomes: &[Outcome]) -> bool {
    outcomes.iter().all(|outcome| matches!(outcome, Outcome::Issued(_)))
}

#[tokio::test]
async fn a_blocked_key_is_refused_in_every_form_and_transport() {
    let (scene, issuance) = scene().await;
    for kind in Kind::ALL {
        let (key, other) = (Key::new(kind), &scene.key);
        let calls = scene.server.signer().calls();
        issuance.blocked_keys.store(Arc::new(BlockedKeys::parse(hash(&key).to_uppercase().as_bytes()).unwrap()));
        for material in [good(&key), Material::SigningRequest(key.signing_request())] {
            assert_kind(&ask_all(&scene, &scene.token(), &material).await, FailureKind::KeyBlocked);
        }
        // Another way to write the key is the same key.
        let unwrapped = Material::Key { pem: unwrapped_pem(&key), proof: key.prove(ADDRESS) };
        assert_kind(&ask_all(&scene, &scene.token(), &unwrapped).await, FailureKind::KeyBlocked);
        // A stranger who does not hold the key is not told that it is blocked.
        let forged = Material::Key { pem: key.spki_pem(), proof: other.prove(ADDRESS) };
        assert_kind(&ask_all(&scene, &scene.token(), &forged).await, FailureKind::ProofInvalid);
        assert_eq!(scene.server.signer().calls(), calls, "{kind:?}: something was signed");
        assert!(is_issued(&ask_all(&scene, &scene.token(), &good(other)).await), "{kind:?}");
    }
}

/// The key's base64 on one line.
fn unwrapped_pem(key: &Key) -> String {
    let pem = key.spki_pem();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----")
}

#[tokio::test]
async fn a_replaced_list_counts_and_a_broken_one_changes_nothing() {
    let (scene, issuance) = scene().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blocked.txt");
    let write = |text: &str| replace(&path, text);
    let metric = |value: u8| {
        let text = issuance.metrics.encode().unwrap();
        text.contains(&format!("sigmint_blocked_keys_refused {value}\n"))
    };
    let key_is_blocked = || async { !is_issued(&ask_all(&scene, &scene.token(), &good(&scene.key)).await) };

    assert!(BlockedKeysFile::start(path.clone(), &issuance).is_err(), "a file that was named must be there");
    write("no hash\n");
    let error = BlockedKeysFile::start(path.clone(), &issuance).unwrap_err();
    assert!(error.to_string().contains("blocked.txt"), "{error}");

    write("# nobody yet\n");
    let file = BlockedKeysFile::start(path.clone(), &issuance).unwrap();
    assert!(!key_is_blocked().await);
    write(&format!("# leaked in November\n{}\n", hash(&scene.key)));
    eventually("the new list", || async { key_is_blocked().await.then_some(()) }).await;

    write(&format!("{}\n{}", "0".repeat(64), "oops"));
    eventually("the complaint", || async { metric(1).then_some(()) }).await;
    assert!(key_is_blocked().await, "the old list stays");
    std::fs::remove_file(&path).unwrap();
    file.reload(&issuance).await;
    assert!(metric(1) && key_is_blocked().await, "a list that is gone blocks as before");

    write("");
    file.reload(&issuance).await;
    assert!(metric(0) && !key_is_blocked().await, "as at SIGHUP");
}

fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
}
