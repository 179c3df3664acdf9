//! Files are really replaced here, in the three ways that operators do it.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use tempfile::TempDir;

use super::{
    FileAuthority, FileAuthorityError, FileAuthorityOptions, Source, Watch,
    watch::{Outcome, Reloader},
};
use crate::authority::{AuthorityError, ChainError, key_file::KeyFileError};

/// So long that no test waits for it.
const NEVER: Duration = Duration::from_hours(24);
/// A slow machine may take this long to report a change before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

struct Pair {
    chain: String,
    key: String,
}

fn pair(name: &str) -> Pair {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    Pair { chain: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

fn write(directory: &Path, pair: &Pair) {
    fs::create_dir_all(directory).unwrap();
    fs::write(directory.join("chain.pem"), &pair.chain).unwrap();
    fs::write(directory.join("key.pem"), &pair.key).unwrap();
}

fn options(directory: &Path, watch: Watch) -> FileAuthorityOptions {
    FileAuthorityOptions {
        cert_path: directory.join("chain.pem"),
        key_path: directory.join("key.pem"),
        password: None,
        watch,
        clock: SystemTime::now,
    }
}

fn serves(authority: &FileAuthority, name: &str) -> bool {
    authority.current().chain().subject().contains(name)
}

async fn wait_until_it_serves(authority: &FileAuthority, name: &str) {
    let served = async {
        while !serves(authority, name) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, served).await.unwrap_or_else(|_| panic!("{name} is never served"));
}

/// A reloader as the watching task has one, to be driven by hand.
async fn reloader(directory: &Path) -> (Reloader, Arc<ArcSwap<crate::authority::Authority>>) {
    let source = Arc::new(Source { options: options(directory, Watch::Off) });
    let loaded = source.load_unless(None).await.unwrap().unwrap();
    let current = Arc::new(ArcSwap::new(loaded.authority));
    (Reloader::new(source, Arc::clone(&current), loaded.fingerprint), current)
}

#[tokio::test]
async fn files_replaced_by_renaming_are_noticed() {
    let directory = TempDir::new().unwrap();
    write(directory.path(), &pair("first"));
    let authority = FileAuthority::open(options(directory.path(), Watch::On { poll: NEVER })).await.unwrap();
    assert!(serves(&authority, "first"));
    write(&directory.path().join("new"), &pair("second"));
    for file in ["chain.pem", "key.pem"] {
        fs::rename(directory.path().join("new").join(file), directory.path().join(file)).unwrap();
    }
    wait_until_it_serves(&authority, "second").await;
}

#[tokio::test]
async fn files_replaced_by_writing_are_noticed() {
    let directory = TempDir::new().unwrap();
    write(directory.path(), &pair("first"));
    let authority = FileAuthority::open(options(directory.path(), Watch::On { poll: NEVER })).await.unwrap();
    write(directory.path(), &pair("second"));
    wait_until_it_serves(&authority, "second").await;
}

#[tokio::test]
async fn a_kubernetes_volume_that_swaps_its_data_link_is_noticed() {
    let directory = TempDir::new().unwrap();
    let volume = directory.path();
    write(&volume.join("..2026_1"), &pair("first"));
    symlink("..2026_1", volume.join("..data")).unwrap();
    for file in ["chain.pem", "key.pem"] {
        symlink(Path::new("..data").join(file), volume.join(file)).unwrap();
    }
    let authority = FileAuthority::open(options(volume, Watch::On { poll: NEVER })).await.unwrap();
    assert!(serves(&authority, "first"));
    write(&volume.join("..2026_2"), &pair("second"));
    symlink("..2026_2", volume.join("..data_tmp")).unwrap();
    fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
    fs::remove_dir_all(volume.join("..2026_1")).unwrap();
    wait_until_it_serves(&authority, "second").await;
}

#[tokio::test]
async fn without_reports_the_slow_look_notices() {
    let (directory, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    write(elsewhere.path(), &pair("first"));
    // What changes is not in the watched directory, so nothing is reported.
    for file in ["chain.pem", "key.pem"] {
        symlink(elsewhere.path().join(file), directory.path().join(file)).unwrap();
    }
    let watch = Watch::On { poll: Duration::from_millis(20) };
    let authority = FileAuthority::open(options(directory.path(), watch)).await.unwrap();
    write(elsewhere.path(), &pair("second"));
    wait_until_it_serves(&authority, "second").await;
}

#[tokio::test]
async fn a_bad_replacement_keeps_the_old_and_is_complained_about_once() {
    let directory = TempDir::new().unwrap();
    let (first, second) = (pair("first"), pair("second"));
    write(directory.path(), &first);
    let (mut reloader, current) = reloader(directory.path()).await;
    assert_eq!(reloader.look().await, Outcome::Unchanged);

    fs::write(directory.path().join("chain.pem"), &second.chain).unwrap();
    assert_eq!(reloader.look().await, Outcome::Refused);
    assert_eq!(reloader.look().await, Outcome::StillRefused);
    fs::remove_file(directory.path().join("key.pem")).unwrap();
    assert_eq!(reloader.look().await, Outcome::Refused);
    assert!(current.load().chain().subject().contains("first"));

    fs::write(directory.path().join("key.pem"), &second.key).unwrap();
    assert_eq!(reloader.look().await, Outcome::Replaced);
    assert!(current.load().chain().subject().contains("second"));
    assert_eq!(reloader.look().await, Outcome::Unchanged);
}

#[tokio::test]
async fn dropping_ends_the_watching() {
    let directory = TempDir::new().unwrap();
    write(directory.path(), &pair("first"));
    let authority = FileAuthority::open(options(directory.path(), Watch::On { poll: NEVER })).await.unwrap();
    let current = Arc::downgrade(&authority.current);
    drop(authority);
    let ended = async {
        while current.strong_count() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("the task holds what it watches for, so it still runs");
}

#[tokio::test]
async fn each_refusal_names_its_file() {
    let directory = TempDir::new().unwrap();
    let open = || FileAuthority::open(options(directory.path(), Watch::Off));
    let (first, second) = (pair("first"), pair("second"));
    let put = |file: &str, text: &str| fs::write(directory.path().join(file), text).unwrap();

    let error = open().await.unwrap_err();
    assert!(matches!(&error, FileAuthorityError::Read { path, .. } if path.ends_with("chain.pem")), "{error}");
    write(directory.path(), &Pair { chain: first.chain.clone(), key: second.key });
    let error = open().await.unwrap_err();
    assert!(matches!(&error, FileAuthorityError::Mismatch { source: AuthorityError::KeyMismatch, .. }), "{error}");
    put("key.pem", "");
    let error = open().await.unwrap_err();
    assert!(matches!(&error, FileAuthorityError::Key { source: KeyFileError::NoKey, .. }), "{error}");
    put("chain.pem", "");
    let error = open().await.unwrap_err();
    assert!(matches!(&error, FileAuthorityError::Chain { source: ChainError::Empty, .. }), "{error}");
    put("key.pem", &" ".repeat(1024 * 1024 + 1));
    let error = open().await.unwrap_err();
    assert!(matches!(&error, FileAuthorityError::TooLarge { path } if path.ends_with("key.pem")), "{error}");
}
