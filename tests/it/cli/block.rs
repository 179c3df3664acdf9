//! `sigmint block` and `sigmint serve --block-path`, the program itself: who is added is refused by a running server, whoever is removed is
//! served again, and the file is never lost or half-written.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::support::certificate::hex;
use crate::support::identities::{email_claims, email_file};
use crate::support::ports::free_addresses;
use crate::support::scene::ADDRESS;
use crate::support::server::key_body;
use crate::support::{FakeIssuer, Key, Kind, eventually};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

fn block(path: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
    command.arg("block").args(words).env("FULCIO_SERVE_BLOCK_PATH", path);
    command.output().unwrap()
}

/// What a command printed, after it ended with this code.
fn said(output: &Output, code: i32) -> String {
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

fn listed(path: &Path) -> Vec<Value> {
    let output = block(path, &["list", "--json"]);
    let list: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output, 0)));
    list["entries"].as_array().unwrap().clone()
}

fn in_folder(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("block.yaml");
    fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn entries_are_added_shown_and_removed() {
    let (folder, path) = in_folder("# ours\nentries: []\n");
    let key = Key::new(Kind::Rsa2048);
    let key_file = folder.path().join("key.pem");
    fs::write(&key_file, key.spki_pem()).unwrap();
    let hash = hex(&Sha256::digest(pem::parse(key.spki_pem()).unwrap().contents()));
    let issuer = ["--issuer", "https://issuer.example"];
    let pod = "kubernetes.io={\"namespace\": \"prod\", \"warn\": true}";
    let add = |words: &[&str]| said(&block(&path, &[&["add"], words].concat()), 0);
    let text =
        add(&[&issuer[..], &["--claim", "repository_id=123", "--claim", "a==b", "--reason", "incident \"42\""]]
            .concat());
    assert!(
        text.contains("claim a = =b, claim repository_id = 123; reason: incident \"42\"")
            && text.contains("1 entry now"),
        "{text}"
    );
    add(&["--san", "mallory@example.com", "--reason", "left", "--for", "7d"]);
    add(&["--key", key_file.to_str().unwrap(), "--reason", "leaked", "--until", "2126-01-01T01:00:00+01:00"]);
    add(&["--claim", pod, "--reason", "r"]);
    let again = add(&["--claim", pod, "--reason", "r"]);
    assert!(again.contains("blocked already"), "{again}");
    let list = listed(&path);
    assert_eq!(
        list[0],
        json!({"issuer": "https://issuer.example", "san": null, "claims": {"repository_id": "123", "a": "=b"}, "key-sha256": null,
            "reason": "incident \"42\"", "until": null, "in-effect": true})
    );
    assert_eq!(
        (list[2]["key-sha256"].as_str(), list[2]["until"].as_str()),
        (Some(&*hash), Some("2126-01-01T00:00:00Z"))
    );
    assert_eq!(
        (list[3]["claims"].clone(), list.len()),
        (json!({"kubernetes.io": {"namespace": "prod", "warn": "true"}}), 4)
    );
    let shown = said(&block(&path, &["list"]), 0);
    assert!(shown.contains("  2  san mallory@example.com\n     left; until 20"), "{shown}");

    // Exactly these conditions: neither fewer nor more.
    for words in [&issuer[..], &["--claim", "repository_id=123"], &["--san", "Mallory@example.com"]] {
        let text = said(&block(&path, &[&["remove"], words].concat()), 1);
        assert!(text.contains("no entry") && text.contains("block list"), "{text}");
    }
    let text = said(&block(&path, &["remove", "--san", "mallory@example.com"]), 0);
    assert!(text.contains("Removed: san mallory@example.com") && text.contains("3 entries now"), "{text}");
    said(&block(&path, &["remove", "--key-sha256", &hash.to_uppercase()]), 0);
    said(&block(&path, &["remove", "--claim", pod]), 0);
    said(&block(&path, &[&["remove"], &issuer[..], &["--claim", "a==b", "--claim", "repository_id=123"]].concat()), 0);
    assert_eq!(fs::read_to_string(&path).unwrap(), "# ours\nentries: []\n");
    assert_eq!(said(&block(&path, &["list"]), 0), format!("{} blocks nobody.\n", path.display()));
}

#[test]
fn what_is_over_is_removed_on_request() {
    let (_folder, path) = in_folder(
        "entries:\n- {san: a, reason: r, until: 2026-01-01T00:00:00Z}\n- {san: b, reason: r, until: 2126-01-01T00:00:00Z}\n- {san: c, reason: r}\n",
    );
    let shown = said(&block(&path, &["list"]), 0);
    assert!(shown.contains("over since 2026-01-01") && shown.contains("warning: entry 1"), "{shown}");
    assert!(said(&block(&path, &["remove", "--expired"]), 0).contains("2 entries now"));
    assert!(said(&block(&path, &["remove", "--expired"]), 0).contains("No entry"));
    assert_eq!(listed(&path).len(), 2);
}

#[test]
fn what_would_block_everybody_nobody_or_make_a_bad_file_is_refused_and_changes_nothing() {
    let (folder, path) = in_folder("entries: []\n");
    let reason = ["--reason", "r"];
    for (words, expected) in [
        (&["add", "--reason", "r"][..], "would block everybody"),
        (&["add", "--san", "a"], "--reason"),
        (&["add", "--san", "a", "--reason", " "], "reason is needed"),
        (&["add", "--san", "a", "--reason", "a\nb"], "on one line"),
        (&["add", "--san", "org/*", "--reason", "r"], "asterisk"),
        (&["add", "--issuer", "issuer.example", "--reason", "r"], "https or http URL"),
        (&["add", "--claim", "a", "--reason", "r"], "NAME=VALUE"),
        (&["add", "--claim", "=a", "--reason", "r"], "NAME=VALUE"),
        (&["add", "--claim", "a={", "--reason", "r"], "--claim a: "),
        (&["add", "--claim", "a={\"b\": [1]}", "--reason", "r"], "a claim has one value"),
        (&["add", "--claim", "a=1", "--claim", "a=2", "--reason", "r"], "given twice"),
        (&["add", "--key-sha256", "00", "--reason", "r"], "64 hexadecimal digits"),
        (&["add", "--key", "/none", "--reason", "r"], "cannot be read"),
        (&["add", "--san", "a", "--until", "tomorrow", "--reason", "r"], "RFC 3339"),
        (&["add", "--san", "a", "--until", "2026-01-01T00:00:00Z", "--reason", "r"], "is over"),
        (&["add", "--san", "a", "--for", "soon", "--reason", "r"], "7d or 12h"),
        (&["add", "--san", "a", "--for", "0s", "--reason", "r"], "is too short"),
        (
            &["add", "--san", "a", "--for", "1d", "--until", "2126-01-01T00:00:00Z", "--reason", "r"],
            "cannot be used with",
        ),
        (&["remove", "--expired", "--san", "a"], "cannot be used with"),
    ] {
        let text = said(&block(&path, words), 2);
        assert!(text.contains(expected), "{words:?}: {expected} is not in {text}");
    }
    assert!(said(&block(&path, &["remove"]), 1).contains("no entry"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "entries: []\n");

    // A file that cannot be loaded is left to people.
    fs::write(&path, "entries:\n- {san: a}\n").unwrap();
    for words in [&[&["add", "--san", "b"], &reason[..]].concat()[..], &["remove", "--san", "a"], &["list"]] {
        let text = said(&block(&path, words), 1);
        assert!(text.contains("block.yaml:2:") && text.contains("reason is needed"), "{text}");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "entries:\n- {san: a}\n");

    fs::write(&path, b"# \xff\nentries: []\n").unwrap();
    let text = said(&block(&path, &[&["add", "--san", "b"], &reason[..]].concat()), 1);
    assert!(text.contains("not UTF-8"), "{text}");
    assert_eq!(fs::read(&path).unwrap(), b"# \xff\nentries: []\n");

    // A name with a slip makes no new file, unless it is asked for.
    let other = folder.path().join("blok.yaml");
    assert!(said(&block(&other, &[&["add", "--san", "b"], &reason[..]].concat()), 1).contains("--create"));
    assert!(!other.exists());
    said(&block(&other, &[&["add", "--create", "--san", "b"], &reason[..]].concat()), 0);
    said(&block(&other, &[&["add", "--create", "--san", "c"], &reason[..]].concat()), 0);
    assert_eq!(listed(&other).len(), 2);
}

#[test]
fn a_link_the_mode_and_comments_stay() {
    let (folder, path) = in_folder("# who\nentries:\n  # why a\n  - san: a\n    reason: r\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let link = folder.path().join("link");
    symlink("block.yaml", &link).unwrap();
    said(&block(&link, &["add", "--san", "b", "--reason", "r"]), 0);
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o640);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# who\nentries:\n  # why a\n  - san: a\n"), "{text}");
    assert_eq!(listed(&link).len(), 2);
    // Nothing is left beside it.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn commands_at_the_same_time_lose_no_entry() {
    const COMMANDS: usize = 12;
    let (folder, path) = in_folder("entries: []\n");
    let add = |number: usize| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
        command.args(["block", "add", "--reason", "r", "--san", &format!("name-{number}"), "--block-path"]).arg(&path);
        command.stdout(Stdio::null()).spawn().unwrap()
    };
    let commands: Vec<Child> = (0..COMMANDS).map(add).collect();
    for mut command in commands {
        assert!(command.wait().unwrap().success());
    }
    assert_eq!(listed(&path).len(), COMMANDS);
    let remove = |number: usize| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
        command.args(["block", "remove", "--san", &format!("name-{number}"), "--block-path"]).arg(&path);
        command.stdout(Stdio::null()).spawn().unwrap()
    };
    let commands: Vec<Child> = (0..COMMANDS - 1).map(remove).collect();
    for mut command in commands {
        assert!(command.wait().unwrap().success());
    }
    assert_eq!(listed(&path).len(), 1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// `sigmint serve` that reads a block list, and an issuer whose tokens it takes.
struct Served {
    child: Child,
    issuer: FakeIssuer,
    url: String,
    key: Key,
}

impl Served {
    async fn start(folder: &Path, block_path: &Path) -> Self {
        let issuer = FakeIssuer::start();
        fs::write(folder.join("issuers.yaml"), email_file(&issuer.issuer("email"))).unwrap();
        let [http, grpc, metrics] = free_addresses();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
        command.args(["serve", "--ca=ephemeralca", "--ct-log-url=", "--host=127.0.0.1", "--grpc-host=127.0.0.1"]);
        command.args([format!("--port={}", http.port()), format!("--grpc-port={}", grpc.port())]);
        command.args([format!("--metrics-port={}", metrics.port()), "--metrics-host=127.0.0.1".to_owned()]);
        command.arg(format!("--config-path={}", folder.join("issuers.yaml").display()));
        command.arg(format!("--block-path={}", block_path.display()));
        let log = fs::File::create(folder.join("log")).unwrap();
        let child = command.env_remove("FULCIO_SERVE_BLOCK_PATH").stderr(log).stdout(Stdio::null()).spawn().unwrap();
        let served = Self { child, issuer, url: format!("http://{http}"), key: Key::new(Kind::P256) };
        eventually("the server", || async { served.reason().await.map(drop) }).await;
        served
    }

    /// Why the usual request is refused; empty when it is not.
    async fn reason(&self) -> Option<String> {
        let token = self.issuer.token(&self.issuer.claims("email", &email_claims()));
        let body = key_body(Some(&token), &self.key.spki_pem(), &self.key.prove(ADDRESS)).to_string();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request =
            client.post(format!("{}/api/v2/signingCert", self.url)).header("Content-Type", "application/json");
        let answer: Value = serde_json::from_str(&request.body(body).send().await.ok()?.text().await.ok()?).ok()?;
        Some(answer["details"][0]["reason"].as_str().unwrap_or_default().to_owned())
    }

    async fn is_refused(&self, expected: &str) {
        eventually(expected, || async { (self.reason().await.as_deref() == Some(expected)).then_some(()) }).await;
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_running_server_goes_by_what_the_command_and_others_write() {
    let (folder, path) = in_folder("entries: []\n");
    let served = Served::start(folder.path(), &path).await;
    served.is_refused("").await;
    said(&block(&path, &["add", "--san", ADDRESS, "--reason", "incident 42"]), 0);
    served.is_refused("BLOCKED").await;
    // Written by a thread of its own.
    let is_logged = || fs::read_to_string(folder.path().join("log")).unwrap().contains("incident 42");
    eventually("the line of the refusal", || async { is_logged().then_some(()) }).await;
    said(&block(&path, &["remove", "--san", ADDRESS]), 0);
    served.is_refused("").await;
    // Written in place, by an editor.
    fs::write(&path, format!("entries:\n  - {{san: {ADDRESS}, reason: r}}\n")).unwrap();
    served.is_refused("BLOCKED").await;
}

#[tokio::test]
async fn a_running_server_goes_by_a_volume_that_kubernetes_swaps() {
    let folder = tempfile::tempdir().unwrap();
    let volume = |name: &str| folder.path().join("volume").join(name);
    let swap = |name: &str, text: &str| {
        fs::create_dir_all(volume(name)).unwrap();
        fs::write(volume(name).join("block.yaml"), text).unwrap();
        symlink(name, volume("..new")).unwrap();
        fs::rename(volume("..new"), volume("..data")).unwrap();
    };
    swap("..1", "entries: []\n");
    symlink("..data/block.yaml", volume("block.yaml")).unwrap();
    let served = Served::start(folder.path(), &volume("block.yaml")).await;
    served.is_refused("").await;
    swap("..2", &format!("entries: [{{san: {ADDRESS}, reason: r}}]\n"));
    served.is_refused("BLOCKED").await;
    swap("..3", "entries: []\n");
    served.is_refused("").await;
}

#[test]
fn without_a_usable_block_list_no_server_starts() {
    for text in [None, Some(""), Some("entries:\n"), Some("entries:\n- {reason: r}\n"), Some("entris: []\n")] {
        let (folder, path) = in_folder("");
        match text {
            Some(text) => fs::write(&path, text).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        fs::write(folder.path().join("issuers.yaml"), email_file("https://issuer.example")).unwrap();
        let issuers = format!("--config-path={}", folder.path().join("issuers.yaml").display());
        let list = format!("--block-path={}", path.display());
        let mut serve = Command::new(env!("CARGO_BIN_EXE_sigmint"));
        let output =
            serve.args(["serve", "--ca=ephemeralca", "--ct-log-url=", "--port=0", &issuers, &list]).output().unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        let final_line = log.lines().last().unwrap_or_default();
        assert!(final_line.contains("block.yaml") && final_line.contains("--block-path"), "{text:?}: {log}");
        assert_eq!(output.status.code(), Some(1));
        let mut check = Command::new(env!("CARGO_BIN_EXE_sigmint"));
        let output = check.args(["config", "check", &issuers, &list]).output().unwrap();
        assert!(said(&output, 2).contains("block.yaml"), "{text:?}");
    }
}
