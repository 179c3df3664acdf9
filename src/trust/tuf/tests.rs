use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::crypto::KeyKind;
use crate::signer::key_file::generate;

const LIFETIMES: Lifetimes =
    Lifetimes { root: Duration::from_hours(100), targets: Duration::from_hours(10), online: Duration::from_hours(1) };

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(500_000)
}

fn key(kind: KeyKind) -> TufSigner {
    let made = generate(kind.signature_algorithm()).unwrap();
    let key = TufKey::from_spki_der(&made.signer.spki_der().unwrap()).unwrap();
    TufSigner { key, signer: Arc::new(made.signer) }
}

/// Two of three keys sign the root.
struct Scene {
    folder: tempfile::TempDir,
    root: Vec<TufSigner>,
    targets: TufSigner,
    online: TufSigner,
}

impl Scene {
    async fn new() -> Self {
        let scene = Self {
            folder: tempfile::tempdir().unwrap(),
            root: vec![key(KeyKind::P256), key(KeyKind::Ed25519), key(KeyKind::P256)],
            targets: key(KeyKind::Ed25519),
            online: key(KeyKind::P256),
        };
        let new = NewRoles {
            root: scene.root.clone(),
            root_threshold: Some(2),
            targets: vec![scene.targets.clone()],
            targets_threshold: None,
            online: vec![scene.online.clone()],
        };
        Repository::create(scene.path(), &initialize(&new, LIFETIMES, now()).await.unwrap()).unwrap();
        scene
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn open(&self) -> Repository {
        Repository::open(self.path()).unwrap()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path().join(name)).unwrap()).unwrap()
    }

    async fn publish(&self, content: &[u8]) {
        let targets = [Target { name: "trusted_root.json".to_owned(), content: content.to_vec() }];
        let signers = [self.targets.clone(), self.online.clone()];
        let repository = self.open();
        let writes = publish(&repository, &targets, &signers, LIFETIMES, now()).await.unwrap();
        repository.write(&writes).unwrap();
    }
}

#[tokio::test]
async fn what_is_published_is_under_its_hash_and_the_timestamp_leads_to_it() {
    let scene = Scene::new().await;
    scene.publish(b"one").await;
    scene.publish(b"two").await;
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(b"two"));
    assert_eq!(fs::read(scene.path().join(format!("targets/{hash}.trusted_root.json"))).unwrap(), b"two");
    assert_eq!(scene.json("timestamp.json")["signed"]["meta"]["snapshot.json"]["version"], 3);
    assert_eq!(scene.json("3.snapshot.json")["signed"]["meta"]["targets.json"]["version"], 3);
    let target = &scene.json("3.targets.json")["signed"]["targets"]["trusted_root.json"];
    assert_eq!((&target["length"], &target["hashes"]["sha256"]), (&3.into(), &hash.into()));
    let root = &scene.json("root.json")["signed"];
    assert_eq!((&root["consistent_snapshot"], &root["roles"]["root"]["threshold"]), (&true.into(), &2.into()));
    // Every key of the root signed, though two would do.
    assert_eq!(scene.json("1.root.json")["signatures"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn the_timestamp_is_written_last() {
    let scene = Scene::new().await;
    let repository = scene.open();
    let signers = [scene.targets.clone(), scene.online.clone()];
    let writes = publish(&repository, &[], &signers, LIFETIMES, now()).await.unwrap();
    let names: Vec<&str> = writes.iter().map(|write| write.path.as_str()).collect();
    assert_eq!(names, ["2.targets.json", "2.snapshot.json", "timestamp.json"]);
}

#[tokio::test]
async fn a_refresh_renews_what_its_keys_sign() {
    let scene = Scene::new().await;
    let later = now() + Duration::from_hours(9);
    let repository = scene.open();
    let online = [scene.online.clone()];
    let writes = refresh(&repository, &online, LIFETIMES, later).await.unwrap();
    assert_eq!(
        writes.iter().map(|write| write.path.as_str()).collect::<Vec<_>>(),
        ["2.snapshot.json", "timestamp.json"]
    );
    repository.write(&writes).unwrap();
    let ends: Vec<SystemTime> = repository.ends().unwrap().into_iter().map(|(_, end)| end).collect();
    assert_eq!(ends, [100, 10, 10, 10].map(|hours| now() + Duration::from_hours(hours)));
    drop(repository);
    // Targets that have ended are not covered up by a new timestamp.
    let repository = scene.open();
    let much_later = now() + Duration::from_hours(10);
    let error = refresh(&repository, &online, LIFETIMES, much_later).await.unwrap_err();
    assert!(matches!(error, TufError::Expired { role: Role::Targets, .. }), "{error}");
    let both = [scene.online.clone(), scene.targets.clone()];
    repository.write(&refresh(&repository, &both, LIFETIMES, much_later).await.unwrap()).unwrap();
    assert_eq!(repository.ends().unwrap()[1].1, much_later + LIFETIMES.targets);
    // Nor is a root.
    let error = refresh(&repository, &both, LIFETIMES, now() + LIFETIMES.root).await.unwrap_err();
    assert!(matches!(error, TufError::Expired { role: Role::Root, .. }), "{error}");
}

#[tokio::test]
async fn the_next_root_is_signed_by_the_keys_of_both() {
    let scene = Scene::new().await;
    scene.publish(b"one").await;
    let repository = scene.open();
    let new = NewRoles { root: vec![key(KeyKind::P256)], root_threshold: Some(1), ..NewRoles::default() };
    let too_few = rotate_root(&repository, &new, &scene.root[..1], LIFETIMES, now()).await.unwrap_err();
    assert!(matches!(too_few, TufError::TooFewKeys { role: Role::Root, needed: 2, given: 1 }), "{too_few}");
    let writes = rotate_root(&repository, &new, &scene.root[..2], LIFETIMES, now()).await.unwrap();
    assert_eq!(writes.iter().map(|write| write.path.as_str()).collect::<Vec<_>>(), ["2.root.json", "root.json"]);
    repository.write(&writes).unwrap();
    drop(repository);
    // The root's chain is followed, and the other roles' keys are what they were.
    scene.publish(b"two").await;
    let ids: Vec<String> = scene.json("2.root.json")["signed"]["roles"]["root"]["keyids"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, [new.root[0].key.id()]);
}

#[tokio::test]
async fn other_keys_of_targets_and_timestamp_sign_at_once() {
    let scene = Scene::new().await;
    scene.publish(b"one").await;
    let repository = scene.open();
    let new =
        NewRoles { targets: vec![key(KeyKind::P256)], online: vec![key(KeyKind::Ed25519)], ..NewRoles::default() };
    let writes = rotate_root(&repository, &new, &scene.root, LIFETIMES, now()).await.unwrap();
    assert_eq!(
        writes.iter().map(|write| write.path.as_str()).collect::<Vec<_>>(),
        ["3.targets.json", "3.snapshot.json", "2.root.json", "root.json", "timestamp.json"]
    );
    repository.write(&writes).unwrap();
    drop(repository);
    // What was published stays, now under the new keys.
    assert!(scene.json("3.targets.json")["signed"]["targets"]["trusted_root.json"].is_object());
    let repository = scene.open();
    let error = refresh(&repository, std::slice::from_ref(&scene.online), LIFETIMES, now()).await.unwrap_err();
    assert!(matches!(error, TufError::TooFewKeys { role: Role::Snapshot, .. }), "{error}");
    refresh(&repository, &new.online, LIFETIMES, now()).await.unwrap();
}

#[tokio::test]
async fn a_repository_that_was_tampered_with_is_not_added_to() {
    let scene = Scene::new().await;
    scene.publish(b"one").await;
    for (name, from, to) in [
        ("1.root.json", "\"threshold\": 2", "\"threshold\": 1"),
        ("timestamp.json", "\"version\": 2", "\"version\": 3"),
        ("2.targets.json", "\"length\": 3", "\"length\": 4"),
        ("2.snapshot.json", "\"spec_version\": \"1", "\"spec_version\": \"2"),
    ] {
        let path = scene.path().join(name);
        let good = fs::read_to_string(&path).unwrap();
        assert!(good.contains(from), "{good}");
        fs::write(&path, good.replacen(from, to, 1)).unwrap();
        let error = Repository::open(scene.path()).unwrap_err();
        let RepositoryError::Metadata { source, .. } = error else { panic!("{name}: {error}") };
        assert!(matches!(source, TufError::Unsigned { .. } | TufError::Malformed { .. }), "{name}: {source}");
        fs::write(&path, good).unwrap();
    }
    // An older snapshot under a newer name.
    fs::copy(scene.path().join("1.snapshot.json"), scene.path().join("2.snapshot.json")).unwrap();
    assert!(Repository::open(scene.path()).unwrap_err().to_string().contains("2.snapshot.json"));
}

#[tokio::test]
async fn a_next_root_of_other_keys_is_not_believed() {
    let (scene, other) = (Scene::new().await, Scene::new().await);
    let repository = other.open();
    let writes = rotate_root(&repository, &NewRoles::default(), &other.root, LIFETIMES, now()).await.unwrap();
    fs::write(scene.path().join("2.root.json"), &writes[0].content).unwrap();
    let error = Repository::open(scene.path()).unwrap_err();
    assert!(matches!(
        error,
        RepositoryError::Metadata { source: TufError::Unsigned { role: Role::Root, needed: 2 }, .. }
    ));
}

#[tokio::test]
async fn one_process_writes_at_a_time_and_only_into_a_folder_of_its_own() {
    let scene = Scene::new().await;
    let held = scene.open();
    assert!(matches!(Repository::open(scene.path()), Err(RepositoryError::InUse(_))));
    drop(held);
    assert!(matches!(Repository::create(scene.path(), &[]), Err(RepositoryError::NotEmpty(_))));
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(Repository::open(empty.path()), Err(RepositoryError::None(_))));
}

#[tokio::test]
async fn roles_that_no_client_could_verify_are_refused() {
    for kind in [KeyKind::P384, KeyKind::P521, KeyKind::Rsa2048] {
        let Ok(made) = generate(kind.signature_algorithm()) else { continue };
        let refused = TufKey::from_spki_der(&made.signer.spki_der().unwrap()).unwrap_err();
        assert_eq!(refused, UnusableKey::Kind, "{kind:?}");
    }
    let one = key(KeyKind::P256);
    let roles = |root: Vec<TufSigner>, threshold| NewRoles {
        root,
        root_threshold: Some(threshold),
        targets: vec![one.clone()],
        targets_threshold: None,
        online: vec![one.clone()],
    };
    let refused = |new: NewRoles| async move { initialize(&new, LIFETIMES, now()).await.unwrap_err() };
    assert!(matches!(refused(roles(vec![one.clone()], 2)).await, TufError::Threshold { threshold: 2, keys: 1, .. }));
    assert!(matches!(refused(roles(vec![one.clone()], 0)).await, TufError::Threshold { threshold: 0, .. }));
    assert!(matches!(
        refused(roles(vec![one.clone(), one.clone()], 1)).await,
        TufError::DuplicateKey { role: Role::Root }
    ));
    assert!(matches!(
        refused(NewRoles { online: Vec::new(), ..roles(vec![one.clone()], 1) }).await,
        TufError::Threshold { .. }
    ));
}

/// A key's identifier is what other implementations compute (securesystemslib's `SSlibKey`).
#[test]
fn a_key_has_the_identifier_of_its_canonical_form() {
    let ed25519 = crate::crypto::spki::of_ed25519(&[7; 32]).unwrap();
    let key = TufKey::from_spki_der(&ed25519).unwrap();
    let form = format!(r#"{{"keytype":"ed25519","keyval":{{"public":"{}"}},"scheme":"ed25519"}}"#, "07".repeat(32));
    assert_eq!(key.id(), hex::encode(<sha2::Sha256 as sha2::Digest>::digest(form)));
}
