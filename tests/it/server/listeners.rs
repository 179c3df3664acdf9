//! Listeners: one port for both protocols, TLS and its reloading, time limits, and stopping without losing what is in flight.

use crate::support::ports::free_addresses;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::grpc::{GrpcClient, certificates, key_message};
use crate::support::identities::{email_claims, email_file};
use crate::support::scene::ADDRESS;
use crate::support::server::{by_hand, key_body};
use crate::support::{Answer, DEADLINE, FakeIssuer, Key, Kind, Running, TestCa, eventually};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use sigmint::limits::connections::ConnectionLimits;
use sigmint::server::listeners::{Address, Endpoint, Listeners, TlsFiles};
use sigmint::server::{Server, ServerError, ServerOptions, Timeouts};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tonic::Code;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};

const LOOPBACK: &str = "127.0.0.1";

fn at(port: u16) -> Address {
    Address { host: LOOPBACK.to_owned(), port }
}

fn plain() -> Endpoint {
    Endpoint { address: at(0), tls: None }
}

/// A server with an `email` issuer, listening as told.
async fn running(issuer: &FakeIssuer, listeners: Listeners, timeouts: Timeouts) -> Running {
    let ca = TestCa::new().await;
    let issuance = by_hand(&email_file(&issuer.issuer("email")), &ca);
    Running::serve_on(Arc::new(issuance), ca, &ServerOptions { listeners, timeouts, ..ServerOptions::default() })
}

/// The metric's value, once it is there.
fn gauge(metrics: &str, name: &str) -> String {
    let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name}")).to_owned()
}

fn token(issuer: &FakeIssuer) -> String {
    issuer.token(&issuer.claims("email", &email_claims()))
}

async fn health(client: &GrpcClient, service: &str) -> Result<ServingStatus, Code> {
    let request = HealthCheckRequest { service: service.to_owned() };
    let answer = HealthClient::new(client.channel.clone()).check(request).await;
    answer.map(|answer| answer.into_inner().status()).map_err(|status| status.code())
}

#[tokio::test]
async fn one_port_serves_both_protocols() {
    let issuer = FakeIssuer::start();
    let server = running(&issuer, Listeners::Shared(plain()), Timeouts::default()).await;
    assert_eq!(server.url, server.grpc_url);
    let (key, client) = (Key::new(Kind::P256), GrpcClient::new(&server.grpc_url));
    for _ in 0..3 {
        let rest = server.ask(&token(&issuer), &key, ADDRESS).await.certificates();
        let grpc = client.ask(key_message(&token(&issuer), &key.spki_pem(), &key.prove(ADDRESS))).await.unwrap();
        assert_eq!(rest[1..], certificates(&grpc)[1..]);
    }
    assert_eq!(health(&client, "").await, Ok(ServingStatus::Serving));
    for http in [server.request("GET", "/healthz"), server.request_http2("GET", "/healthz")] {
        assert_eq!(http.send().await.unwrap().text().await.unwrap(), json!({"status": "SERVING"}).to_string());
    }
    // A path that is neither's is answered in the form that the content type asks for.
    let ask = async |content_type: &str| {
        let request = server.request_http2("POST", "/no.Service/Method").header("content-type", content_type);
        let reply = request.send().await.unwrap();
        (reply.status().as_u16(), reply.headers().get("grpc-status").map(|code| code.to_str().unwrap().to_owned()))
    };
    assert_eq!(ask("application/json").await, (404, None));
    assert_eq!(ask("application/grpc").await, (200, Some("12".to_owned())));
}

#[tokio::test]
async fn health_is_told_by_any_name_and_what_is_no_call_is_refused() {
    let issuer = FakeIssuer::start();
    let server = running(&issuer, Listeners::any_ports(LOOPBACK), Timeouts::default()).await;
    let client = GrpcClient::new(&server.grpc_url);
    for service in ["", "dev.sigstore.fulcio.v2.CA", "dev.sigstore.fulcio.v2", "liveness", "fulcio"] {
        assert_eq!(health(&client, service).await, Ok(ServingStatus::Serving), "{service:?}");
    }
    let http2 = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().unwrap();
    let reply = http2.get(format!("{}/healthz", server.grpc_url)).send().await.unwrap();
    assert_eq!(reply.status(), 415);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let ca = TestCa::new().await;
    let issuance = Arc::new(by_hand(&email_file("http://127.0.0.1:1"), &ca));
    let listeners = Listeners::Separate { http: plain(), grpc: Endpoint { address: at(port), tls: None } };
    let refused = Server::bind(issuance, &ServerOptions { listeners, ..ServerOptions::default() });
    let Err(error @ ServerError::Listen { .. }) = refused else { panic!("bound twice") };
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
}

/// Short times, so that a test can wait for them; actix's clock ticks twice a second.
const IMPATIENT: Timeouts = Timeouts { headers: Duration::from_millis(1500), idle: Duration::from_millis(1500) };

/// Sends this and waits until the server closes the connection.
async fn closed_after(address: &str, first: &[u8]) -> Duration {
    let begin = Instant::now();
    let mut connection = TcpStream::connect(address.trim_start_matches("http://")).await.unwrap();
    connection.write_all(first).await.unwrap();
    let mut rest = Vec::new();
    // A connection that is reset is closed too.
    let _ = tokio::time::timeout(DEADLINE, connection.read_to_end(&mut rest)).await.expect("stays open");
    begin.elapsed()
}

#[tokio::test]
async fn silent_and_idle_connections_are_closed() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
    let issuer = FakeIssuer::start();
    let separate = running(&issuer, Listeners::any_ports(LOOPBACK), IMPATIENT).await;
    let shared = running(&issuer, Listeners::Shared(plain()), IMPATIENT).await;
    let preface = [PREFACE, SETTINGS].concat();
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let cases = [
        (&separate.url, &b""[..]),
        (&separate.url, b"GET /healthz HTTP/1.1\r\nHo"),
        (&separate.url, request),
        (&separate.grpc_url, b""),
        (&separate.grpc_url, &PREFACE[..5]),
        (&separate.grpc_url, &preface),
        (&shared.url, b""),
        (&shared.url, &PREFACE[..5]),
        (&shared.url, request),
        (&shared.url, &preface),
    ];
    let waiting = cases.map(|(address, first)| {
        let (address, first) = (address.clone(), first.to_vec());
        tokio::spawn(async move { (closed_after(&address, &first).await, first) })
    });
    for case in waiting {
        let (time, first) = case.await.unwrap();
        assert!((Duration::from_millis(750)..Duration::from_secs(10)).contains(&time), "{first:?}: {time:?}");
    }
}

#[tokio::test]
async fn a_connection_with_a_call_is_not_idle() {
    let issuer = FakeIssuer::start();
    let server = running(&issuer, Listeners::any_ports(LOOPBACK), IMPATIENT).await;
    let client = GrpcClient::new(&server.grpc_url);
    let request = HealthCheckRequest { service: String::new() };
    let mut watch = HealthClient::new(client.channel.clone()).watch(request).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let end = tokio::time::timeout(IMPATIENT.idle * 4, watch.message()).await;
    assert!(end.is_err(), "the watch ended: {end:?}");
}

/// A new self-signed certificate in two files; its DER.
fn write_tls(folder: &Path) -> (TlsFiles, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = TlsFiles { certificate: folder.join("tls.crt"), key: folder.join("tls.key") };
    fs::write(&files.certificate, made.cert.pem()).unwrap();
    fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    (files, made.cert.der().to_vec())
}

/// Shakes hands, trusting this certificate only.
async fn shake_hands(url: &str, trusted: &[u8], protocol: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.to_vec().into()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = Some(protocol.to_vec()).into_iter().filter(|protocol| !protocol.is_empty()).collect();
    let stream = TcpStream::connect(url.trim_start_matches("http://")).await?;
    let name = ServerName::try_from("localhost").unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

#[tokio::test]
async fn tls_is_1_3_on_both_and_replaced_certificates_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let (files, first) = write_tls(folder.path());
    let endpoint = || Endpoint { address: at(0), tls: Some(files.clone()) };
    let issuer = FakeIssuer::start();
    let listeners = Listeners::Separate { http: endpoint(), grpc: endpoint() };
    let ca = TestCa::new().await;
    let issuance = Arc::new(by_hand(&email_file(&issuer.issuer("email")), &ca));
    let metrics = issuance.metrics.clone();
    let refused = || gauge(&metrics.encode().unwrap(), "sigmint_tls_certificates_refused");
    let server = Running::serve_on(issuance, ca, &ServerOptions { listeners, ..ServerOptions::default() });

    let mut http = shake_hands(&server.url, &first, b"http/1.1").await.unwrap();
    assert_eq!(http.get_ref().1.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    http.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    let _ = http.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("SERVING"), "{answer}");

    // An HTTP/2 server's first frame is SETTINGS (RFC 9113 section 3.4), type 4.
    let mut grpc = shake_hands(&server.grpc_url, &first, b"h2").await.unwrap();
    assert_eq!(grpc.get_ref().1.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    assert_eq!(grpc.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    grpc.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut frame = [0; 9];
    grpc.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[3], 4);

    fs::write(&files.key, "broken").unwrap();
    eventually("it is refused", async || (refused() == "1").then_some(())).await;
    shake_hands(&server.grpc_url, &first, b"h2").await.expect("the old certificate stays in use");
    let (_, second) = write_tls(folder.path());
    for (url, protocol) in [(&server.url, &b"http/1.1"[..]), (&server.grpc_url, b"h2")] {
        eventually("the new certificate", async || shake_hands(url, &second, protocol).await.ok()).await;
    }
    assert_eq!(refused(), "0");
    // Connections from before go on.
    grpc.write_all(b"\0\0\x08\x06\0\0\0\0\0sigmint!").await.unwrap();
    let mut answer = Vec::new();
    while !answer.windows(8).any(|part| part == b"sigmint!") {
        let more = tokio::time::timeout(DEADLINE, grpc.read_buf(&mut answer)).await.unwrap().unwrap();
        assert_ne!(more, 0, "closed");
    }
}

#[tokio::test]
async fn one_port_with_tls_serves_both_protocols_with_one_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (files, certificate) = write_tls(folder.path());
    let issuer = FakeIssuer::start();
    let endpoint = Endpoint { address: at(0), tls: Some(files) };
    let server = running(&issuer, Listeners::Shared(endpoint), Timeouts::default()).await;
    assert_eq!(server.url, server.grpc_url);
    for (offered, agreed) in [(&b"h2"[..], &b"h2"[..]), (b"http/1.1", b"http/1.1")] {
        let stream = shake_hands(&server.url, &certificate, offered).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(agreed));
    }
    let url = server.url.replace("http://127.0.0.1", "https://localhost");
    let trusted = reqwest::Certificate::from_der(&certificate).unwrap();
    let client = || reqwest::Client::builder().no_proxy().tls_certs_only([trusted.clone()]);
    let (http1, http2) = (client().http1_only().build().unwrap(), client().build().unwrap());
    let key = Key::new(Kind::P256);
    for (client, version) in [(&http1, reqwest::Version::HTTP_11), (&http2, reqwest::Version::HTTP_2)] {
        let body = key_body(Some(&token(&issuer)), &key.spki_pem(), &key.prove(ADDRESS)).to_string();
        let reply = client.post(format!("{url}/api/v2/signingCert")).body(body).send().await.unwrap();
        assert_eq!((reply.status().as_u16(), reply.version()), (200, version));
    }
    let call = http2.post(format!("{url}/grpc.health.v1.Health/Check")).header("content-type", "application/grpc");
    let answer = call.body(vec![0; 5]).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/grpc");
    assert_eq!(answer.bytes().await.unwrap()[..], [0, 0, 0, 0, 2, 8, 1], "serving");

    let (_, second) = write_tls(folder.path());
    for protocol in [&b"h2"[..], b"http/1.1"] {
        eventually("the new certificate", async || shake_hands(&server.url, &second, protocol).await.ok()).await;
    }
}

#[tokio::test]
async fn a_client_that_names_no_protocol_in_its_handshake_is_told_by_its_first_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (files, certificate) = write_tls(folder.path());
    let issuer = FakeIssuer::start();
    let endpoint = Endpoint { address: at(0), tls: Some(files) };
    let server = running(&issuer, Listeners::Shared(endpoint), Timeouts::default()).await;
    let mut http1 = shake_hands(&server.url, &certificate, b"").await.unwrap();
    http1.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    http1.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    let plain = server.get("/healthz").await;
    assert!(plain.status == 400 && plain.text.contains("HTTPS"), "{plain:?}");
    let mut http2 = shake_hands(&server.url, &certificate, b"").await.unwrap();
    http2.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut frame = [0; 9];
    http2.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[3], 4, "SETTINGS");
}

#[tokio::test]
async fn connections_with_tls_weigh_more() {
    let folder = tempfile::tempdir().unwrap();
    let (files, certificate) = write_tls(folder.path());
    let endpoint = || Endpoint { address: at(0), tls: Some(files.clone()) };
    let issuer = FakeIssuer::start();
    let ca = TestCa::new().await;
    let issuance = by_hand(&email_file(&issuer.issuer("email")), &ca);
    let options = ServerOptions {
        listeners: Listeners::Separate { http: endpoint(), grpc: endpoint() },
        connections: ConnectionLimits { begun: NonZeroUsize::new(3).unwrap(), ..ConnectionLimits::default() },
        timeouts: Timeouts { headers: Duration::from_hours(1), idle: Duration::from_hours(1) },
    };
    let server = Running::serve_on(Arc::new(issuance), ca, &options);
    // HTTP/1 weighs two once its client has said something, HTTP/2 three: each makes the one before go.
    let mut before = begun(&server.url, &certificate, b"http/1.1").await;
    for (url, protocol) in [(&server.url, &b"http/1.1"[..]), (&server.grpc_url, b"h2"), (&server.url, b"h2")] {
        let new = begun(url, &certificate, protocol).await;
        // What HTTP/2's server says first may come before the end.
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(DEADLINE, before.read_to_end(&mut rest)).await.expect("stays open");
        before = new;
    }
}

/// A connection that the server has heard from, as its answer shows, and that waits for its client again.
async fn begun(url: &str, certificate: &[u8], protocol: &[u8]) -> TlsStream<TcpStream> {
    let mut stream = shake_hands(url, certificate, protocol).await.unwrap();
    let (said, answer): (&[u8], &[u8]) = if protocol == b"h2" {
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", b"\0\0")
    } else {
        let head = b"POST /api/v2/signingCert HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
        (head, b"HTTP/1.1 100 ")
    };
    stream.write_all(said).await.unwrap();
    let mut read = vec![0; answer.len()];
    tokio::time::timeout(DEADLINE, stream.read_exact(&mut read)).await.expect("an answer").unwrap();
    assert_eq!(read, answer);
    stream
}

/// The command itself, with its ports.
struct Process {
    child: Child,
    http: SocketAddr,
    grpc: SocketAddr,
    metrics: SocketAddr,
    folder: tempfile::TempDir,
}

impl Process {
    /// `sigmint serve` with a throw-away CA, once it answers.
    async fn start(issuer: &FakeIssuer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let issuers = folder.path().join("issuers.yaml");
        fs::write(&issuers, email_file(&issuer.issuer("email"))).unwrap();
        let [http, grpc, metrics] = free_addresses();
        let child = Command::new(env!("CARGO_BIN_EXE_sigmint"))
            .args(["serve", "--ca=ephemeralca", "--ct-log-url=", "--host=127.0.0.1", "--grpc-host=127.0.0.1"])
            .args([format!("--port={}", http.port()), format!("--grpc-port={}", grpc.port())])
            .arg(format!("--metrics-port={}", metrics.port()))
            .arg("--config-path")
            .arg(issuers)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        for address in [http, grpc] {
            eventually("the server", async || TcpStream::connect(address).await.ok()).await;
        }
        Self { child, http, grpc, metrics, folder }
    }

    fn terminate(&self) {
        self.signal("-TERM");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Loads the issuers again, until the metrics say this of the file and of their number.
    async fn load_issuers(&self, file: &str, refused: &str, issuers: &str) {
        fs::write(self.folder.path().join("issuers.yaml"), file).unwrap();
        self.signal("-HUP");
        let url = format!("http://{}/metrics", self.metrics);
        eventually("the file is looked at", async || {
            let metrics = reqwest::get(&url).await.ok()?.text().await.ok()?;
            let said = ["sigmint_issuer_file_refused", "sigmint_issuers"].map(|name| gauge(&metrics, name));
            (said == [refused, issuers]).then_some(())
        })
        .await;
    }

    async fn exit_code(&mut self) -> Option<i32> {
        let end = async {
            loop {
                match self.child.try_wait().unwrap() {
                    Some(status) => return status.code(),
                    None => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        tokio::time::timeout(DEADLINE, end).await.expect("runs on")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

/// Until a request has arrived and waits for its issuer. Nothing tells: the issuer was asked for its keys at the start already.
const ARRIVAL: Duration = Duration::from_millis(700);
const DISCOVERY: &str = "/email/.well-known/openid-configuration";

#[tokio::test]
async fn a_signal_lets_requests_in_flight_finish() {
    let issuer = FakeIssuer::start();
    issuer.answer(DISCOVERY, Answer::Held);
    let mut process = Process::start(&issuer).await;
    let (token, key) = (token(&issuer), Key::new(Kind::P256));
    let client = GrpcClient::new(&format!("http://{}", process.grpc));
    let request = HealthCheckRequest { service: String::new() };
    let mut watch = HealthClient::new(client.channel.clone()).watch(request).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);

    let body = key_body(Some(&token), &key.spki_pem(), &key.prove(ADDRESS)).to_string();
    let url = format!("http://{}/api/v2/signingCert", process.http);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    // A connection that is kept alive and idle holds nothing up.
    http.get(format!("http://{}/healthz", process.http)).send().await.unwrap().text().await.unwrap();
    let rest = tokio::spawn(http.post(url).body(body).send());
    let message = key_message(&token, &key.spki_pem(), &key.prove(ADDRESS));
    let grpc = tokio::spawn(async move { client.ask(message).await });
    tokio::time::sleep(ARRIVAL).await;

    process.terminate();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    for address in [process.http, process.grpc] {
        eventually("the listener's end", async || TcpStream::connect(address).await.is_err().then_some(())).await;
    }
    assert_eq!(process.child.try_wait().unwrap(), None, "requests are in flight");
    issuer.release();
    assert_eq!(rest.await.unwrap().unwrap().status(), 200);
    assert_eq!(certificates(&grpc.await.unwrap().unwrap()).len(), 2);
    let begin = Instant::now();
    assert_eq!(process.exit_code().await, Some(0));
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_signal_does_not_wait_for_connections_that_never_spoke() {
    let issuer = FakeIssuer::start();
    let mut process = Process::start(&issuer).await;
    let mut silent = Vec::new();
    for address in [process.http, process.grpc, process.metrics] {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    // One that spoke, and is idle.
    let mut idle = TcpStream::connect(process.http).await.unwrap();
    idle.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    tokio::time::sleep(ARRIVAL).await;
    let begin = Instant::now();
    process.terminate();
    assert_eq!(process.exit_code().await, Some(0));
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_hangup_loads_the_issuers_anew_and_a_broken_file_changes_nothing() {
    let issuer = FakeIssuer::start();
    let process = Process::start(&issuer).await;
    let good = email_file(&issuer.issuer("email"));
    process.load_issuers("oidc-issuers: [", "1", "1").await;
    let two = format!("{good}{}", email_file("https://other.example.com").replace("oidc-issuers:\n", ""));
    process.load_issuers(&two, "0", "2").await;
    process.load_issuers(&good, "0", "1").await;
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let issuer = FakeIssuer::start();
    let mut process = Process::start(&issuer).await;
    // A request that is not whole yet is in flight for as long as its client keeps it so.
    let mut client = TcpStream::connect(process.http).await.unwrap();
    client.write_all(b"POST /api/v2/signingCert HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{").await.unwrap();
    tokio::time::sleep(ARRIVAL).await;
    process.terminate();
    eventually("the listener's end", async || TcpStream::connect(process.http).await.is_err().then_some(())).await;
    process.terminate();
    assert_eq!(process.exit_code().await, Some(1));
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer).await;
    assert_eq!(answer, b"", "it was cut off, not answered");
}
