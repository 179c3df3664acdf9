//! An OIDC issuer that speaks real HTTP on a port of 127.0.0.1, and misbehaves when told to.
//!
//! One listener is many issuers: every path before `/.well-known/openid-configuration` is one, all with the same keys. A thread a
//! connection and no library, so that nothing of the server under test is shared with it.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::keys::{Key, Kind};

/// Every algorithm that a discovery document lists unless a test says otherwise.
pub const ALGORITHMS: [&str; 10] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

const DISCOVERY: &str = "/.well-known/openid-configuration";
/// Where all issuers of a listener have their keys.
pub const KEYS: &str = "/keys";

/// What a path answers instead of what an issuer would.
#[derive(Clone)]
pub enum Answer {
    /// Status and body.
    Body(u16, Vec<u8>),
    /// A body that is said to be in gzip.
    Zipped(Vec<u8>),
    /// 302 to a URL.
    Redirect(String),
    /// The connection is closed without a word.
    Close,
    /// A body that never ends.
    Endless,
    /// Nothing comes until [`FakeIssuer::release`], then what an issuer would answer.
    Held,
    /// What an issuer would answer if the head has this line, else 403.
    Demands(&'static str),
}

/// A running issuer. Lives as long as the process.
pub struct FakeIssuer {
    /// `http://127.0.0.1:PORT`; the issuers are this and everything below it.
    pub url: String,
    state: Arc<State>,
}

struct State {
    url: String,
    keys: Mutex<Vec<(Arc<Key>, Option<String>)>>,
    extra_jwks: Mutex<Vec<Value>>,
    algorithms: Mutex<Vec<String>>,
    answers: Mutex<HashMap<String, Answer>>,
    headers: Mutex<String>,
    requests: Mutex<Vec<Received>>,
    released: Mutex<bool>,
    release: Condvar,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    /// The head's lines, the request line first.
    pub head: Vec<String>,
}

impl FakeIssuer {
    /// An issuer with a new P-256 key of id `first`.
    pub fn start() -> Self {
        Self::start_with(Key::new(Kind::P256))
    }

    /// An issuer with this key.
    pub fn start_with(key: Key) -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").unwrap(), key)
    }

    /// An issuer at an address that was free a moment ago.
    pub fn start_at(address: SocketAddr) -> Self {
        Self::listen(TcpListener::bind(address).unwrap(), Key::new(Kind::P256))
    }

    /// An issuer that speaks TLS, for clients that come by one of these names or addresses; and the certificate to trust it by, PEM.
    pub fn start_tls(names: &[&str]) -> (Self, String) {
        Self::start_tls_as(names, rcgen::IsCa::NoCa)
    }

    /// The same with a certificate that says whether it is an authority's.
    pub fn start_tls_as(names: &[&str], is_ca: rcgen::IsCa) -> (Self, String) {
        let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let (mut parameters, key) =
            (rcgen::CertificateParams::new(names).unwrap(), rcgen::KeyPair::generate().unwrap());
        parameters.is_ca = is_ca;
        let certified = parameters.self_signed(&key).unwrap();
        let certificate = CertificateDer::from(certified.der().to_vec());
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        (Self::listen_with(listener, Key::new(Kind::P256), Some(Arc::new(config))), certified.pem())
    }

    fn listen(listener: TcpListener, key: Key) -> Self {
        Self::listen_with(listener, key, None)
    }

    fn listen_with(listener: TcpListener, key: Key, tls: Option<Arc<ServerConfig>>) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            url: url.clone(),
            keys: Mutex::new(vec![(Arc::new(key), Some("first".to_owned()))]),
            extra_jwks: Mutex::default(),
            algorithms: Mutex::new(ALGORITHMS.map(str::to_owned).to_vec()),
            answers: Mutex::default(),
            headers: Mutex::default(),
            requests: Mutex::default(),
            released: Mutex::default(),
            release: Condvar::new(),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (state, tls) = (Arc::clone(&shared), tls.clone());
                std::thread::spawn(move || state.serve(connection, tls));
            }
        });
        Self { url, state }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.url.split_once("://").unwrap().1.parse().unwrap()
    }

    /// Adds header lines, each with its line end, to every document.
    pub fn set_headers(&self, lines: &str) {
        lines.clone_into(&mut self.state.headers.lock().unwrap());
    }

    /// The URL of the issuer of that name.
    pub fn issuer(&self, name: &str) -> String {
        format!("{}/{name}", self.url)
    }

    /// Makes a path answer something else.
    pub fn answer(&self, path: &str, answer: Answer) {
        self.state.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// Makes a path answer again what an issuer would.
    pub fn recover(&self, path: &str) {
        self.state.answers.lock().unwrap().remove(path);
    }

    /// Lets go every answer that is held, now and later.
    pub fn release(&self) {
        *self.state.released.lock().unwrap() = true;
        self.state.release.notify_all();
    }

    /// Replaces all keys by these; the first one signs. Without an id, the JWK has none either.
    pub fn set_keys(&self, keys: Vec<(Key, Option<&str>)>) {
        *self.state.keys.lock().unwrap() =
            keys.into_iter().map(|(key, id)| (Arc::new(key), id.map(str::to_owned))).collect();
    }

    /// The key that signs.
    pub fn first_key(&self) -> Arc<Key> {
        self.key(0)
    }

    /// One of the keys.
    pub fn key(&self, position: usize) -> Arc<Key> {
        Arc::clone(&self.state.keys.lock().unwrap()[position].0)
    }

    /// Adds JWKs ahead of the issuer's own.
    pub fn add_jwks(&self, jwks: Vec<Value>) {
        *self.state.extra_jwks.lock().unwrap() = jwks;
    }

    /// What discovery lists.
    pub fn set_algorithms(&self, algorithms: &[&str]) {
        *self.state.algorithms.lock().unwrap() = algorithms.iter().map(|name| (*name).to_owned()).collect();
    }

    /// How often a path was asked for.
    pub fn requests(&self, path: &str) -> usize {
        self.state.requests.lock().unwrap().iter().filter(|request| request.path == path).count()
    }

    /// Everything that was asked for.
    pub fn received(&self) -> Vec<Received> {
        self.state.requests.lock().unwrap().clone()
    }

    /// Claims of an issuer below this one, for the audience `sigstore`, valid for ten minutes; `more` is laid over them.
    pub fn claims(&self, name: &str, more: &Value) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut claims =
            json!({"iss": self.issuer(name), "aud": "sigstore", "sub": "subject-1", "iat": now - 5, "exp": now + 600});
        for (name, value) in more.as_object().unwrap() {
            claims[name.as_str()] = value.clone();
        }
        claims
    }

    /// A token with these claims, signed with the issuer's first key.
    pub fn token(&self, claims: &Value) -> String {
        let (key, id) = self.state.keys.lock().unwrap()[0].clone();
        let mut header = json!({"alg": key.token_algorithm(), "typ": "JWT"});
        if let Some(id) = id {
            header["kid"] = json!(id);
        }
        signed(&key, key.token_algorithm(), &header.to_string(), &claims.to_string())
    }

    /// A token whose header and payload are given as text, signed with the issuer's first key.
    pub fn token_of_text(&self, header: &str, payload: &str) -> String {
        let key = self.first_key();
        signed(&key, key.token_algorithm(), header, payload)
    }
}

/// A JWS in compact serialization.
pub fn signed(key: &Key, algorithm: &str, header: &str, payload: &str) -> String {
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = key.sign(algorithm, text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

impl State {
    fn serve(&self, mut connection: TcpStream, tls: Option<Arc<ServerConfig>>) {
        connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // A client that goes away in the middle is its own business.
        let _ = match tls {
            None => self.try_serve(&mut connection),
            Some(config) => {
                let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), connection);
                let outcome = self.try_serve(&mut stream);
                stream.conn.send_close_notify();
                outcome.and(stream.flush())
            }
        };
    }

    fn try_serve(&self, connection: &mut (impl Read + Write)) -> std::io::Result<()> {
        let mut head = Vec::new();
        for line in BufReader::new(Read::by_ref(connection).take(64 * 1024)).lines() {
            let line = line?;
            if line.is_empty() {
                break;
            }
            head.push(line);
        }
        let Some(target) = head.first().and_then(|line| line.split(' ').nth(1)) else { return Ok(()) };
        // A proxy is asked for whole URLs; as one, this issuer is whatever host it is asked for.
        let (base, path) = match target.strip_prefix("http://").and_then(|rest| rest.split_once('/')) {
            Some((host, path)) => (format!("http://{host}"), format!("/{path}")),
            None => (self.base(&head), target.to_owned()),
        };
        let has = |wanted: &str| head.iter().any(|line| line.eq_ignore_ascii_case(wanted));
        let answer = match self.answers.lock().unwrap().get(&path).cloned() {
            Some(Answer::Demands(line)) if has(line) => None,
            Some(Answer::Demands(_)) => Some(Answer::Body(403, b"{}".to_vec())),
            other => other,
        };
        self.requests.lock().unwrap().push(Received { path: path.clone(), head });
        match answer {
            Some(Answer::Body(status, body)) => write_answer(connection, status, "", &body),
            Some(Answer::Zipped(body)) => write_answer(connection, 200, "Content-Encoding: gzip\r\n", &body),
            Some(Answer::Redirect(url)) => write_answer(connection, 302, &format!("Location: {url}\r\n"), b""),
            Some(Answer::Close) => Ok(()),
            Some(Answer::Endless) => write_endlessly(connection),
            Some(Answer::Held) => {
                let released = self.release.wait_while(self.released.lock().unwrap(), |released| !*released);
                drop(released);
                self.write_document(connection, &base, &path)
            }
            None | Some(Answer::Demands(_)) => self.write_document(connection, &base, &path),
        }
    }

    /// Under whatever name somebody comes, that is this issuer's.
    fn base(&self, head: &[String]) -> String {
        let host =
            head.iter().find_map(|line| line.to_lowercase().strip_prefix("host:").map(|host| host.trim().to_owned()));
        let scheme = self.url.split_once("://").unwrap().0;
        host.map_or_else(|| self.url.clone(), |host| format!("{scheme}://{host}"))
    }

    fn write_document(&self, connection: &mut impl Write, base: &str, path: &str) -> std::io::Result<()> {
        if let Some(name) = path.strip_suffix(DISCOVERY) {
            let algorithms = self.algorithms.lock().unwrap().clone();
            let mut document = json!({"issuer": format!("{base}{name}"), "jwks_uri": format!("{base}{KEYS}")});
            if !algorithms.is_empty() {
                document["id_token_signing_alg_values_supported"] = json!(algorithms);
            }
            return write_answer(connection, 200, &self.headers.lock().unwrap(), document.to_string().as_bytes());
        }
        if path != KEYS {
            return write_answer(connection, 404, "", b"{}");
        }
        let mut jwks = self.extra_jwks.lock().unwrap().clone();
        for (key, id) in &*self.keys.lock().unwrap() {
            let mut jwk = key.jwk();
            if let Some(id) = id {
                jwk["kid"] = json!(id);
            }
            jwks.push(jwk);
        }
        let body = json!({"keys": jwks}).to_string();
        write_answer(connection, 200, &self.headers.lock().unwrap(), body.as_bytes())
    }
}

fn write_answer(connection: &mut impl Write, status: u16, more: &str, body: &[u8]) -> std::io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n"
    );
    connection.write_all(head.as_bytes())?;
    connection.write_all(body)
}

fn write_endlessly(connection: &mut impl Write) -> std::io::Result<()> {
    connection
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{\"issuer\":\"")?;
    loop {
        connection.write_all(&[b'a'; 8192])?;
    }
}
