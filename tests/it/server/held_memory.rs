//! What strangers' connections hold is bounded and ends: header fields, blocks that do not end, answers that are not read, requests sent
//! ahead. Over sockets, frame by frame.

use std::time::{Duration, Instant};

use crate::support::grpc::{GrpcClient, error_info, key_message};
use crate::support::scene::{ADDRESS, Scene};
use crate::support::server::key_body;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::metadata::{AsciiMetadataKey, MetadataMap};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ISSUING: &str = "/dev.sigstore.fulcio.v2.CA/CreateSigningCertificate";
const REST: &str = "/api/v2/signingCert";
const TRUST_BUNDLE: &str = "/dev.sigstore.fulcio.v2.CA/GetTrustBundle";

/// A frame of HTTP/2 (RFC 9113 section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A literal field that is never indexed (RFC 7541 section 6.2.3).
fn field(name: &str, value: &str) -> Vec<u8> {
    let string = |text: &str| {
        let mut coded = vec![u8::try_from(text.len().min(127)).unwrap()];
        if let Some(mut rest) = text.len().checked_sub(127) {
            while rest >= 128 {
                coded.push(u8::try_from(rest % 128).unwrap() | 128);
                rest /= 128;
            }
            coded.push(u8::try_from(rest).unwrap());
        }
        coded.extend(text.bytes());
        coded
    };
    [vec![0x10], string(name), string(value)].concat()
}

fn call(path: &str) -> Vec<u8> {
    [request("POST", path), field("content-type", "application/grpc"), field("te", "trailers")].concat()
}

fn request(method: &str, path: &str) -> Vec<u8> {
    let fields = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "x")];
    fields.into_iter().flat_map(|(name, value)| field(name, value)).collect()
}

/// A connection of HTTP/2 with these settings.
struct Raw(TcpStream);

impl Raw {
    async fn new(scene: &Scene, settings: &[u8]) -> Self {
        Self::to(&scene.server.grpc_url, settings).await
    }

    async fn to(url: &str, settings: &[u8]) -> Self {
        let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
        let begin = [PREFACE, &frame(SETTINGS, 0, 0, settings), &frame(SETTINGS, 1, 0, &[])].concat();
        stream.write_all(&begin).await.unwrap();
        Self(stream)
    }

    async fn send(&mut self, bytes: &[u8]) {
        // A server that has heard enough may have closed.
        let _ = self.0.write_all(bytes).await;
    }

    /// The next frame: its kind, stream and payload; none when the connection is closed.
    async fn next(&mut self) -> Option<(u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).await.ok()?;
        Some((head[3], u32::from_be_bytes(head[5..].try_into().unwrap()), payload))
    }

    /// The next frame of this kind.
    async fn next_of(&mut self, kind: u8) -> Option<(u32, Vec<u8>)> {
        loop {
            let (found, stream, payload) = self.next().await?;
            if found == kind {
                return Some((stream, payload));
            }
        }
    }
}

#[tokio::test]
async fn the_settings_of_http2_bound_a_connection() {
    let scene = Scene::new().await;
    for url in [&scene.server.grpc_url, &scene.server.url] {
        let (_, settings) = Raw::to(url, &[]).await.next_of(SETTINGS).await.unwrap();
        let value = |id: u16| {
            let setting = settings.chunks(6).find(|setting| setting[..2] == id.to_be_bytes()).unwrap();
            u32::from_be_bytes(setting[2..].try_into().unwrap())
        };
        assert_eq!((value(1), value(3), value(6)), (0, 16, 80 * 1024), "table, streams, header list");
    }
}

#[tokio::test]
async fn more_than_96_fields_are_refused_before_the_request_is_handled() {
    let scene = Scene::new().await;
    let (pem, proof) = (scene.key.spki_pem(), scene.key.prove(ADDRESS));
    let body = key_body(Some(&scene.token()), &pem, &proof).to_string();
    let http = async |count: usize| {
        let head = format!("POST /api/v2/signingCert HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n", body.len());
        let more: Vec<String> = (0..count - 2).map(|number| format!("a{number}: b\r\n")).collect();
        let mut stream = TcpStream::connect(scene.server.url.trim_start_matches("http://")).await.unwrap();
        stream.write_all(format!("{head}{}\r\n{body}", more.concat()).as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        String::from_utf8(answer[9..].to_vec()).unwrap()
    };
    assert_eq!((http(96).await.as_str(), http(97).await.as_str()), ("200", "431"));

    let grpc = async |count: usize| {
        let mut metadata = MetadataMap::new();
        for number in 0..count {
            let key: AsciiMetadataKey = format!("a{number}").parse().unwrap();
            metadata.insert(key, "b".parse().unwrap());
        }
        let message = key_message(&scene.token(), &pem, &proof);
        GrpcClient::new(&scene.server.grpc_url).ask_with(message, metadata).await
    };
    grpc(90).await.unwrap();
    let refused = grpc(97).await.unwrap_err();
    assert_eq!((i32::from(refused.code()), error_info(&refused).reason.as_str()), (8, "HEADERS_TOO_MANY"));
    assert_eq!(scene.server.signer().calls(), 2);

    let fields: Vec<u8> = (0..97).flat_map(|number| field(&format!("a{number}"), "")).collect();
    for (url, block) in [(&scene.server.grpc_url, call(ISSUING)), (&scene.server.url, request("POST", REST))] {
        let mut raw = Raw::to(url, &[]).await;
        raw.send(&frame(HEADERS, END_HEADERS, 1, &[block, fields.clone()].concat())).await;
        let (_, answer) = raw.next_of(HEADERS).await.unwrap();
        // Not in the static table, so a literal in Huffman's code: 011010 011001 00001 and ones to the byte's end.
        assert!(answer.windows(3).any(|part| part == [0x69, 0x90, 0xff]), "431: {answer:x?}");
    }
}

#[tokio::test]
async fn a_token_of_64_kib_fits_into_a_header_of_each_protocol() {
    let scene = Scene::new().await;
    let mut claims = scene.claims();
    claims["padding"] = serde_json::json!("x".repeat(48_500));
    let token = scene.issuer.token(&claims);
    assert!(token.len() > 64_000, "{}", token.len());
    let (pem, proof) = (scene.key.spki_pem(), scene.key.prove(ADDRESS));
    for request in [scene.server.request("POST", REST), scene.server.request_http2("POST", REST)] {
        let body = key_body(None, &pem, &proof).to_string();
        assert_eq!(request.bearer_auth(&token).body(body).send().await.unwrap().status().as_u16(), 200);
    }
    let mut metadata = MetadataMap::new();
    metadata.insert("oidcidentitytoken", token.parse().unwrap());
    GrpcClient::new(&scene.server.grpc_url).ask_with(key_message("", &pem, &proof), metadata).await.unwrap();
}

/// For as many connections as there are at once: each has header blocks that do not end, and one more request is answered.
#[tokio::test]
async fn header_blocks_that_do_not_end_keep_nobody_out() {
    let scene = Scene::new().await;
    let mut open = Vec::new();
    for number in 0..150 {
        let url = if number % 2 == 0 { &scene.server.grpc_url } else { &scene.server.url };
        let mut raw = Raw::to(url, &[]).await;
        let fields = vec![0x8f; 2200];
        raw.send(&frame(HEADERS, 0, 1, &[call(ISSUING), fields].concat())).await;
        raw.send(&frame(CONTINUATION, 0, 1, &[0x20; 16_000])).await;
        open.push(raw);
    }
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
    let mut claims = scene.claims();
    claims["padding"] = serde_json::json!("x".repeat(48_500));
    let mut metadata = MetadataMap::new();
    metadata.insert("oidcidentitytoken", scene.issuer.token(&claims).parse().unwrap());
    let message = key_message("", &scene.key.spki_pem(), &scene.key.prove(ADDRESS));
    GrpcClient::new(&scene.server.grpc_url).ask_with(message, metadata).await.unwrap();
    // None of them stays longer than a head may take.
    let begin = Instant::now();
    for mut raw in open {
        while raw.next().await.is_some() {}
    }
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_second_header_block_of_a_stream_ends_the_connection() {
    let scene = Scene::new().await;
    let mut raw = Raw::new(&scene, &[]).await;
    raw.send(&frame(HEADERS, END_HEADERS, 1, &call(ISSUING))).await;
    raw.send(&frame(HEADERS, END_HEADERS, 1, &field("a", "b"))).await;
    while raw.next().await.is_some() {}
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
}

/// Both need 30 seconds, and wait for them together.
#[tokio::test]
async fn an_answer_that_is_not_read_ends_its_stream_or_its_connection() {
    let scene = Scene::new().await;
    let window = |size: u32| [&4_u16.to_be_bytes()[..], &size.to_be_bytes()].concat();
    let begin = Instant::now();
    // No byte may be sent: the stream is reset. One may: the library has the answer, and the connection ends.
    let (mut closed, mut narrow) = (Raw::new(&scene, &window(0)).await, Raw::new(&scene, &window(1)).await);
    for raw in [&mut closed, &mut narrow] {
        raw.send(&frame(HEADERS, END_HEADERS, 1, &call(TRUST_BUNDLE))).await;
        raw.send(&frame(DATA, 1, 1, &[0; 5])).await;
    }
    // The same of REST.
    let mut by_http2 = Raw::to(&scene.server.url, &window(1)).await;
    by_http2.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &request("GET", "/api/v2/trustBundle"))).await;
    let reset = tokio::time::timeout(Duration::from_secs(50), closed.next_of(RESET)).await.expect("still open");
    assert_eq!(reset.map(|(stream, _)| stream), Some(1));
    assert!(begin.elapsed() >= Duration::from_secs(29), "{:?}", begin.elapsed());
    for raw in [&mut narrow, &mut by_http2] {
        let ended = async { while raw.next().await.is_some_and(|(kind, ..)| kind != RESET) {} };
        tokio::time::timeout(Duration::from_secs(50), ended).await.expect("still open");
    }
    assert!(begin.elapsed() < Duration::from_secs(50), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_length_beyond_the_limit_is_refused_before_the_bytes_are_read() {
    let scene = Scene::new().await;
    let limit = sigmint::limits::MessageBytes::DEFAULT.get();
    let mut stream = TcpStream::connect(scene.server.url.trim_start_matches("http://")).await.unwrap();
    let head = format!("POST /api/v1/signingCert HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", limit + 1);
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer[9..], b"413");

    let mut raw = Raw::new(&scene, &[]).await;
    let prefix = [&[0][..], &u32::try_from(limit + 1).unwrap().to_be_bytes()].concat();
    raw.send(&[frame(HEADERS, END_HEADERS, 1, &call(ISSUING)), frame(DATA, 0, 1, &prefix)].concat()).await;
    let (stream, _) = raw.next_of(HEADERS).await.unwrap();
    assert_eq!(stream, 1, "an answer, though the message is not here");

    let announced = field("content-length", &(limit + 1).to_string());
    let mut raw = Raw::to(&scene.server.url, &[]).await;
    raw.send(&frame(HEADERS, END_HEADERS, 1, &[request("POST", REST), announced].concat())).await;
    let (stream, _) = raw.next_of(HEADERS).await.unwrap();
    assert_eq!(stream, 1, "an answer, though the body is not here");
}

/// A body of REST has 30 seconds, and so has a call's message.
#[tokio::test]
async fn a_call_whose_message_does_not_come_ends_after_30_seconds() {
    let scene = Scene::new().await;
    let (mut none, mut part) = (Raw::new(&scene, &[]).await, Raw::new(&scene, &[]).await);
    none.send(&frame(HEADERS, END_HEADERS, 1, &call(ISSUING))).await;
    part.send(&[frame(HEADERS, END_HEADERS, 1, &call(ISSUING)), frame(DATA, 0, 1, &[0, 0, 0, 1, 0, 7])].concat()).await;
    let mut rest = Raw::to(&scene.server.url, &[]).await;
    rest.send(&[frame(HEADERS, END_HEADERS, 1, &request("POST", REST)), frame(DATA, 0, 1, b"{")].concat()).await;
    let begin = Instant::now();
    for raw in [&mut none, &mut part, &mut rest] {
        let answer = tokio::time::timeout(Duration::from_secs(40), raw.next_of(HEADERS)).await.expect("no answer");
        assert_eq!(answer.map(|(stream, _)| stream), Some(1));
    }
    assert!(begin.elapsed() >= Duration::from_secs(29), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn requests_sent_ahead_are_answered_in_their_order() {
    let scene = Scene::new().await;
    let body = key_body(Some(&scene.token()), &scene.key.spki_pem(), &scene.key.prove(ADDRESS)).to_string();
    let post = format!("POST /api/v2/signingCert HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let chunked = format!(
        "POST /api/v2/signingCert HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    let get = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let last = "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let all = [post.as_str(), get, &chunked, get, get, &post, last].concat();
    for cut in [all.len(), 4096, 7] {
        let mut stream = TcpStream::connect(scene.server.url.trim_start_matches("http://")).await.unwrap();
        stream.set_nodelay(true).unwrap();
        for piece in all.as_bytes().chunks(cut) {
            stream.write_all(piece).await.unwrap();
        }
        let mut answer = String::new();
        tokio::time::timeout(crate::support::DEADLINE, stream.read_to_string(&mut answer))
            .await
            .expect("no end")
            .unwrap();
        let statuses: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).map(|one| &one[..3]).collect();
        assert_eq!(statuses, ["200", "200", "200", "200", "200", "200", "404"], "in pieces of {cut}");
    }
}

/// The first request's head has its time, and so has every other one's on the connection.
#[tokio::test]
async fn a_second_head_that_does_not_end_is_given_up() {
    let scene = Scene::new().await;
    let mut stream = TcpStream::connect(scene.server.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nA: ").await.unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(15), stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "still open");
}
