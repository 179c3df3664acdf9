//! Google's services as a fake that speaks their REST interfaces over real sockets, and misbehaves when told to.
//!
//! A thread a connection and no library, so that nothing of the client under test is shared with it. What each service does is in its
//! own file; who may call is in `tokens`.

pub mod ca;
pub mod kms;
pub mod tokens;

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use serde_json::{Value, json};
use sigmint::signer::google::{CredentialsSource, GoogleOptions};

pub use ca::Lie as CaLie;
pub use kms::Lie as KmsLie;

/// What a fake answers instead of what the service would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An error as Google writes it: HTTP status, word, message.
    Status(u16, &'static str, &'static str),
    /// A page of a proxy in between.
    Page(u16),
    /// The connection is taken and nothing comes until [`FakeGoogle::release`].
    Hang,
    /// Half of the answer, and the connection is closed.
    Cut,
    /// An answer that never ends.
    Endless,
    /// 200 and something that is not JSON.
    Nonsense,
}

/// A request as a service sees it.
pub struct Request {
    pub method: String,
    /// Below `/v1/`, without the query.
    pub path: String,
    pub query: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// HTTP status and body.
pub type Answer = (u16, Value);

/// An error as Google writes it (AIP-193).
pub fn error(http: u16, status: &str, message: &str) -> Answer {
    (
        http,
        json!({"error": {"code": http, "message": message, "status": status, "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": status, "domain": "googleapis.com"}
        ]}}),
    )
}

/// A running fake of both services. Lives until it is killed or the process ends.
pub struct FakeGoogle {
    pub address: SocketAddr,
    pub state: Arc<State>,
    running: Mutex<Arc<AtomicBool>>,
}

/// What the connections share.
pub struct State {
    pub kms: kms::Kms,
    pub ca: ca::Ca,
    pub tokens: tokens::Tokens,
    faults: Mutex<Vec<(Fault, usize)>>,
    calls: Mutex<Vec<String>>,
    open: Mutex<Vec<TcpStream>>,
    released: Mutex<bool>,
    release: Condvar,
}

impl FakeGoogle {
    /// A fake on a port that the system gives.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            kms: kms::Kms::default(),
            ca: ca::Ca::default(),
            tokens: tokens::Tokens::new(),
            faults: Mutex::default(),
            calls: Mutex::default(),
            open: Mutex::default(),
            released: Mutex::default(),
            release: Condvar::new(),
        });
        let fake = Self { address, state, running: Mutex::new(Arc::new(AtomicBool::new(true))) };
        fake.listen(listener);
        fake
    }

    fn listen(&self, listener: TcpListener) {
        let running = Arc::clone(&self.running.lock().unwrap());
        let state = Arc::clone(&self.state);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                if !running.load(Ordering::SeqCst) {
                    break;
                }
                state.open.lock().unwrap().push(connection.try_clone().unwrap());
                let state = Arc::clone(&state);
                std::thread::spawn(move || state.serve(&connection));
            }
        });
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How a client reaches the fake with a service account's key.
    pub fn options(&self) -> GoogleOptions {
        GoogleOptions {
            credentials: CredentialsSource::File(self.state.tokens.service_account_file()),
            ..GoogleOptions::at(&self.url())
        }
    }

    /// The next calls of a service fail in this way, as often as told.
    pub fn fail(&self, fault: Fault, times: usize) {
        self.state.faults.lock().unwrap().push((fault, times));
    }

    /// No call fails any more.
    pub fn heal(&self) {
        self.state.faults.lock().unwrap().clear();
    }

    /// Lets go of what hangs.
    pub fn release(&self) {
        *self.state.released.lock().unwrap() = true;
        self.state.release.notify_all();
    }

    /// The calls of services since the start: `GET path` and `POST path`.
    pub fn calls(&self) -> Vec<String> {
        self.state.calls.lock().unwrap().clone()
    }

    /// Closes the port and all connections at once.
    pub fn kill(&self) {
        self.running.lock().unwrap().store(false, Ordering::SeqCst);
        // Wakes the thread that accepts, so that it ends and the port is free.
        let _ = TcpStream::connect(self.address);
        while TcpStream::connect(self.address).is_ok() {
            std::thread::yield_now();
        }
        for connection in self.state.open.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Listens again on the same port.
    pub fn revive(&self) {
        *self.running.lock().unwrap() = Arc::new(AtomicBool::new(true));
        self.listen(TcpListener::bind(self.address).unwrap());
    }
}

impl State {
    /// Serves a connection until the client closes it.
    fn serve(&self, mut connection: &TcpStream) {
        let mut reader = BufReader::new(connection);
        while let Some((head, request)) = read(&mut reader) {
            let token = self.tokens.serve(&head, &request);
            let fault = if token.is_some() { None } else { self.next_fault() };
            match fault {
                Some(Fault::Hang) => {
                    let mut released = self.released.lock().unwrap();
                    while !*released {
                        released = self.release.wait(released).unwrap();
                    }
                    return;
                }
                Some(Fault::Endless) => return endless(connection),
                Some(Fault::Page(status)) => {
                    if connection.write_all(&message(status, "text/html", b"<html>no</html>")).is_err() {
                        return;
                    }
                    continue;
                }
                Some(Fault::Nonsense) => {
                    if connection.write_all(&message(200, "application/json", b"[\"nonsense\"")).is_err() {
                        return;
                    }
                    continue;
                }
                _ => {}
            }
            let (status, body) = match (fault, token) {
                (Some(Fault::Status(http, status, text)), _) => error(http, status, text),
                (_, Some(answer)) => answer,
                _ => self.answer(&head, &request),
            };
            let bytes = message(status, "application/json", body.to_string().as_bytes());
            if fault == Some(Fault::Cut) {
                let _ = connection.write_all(&bytes[..bytes.len() / 2]);
                let _ = connection.shutdown(Shutdown::Both);
                return;
            }
            if connection.write_all(&bytes).is_err() {
                return;
            }
        }
    }

    fn next_fault(&self) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        let (fault, left) = faults.first_mut()?;
        let fault = *fault;
        *left = left.saturating_sub(1);
        if *left == 0 {
            faults.remove(0);
        }
        Some(fault)
    }

    /// What the service answers, to whom may ask.
    fn answer(&self, head: &HashMap<String, String>, request: &Request) -> Answer {
        self.calls.lock().unwrap().push(format!("{} {}", request.method, request.path));
        if !self.tokens.accepts(head.get("authorization").map_or("", String::as_str)) {
            return error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.");
        }
        if request.path.contains("/caPools/") { self.ca.answer(request) } else { self.kms.answer(request) }
    }
}

fn endless(mut connection: &TcpStream) {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    let _ = connection.write_all(head.as_bytes());
    while connection.write_all(chunk.as_bytes()).is_ok() {}
}

fn message(status: u16, kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Reads one request; nothing when the connection is at its end.
fn read(reader: &mut BufReader<&TcpStream>) -> Option<(HashMap<String, String>, Request)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut head = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        head.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = vec![0; head.get("content-length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    let url = url::Url::parse(&format!("http://fake{target}")).unwrap();
    let query = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let path = url.path().trim_start_matches("/v1/").to_owned();
    Some((head, Request { method, path, query, body }))
}
