//! Files are really replaced here, in the three ways that operators do it.

use std::sync::atomic::Ordering;
use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use tempfile::TempDir;

use super::{AuthoritySet, Opened, Opener, Opening, Outcome, Reason, Reloader, Rotation, Watch};
use crate::authority::chain_file::{ChainFileError, read_trusted_chain};
use crate::authority::file::{FileAuthority, FileAuthorityError};
use crate::authority::{Authority, AuthorityError};
use crate::certificate::chain::ChainError;
use crate::files::{FileError, FileProblem, SeenFile};
use crate::signer::key_file::KeyFileError;

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

fn files(directory: &Path) -> FileAuthority {
    FileAuthority { cert_path: directory.join("chain.pem"), key_path: directory.join("key.pem"), password: None }
}

/// Opens the two files; what is in `retired.pem`, if anything, is trusted besides.
fn opener(directory: &Path) -> Opener {
    let directory = directory.to_owned();
    Box::new(move || {
        let (files, retired) = (files(&directory), directory.join("retired.pem"));
        Box::pin(async move {
            let seen = [&files.cert_path, &files.key_path, &retired].map(|path| SeenFile::now(path));
            let active = Arc::new(files.open(SystemTime::now()).await?);
            let trusted = read_trusted_chain(&retired, SystemTime::now()).into_iter().map(Arc::new).collect();
            Ok(Opened { set: AuthoritySet { active, trusted }, files: seen.into() })
        })
    })
}

async fn start(directory: &Path, watch: Watch) -> Rotation {
    Rotation::start(opener(directory), watch).await.unwrap()
}

fn serves(rotation: &Rotation, name: &str) -> bool {
    rotation.current().active.chain().subject().contains(name)
}

async fn wait_until_it_serves(rotation: &Rotation, name: &str) {
    wait_until(name, || serves(rotation, name)).await;
}

async fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test]
async fn files_replaced_by_renaming_are_noticed() {
    let directory = TempDir::new().unwrap();
    write(directory.path(), &pair("first"));
    let authority = start(directory.path(), Watch::On { poll: NEVER }).await;
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
    let authority = start(directory.path(), Watch::On { poll: NEVER }).await;
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
    let authority = start(volume, Watch::On { poll: NEVER }).await;
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
    let authority = start(directory.path(), watch).await;
    write(elsewhere.path(), &pair("second"));
    wait_until_it_serves(&authority, "second").await;
}

#[tokio::test]
async fn a_bad_replacement_keeps_the_old_and_is_complained_about_once() {
    let directory = TempDir::new().unwrap();
    let (first, second) = (pair("first"), pair("second"));
    write(directory.path(), &first);
    let mut reloader = Reloader::open(opener(directory.path())).await.unwrap();
    let current = Arc::clone(&reloader.current);
    assert_eq!(reloader.look(Reason::Change).await, Outcome::Unchanged);
    assert_eq!(reloader.look(Reason::Asked).await, Outcome::Replaced, "who asks gets it opened again");

    fs::write(directory.path().join("chain.pem"), &second.chain).unwrap();
    assert_eq!(reloader.look(Reason::Change).await, Outcome::Refused);
    assert_eq!(reloader.look(Reason::Change).await, Outcome::StillRefused);
    fs::remove_file(directory.path().join("key.pem")).unwrap();
    assert_eq!(reloader.look(Reason::Change).await, Outcome::Refused);
    assert!(current.load().active.chain().subject().contains("first"));
    assert!(reloader.behind.load(Ordering::Relaxed));

    fs::write(directory.path().join("key.pem"), &second.key).unwrap();
    assert_eq!(reloader.look(Reason::Change).await, Outcome::Replaced);
    assert!(current.load().active.chain().subject().contains("second"));
    assert!(!reloader.behind.load(Ordering::Relaxed));
    assert_eq!(reloader.look(Reason::Change).await, Outcome::Unchanged);
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_opened_is_opened_again() {
    let directory = TempDir::new().unwrap();
    write(directory.path(), &pair("first"));
    let path = directory.path().to_owned();
    let inner = opener(directory.path());
    // The chain is replaced right after it was read.
    let opener: Opener = Box::new(move || {
        let (opening, path) = (inner(), path.clone());
        Box::pin(async move {
            let opened = opening.await?;
            if opened.set.active.chain().subject().contains("first") {
                write(&path, &pair("second"));
            }
            Ok(opened)
        })
    });
    let mut reloader = Reloader::open(opener).await.unwrap();
    assert_eq!(reloader.look(Reason::Change).await, Outcome::Replaced);
    assert!(reloader.current.load().active.chain().subject().contains("second"));
}

#[tokio::test]
async fn without_watching_only_who_asks_gets_the_new_files() {
    let directory = TempDir::new().unwrap();
    write(directory.path(), &pair("first"));
    let rotation = start(directory.path(), Watch::Off).await;
    write(directory.path(), &pair("second"));
    rotation.reopen();
    wait_until_it_serves(&rotation, "second").await;
}

#[tokio::test]
async fn the_active_chain_is_shown_first_and_none_twice() {
    let directory = TempDir::new().unwrap();
    let (first, second) = (pair("first"), pair("second"));
    write(directory.path(), &first);
    fs::write(directory.path().join("retired.pem"), &first.chain).unwrap();
    let rotation = start(directory.path(), Watch::On { poll: NEVER }).await;
    assert_eq!(rotation.current().chains().len(), 1);
    write(directory.path(), &second);
    wait_until("both", || {
        let subjects: Vec<String> =
            rotation.current().chains().iter().map(|chain| chain.subject().to_owned()).collect();
        subjects.len() == 2 && subjects[0].contains("second") && subjects[1].contains("first")
    })
    .await;
}

#[tokio::test]
async fn dropping_ends_the_watching() {
    let directory = TempDir::new().unwrap();
    write(directory.path(), &pair("first"));
    let rotation = start(directory.path(), Watch::On { poll: NEVER }).await;
    let current = Arc::downgrade(&rotation.current);
    drop(rotation);
    wait_until("the task holds what it watches for, so it still runs", || current.strong_count() == 0).await;
}

#[tokio::test]
async fn each_refusal_names_its_file() {
    let directory = TempDir::new().unwrap();
    let open = async || -> FileAuthorityError {
        let opened: Result<Authority, _> = files(directory.path()).open(SystemTime::now()).await;
        opened.unwrap_err()
    };
    let (first, second) = (pair("first"), pair("second"));
    let put = |file: &str, text: &str| fs::write(directory.path().join(file), text).unwrap();

    let error = open().await;
    assert!(
        matches!(&error, FileAuthorityError::Chain(ChainFileError::File(FileError { path, .. })) if path.ends_with("chain.pem")),
        "{error}"
    );
    write(directory.path(), &Pair { chain: first.chain.clone(), key: second.key });
    let error = open().await;
    assert!(matches!(&error, FileAuthorityError::Mismatch { source: AuthorityError::KeyMismatch, .. }), "{error}");
    put("key.pem", "");
    let error = open().await;
    assert!(matches!(&error, FileAuthorityError::Key { source: KeyFileError::Pem(_), .. }), "{error}");
    put("chain.pem", "");
    let error = open().await;
    assert!(
        matches!(&error, FileAuthorityError::Chain(ChainFileError::Chain { source: ChainError::Empty, .. })),
        "{error}"
    );
    put("chain.pem", &first.chain);
    put("key.pem", &" ".repeat(1024 * 1024 + 1));
    let error = open().await;
    assert!(
        matches!(&error, FileAuthorityError::File(FileError { path, problem: FileProblem::TooLarge(_) }) if path.ends_with("key.pem")),
        "{error}"
    );
}

#[tokio::test]
#[allow(clippy::panic, reason = "it is what is survived")]
async fn a_panic_at_the_start_is_a_cause_like_others() {
    let panicking: Opener = Box::new(|| Box::pin(async { panic!("a library's bug") }));
    let refused = Reloader::open(panicking).await.err().unwrap();
    assert!(refused.to_string().contains("a panic, which an ERROR line of the log describes"), "{refused}");
}

#[tokio::test]
#[allow(clippy::panic, reason = "it is what is survived")]
async fn a_panic_while_opening_keeps_what_is_served_and_the_next_reload_works() {
    let directory = TempDir::new().unwrap();
    write(directory.path(), &pair("first"));
    let (opens, marker) = (opener(directory.path()), directory.path().join("panics"));
    let panicking: Opener = Box::new(move || {
        let opening: Opening = if marker.exists() { Box::pin(async { panic!("a library's bug") }) } else { opens() };
        opening
    });
    let mut reloader = Reloader::open(panicking).await.unwrap();
    fs::write(directory.path().join("panics"), "").unwrap();
    assert_eq!(reloader.look(Reason::Asked).await, Outcome::Refused);
    assert!(reloader.behind.load(Ordering::Relaxed));
    fs::remove_file(directory.path().join("panics")).unwrap();
    assert_eq!(reloader.look(Reason::Asked).await, Outcome::Replaced);
}
