//! `sigmint serve` with an audit log: its keys, its anchors, what it refuses, and a policy that is replaced.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::audit::{of_type, records};
use crate::support::authority::{chain_der, pem_file};
use crate::support::identities::{email_claims, email_file};
use crate::support::ports::free_addresses;
use crate::support::scene::ADDRESS;
use crate::support::server::key_body;
use crate::support::{FakeIssuer, Key, Kind, eventually};
use serde_json::json;
use std::time::{Duration, SystemTime};

/// A folder with a CA, an audit key and its public half.
pub(super) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (ca, audit) = (Key::new(Kind::P256), Key::new(Kind::P256));
    let chain = chain_der(&ca, SystemTime::now(), Duration::from_hours(24 * 365));
    let private = |key: &Key| pem::encode(&pem::Pem::new("PRIVATE KEY", key.pkcs8()));
    for (name, content) in [
        ("chain.pem", pem_file(&chain)),
        ("ca.key", private(&ca)),
        ("audit.key", private(&audit)),
        ("audit.pub", audit.spki_pem()),
        ("issuers.yaml", "oidc-issuers:\n  https://sso.corp.example: {client-id: s, type: email}\n".to_owned()),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

/// The server in a folder, with more settings and variables: its process and where it answers (HTTP, gRPC, metrics).
pub(super) fn serve(folder: &Path, more: &[&str], variables: &[(&str, &str)]) -> (Child, [SocketAddr; 3]) {
    let addresses @ [http, grpc, metrics] = free_addresses();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
    command.args(["serve", "--ca=fileca", "--fileca-cert=chain.pem", "--fileca-key=ca.key", "--ct-log-url="]);
    command.args(["--config-path=issuers.yaml", "--host=127.0.0.1", "--grpc-host=127.0.0.1"]);
    command.args(["--metrics-host=127.0.0.1".to_owned(), format!("--port={}", http.port())]);
    command.args([format!("--grpc-port={}", grpc.port()), format!("--metrics-port={}", metrics.port())]);
    let log = fs::File::create(folder.join("log")).unwrap();
    command.args(more).envs(variables.iter().copied()).current_dir(folder);
    let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
    (child, addresses)
}

/// Has the server trust this issuer.
pub(super) fn trust(folder: &Path, issuer: &FakeIssuer) {
    fs::write(folder.join("issuers.yaml"), email_file(&issuer.issuer("email"))).unwrap();
}

/// The status of the answer to the usual request, once the server answers.
pub(super) async fn ask(http: SocketAddr, issuer: &FakeIssuer) -> u16 {
    let (token, key) = (issuer.token(&issuer.claims("email", &email_claims())), Key::new(Kind::P256));
    let body = key_body(Some(&token), &key.spki_pem(), &key.prove(ADDRESS)).to_string();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{http}/api/v2/signingCert");
    let sent = || async {
        let request = client.post(&url).header("Content-Type", "application/json");
        request.body(body.clone()).send().await.ok()
    };
    eventually("an answer", sent).await.status().as_u16()
}

/// Tells the server to stop, and waits until it has.
pub(super) fn end(child: &mut Child) {
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert!(child.wait().unwrap().success());
}

/// `sigmint audit` in a folder: how it ended, and what it printed.
pub(super) fn audit(folder: &Path, words: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
    let run = command.arg("audit").args(words).current_dir(folder).output().unwrap();
    (run.status.code(), String::from_utf8(run.stdout).unwrap())
}

#[tokio::test]
async fn heads_are_signed_at_the_start_and_at_the_end_and_go_to_anchors_and_metrics() {
    let folder = folder();
    let settings = ["--audit-path=audit.jsonl", "--audit-key=audit.key", "--audit-anchor=heads"];
    let (mut child, [_, _, metrics]) = serve(folder.path(), &settings, &[]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let shown = eventually("a head among the metrics", || async {
        let text = client.get(format!("http://{metrics}/metrics")).send().await.ok()?.text().await.ok()?;
        text.lines().find(|line| line.starts_with("sigmint_audit_head{")).map(str::to_owned)
    })
    .await;
    end(&mut child);
    let records = records(&folder.path().join("audit.jsonl"));
    let heads = of_type(&records, "head");
    assert_eq!((records.len(), heads.len(), of_type(&records, "end").len()), (4, 2, 1));
    assert!(shown.contains(heads[0]["head"]["sha256"].as_str().unwrap()) && shown.ends_with(" 1"), "{shown}");
    let anchored = fs::read_to_string(folder.path().join("heads")).unwrap();
    assert_eq!(anchored.lines().count(), 2);
    let verify = |key: &str| audit(folder.path(), &["verify", "--key", key, "--anchor", "heads", "audit.jsonl"]);
    let (code, text) = verify("audit.pub");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.ends_with("The log is as it was written.\n"), "{text}");
    let other = Key::new(Kind::P256).spki_pem();
    fs::write(folder.path().join("other.pub"), other).unwrap();
    let (code, text) = verify("other.pub");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("audit.jsonl:2: the head's signature is not by the key"), "{text}");
}

#[test]
fn the_key_of_the_ca_signs_no_heads_and_a_short_key_hides_no_addresses() {
    let folder = folder();
    fs::write(folder.path().join("short"), [1; 31]).unwrap();
    for (settings, said) in [
        (&["--audit-key=ca.key"][..], "--audit-key: the audit key is a CA's key"),
        (&["--audit-key=missing"], "--audit-key"),
        (&["--audit-redact=email", "--audit-redact-key=short"], "shorter than 32 bytes"),
    ] {
        let settings = [&["--audit-path=audit.jsonl"], settings].concat();
        let (mut child, _) = serve(folder.path(), &settings, &[]);
        let status = child.wait().unwrap();
        let log = fs::read_to_string(folder.path().join("log")).unwrap();
        let last = log.lines().last().unwrap_or_default();
        assert!(status.code() == Some(1) && last.contains(said), "{settings:?}: {last}");
    }
}

#[tokio::test]
async fn records_have_the_claims_that_the_replaced_policy_names() {
    let (folder, issuer) = (folder(), FakeIssuer::start());
    trust(folder.path(), &issuer);
    let replace = |text: &str| {
        fs::write(folder.path().join("policy.new"), text).unwrap();
        fs::rename(folder.path().join("policy.new"), folder.path().join("policy.yaml")).unwrap();
    };
    let naming = |claim: &str| format!("rules: [{{id: known, allow: \"claims.{claim} != ''\"}}]\n");
    replace(&naming("email"));
    let settings = ["--audit-path=audit.jsonl", "--audit-claims=policy", "--policy-path=policy.yaml"];
    let (mut child, [http, ..]) = serve(folder.path(), &settings, &[]);
    // An intent is written before its certificate is signed.
    let last_claims = async || {
        assert_eq!(ask(http, &issuer).await, 200);
        of_type(&records(&folder.path().join("audit.jsonl")), "intent").last().unwrap()["claims"].clone()
    };
    let (email, subject) = (json!({"email": ADDRESS}), json!({"sub": "1234567890"}));
    assert_eq!(last_claims().await, email);
    replace(&naming("sub"));
    eventually("a record by the new policy", || async { (last_claims().await == subject).then_some(()) }).await;
    // A policy that cannot be loaded changes nothing.
    replace("rules: [{id: known, allow: \"claims.email\"}]\n");
    let is_refused = || fs::read_to_string(folder.path().join("log")).unwrap().contains("the policy files are bad");
    eventually("the refused policy", || async { is_refused().then_some(()) }).await;
    assert_eq!(last_claims().await, subject);
    end(&mut child);
    let records = records(&folder.path().join("audit.jsonl"));
    let claims: Vec<_> = of_type(&records, "intent").iter().map(|record| record["claims"].clone()).collect();
    let change = claims.iter().position(|claims| *claims == subject).unwrap();
    assert!(claims[..change].iter().all(|claims| *claims == email), "{claims:?}");
    assert!(claims[change..].iter().all(|claims| *claims == subject), "{claims:?}");
}
