//! The log of signatures of `sigmint dev`: what it answers, proves and keeps.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{InclusionProof, RootHash};
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use p256::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::dev::{FREE_PORTS, Killed, serving};

struct Dev {
    _process: Killed,
    rekor: String,
    key: VerifyingKey,
    key_id: Vec<u8>,
}

impl Dev {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sigmint"));
        command.arg("dev").args(FREE_PORTS).arg("--dir");
        let (process, _) = serving(command.arg(folder));
        let json =
            |name: &str| -> Value { serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap() };
        let (config, root) = (json("signing_config.json"), json("trusted_root.json"));
        let (service, log) = (&config["rekorTlogUrls"][0], &root["tlogs"][0]);
        assert_eq!((&service["url"], &service["majorApiVersion"]), (&log["baseUrl"], &json!(2)));
        let spki = decoded(&log["publicKey"]["rawBytes"]);
        Self {
            _process: process,
            rekor: service["url"].as_str().unwrap().to_owned(),
            key: VerifyingKey::from_public_key_der(&spki).unwrap(),
            key_id: decoded(&log["logId"]["keyId"]),
        }
    }

    async fn post(&self, body: String) -> (u16, Option<String>, Value) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.post(format!("{}/api/v2/log/entries", self.rekor)).body(body).send().await.unwrap();
        let index = answer.headers().get("x-log-index").map(|value| value.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        (status, index, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap())
    }

    async fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(format!("{}/{path}", self.rekor)).send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
    }

    /// The size and root that a checkpoint is right about.
    fn checked(&self, note: &str) -> (usize, Vec<u8>) {
        let (text, signatures) = note.split_once("\n\n").unwrap();
        let text = format!("{text}\n");
        let lines: Vec<&str> = text.lines().collect();
        // The host without the port: what clients look for.
        assert_eq!((lines.len(), lines[0]), (3, "127.0.0.1"));
        let line = signatures.strip_prefix("\u{2014} 127.0.0.1 ").unwrap().strip_suffix('\n').unwrap();
        let signature = STANDARD.decode(line).unwrap();
        assert_eq!(signature[..4], self.key_id[..4]);
        self.key.verify(text.as_bytes(), &Signature::from_der(&signature[4..]).unwrap()).unwrap();
        (lines[1].parse().unwrap(), STANDARD.decode(lines[2]).unwrap())
    }

    /// Every entry, from the bundle of a tree that is less than a tile.
    async fn entries(&self) -> Vec<Vec<u8>> {
        let (status, note) = self.get("api/v2/checkpoint").await;
        assert_eq!(status, 200);
        let (size, root) = self.checked(std::str::from_utf8(&note).unwrap());
        let (status, bundle) = self.get(&format!("api/v2/tile/entries/000.p/{size}")).await;
        assert_eq!(status, 200);
        let (mut rest, mut entries) = (bundle.as_slice(), Vec::new());
        while let Some(([high, low], after)) = rest.split_first_chunk() {
            let (entry, after) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])));
            entries.push(entry.to_vec());
            rest = after;
        }
        let tree = tree(&entries);
        assert_eq!((entries.len(), tree.root().as_bytes().to_vec()), (size, root));
        let hashes: Vec<u8> = entries.iter().flat_map(|entry| leaf_hash(entry)).collect();
        assert_eq!(self.get(&format!("tile/0/000.p/{size}")).await, (200, hashes));
        entries
    }
}

fn decoded(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

fn leaf_hash(leaf: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

fn tree(entries: &[Vec<u8>]) -> MemoryBackedTree<Sha256, Vec<u8>> {
    let mut tree = MemoryBackedTree::new();
    for entry in entries {
        tree.push(entry.clone());
    }
    tree
}

fn request(key: &SigningKey, text: &[u8]) -> Value {
    let signature: Signature = key.sign(text);
    let spki = key.verifying_key().to_public_key_der().unwrap();
    json!({"hashedRekordRequestV002": {
        "digest": STANDARD.encode(Sha256::digest(text)),
        "signature": {
            "content": STANDARD.encode(signature.to_der()),
            "verifier": {"publicKey": {"rawBytes": STANDARD.encode(spki)}, "keyDetails": "PKIX_ECDSA_P256_SHA_256"},
        },
    }})
}

fn signing_key() -> SigningKey {
    SigningKey::from_slice(&Sha256::digest(b"a key")).unwrap()
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("dev");
    (place, folder)
}

#[tokio::test]
async fn an_entry_is_proven_and_stays_when_the_process_is_killed() {
    let ((_place, folder), key) = (place(), signing_key());
    let dev = Dev::start(&folder);
    for (index, text) in [&b"one"[..], b"two", b"three"].into_iter().enumerate() {
        let index = index + 1;
        let request = request(&key, text);
        let (status, _, entry) = dev.post(request.to_string()).await;
        assert_eq!(status, 201, "{entry}");
        assert_eq!(entry["logIndex"], index.to_string(), "the log's own entry is the first");
        assert_eq!(decoded(&entry["logId"]["keyId"]), dev.key_id);
        assert_eq!(entry["kindVersion"], json!({"kind": "hashedrekord", "version": "0.0.2"}));
        assert_eq!((&entry["integratedTime"], &entry["inclusionPromise"]), (&json!("0"), &Value::Null));
        let (proof, body) = (&entry["inclusionProof"], decoded(&entry["canonicalizedBody"]));
        let (size, root) = dev.checked(proof["checkpoint"]["envelope"].as_str().unwrap());
        assert_eq!(
            (&proof["treeSize"], size, decoded(&proof["rootHash"])),
            (&json!(size.to_string()), index + 1, root.clone())
        );
        let hashes: Vec<u8> = proof["hashes"].as_array().unwrap().iter().flat_map(decoded).collect();
        let proof = InclusionProof::<Sha256>::try_from_bytes(hashes).unwrap();
        let root = RootHash::<Sha256>::new(<[u8; 32]>::try_from(root).unwrap().into(), size as u64);
        root.verify_inclusion(&body, index as u64, &proof).unwrap();
        let logged: Value = serde_json::from_slice(&body).unwrap();
        let (asked, logged) = (&request["hashedRekordRequestV002"], &logged["spec"]["hashedRekordV002"]);
        assert_eq!((&logged["signature"], &logged["data"]["digest"]), (&asked["signature"], &asked["digest"]));
    }
    let entries = dev.entries().await;
    assert_eq!(entries.len(), 4);
    let key_id = dev.key_id.clone();
    drop(dev);

    let again = Dev::start(&folder);
    assert_eq!((again.key_id.clone(), again.entries().await), (key_id, entries));
    assert_eq!(again.post(request(&key, b"four").to_string()).await.0, 201);
    let entries = again.entries().await;
    assert_eq!(entries.len(), 5);
}

/// rekor-tiles 2.3.0 answers the same, recorded on 2026-11-28.
#[tokio::test]
async fn refusals_have_rekors_words_and_log_nothing() {
    let ((_place, folder), key) = (place(), signing_key());
    let dev = Dev::start(&folder);
    let good = request(&key, b"one");
    assert_eq!(dev.post(good.to_string()).await.0, 201);
    let invalid = "invalid hashedrekord request";
    let changed = |member: &str, value: Value| {
        let mut request = good.clone();
        *request.pointer_mut(&format!("/hashedRekordRequestV002{member}")).unwrap() = value;
        request.to_string()
    };
    for (body, message) in [
        (changed("/digest", STANDARD.encode([7; 32]).into()), invalid),
        (changed("/signature/content", "AAAA".into()), invalid),
        (changed("/signature/verifier/keyDetails", "PKIX_ECDSA_P384_SHA_384".into()), invalid),
        (changed("/signature/verifier/publicKey/rawBytes", "AAAA".into()), invalid),
        ("{}".to_owned(), "invalid type, must be hashedrekord"),
        (String::new(), "invalid type, must be hashedrekord"),
        (" ".repeat(5_000_000), "http: request body too large"),
    ] {
        let (status, _, answer) = dev.post(body).await;
        assert_eq!((status, answer), (400, json!({"code": 3, "message": message, "details": []})));
    }
    // Where Go's parser says what it has found, ours says so once and for all.
    for body in [r#"{"more": 1}"#.to_owned(), changed("/digest", "*".into()), "[]".to_owned(), "x".to_owned()] {
        let (status, _, answer) = dev.post(body).await;
        assert_eq!((status, &answer["code"]), (400, &json!(3)), "{answer}");
        assert!(answer["message"].as_str().unwrap().starts_with("proto: "), "{answer}");
    }
    let (status, index, answer) = dev.post(good.to_string()).await;
    let message = "an equivalent entry already exists in the transparency log with index 1";
    assert_eq!((status, index.as_deref()), (409, Some("1")));
    assert_eq!(answer, json!({"code": 6, "message": message, "details": []}));
    assert_eq!(dev.entries().await.len(), 2);
    assert_eq!(dev.get("healthz").await.0, 200);
    for path in ["tile/0/000", "tile/entries/000", "tile/entries/000.p/3", "tile/entries/000.p/0", "tile/1/000.p/1"] {
        assert_eq!(dev.get(path).await.0, 404, "{path}");
    }
}

fn proposed(key: &SigningKey, text: &[u8]) -> Value {
    let signature: Signature = key.sign(text);
    let pem = key.verifying_key().to_public_key_pem(p256::pkcs8::LineEnding::LF).unwrap();
    json!({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
        "data": {"hash": {"algorithm": "sha256", "value": hex::encode(Sha256::digest(text))}},
        "signature": {"content": STANDARD.encode(signature.to_der()), "publicKey": {"content": STANDARD.encode(pem)}},
    }})
}

impl Dev {
    /// What v1 answers: status, ETag, Location, JSON.
    async fn v1(&self, path: &str, body: Option<&Value>) -> (u16, [Option<String>; 2], Value) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/api/v1/{path}", self.rekor);
        let request = body.map_or_else(|| client.get(&url), |body| client.post(&url).body(body.to_string()));
        let answer = request.send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (status, headers) = (answer.status().as_u16(), [header("etag"), header("location")]);
        (status, headers, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
    }

    /// Checks all that an entry of v1 promises.
    fn check_v1(&self, entry: &Value) {
        let promised = format!(
            r#"{{"body":{},"integratedTime":{},"logID":{},"logIndex":{}}}"#,
            entry["body"], entry["integratedTime"], entry["logID"], entry["logIndex"]
        );
        let signature = decoded(&entry["verification"]["signedEntryTimestamp"]);
        self.key.verify(promised.as_bytes(), &Signature::from_der(&signature).unwrap()).unwrap();
        assert_eq!(entry["logID"], hex::encode(&self.key_id));
        let proof = &entry["verification"]["inclusionProof"];
        let note = proof["checkpoint"].as_str().unwrap();
        // How clients tell v1 from v2: the tree's number is in the origin, and not in the signer's name.
        let (origin, rest) = note.split_once('\n').unwrap();
        assert!(origin.strip_prefix("127.0.0.1 - ").unwrap().parse::<i64>().unwrap() > 0);
        let (text, signatures) = note.split_once("\n\n").unwrap();
        let line = signatures.strip_prefix("\u{2014} 127.0.0.1 ").unwrap().trim_end();
        let line = STANDARD.decode(line).unwrap();
        let signature = Signature::from_der(line.strip_prefix(&self.key_id[..4]).unwrap()).unwrap();
        self.key.verify(format!("{text}\n").as_bytes(), &signature).unwrap();
        let (size, root) =
            (proof["treeSize"].as_u64().unwrap(), hex::decode(proof["rootHash"].as_str().unwrap()).unwrap());
        assert!(rest.starts_with(&format!("{size}\n{}\n", STANDARD.encode(&root))));
        let hashes = proof["hashes"].as_array().unwrap().iter();
        let hashes = hashes.flat_map(|hash| hex::decode(hash.as_str().unwrap()).unwrap()).collect();
        let root = RootHash::<Sha256>::new(<[u8; 32]>::try_from(root).unwrap().into(), size);
        let proof = InclusionProof::<Sha256>::try_from_bytes(hashes).unwrap();
        root.verify_inclusion(&decoded(&entry["body"]), entry["logIndex"].as_u64().unwrap(), &proof).unwrap();
    }
}

#[tokio::test]
async fn an_entry_of_v1_is_promised_proven_and_found_again() {
    let ((_place, folder), key) = (place(), signing_key());
    let dev = Dev::start(&folder);
    let asked = proposed(&key, b"one");
    let (status, [tag, location], answer) = dev.v1("log/entries", Some(&asked)).await;
    assert_eq!(status, 201, "{answer}");
    let (id, entry) = answer.as_object().unwrap().iter().next().unwrap();
    assert_eq!((tag.as_ref(), location), (Some(id), Some(format!("/api/v1/log/entries/{id}"))));
    dev.check_v1(entry);
    let body = decoded(&entry["body"]);
    assert_eq!(id[16..], hex::encode(leaf_hash(&body)));
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), asked);

    let (status, headers, again) = dev.v1("log/entries", Some(&asked)).await;
    let message = format!("an equivalent entry already exists in the transparency log with UUID {id}");
    assert_eq!((status, again), (409, json!({"code": 409, "message": message})));
    assert_eq!(headers[1], Some(format!("/api/v1/log/entries/{id}")));
    let mut wrong = asked.clone();
    wrong["spec"]["data"]["hash"]["value"] = hex::encode([7; 32]).into();
    let (status, _, refused) = dev.v1("log/entries", Some(&wrong)).await;
    assert!(status == 400 && refused["message"].as_str().unwrap().starts_with("error processing entry: "), "{refused}");
    assert_eq!(dev.post(request(&key, b"of v2").to_string()).await.0, 201);
    assert_eq!(dev.entries().await.len(), 3, "both versions write to one log");
    let (id, integrated) = (id.clone(), entry["integratedTime"].clone());
    drop(dev);

    let dev = Dev::start(&folder);
    for path in [format!("log/entries/{id}"), format!("log/entries/{}", &id[16..]), "log/entries?logIndex=1".to_owned()]
    {
        let (status, _, found) = dev.v1(&path, None).await;
        assert_eq!((status, &found[&id]["integratedTime"]), (200, &integrated), "{path}");
        dev.check_v1(&found[&id]);
    }
    let hash = hex::encode(Sha256::digest(b"one"));
    let pem = &asked["spec"]["signature"]["publicKey"]["content"];
    let by_key = json!({"format": "x509", "content": pem});
    for (search, expected) in [
        (json!({"hash": format!("sha256:{hash}")}), json!([id])),
        (json!({"hash": hash.to_uppercase()}), json!([id])),
        (json!({"publicKey": by_key}), json!([id])),
        (json!({"publicKey": by_key, "hash": "sha256:00", "operator": "and"}), json!([])),
        (json!({"publicKey": by_key, "hash": "sha256:00", "operator": "or"}), json!([id])),
        (json!({"email": "nobody@example.com"}), json!([])),
    ] {
        assert_eq!(dev.v1("index/retrieve", Some(&search)).await.2, expected, "{search}");
    }
    let (_, _, info) = dev.v1("log", None).await;
    assert_eq!(info["treeSize"], 3);
    let key_pem = String::from_utf8(dev.get("api/v1/log/publicKey").await.1).unwrap();
    assert_eq!(VerifyingKey::from_public_key_pem(&key_pem).unwrap(), dev.key);
    for (path, status) in [("log/entries?logIndex=3", 404), ("log/entries/ab", 400), ("log/entries?logIndex=x", 400)] {
        assert_eq!(dev.v1(path, None).await.0, status, "{path}");
    }
    assert_eq!(dev.v1(&format!("log/entries/{}", "0".repeat(64)), None).await.0, 404);
}
