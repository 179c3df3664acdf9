//! A log that speaks HTTP by hand, so that it can do so badly.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sigmint::ct::{LogKey, LogSettings};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::sleep;

pub const CERTIFICATE: &[u8] = b"certificate";
pub const TBS: &[u8] = b"tbs";
pub const LEAF_INDEX: [u8; 8] = [0, 0, 5, 0, 0, 0, 1, 44];

/// What a log does with a request.
#[derive(Clone, Copy, Debug)]
pub enum Manner {
    Good,
    Static,
    Slow(Duration),
    Drips,
    Says(&'static str),
    Huge,
    SignsAnother,
    ClaimsAnotherId,
    /// Its clock is so many milliseconds ahead.
    Ahead(u64),
    /// Its clock is so many milliseconds behind.
    Behind(u64),
    OtherVersion,
    BusyAtFirst(usize, &'static str),
    ClosesAtFirst(usize),
}

pub struct FakeLog {
    pub address: SocketAddr,
    pub pair: Arc<EcdsaKeyPair>,
    pub requests: Arc<AtomicUsize>,
    pub connections: Arc<AtomicUsize>,
    pub last: Arc<Mutex<(String, String)>>,
}

impl FakeLog {
    pub async fn start(manner: Manner) -> Self {
        Self::with_key(manner, EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap().into()).await
    }

    pub async fn with_key(manner: Manner, pair: Arc<EcdsaKeyPair>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let log = Self {
            address: listener.local_addr().unwrap(),
            pair,
            requests: Arc::default(),
            connections: Arc::default(),
            last: Arc::default(),
        };
        let (pair, requests, connections, last) =
            (log.pair.clone(), log.requests.clone(), log.connections.clone(), log.last.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, SeqCst);
                tokio::spawn(serve(stream, manner, pair.clone(), requests.clone(), last.clone()));
            }
        });
        log
    }

    pub fn key(&self) -> LogKey {
        LogKey::from_spki_der(&spki(&self.pair)).unwrap()
    }

    pub fn settings(&self) -> LogSettings {
        LogSettings { public_key: Some(self.key()), ..self.without_key() }
    }

    pub fn without_key(&self) -> LogSettings {
        LogSettings { url: format!("http://{}/log", self.address), origin: None, public_key: None, tls_ca: None }
    }
}

pub fn spki(pair: &EcdsaKeyPair) -> Vec<u8> {
    pair.public_key().as_der().unwrap().as_ref().to_vec()
}

/// Serves one connection until the client closes it.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    manner: Manner,
    pair: Arc<EcdsaKeyPair>,
    requests: Arc<AtomicUsize>,
    last: Arc<Mutex<(String, String)>>,
) {
    while let Some((head, body)) = read_request(&mut stream).await {
        let pre = head.starts_with("POST /log/ct/v1/add-pre-chain ");
        *last.lock().unwrap() = (head, body);
        let earlier = requests.fetch_add(1, SeqCst);
        let ok = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let answer = match manner {
            Manner::BusyAtFirst(times, head) if earlier < times => {
                format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n")
            }
            Manner::ClosesAtFirst(times) if earlier < times => return,
            Manner::Says(answer) => answer.to_owned(),
            Manner::Huge => ok(&" ".repeat(10 * 1024 * 1024)),
            Manner::Slow(time) => {
                sleep(time).await;
                ok(&promise(manner, &pair, pre))
            }
            Manner::Drips => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n").await;
                while stream.write_all(b" ").await.is_ok() {
                    sleep(Duration::from_millis(50)).await;
                }
                return;
            }
            _ => ok(&promise(manner, &pair, pre)),
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

pub async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(length) => bytes.extend_from_slice(&chunk[..length]),
        }
    }
}

/// An answer to add-chain or add-pre-chain, put together apart from the client's code.
pub fn promise(manner: Manner, pair: &EcdsaKeyPair, pre: bool) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now = u64::try_from(now.as_millis()).unwrap();
    let timestamp = match manner {
        Manner::Ahead(milliseconds) => now + milliseconds,
        Manner::Behind(milliseconds) => now - milliseconds,
        _ => now,
    };
    let extensions: &[u8] = if matches!(manner, Manner::Static) { &LEAF_INDEX } else { &[] };
    let content = if matches!(manner, Manner::SignsAnother) {
        b"another"
    } else if pre {
        TBS
    } else {
        CERTIFICATE
    };
    let mut data = vec![0, 0];
    data.extend_from_slice(&timestamp.to_be_bytes());
    data.extend_from_slice(if pre { &[0, 1] } else { &[0, 0] });
    data.extend_from_slice(if pre { &[7; 32] } else { &[] });
    data.extend_from_slice(&[0, 0, u8::try_from(content.len()).unwrap()]);
    data.extend_from_slice(content);
    data.extend_from_slice(&[0, u8::try_from(extensions.len()).unwrap()]);
    data.extend_from_slice(extensions);
    let signature = pair.sign(&SystemRandom::new(), &data).unwrap();
    let signed = [&[4, 3, 0, u8::try_from(signature.as_ref().len()).unwrap()], signature.as_ref()].concat();
    let id = if matches!(manner, Manner::ClaimsAnotherId) {
        [1; 32].to_vec()
    } else {
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &spki(pair)).as_ref().to_vec()
    };
    let version = u8::from(matches!(manner, Manner::OtherVersion));
    let (id, extensions, signed) = (STANDARD.encode(id), STANDARD.encode(extensions), STANDARD.encode(signed));
    format!(
        r#"{{"sct_version":{version},"id":"{id}","timestamp":{timestamp},"extensions":"{extensions}","signature":"{signed}"}}"#
    )
}
