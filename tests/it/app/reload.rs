//! A CA whose files are replaced while certificates are served: chain and signature of every answer belong together.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use crate::support::authority::{chain_der, pem_file};
use crate::support::certificate::assert_chain;
use crate::support::identities::{email_claims, email_file};
use crate::support::log::Log;
use crate::support::scene::ADDRESS;
use crate::support::server::by_hand;
use crate::support::{FakeIssuer, Key, Kind, Running, TestCa, eventually, is_alone};
use serde_json::Value;
use sigmint::authority::file::FileAuthority;
use sigmint::authority::rotation::{Opened, Opener, Watch};
use sigmint::authority::{AuthoritySet, AuthoritySource, Rotation};
use sigmint::files::SeenFile;
use sigmint::issuance::Issuance;

/// A chain and its key, as text of files.
struct Generation {
    chain: Vec<Vec<u8>>,
    key: String,
}

impl Generation {
    fn new(kind: Kind) -> Self {
        let key = Key::new(kind);
        let chain = chain_der(&key, SystemTime::now(), Duration::from_hours(24 * 365));
        Self { chain, key: pem::encode(&pem::Pem::new("PRIVATE KEY", key.pkcs8())) }
    }

    fn write(&self, directory: &Path) {
        write(directory, &pem_file(&self.chain), &self.key);
    }
}

fn write(directory: &Path, certificate: &str, key: &str) {
    fs::create_dir_all(directory).unwrap();
    fs::write(directory.join("tls.crt"), certificate).unwrap();
    fs::write(directory.join("tls.key"), key).unwrap();
}

/// A directory as Kubernetes mounts a secret: the files are links through the link `..data`, and that alone is ever replaced.
struct Volume {
    path: PathBuf,
    swaps: AtomicUsize,
}

impl Volume {
    fn mount(path: &Path, first: &Generation) -> Self {
        first.write(&path.join("..0"));
        symlink("..0", path.join("..data")).unwrap();
        for file in ["tls.crt", "tls.key"] {
            symlink(format!("..data/{file}"), path.join(file)).unwrap();
        }
        Self { path: path.to_owned(), swaps: AtomicUsize::new(0) }
    }

    fn swap(&self, fill: impl FnOnce(&Path)) {
        let number = self.swaps.fetch_add(1, Ordering::Relaxed);
        fill(&self.path.join(format!("..{}", number + 1)));
        symlink(format!("..{}", number + 1), self.path.join("..data_tmp")).unwrap();
        fs::rename(self.path.join("..data_tmp"), self.path.join("..data")).unwrap();
        fs::remove_dir_all(self.path.join(format!("..{number}"))).unwrap();
    }
}

/// Generations to bring in one after the other: mixtures of two of the same kind of key, and of two different ones, would not verify.
fn generations() -> Vec<Generation> {
    [Kind::P256, Kind::P384, Kind::P384, Kind::Ed25519, Kind::Rsa2048, Kind::P521, Kind::P256]
        .map(Generation::new)
        .into()
}

/// A server whose CA is in two files.
async fn server(issuer: &FakeIssuer, directory: &Path, watch: Watch) -> Running {
    let files =
        FileAuthority { cert_path: directory.join("tls.crt"), key_path: directory.join("tls.key"), password: None };
    let opener: Opener = Box::new(move || {
        let files = files.clone();
        Box::pin(async move {
            let seen = [&files.cert_path, &files.key_path].map(|path| SeenFile::now(path));
            let active = Arc::new(files.open(SystemTime::now()).await?);
            Ok(Opened { set: AuthoritySet { active, trusted: Vec::new() }, files: seen.into() })
        })
    });
    let ca = TestCa::new().await;
    let issuance = Issuance {
        authority: AuthoritySource::Rotating(Rotation::start(opener, watch).await.unwrap()),
        ..by_hand(&email_file(&issuer.issuer("email")), &ca)
    };
    Running::serve(Arc::new(issuance), ca)
}

/// A minute between looks: what is noticed within the deadline was reported by the system.
const WATCHED: Watch = Watch::On { poll: Duration::from_mins(1) };

/// Issues certificates without a pause while `replace` brings in one generation after the other; each answer must hold together.
async fn rotate_under_load(issuer: FakeIssuer, server: Running, replace: impl Fn(usize, &Generation)) {
    let generations = generations();
    let (server, issuer) = (Arc::new(server), Arc::new(issuer));
    let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load: Vec<_> = (0..2)
        .map(|_| {
            let (server, issuer, stop, rounds) =
                (Arc::clone(&server), Arc::clone(&issuer), Arc::clone(&stop), Arc::clone(&rounds));
            tokio::spawn(async move {
                let key = Key::new(Kind::P256);
                while !stop.load(Ordering::Relaxed) {
                    assert_chain(&ask(&server, &issuer, &key).await);
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let key = Key::new(Kind::P256);
    for (number, generation) in generations.iter().enumerate() {
        replace(number, generation);
        eventually("the new CA", async || (ask(&server, &issuer, &key).await[1..] == generation.chain).then_some(()))
            .await;
        let bundle = server.get("/api/v2/trustBundle").await.json();
        let root = bundle["chains"][0]["certificates"][1].as_str().unwrap().to_owned();
        assert_eq!(pem::parse(root).unwrap().contents(), generation.chain[1]);
    }
    stop.store(true, Ordering::Relaxed);
    for task in load {
        task.await.unwrap();
    }
    assert!(rounds.load(Ordering::Relaxed) > 0);
}

async fn ask(server: &Running, issuer: &FakeIssuer, key: &Key) -> Vec<Vec<u8>> {
    let token = issuer.token(&issuer.claims("email", &email_claims()));
    server.ask(&token, key, ADDRESS).await.certificates()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_replaced_by_rename() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    Generation::new(Kind::P256).write(&path);
    let issuer = FakeIssuer::start();
    let server = server(&issuer, &path, WATCHED).await;
    rotate_under_load(issuer, server, |number, generation| {
        let new = path.join(format!("new-{number}"));
        generation.write(&new);
        // Two renames: between them the files do not belong together, and the old CA must go on.
        for file in ["tls.crt", "tls.key"] {
            fs::rename(new.join(file), path.join(file)).unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_replaced_by_a_symlink_swap_as_kubernetes_does() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    let volume = Volume::mount(&path, &Generation::new(Kind::P256));
    let issuer = FakeIssuer::start();
    let server = server(&issuer, &path, WATCHED).await;
    rotate_under_load(issuer, server, |_, generation| volume.swap(|new| generation.write(new))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_files_change_nothing_and_mended_ones_are_taken() {
    if !is_alone(concat!(module_path!(), "::broken_files_change_nothing_and_mended_ones_are_taken")) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    let [first, other, third] = [Kind::P256, Kind::P384, Kind::P256].map(Generation::new);
    let volume = Volume::mount(&path, &first);
    let issuer = FakeIssuer::start();
    let server = server(&issuer, &path, Watch::On { poll: Duration::from_millis(5) }).await;
    // The log tells when the server has looked at the broken files of this directory. It says the same thing once only: each case
    // below breaks another rule than the one before.
    let log = Log::capture(tracing::Level::INFO);
    let ours =
        |line: &&Value| line["fields"]["cause"].as_str().is_some_and(|cause| cause.contains(&*path.to_string_lossy()));
    let complaints = || log.lines().iter().filter(ours).count();
    let key = Key::new(Kind::P256);
    let bad_signature = pem_file(&[first.chain[0].clone(), other.chain[1].clone()]);
    for (certificate, private_key) in [
        (&pem_file(&other.chain), &first.key),
        (&pem_file(&third.chain), &first.key),
        (&"no certificate".to_owned(), &first.key),
        (&pem_file(&first.chain), &String::new()),
        (&bad_signature, &first.key),
    ] {
        let before = complaints();
        volume.swap(|new| write(new, certificate, private_key));
        eventually("the complaint", async || {
            let certificates = ask(&server, &issuer, &key).await;
            assert_chain(&certificates);
            assert_eq!(certificates[1..], first.chain);
            (complaints() > before).then_some(())
        })
        .await;
    }
    fs::remove_file(path.join("tls.key")).unwrap();
    assert_eq!(ask(&server, &issuer, &key).await[1..], first.chain, "a file that is gone");
    symlink("..data/tls.key", path.join("tls.key")).unwrap();
    volume.swap(|new| other.write(new));
    eventually("the fixed CA", async || (ask(&server, &issuer, &key).await[1..] == other.chain).then_some(())).await;
}

#[tokio::test]
async fn without_watching_nothing_changes() {
    let directory = tempfile::tempdir().unwrap();
    let first = Generation::new(Kind::P256);
    first.write(directory.path());
    let issuer = FakeIssuer::start();
    let server = server(&issuer, directory.path(), Watch::Off).await;
    Generation::new(Kind::P384).write(directory.path());
    let certificates = ask(&server, &issuer, &Key::new(Kind::P256)).await;
    assert_chain(&certificates);
    assert_eq!(certificates[1..], first.chain);
}
