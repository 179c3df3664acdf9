//! The TUF repository of `sigmint dev`. That real clients read it is shown by tests/e2e/clients.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::dev::{FREE_PORTS, Killed, serving};

struct Dev {
    _process: Killed,
    /// Where the repository is.
    url: String,
}

impl Dev {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
        let (process, _) = serving(command.arg("dev").args(FREE_PORTS).arg("--dir").arg(folder));
        let config = json(&folder.join("signing_config.json"));
        let issuer = config["oidcUrls"][0]["url"].as_str().unwrap().strip_suffix("/email").unwrap();
        Self { _process: process, url: format!("{issuer}/tuf") }
    }

    async fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(format!("{}/{path}", self.url)).send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
    }

    async fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}");
        serde_json::from_slice(&body).unwrap()
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// What the repository leads a client to, from the timestamp on.
async fn published(dev: &Dev, name: &str) -> Value {
    let version = |document: &Value, of: &str| document["signed"]["meta"][of]["version"].as_u64().unwrap();
    let snapshot = version(&dev.json("timestamp.json").await, "snapshot.json");
    let targets = version(&dev.json(&format!("{snapshot}.snapshot.json")).await, "targets.json");
    let targets = dev.json(&format!("{targets}.targets.json")).await;
    let hash = targets["signed"]["targets"][name]["hashes"]["sha256"].as_str().unwrap().to_owned();
    dev.json(&format!("targets/{hash}.{name}")).await
}

#[tokio::test]
async fn each_run_publishes_its_documents_below_the_first_root() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("dev");
    let mut roots = Vec::new();
    for _ in 0..2 {
        let dev = Dev::start(&folder);
        roots.push(dev.json("root.json").await);
        for (name, file) in
            [("trusted_root.json", "trusted_root.json"), ("signing_config.v0.2.json", "signing_config.json")]
        {
            assert_eq!(published(&dev, name).await, json(&folder.join(file)), "{name}");
        }
    }
    assert_eq!(roots[0], roots[1]);
    assert_eq!(roots[0]["signed"]["version"], 1);
}

#[tokio::test]
async fn nothing_outside_the_repository_is_served() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("dev");
    let dev = Dev::start(&folder);
    assert!(folder.join("tuf-key.pem").is_file());
    for path in
        ["..%2ftuf-key.pem", "%2e%2e/tuf-key.pem", "targets/%2e%2e/%2e%2e/tuf-key.pem", "targets", "", "no.json"]
    {
        assert_eq!(dev.get(path).await.0, 404, "{path}");
    }
}
