//! The development log as a static one (c2sp.org/static-ct-api), and over restarts.

use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use serde_json::Value;
use sigmint::ct::LogKey;
use sigmint::ct::read::{Entry, Frontier, LogApi, LogReader, ReaderSettings, TreeHead};

use crate::support::dev::{FREE_PORTS, Killed, serving};
use crate::support::ports::free_addresses;

struct Dev {
    _process: Killed,
    authority: String,
    issuer: String,
    log: String,
    key: LogKey,
}

fn sigmint() -> Command {
    Command::new(env!("CARGO_BIN_EXE_sigmint"))
}

impl Dev {
    fn start(folder: &Path, log_port: u16) -> Self {
        let mut command = sigmint();
        command.args([
            "dev",
            "--port",
            "0",
            "--issuer-port",
            "0",
            "--tsa-port",
            "0",
            "--rekor-port",
            "0",
            "--log-port",
            &log_port.to_string(),
        ]);
        let (process, _) = serving(command.arg("--dir").arg(folder));
        let json =
            |name: &str| -> Value { serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap() };
        let (config, root) = (json("signing_config.json"), json("trusted_root.json"));
        Self {
            _process: process,
            authority: config["caUrls"][0]["url"].as_str().unwrap().to_owned(),
            issuer: config["oidcUrls"][0]["url"].as_str().unwrap().strip_suffix("/email").unwrap().to_owned(),
            log: root["ctlogs"][0]["baseUrl"].as_str().unwrap().to_owned(),
            key: LogKey::from_pem(&std::fs::read(folder.join("ctlog.pub")).unwrap()).unwrap(),
        }
    }

    fn request(&self) {
        let mut command = sigmint();
        command.args(["request", "--url", &self.authority, "--dev-issuer", &self.issuer]);
        assert!(command.output().unwrap().status.success());
    }

    /// All that the log shows, by this interface or the one that it is found to have; its head's signature is right.
    async fn read(&self, api: Option<LogApi>) -> (LogApi, TreeHead, Vec<Entry>) {
        let (url, public_key) = (self.log.clone(), Some(self.key.clone()));
        let settings = ReaderSettings { url, api, public_key, tls_ca: None, clock: SystemTime::now };
        let reader = LogReader::connect(settings).await.unwrap();
        let head = reader.tree_head().await.unwrap();
        let (mut batches, mut entries) = (reader.entries(0..head.size, head.size), Vec::new());
        while let Some(batch) = batches.next_batch().await.unwrap() {
            entries.extend(batch);
        }
        (reader.api(), head, entries)
    }

    async fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(format!("{}/{path}", self.log)).send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
    }
}

fn tree(entries: &[Entry]) -> Frontier {
    let mut tree = Frontier::default();
    for entry in entries {
        tree.push(entry.leaf_hash);
    }
    tree
}

#[tokio::test]
async fn both_interfaces_show_the_same_entries_and_a_killed_log_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let (folder, [address]) = (place.path().join("dev"), free_addresses());
    let dev = Dev::start(&folder, address.port());
    dev.request();
    let (api, head, entries) = dev.read(None).await;
    assert_eq!((api, head.size), (LogApi::StaticCt, 2));
    head.check_entries(&tree(&entries)).unwrap();
    let (_, other_head, of_rfc_6962) = dev.read(Some(LogApi::Rfc6962)).await;
    assert_eq!((other_head.size, other_head.root), (head.size, head.root));
    assert_eq!(of_rfc_6962, entries);
    for hash in &entries[0].chain {
        let (status, der) = dev.get(&format!("issuer/{}", hex::encode(hash))).await;
        assert_eq!((status, <[u8; 32]>::from(<sha2::Sha256 as sha2::Digest>::digest(&der))), (200, *hash));
    }
    assert_eq!(entries[0].chain.len(), 2);
    for path in
        ["tile/0/000", "tile/0/000.p/3", "tile/1/000.p/1", "tile/data/000", "tile/data/000.p/3", "tile/00/000.p/1"]
    {
        assert_eq!(dev.get(path).await.0, 404, "{path}");
    }
    assert_eq!(dev.get(&format!("issuer/{}", "0".repeat(64))).await.0, 404);
    let upper = hex::encode(entries[0].chain[0]).to_uppercase();
    assert_eq!(dev.get(&format!("issuer/{upper}")).await.0, 404);
    drop(dev);

    // What a killed process may leave behind: half a record.
    let journal = folder.join("ctlog.journal");
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes.extend([0, 0, 3]);
    std::fs::write(&journal, bytes).unwrap();
    let again = Dev::start(&folder, address.port());
    let (_, later, more) = again.read(None).await;
    assert_eq!(later.size, 3, "the demonstration of the second start is logged, too");
    assert_eq!(more[..2], entries);
    later.check_continues(&tree(&entries)).unwrap();
    later.check_entries(&tree(&more)).unwrap();
}

#[test]
fn a_changed_journal_is_named_and_left_as_it_is() {
    let place = tempfile::tempdir().unwrap();
    let once = || sigmint().args(["dev", "--once"]).args(FREE_PORTS).arg("--dir").arg(place.path()).output().unwrap();
    assert!(once().status.success() && once().status.success());
    let journal = place.path().join("ctlog.journal");
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&journal, &bytes).unwrap();
    let refused = once();
    assert_eq!(refused.status.code(), Some(2));
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("ctlog.journal") && told.contains("changed at byte"), "{told}");
    assert!(std::fs::read(&journal).unwrap() == bytes);
}
