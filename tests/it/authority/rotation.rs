//! A CA file is changed while certificates are issued: each verifies with the bundle of its moment, and nobody is refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use crate::support::authority::{chain_der, pem_file};
use crate::support::certificate::assert_chain;
use crate::support::identities::{email_claims, email_file};
use crate::support::remote::openssl_verifies;
use crate::support::scene::ADDRESS;
use crate::support::server::by_hand;
use crate::support::{FakeIssuer, Key, Kind, Running, TestCa, eventually};
use sigmint::app::authorities;
use sigmint::config::settings::AuthoritySettings;
use sigmint::issuance::Issuance;

/// A CA in two files.
struct Ca {
    name: &'static str,
    chain: Vec<Vec<u8>>,
}

impl Ca {
    fn new(directory: &Path, name: &'static str, kind: Kind, left: Duration) -> Self {
        let key = Key::new(kind);
        let chain = chain_der(&key, SystemTime::now(), left);
        fs::write(directory.join(format!("{name}.pem")), pem_file(&chain)).unwrap();
        let text = pem::encode(&pem::Pem::new("PRIVATE KEY", key.pkcs8()));
        fs::write(directory.join(format!("{name}.key")), text).unwrap();
        Self { name, chain }
    }
}

const DAY: Duration = Duration::from_hours(24);

struct Deployment {
    directory: tempfile::TempDir,
    issuer: FakeIssuer,
    server: Running,
    issuance: Arc<Issuance>,
}

impl Deployment {
    /// A server with a CA file that has one active CA.
    async fn new(active: &Ca, directory: tempfile::TempDir, watch: bool) -> Self {
        let issuer = FakeIssuer::start();
        write(directory.path(), active.name, &[], &[]);
        let unused = TestCa::new().await;
        let settings = AuthoritySettings::File { path: directory.path().join("ca.yaml"), password: None };
        let authority = authorities::open(settings, watch).await.unwrap();
        let issuance = Arc::new(Issuance { authority, ..by_hand(&email_file(&issuer.issuer("email")), &unused) });
        let server = Running::serve(Arc::clone(&issuance), unused);
        Self { directory, issuer, server, issuance }
    }

    fn write(&self, active: &Ca, next: &[&str], retired: &[&Ca]) {
        let retired: Vec<&str> = retired.iter().map(|ca| ca.name).collect();
        write(self.directory.path(), active.name, next, &retired);
    }

    async fn ask(&self) -> Vec<Vec<u8>> {
        let token = self.issuer.token(&self.issuer.claims("email", &email_claims()));
        self.server.ask(&token, &Key::fixed_p256(), ADDRESS).await.certificates()
    }

    /// The chains of the trust bundle.
    async fn bundle(&self) -> Vec<Vec<Vec<u8>>> {
        let bundle = self.server.get("/api/v2/trustBundle").await.json();
        let der = |text: &serde_json::Value| pem::parse(text.as_str().unwrap()).unwrap().into_contents();
        let chain = |chain: &serde_json::Value| chain["certificates"].as_array().unwrap().iter().map(der).collect();
        bundle["chains"].as_array().unwrap().iter().map(chain).collect()
    }

    async fn has_bundle(&self, expected: &[&Ca]) {
        let expected: Vec<_> = expected.iter().map(|ca| ca.chain.clone()).collect();
        eventually("the bundle", async || (self.bundle().await == expected).then_some(())).await;
    }
}

fn write(directory: &Path, active: &str, next: &[&str], retired: &[&str]) {
    let path = |file: &str| directory.join(file).display().to_string();
    let signer = |name: &str| {
        let (certificate, key) = (path(&format!("{name}.pem")), path(&format!("{name}.key")));
        format!("{{ca: fileca, fileca-cert: {certificate}, fileca-key: {key}}}")
    };
    let next: Vec<String> = next.iter().map(|name| signer(name)).collect();
    let retired: Vec<String> =
        retired.iter().map(|name| format!("{{chain: {}}}", path(&format!("{name}.pem")))).collect();
    let (active, next, retired) = (signer(active), next.join(", "), retired.join(", "));
    let text = format!("active: {active}\nnext: [{next}]\nretired: [{retired}]\n");
    let new: PathBuf = directory.join("new.yaml");
    fs::write(&new, text).unwrap();
    fs::rename(new, directory.join("ca.yaml")).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ca_is_announced_takes_over_and_the_old_one_stays_trusted() {
    let directory = tempfile::tempdir().unwrap();
    let old = Ca::new(directory.path(), "old", Kind::P256, 10 * DAY);
    let new = Ca::new(directory.path(), "new", Kind::P384, 10 * DAY);
    let deployment = Arc::new(Deployment::new(&old, directory, true).await);
    let (stop, issued) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (deployment, stop, issued) = (Arc::clone(&deployment), Arc::clone(&stop), Arc::clone(&issued));
            tokio::spawn(async move {
                let mut all = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    all.push(deployment.ask().await);
                    issued.fetch_add(1, Ordering::Relaxed);
                }
                all
            })
        })
        .collect();

    deployment.write(&old, &["new"], &[]);
    deployment.has_bundle(&[&old, &new]).await;
    assert_eq!(deployment.ask().await[1..], old.chain, "who is next does not issue yet");
    deployment.write(&new, &[], &[&old]);
    deployment.has_bundle(&[&new, &old]).await;
    assert_eq!(deployment.ask().await[1..], new.chain);
    let seen = issued.load(Ordering::Relaxed);
    eventually("more certificates", async || (issued.load(Ordering::Relaxed) > seen + 8).then_some(())).await;
    deployment.write(&new, &[], &[]);
    deployment.has_bundle(&[&new]).await;

    stop.store(true, Ordering::Relaxed);
    let mut by_chain = [0, 0];
    for task in load {
        for certificates in task.await.unwrap() {
            assert_chain(&certificates);
            let which = [&old, &new].iter().position(|ca| certificates[1..] == ca.chain).expect("one of the two");
            by_chain[which] += 1;
            if by_chain[which] < 5 {
                openssl_verifies(&certificates);
            }
        }
    }
    assert!(by_chain.iter().all(|count| *count > 0), "{by_chain:?}");
}

#[tokio::test]
async fn a_broken_file_changes_nothing_and_a_broken_next_ca_is_shown_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let [old, new] = ["old", "new"].map(|name| Ca::new(directory.path(), name, Kind::P256, 10 * DAY));
    let deployment = Deployment::new(&old, directory, false).await;
    let ca_file = deployment.directory.path().join("ca.yaml");
    for broken in
        ["", "active: {ca: fileca}", "active: {ca: fileca, fileca-cert: /nonexistent, fileca-key: /nonexistent}"]
    {
        fs::write(&ca_file, broken).unwrap();
        deployment.issuance.authority.reopen();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(deployment.ask().await[1..], old.chain, "{broken}");
    }
    fs::write(deployment.directory.path().join("new.key"), "no key").unwrap();
    deployment.write(&old, &["new"], &[]);
    deployment.issuance.authority.reopen();
    deployment.has_bundle(&[&old, &new]).await;
}

#[tokio::test]
async fn no_certificate_outlives_its_issuer() {
    let directory = tempfile::tempdir().unwrap();
    let ending = Ca::new(directory.path(), "ending", Kind::P256, Duration::from_mins(9));
    let lasting = Ca::new(directory.path(), "lasting", Kind::P256, 10 * DAY);
    let deployment = Deployment::new(&ending, directory, true).await;
    let token = deployment.issuer.token(&deployment.issuer.claims("email", &email_claims()));
    let refused = deployment.server.ask(&token, &Key::fixed_p256(), ADDRESS).await;
    assert_eq!((refused.status, refused.reason().as_str()), (503, "CA_CERTIFICATE_EXPIRING"), "{refused:?}");
    deployment.write(&lasting, &[], &[&ending]);
    deployment.has_bundle(&[&lasting, &ending]).await;
    assert_eq!(deployment.ask().await[1..], lasting.chain);
}
