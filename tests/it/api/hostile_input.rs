//! Input that is meant to hurt: too long, too deep, of the wrong type. Always a refusal in JSON, never a panic, and the server goes on.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use crate::support::panics::watched_scene;
use crate::support::scene::{ADDRESS, Scene, assert_refused};
use crate::support::server::key_body;
use crate::support::{Key, Kind};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sigmint::failure::FailureKind;
use sigmint::identity::token::MAX_TOKEN_BYTES;

const MAX_BODY: usize = sigmint::limits::MessageBytes::DEFAULT.get();

impl Scene {
    async fn refuses_text(&self, body: impl Into<reqwest::Body>, kind: FailureKind, case: &str) {
        let reply = self.server.post(body).await;
        assert_refused(&self.server, &reply, kind, case);
    }

    /// Sends bytes as they are and reads until the server closes; the status and the body.
    async fn raw(&self, parts: Vec<Vec<u8>>) -> (u16, Value) {
        let address = self.server.url.strip_prefix("http://").unwrap().to_owned();
        let exchange = move || {
            let mut connection = TcpStream::connect(address).unwrap();
            connection.set_read_timeout(Some(crate::support::DEADLINE)).unwrap();
            for part in parts {
                // A server that has heard enough may close before the last part is sent.
                if connection.write_all(&part).is_err() {
                    break;
                }
            }
            let _ = connection.shutdown(Shutdown::Write);
            let mut answer = Vec::new();
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = connection.read(&mut buffer) {
                answer.extend_from_slice(&buffer[..read]);
            }
            String::from_utf8(answer).unwrap()
        };
        let answer = tokio::task::spawn_blocking(exchange).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }
}

fn head(length: &str) -> Vec<u8> {
    format!("POST /api/v2/signingCert HTTP/1.1\r\nHost: sigmint\r\n{length}\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn a_body_of_the_largest_size_is_read_and_one_byte_more_is_not() {
    let scene = watched_scene().await;
    let mut body = key_body(Some(&scene.token()), &scene.key.spki_pem(), b"").to_string().into_bytes();
    body.resize(MAX_BODY, b' ');
    scene.refuses_text(body.clone(), FailureKind::ProofInvalid, "the largest").await;
    body.push(b' ');
    scene.refuses_text(body, FailureKind::RequestTooLarge, "one more").await;
    scene.is_well().await;
}

#[tokio::test]
async fn a_body_without_a_length_ends_at_the_same_limit() {
    let scene = watched_scene().await;
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 0x10000], b"\r\n".to_vec()].concat();
    let mut parts = vec![head("Transfer-Encoding: chunked")];
    parts.extend(std::iter::repeat_n(chunk, 80));
    let (status, answer) = scene.raw(parts).await;
    assert_eq!((status, &answer["code"]), (413, &json!(8)), "{answer}");
    assert_eq!(scene.server.signer().calls(), 0);
    scene.is_well().await;
}

#[tokio::test]
async fn a_body_that_ends_early_is_answered() {
    let scene = watched_scene().await;
    let (status, answer) = scene.raw(vec![head("Content-Length: 100"), b"{\"credentials\":".to_vec()]).await;
    assert_eq!((status, &answer["details"][0]["reason"]), (408, &json!("REQUEST_INCOMPLETE")), "{answer}");
    assert_eq!(scene.server.signer().calls(), 0);
    scene.is_well().await;
}

#[tokio::test]
async fn what_is_no_http_is_closed() {
    let scene = watched_scene().await;
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"POST /api/v2/signingCert HTTP/1.1\r\nContent-Length: x\r\n\r\n".to_vec(),
        b"POST /api/v2/signingCert HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nxyz".to_vec(),
        [b"GET / HTTP/1.1\r\nX: ".to_vec(), vec![b'x'; 1 << 20], b"\r\n\r\n".to_vec()].concat(),
    ] {
        let address = scene.server.url.strip_prefix("http://").unwrap().to_owned();
        let exchange = move || {
            let mut connection = TcpStream::connect(address).unwrap();
            connection.set_read_timeout(Some(crate::support::DEADLINE)).unwrap();
            let _ = connection.write_all(&bytes);
            let _ = connection.shutdown(Shutdown::Write);
            let mut answer = Vec::new();
            let _ = connection.read_to_end(&mut answer);
            answer
        };
        let answer = tokio::task::spawn_blocking(exchange).await.unwrap();
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&answer));
    }
    scene.is_well().await;
}

#[tokio::test]
async fn tokens_that_are_too_long_or_nothing_but_dots() {
    let scene = watched_scene().await;
    for (case, token) in [
        ("64 KiB and one", "a".repeat(MAX_TOKEN_BYTES + 1)),
        ("64 KiB of one part", "a".repeat(MAX_TOKEN_BYTES)),
        ("64 KiB of dots", ".".repeat(MAX_TOKEN_BYTES)),
        ("64 KiB of dots and one", ".".repeat(MAX_TOKEN_BYTES + 1)),
        ("128 KiB of dots", ".".repeat(128 << 10)),
        ("two dots", "..".to_owned()),
        ("64 KiB of white space", " ".repeat(MAX_TOKEN_BYTES + 1)),
        ("not ASCII", "\u{e9}.\u{e9}.\u{e9}".to_owned()),
        ("a zero", "a\0.b.c".to_owned()),
    ] {
        scene.refuses(&token, FailureKind::TokenMalformed, case).await;
    }
    scene.is_well().await;
}

#[tokio::test]
async fn a_token_that_is_good_but_for_its_length() {
    let scene = watched_scene().await;
    let padded = |length: usize| {
        let mut claims = scene.claims();
        claims["padding"] = json!("x".repeat(length));
        scene.issuer.token(&claims)
    };
    // Three bytes of payload are four of token.
    let room = MAX_TOKEN_BYTES - padded(0).len();
    scene.refuses(&padded(room / 4 * 3 + 9), FailureKind::TokenMalformed, "a little over 64 KiB").await;
    assert_eq!(scene.ask(&padded(room / 4 * 3 - 9)).await.status, 200, "a little under");
}

#[tokio::test]
async fn deep_json_in_every_place() {
    let scene = watched_scene().await;
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let objects = "{\"a\":".repeat(40_000) + "1" + &"}".repeat(40_000);
    for (case, body) in [
        ("lists", deep(100_000)),
        ("lists without end", "[".repeat(100_000)),
        ("objects", objects.clone()),
        ("in an unknown member", format!("{{\"x\":{}}}", deep(100_000))),
        ("in a known one", format!("{{\"credentials\":{objects}}}")),
        ("as much of it as is read", "[".repeat(MAX_BODY)),
    ] {
        scene.refuses_text(body, FailureKind::RequestMalformed, case).await;
    }
    // The token's own limit leaves room for depth of about 24000.
    let (header, payload) = (r#"{"alg":"ES256"}"#, scene.claims().to_string());
    let open = payload.strip_suffix('}').unwrap();
    let depths = [200, 20_000];
    for depth in depths {
        for payload in
            [format!("{open},\"x\":{}}}", deep(depth)), deep(depth), format!("{open},\"x\":{}", "[".repeat(depth))]
        {
            scene.refuses(&scene.issuer.token_of_text(header, &payload), FailureKind::TokenMalformed, "payload").await;
        }
    }
    for depth in depths {
        for header in [deep(depth), "{\"a\":".repeat(depth / 2), format!(r#"{{"alg":{}}}"#, deep(depth))] {
            scene.refuses(&scene.issuer.token_of_text(&header, &payload), FailureKind::TokenMalformed, "header").await;
        }
    }
    // What the header holds besides is not looked at: refused or not, nothing breaks.
    for depth in depths {
        let header = format!(r#"{{"alg":"ES256","x":{}}}"#, deep(depth));
        let reply = scene.ask(&scene.issuer.token_of_text(&header, &payload)).await;
        assert!(matches!(reply.status, 200 | 400), "{reply:?}");
    }
    scene.is_well().await;
}

#[tokio::test]
async fn wrong_types_everywhere_in_the_body() {
    let scene = watched_scene().await;
    let good = key_body(Some(&scene.token()), &scene.key.spki_pem(), &scene.key.prove(ADDRESS));
    let values = [json!(1), json!(true), json!(-1.5e300), json!([]), json!(["x"]), json!({"x": 1}), json!("")];
    for path in [
        "/credentials",
        "/credentials/oidcIdentityToken",
        "/publicKeyRequest",
        "/publicKeyRequest/publicKey",
        "/publicKeyRequest/publicKey/content",
        "/publicKeyRequest/proofOfPossession",
    ] {
        for value in &values {
            let mut body = good.clone();
            *body.pointer_mut(path).unwrap() = value.clone();
            let reply = scene.server.post(body.to_string()).await;
            assert_eq!(reply.status, 400, "{path} = {value}: {reply:?}");
            assert_eq!(reply.json()["code"], json!(3), "{path} = {value}");
        }
    }
    for value in [json!(1), json!([]), json!({}), json!("*"), json!("A")] {
        let body = json!({"credentials": good["credentials"], "certificateSigningRequest": value});
        let reply = scene.server.post(body.to_string()).await;
        assert_eq!(reply.status, 400, "{value}");
    }
    assert_eq!(scene.server.signer().calls(), 0);
    scene.is_well().await;
}

#[tokio::test]
async fn bytes_that_are_no_text() {
    let scene = watched_scene().await;
    for body in [
        vec![0xff; 100],
        b"{\"credentials\":{\"oidcIdentityToken\":\"\xff\"}}".to_vec(),
        vec![0; 1000],
        b"\xef\xbb\xbf{}".to_vec(),
    ] {
        let reply = scene.server.post(body.clone()).await;
        assert_eq!((reply.status, reply.json()["code"].clone()), (400, json!(3)), "{body:?}");
    }
    let binary = URL_SAFE_NO_PAD.encode([0xff; 64]);
    for token in [format!("{binary}.{binary}.{binary}"), format!("e30.{binary}.{binary}")] {
        scene.refuses(&token, FailureKind::TokenMalformed, "no UTF-8").await;
    }
    scene.is_well().await;
}

#[tokio::test]
async fn long_claims_and_many_of_them() {
    let scene = watched_scene().await;
    let mut claims = scene.claims();
    claims["email"] = json!(format!("{}@example.com", "a".repeat(40_000)));
    let address = claims["email"].as_str().unwrap().to_owned();
    let reply = scene.server.ask(&scene.issuer.token(&claims), &scene.key, &address).await;
    assert!(matches!(reply.status, 200 | 400), "{reply:?}");
    let mut claims = scene.claims();
    for number in 0..2000 {
        claims[format!("c{number}")] = json!(number);
    }
    assert_eq!(scene.ask(&scene.issuer.token(&claims)).await.status, 200);
    scene.is_well().await;
}

#[tokio::test]
async fn a_hundred_hostile_requests_at_once_do_not_keep_a_good_one_from_its_certificate() {
    let scene = std::sync::Arc::new(watched_scene().await);
    let hostile: Vec<_> = (0..100)
        .map(|number| {
            let scene = std::sync::Arc::clone(&scene);
            tokio::spawn(async move {
                let body = match number % 3 {
                    0 => "[".repeat(MAX_BODY),
                    1 => key_body(Some(&".".repeat(MAX_BODY / 2)), "", b"").to_string(),
                    _ => key_body(Some("a.b.c"), &Key::new(Kind::P256).spki_pem(), b"x").to_string(),
                };
                scene.server.post(body).await.status
            })
        })
        .collect();
    assert_eq!(scene.ask(&scene.token()).await.status, 200);
    for one in hostile {
        assert_eq!(one.await.unwrap(), 400);
    }
    scene.is_well().await;
}
