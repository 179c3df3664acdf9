//! `sigmint dev --dir`: a folder belongs to one run at a time, and its keys are used again by the next one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::dev::{FREE_PORTS, Killed, serving};
use crate::support::ports::free_addresses;
use serde_json::Value;

/// What clients trust, and whom they ask.
const FOR_CLIENTS: [&str; 8] = [
    "trusted_root.json",
    "signing_config.json",
    "chain.pem",
    "root.pem",
    "ctlog.pub",
    "tsa-chain.pem",
    "rekor.pub",
    "client_trust_config.json",
];
const KEYS: [&str; 6] =
    ["ca-key.pem", "ctlog-key.pem", "issuer-key.pem", "tsa-key.pem", "rekor-key.pem", "tuf-key.pem"];

/// A running `sigmint dev`, which ends as a killed process does.
struct Dev {
    _process: Killed,
    told: String,
}

/// The command in a folder, with these ports for authority, issuer, log, timestamp authority and the log of signatures.
fn command(folder: &Path, ports: [u16; 5], more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
    command.arg("dev");
    for (flag, port) in ["--port", "--issuer-port", "--log-port", "--tsa-port", "--rekor-port"].iter().zip(ports) {
        command.arg(flag).arg(port.to_string());
    }
    command.arg("--dir").arg(folder).args(more);
    command
}

impl Dev {
    fn start(mut command: Command) -> Self {
        let (process, told) = serving(&mut command);
        Self { _process: process, told }
    }
}

fn free_ports() -> [u16; 5] {
    free_addresses().map(|address| address.port())
}

fn contents(folder: &Path, names: &[&str]) -> Vec<Vec<u8>> {
    names.iter().map(|name| fs::read(folder.join(name)).unwrap()).collect()
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("dev");
    (place, folder)
}

fn refused(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert_eq!(status.code(), Some(2), "{}", String::from_utf8_lossy(&stdout));
    String::from_utf8(stderr).unwrap()
}

async fn key_set(port: u16) -> Value {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("http://127.0.0.1:{port}/email/keys")).send().await.unwrap();
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn the_next_run_in_a_folder_has_the_same_keys_and_trust() {
    let ((_place, folder), ports) = (place(), free_ports());
    let first = Dev::start(command(&folder, ports, &[]));
    assert!(first.told.contains("New keys, which stay in"), "{}", first.told);
    let (before, keys, set) = (contents(&folder, &FOR_CLIENTS), contents(&folder, &KEYS), key_set(ports[1]).await);
    // A token of the first run is good for the second one.
    fs::copy(folder.join("identity-token"), folder.join("old-token")).unwrap();
    for name in KEYS.iter().chain(&["identity-token"]) {
        assert_eq!(fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    drop(first);

    let second = Dev::start(command(&folder, ports, &[]));
    assert!(second.told.contains("are used again"), "{}", second.told);
    assert!(contents(&folder, &KEYS) == keys && contents(&folder, &FOR_CLIENTS) == before);
    assert_eq!(key_set(ports[1]).await, set);
    let authority = format!("http://127.0.0.1:{}", ports[0]);
    let token = folder.join("old-token");
    let request = Command::new(env!("CARGO_BIN_EXE_sigmint"))
        .args(["request", "--url", &authority, "--token", &format!("@{}", token.display())])
        .output()
        .unwrap();
    assert!(request.status.success(), "{request:?}");
    let issued = String::from_utf8(request.stdout).unwrap();
    assert!(issued.contains(String::from_utf8_lossy(&before[3]).trim()), "below the root of the first run");
    drop(second);

    let elsewhere = Dev::start(command(&folder, free_ports(), &[]));
    assert!(contents(&folder, &KEYS) == keys, "other ports change no key");
    let kept = ["chain.pem", "root.pem", "ctlog.pub", "tsa-chain.pem", "rekor.pub"];
    assert!(contents(&folder, &kept) == before[2..7]);
    drop(elsewhere);

    let (_another_place, another) = place();
    let _other = Dev::start(command(&another, free_ports(), &[]));
    for (name, key) in KEYS.iter().zip(&keys) {
        assert_ne!(fs::read(another.join(name)).unwrap(), *key, "{name} is another folder's own");
    }
}

/// What clients trust, without the addresses.
fn trusted(folder: &Path) -> Value {
    let mut root: Value = serde_json::from_slice(&fs::read(folder.join("trusted_root.json")).unwrap()).unwrap();
    for (of, address) in [
        ("certificateAuthorities", "uri"),
        ("ctlogs", "baseUrl"),
        ("tlogs", "baseUrl"),
        ("timestampAuthorities", "uri"),
    ] {
        let entries = root[of].as_array_mut().unwrap();
        assert_eq!(entries.len(), 1, "{of}");
        entries[0].as_object_mut().unwrap().remove(address).unwrap();
    }
    root
}

/// With the start of the first run: a signature of that run is of a time at which its authorities were trusted.
#[tokio::test]
async fn a_timestamp_of_an_earlier_run_verifies_with_what_a_later_run_trusts() {
    let (_place, folder) = place();
    let first = Dev::start(command(&folder, free_ports(), &[]));
    let before = trusted(&folder);
    let config: Value = serde_json::from_slice(&fs::read(folder.join("signing_config.json")).unwrap()).unwrap();
    let openssl = |words: &[&str]| {
        Command::new("openssl").arg("ts").args(words).current_dir(&folder).output().expect("openssl is installed")
    };
    assert!(openssl(&["-query", "-data", "hello.txt", "-sha256", "-cert", "-out", "old.tsq"]).status.success());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(config["tsaUrls"][0]["url"].as_str().unwrap());
    let request = request.header("content-type", "application/timestamp-query");
    let answer = request.body(fs::read(folder.join("old.tsq")).unwrap()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    fs::write(folder.join("old.tsr"), answer.bytes().await.unwrap()).unwrap();
    drop(first);

    let _second = Dev::start(command(&folder, free_ports(), &[]));
    assert_eq!(trusted(&folder), before);
    let root = pem::parse_many(fs::read(folder.join("tsa-chain.pem")).unwrap()).unwrap().pop().unwrap();
    fs::write(folder.join("tsa-root.pem"), pem::encode(&root)).unwrap();
    let verified = openssl(&["-verify", "-queryfile", "old.tsq", "-in", "old.tsr", "-CAfile", "tsa-root.pem"]);
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn a_folder_of_a_running_one_is_refused_until_that_one_is_gone() {
    let (_place, folder) = place();
    let running = Dev::start(command(&folder, free_ports(), &[]));
    let before = contents(&folder, &[&FOR_CLIENTS[..], &KEYS].concat());
    for more in [&[][..], &["--once"], &["--issuer-only"]] {
        let error = refused(command(&folder, [0; 5], more));
        assert!(error.contains("another `sigmint dev` is running in") && error.contains("--dir"), "{error}");
        assert!(error.contains(&folder.display().to_string()), "{error}");
    }
    assert!(contents(&folder, &[&FOR_CLIENTS[..], &KEYS].concat()) == before, "nothing is written again");
    // Killed, not told to stop.
    drop(running);
    assert!(command(&folder, [0; 5], &["--once"]).output().unwrap().status.success());
}

#[test]
fn a_damaged_key_is_named_and_left_as_it_is() {
    let (_place, folder) = place();
    assert!(command(&folder, [0; 5], &["--once"]).output().unwrap().status.success());
    let (_other_place, other) = place();
    assert!(command(&other, [0; 5], &["--once"]).output().unwrap().status.success());
    let certificates_of_another = {
        let (own, of_other) = (contents(&folder, &["ca-key.pem"]), contents(&other, &["chain.pem"]));
        let key = String::from_utf8(own[0].clone()).unwrap();
        let key = key.split_once("-----BEGIN CERTIFICATE").unwrap().0.to_owned();
        [key.into_bytes(), of_other[0].clone()].concat()
    };
    let damaged =
        KEYS.iter().map(|name| (*name, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_vec()));
    let odd = [("ca-key.pem", certificates_of_another), ("ca-key.pem", contents(&folder, &["chain.pem"])[0].clone())];
    for (name, content) in damaged.chain(KEYS.map(|name| (name, Vec::new()))).chain(odd) {
        let good = fs::read(folder.join(name)).unwrap();
        fs::write(folder.join(name), &content).unwrap();
        let error = refused(command(&folder, [0; 5], &["--once"]));
        assert!(error.contains(name) && error.contains("put the file back, or remove the folder"), "{name}: {error}");
        assert!(fs::read(folder.join(name)).unwrap() == content, "{name}");
        fs::write(folder.join(name), good).unwrap();
    }
    assert!(command(&folder, [0; 5], &["--once"]).output().unwrap().status.success());
}

#[tokio::test]
async fn the_issuer_alone_has_the_key_that_the_whole_has() {
    let ((_place, folder), ports) = (place(), free_ports());
    let issuer = Dev::start(command(&folder, ports, &["--issuer-only"]));
    let (key, set) = (fs::read(folder.join("issuer-key.pem")).unwrap(), key_set(ports[1]).await);
    assert!(!folder.join("ca-key.pem").exists());
    drop(issuer);
    let _whole = Dev::start(command(&folder, ports, &[]));
    assert!(fs::read(folder.join("issuer-key.pem")).unwrap() == key);
    assert_eq!(key_set(ports[1]).await, set);
}

/// A folder that an earlier version made holds no keys.
#[test]
fn a_folder_without_keys_gets_some() {
    let (_place, folder) = place();
    assert!(command(&folder, [0; 5], &["--once"]).output().unwrap().status.success());
    for name in KEYS {
        fs::remove_file(folder.join(name)).unwrap();
    }
    assert!(command(&folder, [0; 5], &["--once"]).output().unwrap().status.success());
    assert!(KEYS.iter().all(|name| folder.join(name).exists()));
}

#[test]
fn without_a_folder_no_key_is_kept() {
    let place = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
    command.arg("dev").args(FREE_PORTS).env("TMPDIR", place.path());
    let running = Dev::start(command);
    let folders: Vec<_> = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(folders.len(), 1);
    assert!(folders[0].join("root.pem").exists());
    assert!(KEYS.iter().all(|name| !folders[0].join(name).exists()));
    drop(running);
}
