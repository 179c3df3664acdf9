//! The log's lines, word for word, in each of its forms: a start, a certificate, a refused token, a broken issuer file, the stop.
//!
//! `INSTA_UPDATE=always cargo test` accepts a change.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::support::identities::{email_claims, email_file};
use crate::support::ports::free_addresses;
use crate::support::scene::ADDRESS;
use crate::support::server::key_body;
use crate::support::{FakeIssuer, Key, Kind, eventually};

/// What is another at each run, and what stands in its place.
const FILTERS: [(&str, &str); 8] = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "TIME"),
    (r#""ts":\d+\.\d+"#, r#""ts":SECONDS"#),
    (r#"("caller":"[^":]+:)\d+"#, "${1}LINE"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"((?:http|grpc|metrics)?-?port=)\d+", "${1}PORT"),
    (r#"(serial"?[=:]"?)[0-9a-f]+"#, "${1}SERIAL"),
    (r"/[^ \x22]*/issuers\.yaml", "FOLDER/issuers.yaml"),
    (r"/[^ \x22]*/roots\.pem", "FOLDER/roots.pem"),
];

/// A server that ends with the test.
struct Served(Child);

impl Served {
    /// Nothing of this process' environment reaches it, so that no other machine's log has other lines.
    fn start(folder: &Path, form: &str, [http, grpc, metrics]: [std::net::SocketAddr; 3]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
        command.args(["serve", "--ca=ephemeralca", "--ct-log-url=", "--max-connections=100", "--config-path"]);
        command.arg(folder.join("issuers.yaml")).arg(format!("--log_type={form}"));
        command.args(["--host=127.0.0.1", "--grpc-host=127.0.0.1", "--metrics-host=127.0.0.1"]);
        command.arg(format!("--port={}", http.port())).arg(format!("--grpc-port={}", grpc.port()));
        command.arg(format!("--metrics-port={}", metrics.port()));
        command.env_clear().env("SSL_CERT_FILE", folder.join("roots.pem"));
        let log = File::create(folder.join("log")).unwrap();
        Self(command.stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Everything that a server says in a short life.
async fn life(form: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (issuer, key) = (FakeIssuer::start(), Key::new(Kind::P256));
    let roots = rcgen::generate_simple_self_signed(vec!["root.test".to_owned()]).unwrap();
    fs::write(folder.path().join("roots.pem"), roots.cert.pem()).unwrap();
    fs::write(folder.path().join("issuers.yaml"), email_file(&issuer.issuer("email"))).unwrap();
    let addresses = free_addresses();
    let url = format!("http://{}", addresses[0]);
    let mut server = Served::start(folder.path(), form, addresses);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let log = || fs::read_to_string(folder.path().join("log")).unwrap();
    let said = async |words: &str| {
        eventually(words, || std::future::ready(log().contains(words).then_some(()))).await;
    };

    said("listening").await;
    eventually("health", || async { client.get(format!("{url}/healthz")).send().await.ok() }).await;
    let mut claims = issuer.claims("email", &email_claims());
    for (id, audience, status) in [("good", "sigstore", 200), ("elsewhere", "other", 400)] {
        claims["aud"] = json!(audience);
        let body = key_body(Some(&issuer.token(&claims)), &key.spki_pem(), &key.prove(ADDRESS)).to_string();
        let request = client.post(format!("{url}/api/v2/signingCert")).header("X-Request-Id", id).body(body);
        assert_eq!(request.send().await.unwrap().status(), status, "{}", log());
    }
    fs::write(folder.path().join("issuers.yaml"), "oidc-issuers:\n  https://a.example: {client-id: x, type: emial}\n")
        .unwrap();
    server.signal("-HUP");
    said("the issuer file was not loaded again").await;
    server.signal("-TERM");
    let status = eventually("the end", || std::future::ready(server.0.try_wait().unwrap())).await;
    assert!(status.success(), "{}", log());
    log()
}

#[tokio::test]
async fn the_lines_of_a_servers_life_are_what_they_were() {
    for form in ["dev", "prod", "zap"] {
        let log = life(form).await;
        insta::with_settings!({filters => FILTERS}, { insta::assert_snapshot!(form, log) });
    }
}
