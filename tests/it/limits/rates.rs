//! Bounds before work: requests in flight, rates, room for bodies, connections; the same for REST and gRPC.

use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::support::grpc::{GrpcClient, error_info, key_message};
use crate::support::identities::{email_claims, email_file};
use crate::support::scene::ADDRESS;
use crate::support::server::{by_hand, key_body};
use crate::support::{Answer, DEADLINE, FakeIssuer, Key, Kind, Reply, Running, TestCa, eventually};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sigmint::failure::FailureKind;
use sigmint::issuance::Issuance;
use sigmint::limits::address::{AddressHeader, TrustedProxies, read_networks};
use sigmint::limits::connections::ConnectionLimits;
use sigmint::limits::{Limits, LimitsOptions, MessageBytes};
use sigmint::server::ServerOptions;
use sigmint::server::listeners::{Address, Endpoint, Listeners};
use sigmint::telemetry::metrics::Metrics;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tonic::metadata::MetadataMap;

struct Scene {
    issuer: FakeIssuer,
    server: Running,
    metrics: Metrics,
    issuance: Arc<Issuance>,
    key: Key,
}

impl Scene {
    async fn new(options: LimitsOptions) -> Self {
        Self::listening(options, &ServerOptions::default()).await
    }

    async fn listening(options: LimitsOptions, server: &ServerOptions) -> Self {
        let (issuer, ca) = (FakeIssuer::start(), TestCa::new().await);
        let limits = Limits::new(options);
        let issuance = Arc::new(Issuance { limits, ..by_hand(&email_file(&issuer.issuer("email")), &ca) });
        let (metrics, key) = (issuance.metrics.clone(), Key::new(Kind::P256));
        Self { server: Running::serve_on(Arc::clone(&issuance), ca, server), issuer, metrics, issuance, key }
    }

    fn token_of(&self, subject: &str) -> String {
        let mut claims = email_claims();
        claims["sub"] = json!(subject);
        self.issuer.token(&self.issuer.claims("email", &claims))
    }

    fn body(&self) -> String {
        key_body(Some(&self.token_of("a")), &self.key.spki_pem(), &self.key.prove(ADDRESS)).to_string()
    }

    async fn ask(&self) -> Reply {
        self.server.post(self.body()).await
    }

    /// A request with this header.
    async fn ask_from(&self, header: &str, value: &str) -> Reply {
        let request = self.server.request("POST", "/api/v2/signingCert").header(header, value);
        Reply::of(request.body(self.body()).send().await.unwrap()).await
    }

    /// The same over gRPC; the reason of a refusal, with its code.
    async fn call(&self, header: Option<(&'static str, &str)>) -> Result<(), (i32, String)> {
        let message = key_message(&self.token_of("a"), &self.key.spki_pem(), &self.key.prove(ADDRESS));
        let mut metadata = MetadataMap::new();
        if let Some((name, value)) = header {
            metadata.insert(name, value.parse().unwrap());
        }
        let answer = GrpcClient::new(&self.server.grpc_url).ask_with(message, metadata).await;
        answer.map(drop).map_err(|status| {
            let info = error_info(&status);
            assert!(info.metadata.contains_key("retryAfterSeconds"), "{info:?}");
            (status.code().into(), info.reason)
        })
    }

    fn closed(&self, reason: &str) -> u64 {
        let text = self.metrics.encode().unwrap();
        let start = format!("sigmint_connections_closed_total{{reason=\"{reason}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&start)).unwrap().parse().unwrap()
    }
}

fn assert_is(reply: &Reply, kind: FailureKind) {
    let row = kind.row();
    assert_eq!((reply.status, reply.reason().as_str()), (row.http, row.reason), "{reply:?}");
    assert_eq!(reply.json()["code"], json!(row.grpc as u8));
    assert!(reply.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
}

fn exhausted(kind: FailureKind) -> Result<(), (i32, String)> {
    Err((8, kind.row().reason.to_owned()))
}

fn small(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

#[tokio::test]
async fn an_address_is_limited_before_its_token_is_looked_at() {
    let scene = Scene::new(LimitsOptions { per_address: "3/h".parse().ok(), ..LimitsOptions::default() }).await;
    assert_eq!(scene.server.post("{}").await.status, 400, "what is refused counts");
    assert_eq!(scene.ask().await.status, 200);
    assert_eq!(scene.call(None).await, Ok(()), "both protocols count together");
    let asked = scene.issuer.received().len();
    assert_is(&scene.ask().await, FailureKind::AddressLimited);
    assert_eq!(scene.call(None).await, exhausted(FailureKind::AddressLimited));
    assert_is(&scene.server.post("{}").await, FailureKind::AddressLimited);
    let v1 = Reply::of(scene.server.request("POST", "/api/v1/signingCert").send().await.unwrap()).await;
    assert_is(&v1, FailureKind::AddressLimited);
    // What costs nothing, and what probes ask, is not limited.
    for path in ["/healthz", "/api/v2/trustBundle", "/api/v2/configuration", "/api/v1/rootCert"] {
        assert_eq!(scene.server.get(path).await.status, 200, "{path}");
    }
    assert_eq!((scene.issuer.received().len(), scene.server.signer().calls()), (asked, 2));
}

#[tokio::test]
async fn a_forwarded_address_counts_only_when_its_proxy_is_trusted() {
    let options = || LimitsOptions { per_address: "1/h".parse().ok(), ..LimitsOptions::default() };
    let scene = Scene::new(options()).await;
    assert_eq!(scene.ask_from("x-forwarded-for", "192.0.2.1").await.status, 200);
    assert_is(&scene.ask_from("x-forwarded-for", "192.0.2.2").await, FailureKind::AddressLimited);

    let proxies = TrustedProxies::new(read_networks(&["127.0.0.0/8"]).unwrap(), AddressHeader::XForwardedFor);
    let scene = Scene::new(LimitsOptions { proxies, ..options() }).await;
    assert_eq!(scene.ask_from("x-forwarded-for", "192.0.2.1").await.status, 200);
    assert_is(&scene.ask_from("x-forwarded-for", "198.51.100.1, 192.0.2.1").await, FailureKind::AddressLimited);
    assert_eq!(
        scene.call(Some(("x-forwarded-for", "192.0.2.1"))).await,
        exhausted(FailureKind::AddressLimited),
        "gRPC reads the same header"
    );
    assert_eq!(scene.call(Some(("x-forwarded-for", "192.0.2.2"))).await, Ok(()));
    assert_is(&scene.ask_from("x-forwarded-for", "192.0.2.2").await, FailureKind::AddressLimited);
    assert_eq!(
        scene.ask_from("forwarded", "for=192.0.2.3").await.status,
        200,
        "the proxy itself, the other header is not read"
    );
    assert_is(&scene.ask_from("forwarded", "for=192.0.2.4").await, FailureKind::AddressLimited);
}

#[tokio::test]
async fn an_identity_is_limited_once_its_token_is_verified() {
    let scene = Scene::new(LimitsOptions { per_identity: "2/h".parse().ok(), ..LimitsOptions::default() }).await;
    let forged = scene.token_of("a").replace('.', ".A");
    for _ in 0..5 {
        assert_eq!(scene.server.ask(&forged, &scene.key, ADDRESS).await.status, 400, "others' tokens do not count");
    }
    assert_eq!(scene.ask().await.status, 200);
    assert_eq!(scene.call(None).await, Ok(()));
    assert_is(&scene.ask().await, FailureKind::IdentityLimited);
    assert_eq!(scene.call(None).await, exhausted(FailureKind::IdentityLimited));
    assert_eq!(scene.server.ask(&scene.token_of("b"), &scene.key, ADDRESS).await.status, 200, "another identity");
    assert_eq!(scene.server.signer().calls(), 3);
}

#[tokio::test]
async fn more_requests_than_may_be_in_flight_are_told_to_come_again() {
    let scene = Arc::new(Scene::new(LimitsOptions { in_flight: small(2), ..LimitsOptions::default() }).await);
    scene.server.signer().hold();
    let mut asked = JoinSet::new();
    for _ in 0..3 {
        let scene = Arc::clone(&scene);
        asked.spawn(async move { scene.ask().await });
    }
    // Two wait for the signer; whichever came last is told at once.
    assert_is(&asked.join_next().await.unwrap().unwrap(), FailureKind::Overloaded);
    assert_is(&scene.ask().await, FailureKind::Overloaded);
    assert_eq!(scene.call(None).await, exhausted(FailureKind::Overloaded));
    assert_eq!(scene.server.get("/healthz").await.status, 200);
    assert_eq!(scene.server.signer().calls(), 2);
    scene.server.signer().release();
    while let Some(reply) = asked.join_next().await {
        assert_eq!(reply.unwrap().status, 200);
    }
    assert_eq!(scene.ask().await.status, 200);
}

#[tokio::test]
async fn who_waits_for_an_issuers_keys_takes_no_place_of_those_in_flight() {
    let scene = Arc::new(Scene::new(LimitsOptions { in_flight: small(64), ..LimitsOptions::default() }).await);
    scene.issuer.answer(crate::support::issuer::KEYS, Answer::Held);
    let mut asked = JoinSet::new();
    for number in 0..100 {
        let scene = Arc::clone(&scene);
        asked.spawn(async move {
            match number % 2 {
                0 => scene.ask().await.status == 200,
                _ => scene.call(None).await.is_ok(),
            }
        });
    }
    let waiting = || async { (scene.issuance.keys.reading().waiting == 100).then_some(()) };
    eventually("all wait", waiting).await;
    // There are places for others all the time.
    assert_eq!(scene.server.ask("x.y.z", &scene.key, ADDRESS).await.reason(), "TOKEN_MALFORMED");
    assert_eq!(scene.server.signer().calls(), 0);
    // As many as there are places are served at least.
    scene.issuer.release();
    let mut served = 0;
    while let Some(reply) = asked.join_next().await {
        served += usize::from(reply.unwrap());
    }
    assert!(served >= 64, "{served}");
    assert_eq!(scene.issuance.keys.reading().waiting, 0);
}

#[tokio::test]
async fn every_transport_says_whose_share_a_wait_takes() {
    let proxies = TrustedProxies::new(read_networks(&["127.0.0.0/8"]).unwrap(), AddressHeader::XForwardedFor);
    let scene = Arc::new(Scene::new(LimitsOptions { proxies, ..LimitsOptions::default() }).await);
    scene.issuer.answer(crate::support::issuer::KEYS, Answer::Held);
    let refused = |count| {
        let scene = Arc::clone(&scene);
        move || {
            let refused = scene.issuance.keys.reading().refused_waits;
            async move { (refused == count).then_some(()) }
        }
    };
    let mut crowd = JoinSet::new();
    for _ in 0..300 {
        let scene = Arc::clone(&scene);
        crowd.spawn(async move { scene.ask_from("x-forwarded-for", "192.0.2.1").await.status });
    }
    eventually("the issuer has as many as may wait", refused(300 - 256)).await;
    let (v2, grpc, v1) = (Arc::clone(&scene), Arc::clone(&scene), Arc::clone(&scene));
    let v2 = tokio::spawn(async move { v2.ask_from("x-forwarded-for", "198.51.100.1").await.status });
    let grpc = tokio::spawn(async move { grpc.call(Some(("x-forwarded-for", "198.51.100.2"))).await });
    let v1 = tokio::spawn(async move {
        let (pem, proof) = (STANDARD.encode(v1.key.spki_pem()), STANDARD.encode(v1.key.prove(ADDRESS)));
        let body = json!({"publicKey": {"content": pem}, "signedEmailAddress": proof}).to_string();
        let request = v1.server.request("POST", "/api/v1/signingCert").header("x-forwarded-for", "198.51.100.3");
        request.bearer_auth(v1.token_of("a")).body(body).send().await.unwrap().status().as_u16()
    });
    eventually("three of the crowd have given way", refused(300 - 256 + 3)).await;
    scene.issuer.release();
    assert_eq!((v1.await.unwrap(), v2.await.unwrap(), grpc.await.unwrap()), (201, 200, Ok(())));
}

/// Sends this and keeps the connection.
async fn send(url: &str, bytes: &[u8]) -> TcpStream {
    let mut connection = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
    connection.write_all(bytes).await.unwrap();
    connection
}

fn head(length: usize) -> Vec<u8> {
    format!("POST /api/v2/signingCert HTTP/1.1\r\nHost: sigmint\r\nContent-Length: {length}\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn large_bodies_that_do_not_end_take_no_more_than_their_room_and_small_ones_have_their_own() {
    const LARGE: usize = MessageBytes::MAX.get();
    let scene = Scene::new(LimitsOptions { message_bytes: MessageBytes::MAX, ..LimitsOptions::default() }).await;
    let part = [head(LARGE), vec![b' '; LARGE - 1]].concat();
    let mut slow = Vec::new();
    for _ in 0..16 {
        slow.push(send(&scene.server.url, &part).await);
    }
    let full = || async {
        let large = [b"{}".to_vec(), vec![b' '; LARGE - 2]].concat();
        (scene.server.post(large).await.reason() == "OVERLOADED").then_some(())
    };
    eventually("the room is taken", full).await;
    let large_by_http2 = scene.server.request_http2("POST", "/api/v2/signingCert").body(vec![b' '; LARGE]);
    assert_eq!(large_by_http2.send().await.unwrap().status(), 503);
    assert_eq!(scene.ask().await.status, 200, "an ordinary request");
    assert_eq!(scene.call(None).await, Ok(()), "an ordinary call");
    let mut large = key_message(&scene.token_of("a"), "x", b"");
    if let Some(sigmint::api::messages::proto::create_signing_certificate_request::Key::PublicKeyRequest(key)) =
        &mut large.key
    {
        key.proof_of_possession = vec![0; LARGE - 8192];
    }
    let refused = GrpcClient::new(&scene.server.grpc_url).ask(large).await.unwrap_err();
    assert_eq!(error_info(&refused).reason, "OVERLOADED");
    drop(slow);
    let free = || async {
        let large = [b"{}".to_vec(), vec![b' '; LARGE - 2]].concat();
        (scene.server.post(large).await.status == 400).then_some(())
    };
    eventually("there is room again", free).await;
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Whether the server closes the connection, once it has read what is there.
async fn is_closed(mut connection: TcpStream) {
    let mut rest = Vec::new();
    // A connection that is reset is closed too.
    let _ = tokio::time::timeout(DEADLINE, connection.read_to_end(&mut rest)).await.expect("stays open");
}

#[tokio::test]
async fn idle_and_slow_connections_make_room_for_those_that_send_a_request() {
    const CAP: usize = 20;
    let address = Address { host: "127.0.0.1".to_owned(), port: 0 };
    let shared = Listeners::Shared(Endpoint { address, tls: None });
    for listeners in [Listeners::any_ports("127.0.0.1"), shared] {
        let connections = ConnectionLimits { total: small(CAP), ..ConnectionLimits::default() };
        let options = ServerOptions { listeners, connections, ..ServerOptions::default() };
        let scene = Scene::listening(LimitsOptions::default(), &options).await;
        let kinds: [(&str, Vec<u8>); 5] = [
            (&scene.server.url, Vec::new()),
            (&scene.server.url, b"POST /api/v2/signingCert HTTP/1.1\r\nHo".to_vec()),
            (&scene.server.url, [head(1000), b"{\"credentials\":".to_vec()].concat()),
            (&scene.server.url, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
            (&scene.server.grpc_url, PREFACE.to_vec()),
        ];
        for (url, bytes) in &kinds {
            let mut idle = JoinSet::new();
            for _ in 0..2 * CAP {
                idle.spawn(is_closed(send(url, bytes).await));
            }
            // Those that waited longest go; which these are, the workers' turns decide.
            for _ in 0..CAP {
                idle.join_next().await.unwrap().unwrap();
            }
            assert_eq!(scene.ask().await.status, 200, "{bytes:?}");
            assert_eq!(scene.call(None).await, Ok(()), "{bytes:?}");
        }
        assert!(scene.closed("evicted") >= 4 * CAP as u64);
        assert_eq!((scene.closed("full"), scene.closed("address")), (0, 0));
    }
}

#[tokio::test]
async fn connections_that_have_begun_are_fewer_than_all() {
    const CAP: usize = 20;
    let connections = ConnectionLimits { begun: small(CAP), ..ConnectionLimits::default() };
    let options = ServerOptions { connections, ..ServerOptions::default() };
    let scene = Scene::listening(LimitsOptions::default(), &options).await;
    let mut silent = Vec::new();
    for _ in 0..3 * CAP {
        silent.push(send(&scene.server.url, b"").await);
    }
    // HTTP/2 counts twice.
    for (url, bytes, weight) in
        [(&scene.server.url, &b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"[..], 1), (&scene.server.grpc_url, PREFACE, 2)]
    {
        let mut idle = JoinSet::new();
        for _ in 0..2 * CAP {
            idle.spawn(is_closed(send(url, bytes).await));
        }
        for _ in 0..2 * CAP - CAP / weight {
            idle.join_next().await.unwrap().unwrap();
        }
        assert_eq!(scene.ask().await.status, 200);
        assert_eq!(scene.call(None).await, Ok(()));
    }
    assert!(scene.closed("evicted_begun") >= 2 * CAP as u64);
    assert_eq!(scene.closed("evicted"), 0, "there is room for silent ones");
}

#[tokio::test]
async fn what_is_being_served_is_not_cut_for_new_connections() {
    let connections = ConnectionLimits { total: small(2), ..ConnectionLimits::default() };
    let options = ServerOptions { connections, ..ServerOptions::default() };
    let scene = Arc::new(Scene::listening(LimitsOptions::default(), &options).await);
    scene.issuer.answer(crate::support::issuer::KEYS, Answer::Held);
    let (rest, grpc) = (Arc::clone(&scene), Arc::clone(&scene));
    let rest = tokio::spawn(async move { rest.ask().await.status });
    let grpc = tokio::spawn(async move { grpc.call(None).await });
    let held = || async {
        (scene.issuer.received().iter().any(|request| request.path == crate::support::issuer::KEYS)).then_some(())
    };
    eventually("the keys are asked for", held).await;
    // Sooner or later both connections are being served, and there is nothing left to cut.
    let full = || async {
        let _new = send(&scene.server.url, b"").await;
        (scene.closed("full") > 0).then_some(())
    };
    eventually("a connection is refused", full).await;
    scene.issuer.release();
    assert_eq!(rest.await.unwrap(), 200);
    assert_eq!(grpc.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn an_address_has_no_more_connections_than_it_may() {
    let connections =
        ConnectionLimits { total: small(100), per_address: NonZeroUsize::new(5), ..ConnectionLimits::default() };
    let options = ServerOptions { connections, ..ServerOptions::default() };
    let scene = Scene::listening(LimitsOptions::default(), &options).await;
    let mut idle = Vec::new();
    for number in 0..10 {
        let url = if number % 2 == 0 { &scene.server.url } else { &scene.server.grpc_url };
        idle.push(send(url, b"").await);
    }
    let refused = || async { (scene.closed("address") == 5).then_some(()) };
    eventually("both listeners count together", refused).await;
    drop(idle);
    let free = || async {
        let request = scene.server.request("GET", "/healthz").send().await;
        request.is_ok().then_some(())
    };
    eventually("there is room again", free).await;
}

/// A frame of HTTP/2 (RFC 9113 section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[tokio::test]
async fn calls_that_are_begun_and_taken_back_end_their_connection_and_no_other() {
    let scene = Scene::new(LimitsOptions::default()).await;
    // POST, http, :path literal without indexing: enough to begin a call.
    let headers = [&[0x83, 0x86, 0x04, 0x01, b'/'][..]].concat();
    let mut flood = PREFACE.to_vec();
    for number in 0..5000 {
        let stream = number * 2 + 1;
        flood.extend(frame(1, 0x4, stream, &headers));
        flood.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    }
    let mut connection = TcpStream::connect(scene.server.grpc_url.trim_start_matches("http://")).await.unwrap();
    let _ = connection.write_all(&flood).await;
    is_closed(connection).await;
    // Headers that go on and on, in frames that do not end them (CVE-2024-27316).
    let mut connection = send(&scene.server.grpc_url, PREFACE).await;
    connection.write_all(&frame(1, 0, 1, &headers)).await.unwrap();
    let field = [&[0, 1, b'x', 0x7f, 0x80, 0x7f][..], &vec![b'y'; 127 + 16256][..]].concat();
    for _ in 0..4096 {
        if connection.write_all(&frame(9, 0, 1, &field[..field.len().min(16384)])).await.is_err() {
            break;
        }
    }
    is_closed(connection).await;
    assert_eq!(scene.call(None).await, Ok(()));
    assert_eq!(scene.server.signer().calls(), 1);
}
