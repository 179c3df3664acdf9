//! `sigmint dev` as a process: its transparency log proves what it promises, and its folder holds what clients need.
//!
//! The proofs are verified here with the algorithms of RFC 9162 sections 2.1.3.2 and 2.1.4.2, which RFC 6962 leaves out.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::dev::{FREE_PORTS, Killed, serving};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sigmint::certificate::logged_tbs;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

type Hash = [u8; 32];

/// A running `sigmint dev`.
struct Dev {
    _process: Killed,
    folder: PathBuf,
    log: String,
    issuer: String,
    authority: String,
    /// The demonstration's certificate and its chain.
    chain: Vec<Vec<u8>>,
    _place: tempfile::TempDir,
}

fn sigmint() -> Command {
    Command::new(env!("CARGO_BIN_EXE_sigmint"))
}

impl Dev {
    fn start() -> Self {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("dev");
        let mut command = sigmint();
        command.arg("dev").args(FREE_PORTS).arg("--dir").arg(&folder);
        let (process, text) = serving(&mut command);
        let config = read(&folder.join("signing_config.json"));
        let issuer = config["oidcUrls"][0]["url"].as_str().unwrap().strip_suffix("/email").unwrap().to_owned();
        Self {
            _process: process,
            log: read(&folder.join("trusted_root.json"))["ctlogs"][0]["baseUrl"].as_str().unwrap().to_owned(),
            issuer,
            authority: config["caUrls"][0]["url"].as_str().unwrap().to_owned(),
            chain: certificates(&text),
            folder,
            _place: place,
        }
    }

    fn file(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(name)).unwrap()
    }

    fn log_key(&self) -> VerifyingKey {
        VerifyingKey::from_public_key_pem(std::str::from_utf8(&self.file("ctlog.pub")).unwrap()).unwrap()
    }

    /// The chain of one more certificate.
    fn request(&self, identity: &str) -> Vec<Vec<u8>> {
        let output = sigmint()
            .args(["request", "--url", &self.authority, "--dev-issuer", &self.issuer, "--identity", identity])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        certificates(&String::from_utf8(output.stdout).unwrap())
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> (u16, Value) {
        let mut url = url::Url::parse(&format!("{}/ct/v1/{path}", self.log)).unwrap();
        url.query_pairs_mut().extend_pairs(query);
        answer(client().get(url).send().await.unwrap()).await
    }

    async fn add(&self, path: &str, chain: &[Vec<u8>]) -> (u16, Value) {
        let chain: Vec<String> = chain.iter().map(|der| STANDARD.encode(der)).collect();
        let url = format!("{}/ct/v1/{path}", self.log);
        answer(client().post(url).body(json!({"chain": chain}).to_string()).send().await.unwrap()).await
    }

    /// The tree's size and root, of a head that the log has signed.
    async fn head(&self) -> (usize, Hash) {
        let (status, head) = self.get("get-sth", &[]).await;
        assert_eq!(status, 200);
        let (size, time) = (head["tree_size"].as_u64().unwrap(), head["timestamp"].as_u64().unwrap());
        let root = decoded(&head["sha256_root_hash"]);
        let signed = [&[0, 1][..], &time.to_be_bytes(), &size.to_be_bytes(), &root].concat();
        verify(&self.log_key(), &signed, &decoded(&head["tree_head_signature"]));
        (usize::try_from(size).unwrap(), root.try_into().unwrap())
    }

    async fn entries(&self, start: usize, end: usize) -> Vec<Vec<u8>> {
        let (status, answer) = self.get("get-entries", &[("start", &number(start)), ("end", &number(end))]).await;
        assert_eq!(status, 200);
        answer["entries"].as_array().unwrap().iter().map(|entry| decoded(&entry["leaf_input"])).collect()
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn answer(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
}

fn number(value: usize) -> String {
    value.to_string()
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn certificates(text: &str) -> Vec<Vec<u8>> {
    let blocks = pem::parse_many(text).unwrap();
    blocks.into_iter().filter(|block| block.tag() == "CERTIFICATE").map(pem::Pem::into_contents).collect()
}

fn decoded(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

fn hashes(value: &Value) -> Vec<Hash> {
    value.as_array().unwrap().iter().map(|hash| decoded(hash).try_into().unwrap()).collect()
}

/// A TLS `DigitallySigned` of SHA-256 with ECDSA.
fn verify(key: &VerifyingKey, signed: &[u8], signature: &[u8]) {
    assert_eq!(signature[..2], [4, 3]);
    assert_eq!(usize::from(u16::from_be_bytes([signature[2], signature[3]])), signature.len() - 4);
    key.verify(signed, &Signature::from_der(&signature[4..]).unwrap()).unwrap();
}

fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

fn root_of_path(mut index: usize, size: usize, leaf: Hash, path: &[Hash]) -> Option<Hash> {
    let (mut last, mut hash) = (size.checked_sub(1)?, leaf);
    for sibling in path {
        if last == 0 {
            return None;
        }
        if index & 1 == 1 || index == last {
            hash = node_hash(sibling, &hash);
            while index & 1 == 0 && index != 0 {
                (index, last) = (index >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (index, last) = (index >> 1, last >> 1);
    }
    (last == 0).then_some(hash)
}

/// The roots of the old and the new tree that a consistency proof leads to.
fn roots_of_proof(first: usize, second: usize, old: Hash, proof: &[Hash]) -> Option<(Hash, Hash)> {
    let path: Vec<Hash> = if first.is_power_of_two() {
        std::iter::once(old).chain(proof.iter().copied()).collect()
    } else {
        proof.to_vec()
    };
    let (mut index, mut last) = (first - 1, second - 1);
    while index & 1 == 1 {
        (index, last) = (index >> 1, last >> 1);
    }
    let (start, rest) = path.split_first()?;
    let (mut old, mut new) = (*start, *start);
    for hash in rest {
        if last == 0 {
            return None;
        }
        if index & 1 == 1 || index == last {
            (old, new) = (node_hash(hash, &old), node_hash(hash, &new));
            while index & 1 == 0 && index != 0 {
                (index, last) = (index >> 1, last >> 1);
            }
        } else {
            new = node_hash(&new, hash);
        }
        (index, last) = (index >> 1, last >> 1);
    }
    (last == 0).then_some((old, new))
}

/// The timestamp, extensions and `DigitallySigned` of the only promise in a certificate.
fn promise(certificate: &X509Certificate<'_>) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let extension = certificate.extensions().last().unwrap();
    assert_eq!(extension.oid.to_id_string(), "1.3.6.1.4.1.11129.2.4.2");
    let bytes: &der::asn1::OctetStringRef = der::Decode::from_der(extension.value).unwrap();
    let sct = &bytes.as_bytes()[4..];
    assert_eq!(bytes.as_bytes()[..2], u16::try_from(sct.len() + 2).unwrap().to_be_bytes());
    let extensions = usize::from(u16::from_be_bytes([sct[41], sct[42]]));
    (sct[1..33].to_vec(), sct[33..41].to_vec(), sct[43 + extensions..].to_vec())
}

#[tokio::test]
async fn the_promise_in_a_certificate_is_kept() {
    let dev = Dev::start();
    let (first_size, first_root) = dev.head().await;
    assert_eq!(first_size, 1);
    let identities = ["email", "github-workflow", "uri", "spiffe", "email", "kubernetes"];
    let chains: Vec<_> =
        std::iter::once(dev.chain.clone()).chain(identities.map(|identity| dev.request(identity))).collect();
    let (size, root) = dev.head().await;
    let leaves = dev.entries(0, 1000).await;
    assert_eq!((size, leaves.len()), (chains.len(), chains.len()));

    for (index, (chain, leaf)) in chains.iter().zip(&leaves).enumerate() {
        let (_, certificate) = X509Certificate::from_der(&chain[0]).unwrap();
        let (_, issuer) = X509Certificate::from_der(&chain[1]).unwrap();
        let (log_id, timestamp, signature) = promise(&certificate);
        let trusted = read(&dev.folder.join("trusted_root.json"));
        assert_eq!(log_id, decoded(&trusted["ctlogs"][0]["logId"]["keyId"]));
        let tbs = logged_tbs(certificate.tbs_certificate.as_ref()).unwrap();
        let length = u32::try_from(tbs.len()).unwrap().to_be_bytes();
        let key_hash: Hash = Sha256::digest(issuer.public_key().raw).into();
        // Of the extensions there is one: the entry's place (c2sp.org/static-ct-api).
        let place = [0, 8, 0, 0, 5, 0, 0, 0, 0, u8::try_from(index).unwrap()];
        let entry = [&[0, 0][..], &timestamp, &[0, 1], &key_hash, &length[1..], &tbs, &place].concat();
        assert!(entry == *leaf, "entry {index} is not what the certificate says");
        verify(&dev.log_key(), &entry, &signature);

        for size in index + 1..=size {
            let query = [("hash", STANDARD.encode(leaf_hash(leaf))), ("tree_size", number(size))];
            let query = query.each_ref().map(|(name, value)| (*name, value.as_str()));
            let (status, proof) = dev.get("get-proof-by-hash", &query).await;
            assert_eq!((status, &proof["leaf_index"]), (200, &json!(index)));
            let path = hashes(&proof["audit_path"]);
            let led_to = root_of_path(index, size, leaf_hash(leaf), &path).unwrap();
            if size == leaves.len() {
                assert_eq!(led_to, root);
                assert_ne!(root_of_path(index, size, leaf_hash(b"other"), &path), Some(root));
            } else if size == 1 {
                assert_eq!(led_to, first_root);
            }
        }
    }
    let (status, proof) = dev.get("get-sth-consistency", &[("first", "1"), ("second", &number(size))]).await;
    assert_eq!(status, 200);
    let proof = hashes(&proof["consistency"]);
    assert_eq!(roots_of_proof(1, size, first_root, &proof), Some((first_root, root)));
    let (status, both) = dev.get("get-entry-and-proof", &[("leaf_index", "2"), ("tree_size", &number(size))]).await;
    assert_eq!((status, decoded(&both["leaf_input"])), (200, leaves[2].clone()));
    assert_eq!(root_of_path(2, size, leaf_hash(&leaves[2]), &hashes(&both["audit_path"])), Some(root));
    let (_, roots) = dev.get("get-roots", &[]).await;
    assert_eq!(decoded(&roots["certificates"][0]), dev.chain[2]);
}

#[tokio::test]
async fn the_log_takes_in_only_what_is_below_its_root() {
    let dev = Dev::start();
    let other = Dev::start();
    let (leaf, above) = (dev.chain[0].clone(), &dev.chain[1..]);
    // A certificate goes to add-chain, once: the second time the log says the same again.
    assert_eq!(dev.add("add-pre-chain", &dev.chain).await.0, 400);
    let (status, first) = dev.add("add-chain", &dev.chain).await;
    assert_eq!((status, dev.head().await.0), (200, 2));
    assert_eq!(dev.add("add-chain", &dev.chain[..2]).await, (200, first));
    assert_eq!(dev.head().await.0, 2);

    let mut forged = leaf.clone();
    *forged.last_mut().unwrap() ^= 1;
    for chain in [
        other.chain.clone(),
        vec![leaf.clone()],
        vec![leaf.clone(), dev.chain[2].clone()],
        [&[forged][..], above].concat(),
        vec![],
        vec![b"no certificate".to_vec()],
        [&[leaf.clone()][..], &vec![dev.chain[1].clone(); 9]].concat(),
    ] {
        assert_eq!(dev.add("add-chain", &chain).await.0, 400, "{} certificates", chain.len());
    }
    for body in ["", "[]", "{}", r#"{"chain": "a"}"#, r#"{"chain": ["*"]}"#] {
        let sent = client().post(format!("{}/ct/v1/add-chain", dev.log)).body(body).send().await.unwrap();
        assert_eq!(sent.status(), 400, "{body}");
    }
    let long = client().post(format!("{}/ct/v1/add-chain", dev.log)).body(vec![b' '; 300_000]).send().await.unwrap();
    assert_eq!(long.status(), 413);
    assert_eq!(dev.head().await.0, 2, "nothing of this was taken in");
}

#[tokio::test]
async fn the_log_says_when_it_has_no_answer() {
    let dev = Dev::start();
    let unknown = STANDARD.encode([7; 32]);
    for (path, query, status) in [
        ("get-entries", vec![("start", "1"), ("end", "1")], 400),
        ("get-entries", vec![("start", "1"), ("end", "0")], 400),
        ("get-entries", vec![("start", "-1"), ("end", "0")], 400),
        ("get-entries", vec![], 400),
        ("get-sth-consistency", vec![("first", "1"), ("second", "2")], 400),
        ("get-proof-by-hash", vec![("hash", unknown.as_str()), ("tree_size", "1")], 404),
        ("get-proof-by-hash", vec![("hash", "AA=="), ("tree_size", "1")], 400),
        ("get-entry-and-proof", vec![("leaf_index", "1"), ("tree_size", "1")], 400),
        ("get-entry-and-proof", vec![("leaf_index", "0"), ("tree_size", "2")], 400),
        ("get-sth-v2", vec![], 404),
    ] {
        assert_eq!(dev.get(path, &query).await.0, status, "{path} {query:?}");
    }
    let entries = dev.entries(0, usize::MAX).await;
    assert_eq!(entries.len(), 1);
    let outside = client().get(format!("{}/ct/v1/get-sth", dev.log)).header("host", "evil.example").send().await;
    assert_eq!(outside.unwrap().status(), 403);
}

#[tokio::test]
async fn the_folder_holds_what_clients_need() {
    let dev = Dev::start();
    let trusted = read(&dev.folder.join("trusted_root.json"));
    let chain: Vec<_> = trusted["certificateAuthorities"][0]["certChain"]["certificates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|certificate| decoded(&certificate["rawBytes"]))
        .collect();
    assert_eq!(chain, dev.chain[1..]);
    let text = |name| String::from_utf8(dev.file(name)).unwrap();
    assert_eq!(
        (certificates(&text("chain.pem")), certificates(&text("root.pem"))),
        (chain.clone(), chain[1..].to_vec())
    );
    let key = pem::parse(text("ctlog.pub")).unwrap();
    assert_eq!(decoded(&trusted["ctlogs"][0]["publicKey"]["rawBytes"]), key.contents());
    assert_eq!(decoded(&trusted["ctlogs"][0]["logId"]["keyId"]), Sha256::digest(key.contents()).to_vec());
    let mode = std::fs::metadata(dev.folder.join("identity-token")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let output = sigmint()
        .args(["request", "--json", "--url", &dev.authority, "--token"])
        .arg(format!("@{}", dev.folder.join("identity-token").display()))
        .output()
        .unwrap();
    let obtained: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(obtained["report"]["identity"][0]["value"], "dev@example.com");
    assert_eq!(obtained["report"]["timestamps"]["wellFormed"], true);
}

#[test]
fn inspect_tells_whether_the_log_made_the_timestamp() {
    let (dev, other) = (Dev::start(), Dev::start());
    let inspect = |chain: &[Vec<u8>], key: &Dev| -> (i32, String) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text: String = chain.iter().map(|der| pem::encode(&pem::Pem::new("CERTIFICATE", der.as_slice()))).collect();
        std::fs::write(&file, text).unwrap();
        let mut command = sigmint();
        command.arg("inspect").arg("--ct-log-key").arg(key.folder.join("ctlog.pub")).arg(file.path());
        let output: Output = command.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let line = |text: &str| text.lines().find(|line| line.contains("Transparency log")).unwrap().to_owned();
    let (code, text) = inspect(&dev.chain, &dev);
    assert!(code == 0 && line(&text).ends_with(": the signature is right"), "{code} {text}");
    // Another log's key says nothing of it, another issuer's key makes it wrong, and without an issuer one cannot tell.
    let (code, text) = inspect(&dev.chain, &other);
    assert!(code == 1 && !line(&text).contains("signature"), "{code} {text}");
    let (code, text) = inspect(&[&dev.chain[..1], &other.chain[1..]].concat(), &dev);
    assert!(code == 1 && line(&text).contains(": WRONG: "), "{code} {text}");
    let (code, text) = inspect(&dev.chain[..1], &dev);
    assert!(code == 1 && line(&text).contains("give the whole chain"), "{code} {text}");
    let (code, text) = inspect(&dev.chain[1..], &dev);
    assert!(code == 1 && line(&text).contains("no signed timestamp"), "{code} {text}");
}

#[test]
fn a_folder_with_other_files_is_refused_and_once_leaves_nothing_behind() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("thesis.txt"), "years").unwrap();
    let once = |more: &[&str]| {
        sigmint().args(["dev", "--once"]).args(FREE_PORTS).args(more).env("TMPDIR", place.path()).output().unwrap()
    };
    let output = once(&["--dir", place.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("--dir"));
    let output = once(&[]);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("Transparency log"));
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
}
