//! A log that is read, over RFC 6962 or as static tiles, and that can show what it should not.
//!
//! Its tree is ct-merkle's and its encodings are written here: nothing of it is the reader's own.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::Sha256;

use super::ct_log::spki;

/// How a log shows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    Rfc6962,
    StaticCt,
}

pub const APIS: [Api; 2] = [Api::Rfc6962, Api::StaticCt];

/// An entry, before it has its place.
#[derive(Clone, Debug)]
pub enum Content {
    X509(Vec<u8>),
    Precertificate { issuer_key_hash: [u8; 32], tbs: Vec<u8>, precertificate: Vec<u8> },
}

/// What a log holds and what it does. Tests change it while it runs.
#[derive(Debug)]
pub struct Shown {
    /// Each with its time in milliseconds.
    pub entries: Vec<(u64, Content)>,
    /// In place of [`Shown::entries`], the head is over these.
    pub signed: Option<Vec<(u64, Content)>>,
    /// The head's time in milliseconds.
    pub time: u64,
    /// How many entries get-entries gives at once.
    pub at_once: usize,
    /// The chain above every entry, DER.
    pub chain: Vec<Vec<u8>>,
    pub gzip: bool,
    /// Paths that begin so are answered like this.
    pub instead: HashMap<&'static str, (u16, Vec<u8>)>,
    /// Whether partial tiles are gone once their tile is whole.
    pub keeps_partial: bool,
}

pub struct ReadLog {
    pub address: SocketAddr,
    pub shown: Arc<Mutex<Shown>>,
    /// The paths that were asked for.
    pub asked: Arc<Mutex<Vec<String>>>,
    pub spki: Vec<u8>,
}

impl ReadLog {
    pub fn start(api: Api, time: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let shown = Shown {
            entries: Vec::new(),
            signed: None,
            time,
            at_once: 100,
            chain: Vec::new(),
            gzip: false,
            instead: HashMap::new(),
            keeps_partial: true,
        };
        let log = Self {
            address: listener.local_addr().unwrap(),
            shown: Arc::new(Mutex::new(shown)),
            asked: Arc::default(),
            spki: spki(&pair),
        };
        let (shown, asked) = (log.shown.clone(), log.asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, api, &pair, &shown, &asked);
            }
        });
        log
    }

    pub fn url(&self) -> String {
        format!("http://{}/log", self.address)
    }

    pub fn change(&self, change: impl FnOnce(&mut Shown)) {
        change(&mut self.shown.lock().unwrap());
    }

    pub fn add(&self, time: u64, content: Content) {
        self.change(|shown| shown.entries.push((time, content)));
    }

    /// What was asked for since this was last called.
    pub fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn answer(mut stream: TcpStream, api: Api, pair: &EcdsaKeyPair, shown: &Mutex<Shown>, asked: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap();
    let path = path.strip_prefix("/log/").unwrap_or(path);
    asked.lock().unwrap().push(path.to_owned());
    let shown = shown.lock().unwrap();
    let instead = shown.instead.iter().find(|(begin, _)| path.starts_with(**begin)).map(|(_, instead)| instead.clone());
    let (status, mut body) = instead.unwrap_or_else(|| {
        let body = match api {
            Api::Rfc6962 => rfc6962(path, pair, &shown),
            Api::StaticCt => static_ct(path, pair, &shown),
        };
        body.map_or((404, b"not here".to_vec()), |body| (200, body))
    });
    let mut header = format!("HTTP/1.1 {status} X\r\nConnection: close\r\n");
    if shown.gzip && status == 200 && path.starts_with("tile/") {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&body).unwrap();
        body = encoder.finish().unwrap();
        header.push_str("Content-Encoding: gzip\r\n");
    }
    write!(header, "Content-Length: {}\r\n\r\n", body.len()).unwrap();
    let _ = stream.write_all(&[header.into_bytes(), body].concat());
}

fn rfc6962(path: &str, pair: &EcdsaKeyPair, shown: &Shown) -> Option<Vec<u8>> {
    if path == "ct/v1/get-sth" {
        let (size, root, signature) = head(pair, shown);
        let (root, signature) = (STANDARD.encode(root), STANDARD.encode(signature));
        let time = shown.time;
        return Some(
            format!(
                r#"{{"tree_size":{size},"timestamp":{time},"sha256_root_hash":"{root}","tree_head_signature":"{signature}"}}"#
            )
            .into_bytes(),
        );
    }
    let (start, end) = path.strip_prefix("ct/v1/get-entries?start=")?.split_once("&end=")?;
    let (start, end): (usize, usize) = (start.parse().ok()?, end.parse().ok()?);
    let entries = shown.entries.get(start..=end.min(shown.entries.len() - 1))?;
    let entries = entries.iter().enumerate().take(shown.at_once).map(|(offset, entry)| {
        let chain = opaque_24(&shown.chain.iter().flat_map(|der| opaque_24(der)).collect::<Vec<_>>());
        let extra = match &entry.1 {
            Content::X509(_) => chain,
            Content::Precertificate { precertificate, .. } => [opaque_24(precertificate), chain].concat(),
        };
        let leaf = STANDARD.encode(leaf(start + offset, entry));
        format!(r#"{{"leaf_input":"{leaf}","extra_data":"{}"}}"#, STANDARD.encode(extra))
    });
    Some(format!(r#"{{"entries":[{}]}}"#, entries.collect::<Vec<_>>().join(",")).into_bytes())
}

fn static_ct(path: &str, pair: &EcdsaKeyPair, shown: &Shown) -> Option<Vec<u8>> {
    if path == "checkpoint" {
        const ORIGIN: &str = "log.example/test";
        let (size, root, signature) = head(pair, shown);
        let log_id = digest(&SHA256, &spki(pair));
        let id = digest(&SHA256, &[ORIGIN.as_bytes(), b"\n\x05", log_id.as_ref()].concat());
        let signature = STANDARD.encode([&id.as_ref()[..4], &shown.time.to_be_bytes(), &signature].concat());
        let root = STANDARD.encode(root);
        return Some(format!("{ORIGIN}\n{size}\n{root}\n\n\u{2014} {ORIGIN} {signature}\n").into_bytes());
    }
    let tile = path.strip_prefix("tile/data/")?;
    let (tile, width) = match tile.split_once(".p/") {
        Some((tile, width)) => (tile, Some(width.parse::<usize>().unwrap())),
        None => (tile, None),
    };
    let tile: usize = tile.replace(['x', '/'], "").parse().unwrap();
    let there = shown.entries.len().saturating_sub(tile * 256).min(256);
    let is_there = match width {
        Some(width) => width <= there && (there < 256 || shown.keeps_partial),
        None => there == 256,
    };
    if !is_there {
        return None;
    }
    let entries = shown.entries.iter().enumerate().skip(tile * 256).take(width.unwrap_or(256));
    let leaves = entries.map(|(index, entry)| {
        let precertificate = match &entry.1 {
            Content::X509(_) => Vec::new(),
            Content::Precertificate { precertificate, .. } => opaque_24(precertificate),
        };
        let chain: Vec<u8> = shown.chain.iter().flat_map(|der| digest(&SHA256, der).as_ref().to_vec()).collect();
        let length = u16::try_from(chain.len()).unwrap().to_be_bytes().to_vec();
        [timestamped(index, entry), precertificate, length, chain].concat()
    });
    Some(leaves.collect::<Vec<_>>().concat())
}

/// Size, root and signature of the tree head.
fn head(pair: &EcdsaKeyPair, shown: &Shown) -> (u64, Vec<u8>, Vec<u8>) {
    let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let entries = shown.signed.as_ref().unwrap_or(&shown.entries);
    for (index, entry) in entries.iter().enumerate() {
        tree.push(leaf(index, entry));
    }
    let (size, root) = (entries.len() as u64, tree.root().as_bytes().to_vec());
    let signed = [&[0, 1][..], &shown.time.to_be_bytes(), &size.to_be_bytes(), &root].concat();
    let signature = pair.sign(&SystemRandom::new(), &signed).unwrap();
    let length = u8::try_from(signature.as_ref().len()).unwrap();
    (size, root, [&[4, 3, 0, length], signature.as_ref()].concat())
}

fn leaf(index: usize, entry: &(u64, Content)) -> Vec<u8> {
    [vec![0, 0], timestamped(index, entry)].concat()
}

fn timestamped(index: usize, (time, content): &(u64, Content)) -> Vec<u8> {
    let entry = match content {
        Content::X509(certificate) => [vec![0, 0], opaque_24(certificate)].concat(),
        Content::Precertificate { issuer_key_hash, tbs, .. } => {
            [vec![0, 1], issuer_key_hash.to_vec(), opaque_24(tbs)].concat()
        }
    };
    // The leaf index, in 5 bytes.
    let extension = [&[0, 8, 0, 0, 5][..], &(index as u64).to_be_bytes()[3..]].concat();
    [time.to_be_bytes().to_vec(), entry, extension].concat()
}

fn opaque_24(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[1..], bytes].concat()
}
