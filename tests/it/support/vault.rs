//! A transit engine that speaks Vault's protocol on a port of 127.0.0.1, and misbehaves when told to.
//!
//! Its answers are compared with those that a real server gave, in `tests/e2e/vault/answers.json`. A thread a connection and no
//! library, so that nothing of the client under test is shared with it.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sigmint::signer::vault::VaultOptions;

use super::keys::{Key, Kind};

/// What a token has to be, unless a test says otherwise.
pub const TOKEN: &str = "hvs.test-token";

/// What every signing call gets in place of a signature.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// A status and what Vault says is wrong.
    Status(u16, &'static str),
    /// 307 to the same path at this address.
    Redirect(String),
    /// The call is read, and never answered.
    Hang,
    /// The connection ends in the middle of the answer.
    Cut,
    /// The signature of another message.
    Lie,
    /// A signature by the latest version whatever was asked for, and that it says.
    LatestVersion,
    /// An answer of 200 with this body.
    Body(&'static str),
    /// An answer that does not end.
    Endless,
}

/// A running server. Lives as long as the process.
pub struct FakeVault {
    pub url: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    keys: Mutex<HashMap<String, TransitKey>>,
    tokens: Mutex<HashMap<String, u64>>,
    fault: Mutex<Option<(Fault, usize)>>,
    sealed: AtomicBool,
    signed: AtomicUsize,
    received: Mutex<Vec<Received>>,
}

struct TransitKey {
    kind: &'static str,
    versions: Vec<Arc<Key>>,
    min_encryption_version: usize,
    min_decryption_version: usize,
    more: Value,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: Value,
}

/// Status and body.
type Reply = (u16, Value);

impl FakeVault {
    /// A server without keys, and one token without an end.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        state.tokens.lock().unwrap().insert(TOKEN.to_owned(), 0);
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A client that goes away in the middle is its own business.
                std::thread::spawn(move || drop(state.serve(&connection)));
            }
        });
        Self { url, state }
    }

    /// Options for this server with its token.
    pub fn options(&self) -> VaultOptions {
        VaultOptions { address: Some(self.url.clone()), token: Some(TOKEN.into()), ..VaultOptions::default() }
    }

    /// Makes a key with one version.
    pub fn make_key(&self, name: &str, kind: &'static str) {
        let key = TransitKey {
            kind,
            versions: Vec::new(),
            min_encryption_version: 0,
            min_decryption_version: 1,
            more: json!({}),
        };
        self.state.keys.lock().unwrap().insert(name.to_owned(), key);
        self.rotate(name);
    }

    /// Makes a new version of a key.
    pub fn rotate(&self, name: &str) {
        let mut keys = self.state.keys.lock().unwrap();
        let key = keys.get_mut(name).unwrap();
        let made = Key::new(kind_of(key.kind));
        key.versions.push(Arc::new(made));
    }

    /// Which version is the first that may sign, and the first that is shown.
    pub fn set_minimum(&self, name: &str, to_sign: usize, shown: usize) {
        let mut keys = self.state.keys.lock().unwrap();
        let key = keys.get_mut(name).unwrap();
        (key.min_encryption_version, key.min_decryption_version) = (to_sign, shown);
    }

    /// Lays members over a key's description.
    pub fn describe(&self, name: &str, more: Value) {
        self.state.keys.lock().unwrap().get_mut(name).unwrap().more = more;
    }

    /// Makes a token good for that many seconds, as it says itself; 0 is for ever.
    pub fn allow(&self, token: &str, seconds: u64) {
        self.state.tokens.lock().unwrap().insert(token.to_owned(), seconds);
    }

    pub fn revoke(&self, token: &str) {
        self.state.tokens.lock().unwrap().remove(token);
    }

    pub fn seal(&self, sealed: bool) {
        self.state.sealed.store(sealed, Ordering::SeqCst);
    }

    /// What the next signing calls get.
    pub fn fail(&self, times: usize, fault: Fault) {
        *self.state.fault.lock().unwrap() = Some((fault, times));
    }

    pub fn recover(&self) {
        *self.state.fault.lock().unwrap() = None;
    }

    /// How many signatures there were.
    pub fn signed(&self) -> usize {
        self.state.signed.load(Ordering::SeqCst)
    }

    /// Everything that was asked for.
    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }
}

impl State {
    fn serve(&self, connection: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(connection);
        while let Some(request) = read_request(&mut reader)? {
            self.received.lock().unwrap().push(request.clone());
            let is_signing = request.path.contains("/sign/");
            let fault = if is_signing { self.take_fault() } else { None };
            if !self.answer(connection, &request, fault)? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn take_fault(&self) -> Option<Fault> {
        let mut planned = self.fault.lock().unwrap();
        let (fault, times) = planned.as_mut()?;
        if *times == 0 {
            return None;
        }
        *times -= 1;
        Some(fault.clone())
    }

    /// Whether the connection goes on.
    fn answer(&self, mut connection: &TcpStream, request: &Received, fault: Option<Fault>) -> std::io::Result<bool> {
        let (status, body) = match fault {
            Some(Fault::Status(status, words)) => (status, json!({"errors": [words]})),
            Some(Fault::Redirect(to)) => {
                let location = format!("Location: {to}{}\r\n", request.path);
                return write_answer(connection, 307, &location, "").map(|()| true);
            }
            Some(Fault::Hang) => {
                // Until the client goes.
                let _ = connection.read(&mut [0]);
                return Ok(false);
            }
            Some(Fault::Cut) => {
                connection
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{\"data\":{\"signature\":\"vault:v1")?;
                return Ok(false);
            }
            Some(Fault::Body(body)) => return write_answer(connection, 200, "", body).map(|()| true),
            Some(Fault::Endless) => {
                connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"data\":{\"signature\":\"")?;
                while connection.write_all(&[b'a'; 8192]).is_ok() {}
                return Ok(false);
            }
            Some(Fault::Lie) => self.reply(request, |body| {
                body["input"] = json!(STANDARD.encode(digest::digest(&digest::SHA384, b"another message")));
            }),
            Some(Fault::LatestVersion) => self.reply(request, |body| body["key_version"] = json!(0)),
            None => self.reply(request, |_| {}),
        };
        write_answer(connection, status, "", &body.to_string()).map(|()| true)
    }

    fn reply(&self, request: &Received, change: impl FnOnce(&mut Value)) -> Reply {
        if self.sealed.load(Ordering::SeqCst) {
            return (503, json!({"errors": ["Vault is sealed"]}));
        }
        let token = request.headers.get("x-vault-token").cloned().unwrap_or_default();
        let Some(seconds) = self.tokens.lock().unwrap().get(&token).copied() else {
            return (403, json!({"errors": ["permission denied"]}));
        };
        let parts: Vec<&str> = request.path.split('/').skip(1).collect();
        let mut body = request.body.clone();
        change(&mut body);
        match (request.method.as_str(), &parts[..]) {
            ("GET", ["v1", "auth", "token", "lookup-self"]) => (200, enveloped(&json!({"ttl": seconds}))),
            ("GET", ["v1", "transit", "keys", name]) => match self.keys.lock().unwrap().get(*name) {
                Some(key) => (200, enveloped(&key.description(name))),
                None => (404, json!({"errors": []})),
            },
            ("POST", ["v1", "transit", "sign", name]) => self.sign(name, "sha2-256", &body),
            ("POST", ["v1", "transit", "sign", name, hash]) => self.sign(name, hash, &body),
            _ => {
                let route = request.path.trim_start_matches("/v1/");
                (404, json!({"errors": [format!("no handler for route \"{route}\". route entry not found.")]}))
            }
        }
    }

    fn sign(&self, name: &str, hash: &str, body: &Value) -> Reply {
        // That a wrong version is a 500 is as it is.
        let refused = |words: &str| (500, json!({"errors": [format!("1 error occurred:\n\t* {words}\n\n")]}));
        let key = {
            let keys = self.keys.lock().unwrap();
            let Some(key) = keys.get(name) else { return (400, json!({"errors": ["signing key not found"]})) };
            let latest = key.versions.len();
            let version = match usize::try_from(body["key_version"].as_u64().unwrap()).unwrap() {
                0 => latest,
                version => version,
            };
            if version > latest {
                return refused("requested version for signing is higher than the latest key version");
            }
            if version < key.min_encryption_version {
                return refused("requested version for signing is less than the minimum encryption key version");
            }
            (Arc::clone(&key.versions[version - 1]), version)
        };
        let (key, version) = key;
        let input = STANDARD.decode(body["input"].as_str().unwrap()).unwrap();
        let signature = STANDARD.encode(signature(&key, hash, &input, body));
        self.signed.fetch_add(1, Ordering::SeqCst);
        (200, enveloped(&json!({"key_version": version, "signature": format!("vault:v{version}:{signature}")})))
    }
}

impl TransitKey {
    fn description(&self, name: &str) -> Value {
        let shown = self.versions.iter().enumerate().skip(self.min_decryption_version - 1);
        let keys: serde_json::Map<String, Value> = shown
            .map(|(index, key)| {
                let entry = json!({
                    "name": self.entry_name(), "public_key": public_key(key), "certificate_chain": "",
                    "creation_time": "2026-11-21T11:00:00.123456789Z",
                });
                ((index + 1).to_string(), entry)
            })
            .collect();
        let mut description = json!({
            "name": name, "type": self.kind, "keys": keys, "latest_version": self.versions.len(),
            "min_available_version": 0, "min_decryption_version": self.min_decryption_version,
            "min_encryption_version": self.min_encryption_version, "derived": false, "exportable": false,
            "deletion_allowed": false, "allow_plaintext_backup": false, "auto_rotate_period": 0, "imported_key": false,
            "soft_deleted": false, "supports_encryption": self.kind.starts_with("rsa"),
            "supports_decryption": self.kind.starts_with("rsa"), "supports_signing": true, "supports_derivation": self.kind == "ed25519",
        });
        for (member, value) in self.more.as_object().unwrap() {
            description[member.as_str()] = value.clone();
        }
        description
    }

    fn entry_name(&self) -> &str {
        match self.kind {
            "ecdsa-p256" => "P-256",
            "ecdsa-p384" => "P-384",
            "ecdsa-p521" => "P-521",
            other => other,
        }
    }
}

/// The kinds that this server can make keys of.
pub const KINDS: [&str; 6] = ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048", "rsa-3072", "ed25519"];

fn kind_of(name: &str) -> Kind {
    let position = KINDS.iter().position(|kind| *kind == name).unwrap();
    Kind::ALL[position]
}

fn public_key(key: &Key) -> String {
    match key.kind {
        // Bare bytes, the last ones of the `SubjectPublicKeyInfo`.
        Kind::Ed25519 => STANDARD.encode(&key.spki_der()[12..]),
        _ => key.spki_pem(),
    }
}

/// What the engine makes of a digest or, for Ed25519, a message. Panics when it is told less than it has to be.
fn signature(key: &Key, hash: &str, input: &[u8], body: &Value) -> Vec<u8> {
    let ecdsa = |algorithm: &'static EcdsaSigningAlgorithm, expected: &str| {
        assert_eq!((hash, &body["prehashed"], &body["marshaling_algorithm"]), (expected, &json!(true), &json!("asn1")));
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, key.pkcs8()).unwrap();
        pair.sign_digest(&imported(expected, input)).unwrap().as_ref().to_vec()
    };
    match key.kind {
        Kind::P256 => ecdsa(&signature::ECDSA_P256_SHA256_ASN1_SIGNING, "sha2-256"),
        Kind::P384 => ecdsa(&signature::ECDSA_P384_SHA384_ASN1_SIGNING, "sha2-384"),
        Kind::P521 => ecdsa(&signature::ECDSA_P521_SHA512_ASN1_SIGNING, "sha2-512"),
        Kind::Rsa2048 | Kind::Rsa3072 => {
            assert_eq!(
                (hash, &body["prehashed"], &body["signature_algorithm"]),
                ("sha2-256", &json!(true), &json!("pkcs1v15"))
            );
            let pair = RsaKeyPair::from_pkcs8(key.pkcs8()).unwrap();
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign_digest(&signature::RSA_PKCS1_SHA256, &imported(hash, input), &mut signature).unwrap();
            signature
        }
        Kind::Ed25519 => {
            assert_eq!(body["prehashed"], json!(false));
            Ed25519KeyPair::from_pkcs8(key.pkcs8()).unwrap().sign(input).as_ref().to_vec()
        }
    }
}

fn imported(hash: &str, input: &[u8]) -> Digest {
    let algorithm = match hash {
        "sha2-256" => &digest::SHA256,
        "sha2-384" => &digest::SHA384,
        "sha2-512" => &digest::SHA512,
        other => panic!("{other}"),
    };
    Digest::import_less_safe(input, algorithm).unwrap()
}

fn enveloped(data: &Value) -> Value {
    json!({
        "request_id": "ee2ca0c2-9e1c-c0ef-8f2f-1d6e1e5e5e5e", "lease_id": "", "renewable": false, "lease_duration": 0,
        "data": data, "wrap_info": null, "warnings": null, "auth": null,
    })
}

fn read_request(reader: &mut BufReader<&TcpStream>) -> std::io::Result<Option<Received>> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let mut words = head[0].split(' ');
    let (method, path) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
    let headers: HashMap<String, String> = head[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Received { method, path, headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) }))
}

fn write_answer(mut connection: &TcpStream, status: u16, more: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n{body}"
    );
    connection.write_all(answer.as_bytes())
}

/// What is asked of a server and of this one, to see that they answer alike: a name, whether with the token, a path, and which
/// version is to sign. The keys `p256` (two versions, the first may not sign), `ed25519` and `rsa` have to be there.
const COMPARED: [(&str, bool, &str, Option<u32>); 11] = [
    ("an ECDSA key", true, "transit/keys/p256", None),
    ("an Ed25519 key", true, "transit/keys/ed25519", None),
    ("an RSA key", true, "transit/keys/rsa", None),
    ("no such key", true, "transit/keys/missing", None),
    ("no such engine", true, "elsewhere/keys/p256", None),
    ("no token", false, "transit/keys/p256", None),
    ("a signature", true, "transit/sign/p256/sha2-256", Some(2)),
    ("a version that is not there", true, "transit/sign/p256/sha2-256", Some(3)),
    ("a version that may not sign", true, "transit/sign/p256/sha2-256", Some(1)),
    ("a signature of no key", true, "transit/sign/missing/sha2-256", Some(1)),
    ("a signature without a token", false, "transit/sign/p256/sha2-256", Some(2)),
];

/// The shapes of a server's answers. SignedCertificate of a real one, they are `tests/e2e/vault/answers.json`.
pub async fn shapes_of_answers(url: &str, token: &str) -> Value {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut shapes = serde_json::Map::new();
    for (name, with_token, path, version) in COMPARED {
        let token = if with_token { token } else { "hvs.unknown" };
        let url = format!("{url}/v1/{path}");
        let request = match version {
            Some(version) => {
                let input = STANDARD.encode(digest::digest(&digest::SHA256, b"message"));
                let mut body = json!({"input": input, "prehashed": true, "key_version": version});
                body["marshaling_algorithm"] = json!("asn1");
                client.post(url).body(body.to_string())
            }
            None => client.get(url),
        };
        let request = request.header("x-vault-token", token);
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let body = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        shapes.insert(name.to_owned(), json!({"status": status, "body": shape(&body)}));
    }
    Value::Object(shapes)
}

/// The members' types; the texts of errors as they are, since operators search for them.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => json!("null"),
        Value::Bool(_) => json!("boolean"),
        Value::Number(_) => json!("number"),
        Value::String(text) if text.starts_with("vault:v") => json!("signature"),
        Value::String(_) => json!("text"),
        Value::Array(_) => value.clone(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), shape(value))).collect())
        }
    }
}
