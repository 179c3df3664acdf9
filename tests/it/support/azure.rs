//! Azure Key Vault and the token services around it, over real sockets: TLS with a CA of its own, keep-alive, and the
//! services' own answers. Misbehaves when told to.
//!
//! One TLS listener is both the vault and Microsoft Entra ID, told apart by the request's host; another one, in clear
//! text, is the identity service of an app service. A thread a connection and no HTTP library, so that nothing is shared
//! with what is tested.

use std::collections::{HashMap, HashSet};
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use sigmint::signer::azure_key_vault::{AzureCredential, AzureOptions};

use crate::support::keys::{Key, Kind};

pub const VAULT: &str = "sigmint.vault.azure.net";
pub const LOGIN: &str = "login.microsoftonline.com";
pub const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub const CLIENT: &str = "66666666-7777-8888-9999-000000000000";
pub const SECRET: &str = "correct horse";
/// What the cluster's token file holds.
pub const ASSERTION: &str = "e30.e30.e30";
/// The `X-IDENTITY-HEADER` of the app service.
pub const IDENTITY_HEADER: &str = "battery staple";
const API_VERSION: &str = "2025-07-01";

/// What the services do instead of answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Good,
    /// 429 for so many more requests to the vault.
    Throttles(usize),
    /// 403 as role-based access control gives it.
    Denies,
    /// 500 from the vault.
    Fails,
    /// A page of a gateway instead of an answer of the vault.
    Gateway,
    /// A signature of something else.
    Lies,
    /// Half of an answer, then the end of the connection.
    Cuts,
    /// No answer.
    Hangs,
    /// An answer that is not JSON.
    Rambles,
    /// A challenge for tokens of somebody else's.
    Lures,
}

/// A version of a key.
pub struct VaultKey {
    key: Key,
    pub version: String,
    pub kty: &'static str,
    pub operations: Vec<&'static str>,
    pub enabled: bool,
}

impl VaultKey {
    pub fn new(kind: Kind, version: &str) -> Self {
        let kty = if matches!(kind, Kind::Rsa2048 | Kind::Rsa3072) { "RSA" } else { "EC" };
        let operations = vec!["sign", "verify"];
        Self { key: Key::new(kind), version: version.to_owned(), kty, operations, enabled: true }
    }
}

/// The running services.
pub struct FakeAzure {
    pub address: SocketAddr,
    root: Vec<u8>,
    tls: Arc<ServerConfig>,
    state: Arc<State>,
    listening: Mutex<Arc<AtomicBool>>,
}

#[derive(Default)]
struct State {
    keys: Mutex<HashMap<String, Vec<VaultKey>>>,
    mood: Mutex<Option<Mood>>,
    login_mood: Mutex<Option<Mood>>,
    token_life: AtomicUsize,
    tokens: Mutex<HashSet<String>>,
    token_requests: AtomicUsize,
    signatures: AtomicUsize,
    connections: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
}

struct Received {
    method: String,
    target: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl FakeAzure {
    /// The services, with these keys of one version each.
    pub fn start(keys: Vec<(&str, VaultKey)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (root, tls) = certificates();
        let state = Arc::new(State { token_life: AtomicUsize::new(3600), ..State::default() });
        for (name, key) in keys {
            state.keys.lock().unwrap().insert(name.to_owned(), vec![key]);
        }
        let address = listener.local_addr().unwrap();
        let fake = Self { address, root, tls, state, listening: Mutex::default() };
        fake.listen(listener);
        fake
    }

    /// Adds a newer version of a key.
    pub fn add_version(&self, name: &str, key: VaultKey) {
        self.state.keys.lock().unwrap().get_mut(name).unwrap().push(key);
    }

    /// Changes the newest version of a key.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut VaultKey)) {
        change(self.state.keys.lock().unwrap().get_mut(name).unwrap().last_mut().unwrap());
    }

    pub fn vault_is(&self, mood: Mood) {
        *self.state.mood.lock().unwrap() = Some(mood);
    }

    pub fn login_is(&self, mood: Mood) {
        *self.state.login_mood.lock().unwrap() = Some(mood);
    }

    /// For how many seconds the tokens of the next requests are good.
    pub fn token_life(&self, seconds: usize) {
        self.state.token_life.store(seconds, Ordering::SeqCst);
    }

    /// Every token so far is refused from now on.
    pub fn forget_tokens(&self) {
        self.state.tokens.lock().unwrap().clear();
    }

    pub fn token_requests(&self) -> usize {
        self.state.token_requests.load(Ordering::SeqCst)
    }

    pub fn signatures(&self) -> usize {
        self.state.signatures.load(Ordering::SeqCst)
    }

    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Ends the services: no new connections, and the old ones are cut.
    pub fn stop(&self) {
        self.listening.lock().unwrap().store(false, Ordering::SeqCst);
        // Wakes the thread that waits for a connection, which then lets go of the port.
        drop(TcpStream::connect(self.address));
        while TcpStream::connect(self.address).is_ok() {}
        for connection in self.state.open.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Brings the services back on the same port.
    pub fn restart(&self) {
        self.listen(TcpListener::bind(self.address).unwrap());
    }

    /// Options with which the real host names lead here.
    pub fn options(&self) -> AzureOptions {
        AzureOptions {
            credential: AzureCredential::ClientSecret {
                tenant: TENANT.to_owned(),
                client: CLIENT.to_owned(),
                secret: SECRET.to_owned().into(),
            },
            roots: vec![self.root.clone()],
            addresses: [VAULT, LOGIN, "sigmint.example.com"].map(|host| (host.to_owned(), self.address)).to_vec(),
            ..AzureOptions::from_environment(|_| None)
        }
    }

    /// The same with a cluster's token.
    pub fn workload_options(&self, token_file: &Path) -> AzureOptions {
        let (tenant, client) = (TENANT.to_owned(), CLIENT.to_owned());
        let credential = AzureCredential::WorkloadIdentity { tenant, client, token_file: token_file.to_owned() };
        AzureOptions { credential, ..self.options() }
    }

    /// The identity service of an app service, in clear text: its URL.
    pub fn start_identity_service(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/msi/token", listener.local_addr().unwrap());
        let state = Arc::clone(&self.state);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                std::thread::spawn(move || serve(&state, connection));
            }
        });
        url
    }

    fn listen(&self, listener: TcpListener) {
        let listening = Arc::new(AtomicBool::new(true));
        *self.listening.lock().unwrap() = Arc::clone(&listening);
        let (state, tls) = (Arc::clone(&self.state), Arc::clone(&self.tls));
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                if !listening.load(Ordering::SeqCst) {
                    return;
                }
                state.connections.fetch_add(1, Ordering::SeqCst);
                state.open.lock().unwrap().push(connection.try_clone().unwrap());
                let (state, tls) = (Arc::clone(&state), Arc::clone(&tls));
                std::thread::spawn(move || {
                    serve(&state, StreamOwned::new(ServerConnection::new(tls).unwrap(), connection));
                });
            }
        });
    }
}

/// A root, and a server's certificate below it for both hosts.
fn certificates() -> (Vec<u8>, Arc<ServerConfig>) {
    let (root_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let names = [VAULT, LOGIN, "sigmint.example.com"].map(str::to_owned).to_vec();
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &Issuer::from_params(&root, &root_key)).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    (root.self_signed(&root_key).unwrap().der().to_vec(), Arc::new(config))
}

/// Answers until the other side goes away, which is its own business.
fn serve(state: &State, stream: impl Read + Write) {
    let mut stream = BufReader::new(stream);
    while let Ok(Some(request)) = receive(&mut stream) {
        let host = request.headers.get("host").cloned().unwrap_or_default();
        let of_vault = host.starts_with("sigmint.");
        let mood = if of_vault { &state.mood } else { &state.login_mood };
        let mood = mood.lock().unwrap().unwrap_or(Mood::Good);
        let answer = match (mood, of_vault) {
            (Mood::Hangs, _) => {
                std::thread::park();
                return;
            }
            (Mood::Gateway, _) => Answer { status: 502, headers: Vec::new(), body: "<html>Bad Gateway</html>".into() },
            (_, true) => state.vault(&request, mood),
            (_, false) => state.token(&request, mood),
        };
        let Answer { status, headers, body } = answer;
        let mut text =
            format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            text.extend([name, ": ", &value, "\r\n"]);
        }
        text.push_str("\r\n");
        text.push_str(&body);
        let cut = mood == Mood::Cuts && status == 200;
        let bytes = &text.as_bytes()[..if cut { text.len() - body.len() / 2 } else { text.len() }];
        if stream.get_mut().write_all(bytes).and_then(|()| stream.get_mut().flush()).is_err() || cut {
            return;
        }
    }
}

fn receive(stream: &mut impl std::io::BufRead) -> std::io::Result<Option<Received>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut first = lines[0].split(' ').map(str::to_owned);
    let (method, target) = (first.next().unwrap(), first.next().unwrap());
    let headers: HashMap<String, String> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Some(Received { method, target, headers, body }))
}

impl Answer {
    fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: Vec::new(), body: body.to_string() }
    }

    fn error(status: u16, code: &str, message: &str, inner: &str) -> Self {
        Self::json(status, &json!({"error": {"code": code, "message": message, "innererror": {"code": inner}}}))
    }
}

impl State {
    fn vault(&self, request: &Received, mood: Mood) -> Answer {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        if !query.split('&').any(|pair| pair == format!("api-version={API_VERSION}")) {
            return Answer::error(400, "BadParameter", "api-version must be specified", "");
        }
        let token = request.headers.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
        if !token.is_some_and(|token| self.tokens.lock().unwrap().contains(token)) {
            let resource = if mood == Mood::Lures { "https://vault.example.com" } else { "https://vault.azure.net" };
            let challenge = format!(r#"Bearer authorization="https://{LOGIN}/{TENANT}", resource="{resource}""#);
            assert!(request.body.is_empty() || token.is_some(), "a body was sent before the challenge");
            let mut answer =
                Answer::error(401, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token.", "");
            answer.headers.push(("WWW-Authenticate", challenge));
            return answer;
        }
        match mood {
            Mood::Throttles(0) | Mood::Good | Mood::Lies | Mood::Cuts => self.operation(request, path, mood),
            Mood::Throttles(left) => {
                *self.mood.lock().unwrap() = Some(Mood::Throttles(left - 1));
                let mut answer = Answer::error(
                    429,
                    "Throttled",
                    "Request was not processed because too many requests were received.",
                    "",
                );
                answer.headers.push(("Retry-After", "1".to_owned()));
                answer
            }
            Mood::Denies => Answer::error(
                403,
                "Forbidden",
                "Caller is not authorized to perform action on resource.\r\nAction: 'Microsoft.KeyVault/vaults/keys/read'",
                "ForbiddenByRbac",
            ),
            Mood::Rambles => Answer { status: 200, headers: Vec::new(), body: "{\"value\": 7".into() },
            _ => Answer::error(500, "InternalServerError", "An unexpected error occurred.", ""),
        }
    }

    fn operation(&self, request: &Received, path: &str, mood: Mood) -> Answer {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let keys = self.keys.lock().unwrap();
        let (name, version) = (parts.get(1).copied().unwrap_or_default(), parts.get(2).copied());
        let versions = keys.get(name).map(Vec::as_slice).unwrap_or_default();
        let found = match version {
            Some(version) => versions.iter().find(|key| key.version == version),
            None => versions.last(),
        };
        let Some(key) = found else {
            let message = format!("A key with (name/id) {name} was not found in this key vault.");
            return Answer::error(404, "KeyNotFound", &message, "");
        };
        let id = format!("https://{VAULT}/keys/{name}/{}", key.version);
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["keys", _] | ["keys", _, _]) => {
                let mut jwk = key.key.jwk();
                jwk["kid"] = json!(id);
                jwk["kty"] = json!(key.kty);
                jwk["key_ops"] = json!(key.operations);
                Answer::json(
                    200,
                    &json!({"key": jwk, "attributes": {"enabled": key.enabled, "created": 1_700_000_000}}),
                )
            }
            ("POST", ["keys", _, _, "sign"]) => self.sign(request, key, &id, mood),
            _ => Answer::error(404, "NotFound", "no such resource", ""),
        }
    }

    fn sign(&self, request: &Received, key: &VaultKey, id: &str, mood: Mood) -> Answer {
        if !key.enabled {
            return Answer::error(403, "Forbidden", "Operation sign is not allowed on a disabled key.", "KeyDisabled");
        }
        if !key.operations.contains(&"sign") {
            return Answer::error(
                403,
                "Forbidden",
                "Operation sign is not permitted on this key.",
                "KeyOperationForbidden",
            );
        }
        if request.headers.get("content-type").map(String::as_str) != Some("application/json") {
            return Answer::error(415, "BadParameter", "not JSON", "");
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let value = URL_SAFE_NO_PAD.decode(body["value"].as_str().unwrap()).unwrap();
        let algorithm = body["alg"].as_str().unwrap();
        let value = if mood == Mood::Lies { vec![7; value.len()] } else { value };
        match sign_digest(&key.key, algorithm, &value) {
            Some(signature) => {
                self.signatures.fetch_add(1, Ordering::SeqCst);
                Answer::json(200, &json!({"kid": id, "value": URL_SAFE_NO_PAD.encode(signature)}))
            }
            None => Answer::error(400, "BadParameter", "Key and signing algorithm are incompatible.", ""),
        }
    }

    fn token(&self, request: &Received, mood: Mood) -> Answer {
        self.token_requests.fetch_add(1, Ordering::SeqCst);
        if mood != Mood::Good {
            return Answer::json(
                503,
                &json!({"error": "temporarily_unavailable", "error_description": "AADSTS90033", "error_codes": [90033]}),
            );
        }
        let good = if request.target.starts_with("/msi/") { of_machine(request) } else { of_application(request) };
        if let Err((code, description)) = good {
            let body = json!({"error": "invalid_client", "error_description": description, "error_codes": [code]});
            return Answer::json(401, &body);
        }
        let mut random = [0; 16];
        aws_lc_rs::rand::fill(&mut random).unwrap();
        let token = URL_SAFE_NO_PAD.encode(random);
        self.tokens.lock().unwrap().insert(token.clone());
        let life = self.token_life.load(Ordering::SeqCst) as u64;
        let end = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(life);
        let body = json!({"token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": token,
            "expires_on": end.as_secs().to_string(), "resource": "https://vault.azure.net"});
        let mut body = body;
        if request.target.starts_with("/msi/") {
            // The app service has no duration, and its time is text.
            body.as_object_mut().unwrap().remove("expires_in");
        }
        Answer::json(200, &body)
    }
}

fn of_application(request: &Received) -> Result<(), (u32, &'static str)> {
    let form: HashMap<String, String> = url::form_urlencoded::parse(&request.body).into_owned().collect();
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if (request.method.as_str(), request.target.as_str()) != ("POST", format!("/{TENANT}/oauth2/v2.0/token").as_str()) {
        return Err((90002, "AADSTS90002: Tenant not found."));
    }
    if field("grant_type") != "client_credentials" || field("scope") != "https://vault.azure.net/.default" {
        return Err((70011, "AADSTS70011: The provided value for the input parameter 'scope' is not valid."));
    }
    if field("client_id") != CLIENT {
        return Err((700_016, "AADSTS700016: Application was not found in the directory."));
    }
    let assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    match (field("client_secret"), field("client_assertion"), field("client_assertion_type")) {
        (SECRET, "", "") => Ok(()),
        ("", ASSERTION, kind) if kind == assertion_type => Ok(()),
        ("", _, _) => {
            Err((700_213, "AADSTS700213: No matching federated identity record found for presented assertion."))
        }
        _ => Err((7_000_215, "AADSTS7000215: Invalid client secret provided.")),
    }
}

fn of_machine(request: &Received) -> Result<(), (u32, &'static str)> {
    let secret = request.headers.get("x-identity-header").map(String::as_str);
    let resource = request.target.contains("resource=https%3A%2F%2Fvault.azure.net");
    if secret == Some(IDENTITY_HEADER) && resource { Ok(()) } else { Err((1, "no such identity")) }
}

/// Signs a digest as the vault does: nothing if the algorithm is not the key's.
fn sign_digest(key: &Key, algorithm: &str, value: &[u8]) -> Option<Vec<u8>> {
    let imported = |algorithm| Digest::import_less_safe(value, algorithm).ok();
    let ecdsa = |signing: &'static EcdsaSigningAlgorithm, hash| {
        let pair = EcdsaKeyPair::from_pkcs8(signing, key.pkcs8()).ok()?;
        Some(pair.sign_digest(&imported(hash)?).ok()?.as_ref().to_vec())
    };
    match (algorithm, key.kind) {
        ("ES256", Kind::P256) => ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, &digest::SHA256),
        ("ES384", Kind::P384) => ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, &digest::SHA384),
        ("ES512", Kind::P521) => ecdsa(&signature::ECDSA_P521_SHA512_FIXED_SIGNING, &digest::SHA512),
        ("RS256", Kind::Rsa2048 | Kind::Rsa3072) => {
            let pair = rsa::KeyPair::from_pkcs8(key.pkcs8()).ok()?;
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign_digest(&signature::RSA_PKCS1_SHA256, &imported(&digest::SHA256)?, &mut signature).ok()?;
            Some(signature)
        }
        _ => None,
    }
}
