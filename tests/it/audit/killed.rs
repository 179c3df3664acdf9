//! A server that is killed while it issues: its log is accepted, and every certificate that a client got has its intent.
//! tests/e2e/audit/kill.py does the same for longer.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::audit::{log_in, of_type, records};
use crate::support::certificate::parse;
use crate::support::identities::{email_claims, email_file};
use crate::support::ports::free_addresses;
use crate::support::scene::ADDRESS;
use crate::support::server::key_body;
use crate::support::{FakeIssuer, Key, Kind, Reply, eventually};
use sigmint::audit::verify::{VerifyOptions, verify};

const KILLS: usize = 3;
const CLIENTS: usize = 4;
/// Certificates of a round before the kill.
const RECEIVED: usize = 12;

fn serve(folder: &Path) -> (Child, SocketAddr) {
    let [http, grpc, metrics] = free_addresses();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
    command.args(["serve", "--ca=ephemeralca", "--config-path=issuers.yaml", "--ct-log-url=", "--host=127.0.0.1"]);
    command.args(["--grpc-host=127.0.0.1", "--metrics-host=127.0.0.1", "--audit-path=audit.jsonl"]);
    command.args(["--audit-sync=request".to_owned(), format!("--port={}", http.port())]);
    command.args([format!("--grpc-port={}", grpc.port()), format!("--metrics-port={}", metrics.port())]);
    let child = command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    (child, http)
}

/// Asks until the server is gone. Sends the serial number of each certificate.
async fn ask(url: String, body: String, received: tokio::sync::mpsc::UnboundedSender<String>) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    loop {
        let Ok(response) = client.post(&url).body(body.clone()).send().await else { return };
        let (status, Ok(text)) = (response.status().as_u16(), response.text().await) else { return };
        let reply = Reply { status, headers: reqwest::header::HeaderMap::new(), text };
        // Records write the number without the zero byte that DER puts before a high bit.
        let serial = hex::encode(parse(&reply.certificates()[0]).serial.to_bytes_be());
        let _ = received.send(serial);
    }
}

#[tokio::test]
async fn no_certificate_that_a_client_received_lacks_its_intent() {
    let folder = tempfile::tempdir().unwrap();
    let (issuer, key) = (FakeIssuer::start(), Key::new(Kind::P256));
    std::fs::write(folder.path().join("issuers.yaml"), email_file(&issuer.issuer("email"))).unwrap();
    let token = issuer.token(&issuer.claims("email", &email_claims()));
    let body = key_body(Some(&token), &key.spki_pem(), &key.prove(ADDRESS)).to_string();
    let mut all = HashSet::new();
    for _ in 0..KILLS {
        let (mut child, http) = serve(folder.path());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        eventually("the server", || async { client.get(format!("http://{http}/healthz")).send().await.ok() }).await;
        let (sender, mut received) = tokio::sync::mpsc::unbounded_channel();
        let url = format!("http://{http}/api/v2/signingCert");
        let asking: Vec<_> =
            (0..CLIENTS).map(|_| tokio::spawn(ask(url.clone(), body.clone(), sender.clone()))).collect();
        drop(sender);
        for _ in 0..RECEIVED {
            all.insert(received.recv().await.unwrap());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for one in asking {
            one.await.unwrap();
        }
        while let Some(serial) = received.recv().await {
            all.insert(serial);
        }
        let path = log_in(&folder);
        // What was cut off is the next start's to name.
        if std::fs::read(&path).unwrap().ends_with(b"\n") {
            let report = verify(std::slice::from_ref(&path), &VerifyOptions::default()).unwrap();
            assert!(report.is_good(), "{:?}", report.problems);
        }
    }
    let records = records(&log_in(&folder));
    let intents: HashSet<String> =
        of_type(&records, "intent").iter().map(|record| record["serial"].as_str().unwrap().to_owned()).collect();
    assert!(all.len() >= KILLS * RECEIVED);
    assert!(all.is_subset(&intents), "{:?}", all.difference(&intents));
}
