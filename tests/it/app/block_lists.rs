//! Who is blocked, by the block list or the list of public keys: refused in every transport and form before anything is signed or logged, and
//! read again when a file is replaced.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::SystemTime;

use crate::support::adapters::{Material, Outcome, ask_all, assert_kind, good};
use crate::support::certificate::hex;
use crate::support::ct_log::{FakeLog, Manner};
use crate::support::identities::email_file;
use crate::support::log::Log;
use crate::support::scene::{ADDRESS, Scene};
use crate::support::server::by_hand;
use crate::support::{FakeIssuer, Key, Kind, Running, TestCa, eventually, is_alone};
use sha2::{Digest as _, Sha256};
use sigmint::app::block_lists::{BlockListFile, BlockListKind};
use sigmint::blocklist::BlockedKeys;
use sigmint::ct::{Logs, LogsOptions};
use sigmint::failure::FailureKind;
use sigmint::issuance::Issuance;

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
        issuance.blocklist.replace_public_keys(BlockedKeys::parse(hash(&key).to_uppercase().as_bytes()).unwrap());
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
    let metric = |value: u8| has_metric(&issuance, &format!("sigmint_blocked_keys_refused {value}"));
    let key_is_blocked = || async { !is_issued(&ask_all(&scene, &scene.token(), &good(&scene.key)).await) };

    assert!(
        BlockListFile::start(BlockListKind::PublicKeys, path.clone(), &issuance).is_err(),
        "a file that was named must be there"
    );
    write("no hash\n");
    let error = BlockListFile::start(BlockListKind::PublicKeys, path.clone(), &issuance).unwrap_err();
    assert!(error.to_string().contains("blocked.txt"), "{error}");

    write("# nobody yet\n");
    let file = BlockListFile::start(BlockListKind::PublicKeys, path.clone(), &issuance).unwrap();
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

fn has_metric(issuance: &Issuance, sample: &str) -> bool {
    issuance.metrics.encode().unwrap().lines().any(|line| line == sample)
}

/// A block list of one entry, in a folder of its own.
fn list_of(conditions: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("block.yaml");
    std::fs::write(&path, format!("entries:\n- {conditions}\n  reason: incident 42\n")).unwrap();
    (folder, path)
}

#[tokio::test]
async fn whom_an_entry_matches_is_refused_in_every_form_and_transport_and_nothing_is_signed() {
    let (scene, issuance) = scene().await;
    let issuer = scene.issuer.issuer("email");
    let key = hash(&scene.key);
    for (conditions, is_blocked) in [
        (format!("san: {}", ADDRESS.to_uppercase()), true),
        (format!("issuer: {issuer}"), true),
        (format!("issuer: {issuer}/"), true),
        (format!("key-sha256: {}", key.to_uppercase()), true),
        ("claims: {email_verified: true}".to_owned(), true),
        (format!("claims: {{email: {ADDRESS}, email_verified: \"true\"}}"), true),
        (format!("issuer: {issuer}\n  key-sha256: {key}\n  san: {ADDRESS}"), true),
        ("san: somebody@example.com".to_owned(), false),
        (format!("issuer: https://other.example\n  key-sha256: {key}"), false),
        (format!("san: {ADDRESS}\n  claims: {{email_verified: false}}"), false),
        (format!("san: {ADDRESS}\n  until: 2026-01-01T00:00:00Z"), false),
    ] {
        let (_folder, path) = list_of(&conditions);
        BlockListFile::start(BlockListKind::Entries, path, &issuance).unwrap();
        let calls = scene.server.signer().calls();
        for material in [good(&scene.key), Material::SigningRequest(scene.key.signing_request())] {
            let outcomes = ask_all(&scene, &scene.token(), &material).await;
            if is_blocked {
                assert_kind(&outcomes, FailureKind::Blocked);
                assert!(outcomes.iter().all(says_nothing_of_the_entry), "{outcomes:?}");
            } else {
                assert!(is_issued(&outcomes), "{conditions}: {outcomes:?}");
            }
        }
        assert_eq!(scene.server.signer().calls() == calls, is_blocked, "{conditions}");
    }
}

/// The client reads a constant message.
fn says_nothing_of_the_entry(outcome: &Outcome) -> bool {
    let Outcome::Refused { text, metadata, .. } = outcome else { return false };
    text == FailureKind::Blocked.row().text && metadata.is_empty()
}

#[tokio::test]
async fn a_blocked_key_is_refused_before_the_token_is_looked_at_and_its_issuer_asked() {
    let (scene, issuance) = scene().await;
    let (_folder, path) = list_of(&format!("key-sha256: {}", hash(&scene.key)));
    BlockListFile::start(BlockListKind::Entries, path, &issuance).unwrap();
    for token in ["", "no token", &scene.token()] {
        for material in [good(&scene.key), Material::SigningRequest(scene.key.signing_request())] {
            assert_kind(&ask_all(&scene, token, &material).await, FailureKind::Blocked);
        }
    }
    assert_eq!((scene.issuer.received().len(), scene.server.signer().calls()), (0, 0));
    // With a key that is not blocked the same server asks and signs.
    assert!(is_issued(&ask_all(&scene, &scene.token(), &good(&Key::new(Kind::P256))).await));
    assert_ne!(scene.issuer.received().len(), 0);
}

#[tokio::test]
async fn a_token_that_does_not_verify_is_not_told_that_its_identity_is_blocked() {
    let (scene, issuance) = scene().await;
    let (_folder, path) = list_of(&format!("san: {ADDRESS}"));
    BlockListFile::start(BlockListKind::Entries, path, &issuance).unwrap();
    let token = scene.token();
    let (signed, _) = token.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", "A".repeat(86));
    let outcomes = ask_all(&scene, &forged, &good(&scene.key)).await;
    let is_told = |outcome: &Outcome| matches!(outcome, Outcome::Refused { reason, .. } if reason == "BLOCKED");
    assert!(!outcomes.iter().any(is_told) && !is_issued(&outcomes), "{outcomes:?}");
    assert_kind(&ask_all(&scene, &token, &good(&scene.key)).await, FailureKind::Blocked);
}

#[tokio::test]
async fn nothing_is_sent_to_a_log_for_a_blocked_identity() {
    let (issuer, ca, log) = (FakeIssuer::start(), TestCa::new().await, FakeLog::start(Manner::Good).await);
    let logs = Logs::new(vec![log.without_key()], &LogsOptions::new(SystemTime::now)).unwrap();
    let issuance = Arc::new(Issuance { logs: Some(logs), ..by_hand(&email_file(&issuer.issuer("email")), &ca) });
    let server = Running::serve(Arc::clone(&issuance), ca);
    let scene = Scene { issuer, server, key: Key::new(Kind::P256) };
    let (_folder, path) = list_of(&format!("san: {ADDRESS}"));
    let file = BlockListFile::start(BlockListKind::Entries, path.clone(), &issuance).unwrap();
    assert_kind(&ask_all(&scene, &scene.token(), &good(&scene.key)).await, FailureKind::Blocked);
    assert_eq!((log.connections.load(SeqCst), scene.server.signer().calls()), (0, 0));
    replace(&path, "entries: []\n");
    file.reload(&issuance).await;
    ask_all(&scene, &scene.token(), &good(&scene.key)).await;
    assert_ne!(log.connections.load(SeqCst), 0, "nobody is blocked, and the log is asked");
}

#[tokio::test]
async fn the_log_names_the_entry_s_reason_once_a_refusal() {
    if !is_alone(concat!(module_path!(), "::the_log_names_the_entry_s_reason_once_a_refusal")) {
        return;
    }
    let log = Log::capture(tracing::Level::INFO);
    let (scene, issuance) = scene().await;
    let (_folder, path) = list_of(&format!("san: {ADDRESS}"));
    BlockListFile::start(BlockListKind::Entries, path, &issuance).unwrap();
    let outcomes = ask_all(&scene, &scene.token(), &good(&scene.key)).await;
    let lines = log.lines_with("reason", "BLOCKED");
    assert_eq!(lines.len(), outcomes.len(), "{lines:?}");
    for line in lines {
        assert_eq!(line["fields"]["cause"], "blocked, and the reason is: incident 42", "{line}");
        assert!(!line.to_string().contains(ADDRESS), "{line}");
    }
    let count = format!("sigmint_failures_total{{reason=\"blocked\"}} {}", outcomes.len());
    assert!(has_metric(&issuance, &count), "{}", issuance.metrics.encode().unwrap());
}

#[tokio::test]
async fn a_changed_list_counts_and_one_that_cannot_be_used_changes_nothing() {
    if !is_alone(concat!(module_path!(), "::a_changed_list_counts_and_one_that_cannot_be_used_changes_nothing")) {
        return;
    }
    let log = Log::capture(tracing::Level::INFO);
    let (scene, issuance) = scene().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("block.yaml");
    let start = || BlockListFile::start(BlockListKind::Entries, path.clone(), &issuance);
    let is_blocked = || async { !is_issued(&ask_all(&scene, &scene.token(), &good(&scene.key)).await) };
    let refused = |value: u8| has_metric(&issuance, &format!("sigmint_block_list_refused {value}"));
    let errors = || log.lines().iter().filter(|line| line["level"] == "ERROR").count();

    // No start with a file that is not there, empty or wrong.
    assert!(start().is_err());
    for text in ["", "# nobody\n", "entries:\n", "entries:\n- reason: r\n"] {
        std::fs::write(&path, text).unwrap();
        let error = start().unwrap_err().to_string();
        assert!(error.contains("block.yaml") && error.contains("--block-path"), "{error}");
    }
    std::fs::write(&path, "entries: []\n").unwrap();
    start().unwrap();
    assert!(!is_blocked().await);

    let ours =
        format!("entries:\n- {{san: {ADDRESS}, reason: r}}\n- {{san: a, reason: r, until: 2026-01-01T00:00:00Z}}\n");
    replace(&path, &ours);
    eventually("the new list", || async { is_blocked().await.then_some(()) }).await;
    assert_eq!(log.lines().iter().filter(|line| line["level"] == "WARN").count(), 1, "{}", log.text());

    for text in ["", "entries:\n", "entries:\n- {san: a}\n", "\u{0}"] {
        let before = errors();
        replace(&path, text);
        eventually("the complaint", || async { (errors() > before && refused(1)).then_some(()) }).await;
        assert!(is_blocked().await, "{text:?}");
    }
    let before = errors();
    std::fs::remove_file(&path).unwrap();
    eventually("the complaint", || async { (errors() > before).then_some(()) }).await;
    assert!(is_blocked().await && refused(1), "a list that is gone blocks as before");
    // What is in force, again: nothing is announced, and there is no complaint.
    replace(&path, &ours);
    eventually("no complaint", || async { refused(0).then_some(()) }).await;
    assert!(is_blocked().await);
    replace(&path, "entries: []\n");
    eventually("nobody is blocked", || async { (!is_blocked().await).then_some(()) }).await;
    assert_eq!(errors(), 5, "one line a problem: {}", log.text());
}

#[tokio::test]
async fn a_list_behind_links_counts_whichever_of_them_is_replaced() {
    let (scene, issuance) = scene().await;
    let is_blocked = || async { !is_issued(&ask_all(&scene, &scene.token(), &good(&scene.key)).await) };
    let folder = tempfile::tempdir().unwrap();
    let volume = |name: &str| folder.path().join("volume").join(name);
    let fill = |name: &str, text: &str| {
        std::fs::create_dir_all(volume(name)).unwrap();
        std::fs::write(volume(name).join("block.yaml"), text).unwrap();
    };
    // As Kubernetes mounts a ConfigMap; and the server is told of a link in another folder, which nobody changes.
    fill("..1", "entries: []\n");
    symlink("..1", volume("..data")).unwrap();
    symlink("..data/block.yaml", volume("block.yaml")).unwrap();
    let link = folder.path().join("link.yaml");
    symlink(volume("block.yaml"), &link).unwrap();
    BlockListFile::start(BlockListKind::Entries, link, &issuance).unwrap();
    assert!(!is_blocked().await);
    for (name, text, expected) in [
        ("..2", format!("entries: [{{san: {ADDRESS}, reason: r}}]\n"), true),
        ("..3", "entries: []\n".to_owned(), false),
        ("..4", format!("entries: [{{san: {ADDRESS}, reason: r}}]\n"), true),
    ] {
        fill(name, &text);
        symlink(name, volume("..new")).unwrap();
        std::fs::rename(volume("..new"), volume("..data")).unwrap();
        eventually("the swapped list", || async { (is_blocked().await == expected).then_some(()) }).await;
    }
}
