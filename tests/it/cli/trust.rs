//! `sigmint trust`: the files for clients, from the settings of `serve` and a trust file; and a TUF repository of them.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use p256::pkcs8::{EncodePublicKey as _, LineEnding};
use reqwest::StatusCode;
use serde_json::Value;

use crate::support::ports::free_addresses;

const DEADLINE: Duration = Duration::from_mins(1);

/// A CA in files, and a trust file.
struct Scene {
    folder: tempfile::TempDir,
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

impl Scene {
    fn new() -> Self {
        let scene = Self { folder: tempfile::tempdir().unwrap() };
        // The older one first: services without a start are trusted since the first CA, which a test takes away or not.
        for ca in ["old", "ca"] {
            let made = scene.sigmint(&["ca", "init", "--out", ca, "--unencrypted", "--algorithm", "p256"]);
            assert!(made.status.success(), "{}", told(&made));
        }
        for (log, number) in [("ctlog", 1), ("rekor", 2)] {
            let key = p256::ecdsa::SigningKey::from_slice(&[number; 32]).unwrap();
            let text = key.verifying_key().to_public_key_pem(LineEnding::LF).unwrap();
            scene.write(&format!("{log}.pub"), &text);
        }
        scene.write(
            "trust.yaml",
            "url: https://ca.example\nrekor:\n- {url: https://rekor.example, version: 2, public-key: rekor.pub}\noidc:\n- url: https://login.example\n",
        );
        scene.write(
            "ca.yaml",
            "active: {ca: fileca, fileca-cert: ca/chain.pem, fileca-key: ca/intermediate.key}\nretired:\n- chain: old/chain.pem\n",
        );
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap()
    }

    fn sigmint(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
        command.args(words).current_dir(self.folder.path()).env_remove("SIGMINT_CA_PASSWORD").output().unwrap()
    }

    /// `sigmint trust files` and the like, with the settings of the server.
    fn trust(&self, words: &[&str], more: &[&str]) -> Output {
        let settings = [
            "--ca-config",
            "ca.yaml",
            "--ct-log-url",
            "https://ct.example",
            "--ct-log-public-key-path",
            "ctlog.pub",
            "--trust-config",
            "trust.yaml",
        ];
        self.sigmint(&[&["trust"], words, &settings, more].concat())
    }

    fn files(&self) -> String {
        let written = self.trust(&["files"], &["--out", "clients"]);
        assert!(written.status.success(), "{}", told(&written));
        told(&written)
    }

    fn tuf(&self, words: &[&str]) -> Output {
        self.sigmint(&[&["trust", "tuf"], words, &["--repository", "tuf"]].concat())
    }

    fn key(&self, name: &str) {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        self.write(name, &key.serialize_pem());
    }
}

#[test]
fn files_name_the_active_and_the_retired_ca_and_every_log() {
    let scene = Scene::new();
    let first = scene.files();
    assert!(first.contains("new        clients/trusted_root.json"), "{first}");
    let root = scene.json("clients/trusted_root.json");
    assert_eq!(root["certificateAuthorities"].as_array().unwrap().len(), 2);
    assert_eq!(root["ctlogs"][0]["baseUrl"], "https://ct.example");
    assert_eq!(root["tlogs"][0]["baseUrl"], "https://rekor.example");
    let config = scene.json("clients/signing_config.json");
    assert_eq!(config["caUrls"].as_array().unwrap().len(), 1, "the retired CA is not asked");
    assert_eq!(config["rekorTlogUrls"][0]["majorApiVersion"], 2);
    assert_eq!(config["oidcUrls"][0]["operator"], "ca.example");
    let roots = fs::read_to_string(scene.path("clients/roots.pem")).unwrap();
    let own = |ca: &str| fs::read_to_string(scene.path(&format!("{ca}/root.pem"))).unwrap();
    assert_eq!(roots, own("ca") + &own("old"), "the one that issues is first");
}

#[test]
fn the_trust_file_says_when_a_retired_ca_was_in_use() {
    let scene = Scene::new();
    let text = fs::read_to_string(scene.path("trust.yaml")).unwrap();
    scene.write(
        "trust.yaml",
        &(text
            + "certificate-authorities:\n- {url: https://old.example, chain: old/chain.pem, end: 2999-01-01T00:00:00Z}\n"
            + "ct-logs:\n- {url: https://ct.example, public-key: ctlog.pub, start: 2026-01-01T00:00:00Z}\n"),
    );
    scene.files();
    let root = scene.json("clients/trusted_root.json");
    let authorities = root["certificateAuthorities"].as_array().unwrap();
    let old = authorities.iter().find(|one| one["uri"] == "https://old.example").unwrap();
    assert_eq!((&old["validFor"]["end"], authorities.len()), (&"2999-01-01T00:00:00Z".into(), 2));
    let logs = root["ctlogs"].as_array().unwrap();
    assert_eq!((logs.len(), &logs[0]["publicKey"]["validFor"]["start"]), (1, &"2026-01-01T00:00:00Z".into()));
}

#[test]
fn a_dry_run_writes_nothing_and_only_changes_are_written() {
    let scene = Scene::new();
    let dry = scene.trust(&["files"], &["--out", "clients", "--dry-run"]);
    assert!(told(&dry).contains("new        clients/clients.md") && !scene.path("clients").exists());
    scene.files();
    assert!(scene.files().lines().all(|line| line.starts_with("unchanged  ")), "{}", scene.files());
    scene.write("clients/roots.pem", "something else");
    let told = scene.files();
    assert!(
        told.contains("\nchanged    clients/roots.pem") && told.contains("unchanged  clients/chains.pem"),
        "{told}"
    );
    assert!(fs::read_to_string(scene.path("clients/roots.pem")).unwrap().starts_with("-----BEGIN"));
}

#[test]
fn show_prints_a_summary_or_one_document() {
    let scene = Scene::new();
    let summary = told(&scene.trust(&["show"], &[]));
    for expected in
        ["Operator: ca.example", "https://rekor.example (version 2, origin rekor.example)", "signers do not ask it"]
    {
        assert!(summary.contains(expected), "{summary}");
    }
    let document = scene.trust(&["show"], &["--document", "trusted-root"]);
    let document: Value = serde_json::from_slice(&document.stdout).unwrap();
    scene.files();
    assert_eq!(document, scene.json("clients/trusted_root.json"));
    let roots = scene.trust(&["show"], &["--document", "roots"]).stdout;
    assert_eq!(roots, fs::read(scene.path("clients/roots.pem")).unwrap());
}

#[test]
fn mistakes_are_told_with_what_to_do_and_nothing_is_written() {
    let scene = Scene::new();
    let refused = |scene: &Scene, more: &[&str], expected: &str| {
        let output = scene.trust(&["files"], &[&["--out", "clients"], more].concat());
        assert_eq!(output.status.code(), Some(2), "{}", told(&output));
        assert!(told(&output).contains(expected), "{expected}\n{}", told(&output));
        assert!(!scene.path("clients").exists());
    };
    refused(&scene, &["--trust-config", "none.yaml"], "none.yaml");
    refused(&scene, &["--ct-log-public-key-path="], "clients need the log's key: set --ct-log-public-key-path");
    scene.write("rekor.pub", "no key");
    refused(&scene, &[], "rekor.pub: ");
    scene.write("trust.yaml", "url: https://ca.example\ntimestamp-authoritys: []\n");
    refused(&scene, &[], "trust.yaml:2:1");
    refused(&scene, &[], "did you mean \"timestamp-authorities\"?");
    scene.write(
        "trust.yaml",
        "url: https://ca.example\ntimestamp-authorities:\n- {url: https://t.example, chain: ca/chain.pem}\n",
    );
    refused(&scene, &[], "it needs the extended key usage timeStamping");
}

#[test]
fn a_repository_is_made_published_to_and_rotated() {
    let scene = Scene::new();
    scene.files();
    for name in ["root.key", "next.key", "targets.key", "online.key"] {
        scene.key(name);
    }
    let signing = ["--targets-key", "targets.key", "--online-key", "online.key"];
    let done = |output: Output| {
        assert!(output.status.success(), "{}", told(&output));
        told(&output)
    };
    let dry = done(scene.tuf(&[&["init", "--dry-run", "--root-key", "root.key"], &signing[..]].concat()));
    assert!(dry.contains("would write tuf/1.root.json") && !scene.path("tuf").exists(), "{dry}");
    let made = done(scene.tuf(&[&["init", "--root-key", "root.key"], &signing[..]].concat()));
    assert!(made.contains("Clients begin with tuf/root.json"), "{made}");
    done(scene.tuf(&[&["publish", "--from", "clients"], &signing[..]].concat()));
    let targets = scene.json("tuf/2.targets.json");
    let names: Vec<&String> = targets["signed"]["targets"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["signing_config.v0.2.json", "trusted_root.json"]);
    let short = done(scene.tuf(&[
        "refresh",
        "--targets-lifetime",
        "2h",
        "--online-key",
        "online.key",
        "--targets-key",
        "targets.key",
    ]));
    assert!(short.contains("The targets metadata end on"), "{short}");
    done(scene.tuf(&["rotate-root", "--root-key", "root.key", "--new-root-key", "next.key"]));
    let error = scene.tuf(&["rotate-root", "--root-key", "root.key"]);
    assert_eq!(error.status.code(), Some(2));
    assert!(told(&error).contains("need 1 signatures of their keys, and 0 of these keys are here"), "{}", told(&error));
    done(scene.tuf(&["rotate-root", "--root-key", "next.key"]));
    assert_eq!(scene.json("tuf/root.json")["signed"]["version"], 3);
}

#[test]
fn a_repository_refuses_foreign_keys_and_what_clients_could_not_read() {
    let scene = Scene::new();
    for name in ["root.key", "targets.key", "online.key", "other.key"] {
        scene.key(name);
    }
    let p384 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    scene.write("p384.key", &p384.serialize_pem());
    let signing = ["--targets-key", "targets.key", "--online-key", "online.key"];
    let refused = |output: Output, expected: &str| {
        assert_eq!(output.status.code(), Some(2), "{}", told(&output));
        assert!(told(&output).contains(expected), "{expected}\n{}", told(&output));
    };
    refused(
        scene.tuf(&[&["init", "--root-key", "p384.key"], &signing[..]].concat()),
        "TUF metadata are signed with ECDSA on P-256 or Ed25519",
    );
    refused(scene.tuf(&["refresh", "--online-key", "online.key"]), "make one with `sigmint trust tuf init`");
    assert!(!scene.path("tuf").exists());
    let made = scene.tuf(&[&["init", "--root-key", "root.key"], &signing[..]].concat());
    assert!(made.status.success(), "{}", told(&made));
    refused(scene.tuf(&[&["init", "--root-key", "root.key"], &signing[..]].concat()), "choose another folder");
    refused(scene.tuf(&["refresh", "--online-key", "other.key"]), "give one of the role's keys: --online-key");
    let before = fs::read(scene.path("tuf/timestamp.json")).unwrap();
    fs::create_dir(scene.path("clients")).unwrap();
    scene.write("clients/trusted_root.json", "{}");
    refused(scene.tuf(&[&["publish", "--from", "clients"], &signing[..]].concat()), "is not of the media type");
    scene.files();
    let foreign = ["publish", "--from", "clients", "--targets-key", "other.key", "--online-key", "online.key"];
    refused(scene.tuf(&foreign), "give as many of the role's keys as have to sign");
    assert_eq!(fs::read(scene.path("tuf/timestamp.json")).unwrap(), before);
    assert!(!scene.path("tuf/targets").exists(), "nothing of it was written");
}

#[test]
fn what_is_published_is_compared_with_what_signs() {
    let scene = Scene::new();
    scene.files();
    let same = scene.trust(&["diff", "clients/trusted_root.json"], &[]);
    assert!(same.status.success() && told(&same).contains("is what the settings say"), "{}", told(&same));
    // The CA that issues is another one now.
    let text = "active: {ca: fileca, fileca-cert: old/chain.pem, fileca-key: old/intermediate.key}\n";
    scene.write("ca.yaml", text);
    let made = scene.sigmint(&["ca", "init", "--out", "third", "--unencrypted"]);
    assert!(made.status.success(), "{}", told(&made));
    let differs = scene.trust(&["diff", "clients/trusted_root.json"], &[]);
    assert_eq!(differs.status.code(), Some(1));
    assert_eq!(
        told(&differs),
        "certificate authority https://ca.example: published, and not known here: verifiers believe what it makes\n"
    );
    scene.write("ca.yaml", &text.replace("old/", "third/"));
    let differs = told(&scene.trust(&["diff", "clients/trusted_root.json"], &[]));
    assert!(differs.contains("not published: verifiers refuse what it makes\n"), "{differs}");
    let refused = scene.trust(&["diff", "clients/signing_config.json"], &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(told(&refused).contains("it is not a trusted root"), "{}", told(&refused));
}

/// `sigmint serve` in the scene's folder.
struct Serving {
    child: Child,
    url: String,
    client: reqwest::Client,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Serving {
    fn start(scene: &Scene, more: &[&str]) -> Self {
        let [http, grpc, metrics] = free_addresses();
        scene.write("issuers.yaml", "oidc-issuers:\n  https://sso.corp.example: {client-id: sigstore, type: email}\n");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
        command.args(["serve", "--ca-config=ca.yaml", "--config-path=issuers.yaml", "--host=127.0.0.1"]);
        command.args(["--grpc-host=127.0.0.1", "--metrics-host=127.0.0.1", "--ct-log-url=https://ct.example"]);
        command.arg("--ct-log-public-key-path=ctlog.pub").args(more);
        for (flag, address) in [("port", http), ("grpc-port", grpc), ("metrics-port", metrics)] {
            command.arg(format!("--{flag}={}", address.port()));
        }
        let child =
            command.current_dir(scene.folder.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { child, url: format!("http://{http}"), client }
    }

    /// The answer, once the server answers at all.
    async fn get(&self, path: &str, tags: Option<&str>) -> reqwest::Response {
        let until = Instant::now() + DEADLINE;
        loop {
            let request = self.client.get(format!("{}{path}", self.url));
            let request = tags.into_iter().fold(request, |request, tags| request.header("if-none-match", tags));
            match request.send().await {
                Ok(answer) => return answer,
                Err(error) => assert!(Instant::now() < until, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn field(answer: &reqwest::Response, name: &str) -> String {
    answer.headers()[name].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn serve_hands_out_the_same_documents_and_notices_changes() {
    let scene = Scene::new();
    scene.files();
    let server = Serving::start(&scene, &["--trust-config=trust.yaml"]);
    for (path, file, kind) in [
        ("/trust/trusted_root.json", "trusted_root.json", "application/json"),
        ("/trust/signing_config.json", "signing_config.json", "application/json"),
        ("/trust/client_trust_config.json", "client_trust_config.json", "application/json"),
    ] {
        let answer = server.get(path, None).await;
        assert_eq!((answer.status(), field(&answer, "content-type").as_str()), (StatusCode::OK, kind), "{path}");
        assert_eq!(field(&answer, "cache-control"), "public, max-age=300");
        let document: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert_eq!(document, scene.json(&format!("clients/{file}")));
    }
    for name in ["roots.pem", "chains.pem"] {
        let document = server.get(&format!("/trust/{name}"), None).await.bytes().await.unwrap();
        assert_eq!(document, fs::read(scene.path(&format!("clients/{name}"))).unwrap());
    }
    let path = "/trust/signing_config.json";
    let tag = field(&server.get(path, None).await, "etag");
    for tags in [tag.clone(), format!("\"other\", W/{tag}"), "*".to_owned()] {
        let answer = server.get(path, Some(&tags)).await;
        assert_eq!((answer.status(), field(&answer, "etag")), (StatusCode::NOT_MODIFIED, tag.clone()), "{tags}");
        assert!(answer.bytes().await.unwrap().is_empty());
    }
    assert_eq!(server.get(path, Some("\"other\"")).await.status(), StatusCode::OK);
    let posted = server.client.post(format!("{}{path}", server.url)).send().await.unwrap();
    assert_eq!((posted.status(), field(&posted, "allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD".to_owned()));
    // What cannot be read changes nothing; what can, is served soon.
    let good = fs::read_to_string(scene.path("trust.yaml")).unwrap();
    scene.write("trust.yaml", "nothing: of this\n");
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(field(&server.get(path, None).await, "etag"), tag);
    scene.write("trust.yaml", &format!("{good}- url: https://second.example\n"));
    let until = Instant::now() + DEADLINE;
    while field(&server.get(path, None).await, "etag") == tag {
        assert!(Instant::now() < until, "the change was not noticed");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(server.get(path, None).await.text().await.unwrap().contains("https://second.example"));
}

#[tokio::test]
async fn serve_without_a_trust_file_has_no_such_paths_and_with_a_bad_one_does_not_start() {
    let scene = Scene::new();
    let server = Serving::start(&scene, &[]);
    assert_eq!(server.get("/trust/trusted_root.json", None).await.status(), StatusCode::NOT_FOUND);
    drop(server);
    scene.write("trust.yaml", "nothing: of this\n");
    let words =
        ["serve", "--ca-config=ca.yaml", "--config-path=issuers.yaml", "--ct-log-url=", "--trust-config=trust.yaml"];
    let output = scene.sigmint(&[&words[..], &["--port=0", "--grpc-port=0", "--metrics-port=0"]].concat());
    assert!(!output.status.success() && told(&output).contains("trust.yaml:1:1"), "{}", told(&output));
    let words =
        ["config", "check", "--while-running", "--ca-config=ca.yaml", "--config-path=issuers.yaml", "--ct-log-url="];
    let checked = scene.sigmint(&[&words[..], &["--trust-config=trust.yaml"]].concat());
    assert_eq!(checked.status.code(), Some(2));
    assert!(told(&checked).contains("trust.yaml:1:1"), "{}", told(&checked));
}
