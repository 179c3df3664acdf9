//! The development transparency log: it takes in entries by RFC 6962 and shows them by RFC 6962 and as tiles
//! (c2sp.org/static-ct-api), on the loopback address, with a key of its own.
//!
//! Owns the log's address, key and root. Binds 127.0.0.1 and cannot be told another address. The real log client talks to it as to any
//! other log.

mod ledger;
mod record;
mod routes;
mod static_ct;
mod submission;

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::web;
use aws_lc_rs::error::Unspecified;
use parking_lot::Mutex;

use super::folder::Folder;
use super::kept_key;
use super::loopback::{DevServerError, listen, serve};
use super::signing_key::SigningKey;
use super::tiles::Limits;
use crate::ct::read::Hash;
use ledger::Ledger;

/// Its key in the folder.
const KEY_FILE: &str = "ctlog-key.pem";
/// Its entries in the folder.
const JOURNAL: &str = "ctlog.journal";
/// The longest request body, in bytes: a chain of eight certificates.
const MAX_BODY_BYTES: usize = 256 * 1024;

const SERVER: &str = "log";

/// TLS `HashAlgorithm.sha256` and `SignatureAlgorithm.ecdsa` (RFC 5246 section 7.4.1.4.1).
const SHA256_ECDSA: [u8; 2] = [4, 3];

/// A log that is bound and ready to run.
pub struct DevLog {
    address: SocketAddr,
    spki: Vec<u8>,
    id: [u8; 32],
    server: actix_web::dev::Server,
}

struct Shared {
    key: SigningKey,
    /// How checkpoints name the log: its submission prefix, without `http://`.
    origin: String,
    /// The one root that chains must end at, DER.
    root: Vec<u8>,
    ledger: Mutex<Ledger>,
}

impl DevLog {
    /// Binds 127.0.0.1 with the folder's key and entries, or a new one and none; port 0 lets the system choose. Chains must end at `root`, a certificate in DER.
    pub fn bind(port: u16, root: Vec<u8>, folder: Option<&Folder>) -> Result<Self, DevServerError> {
        let (listener, address) = listen(port)?;
        let key = kept_key::open(folder, KEY_FILE, |der| SigningKey::from_pkcs8(der).ok())
            .map_err(|source| DevServerError::Key { server: SERVER, source })?;
        let (spki, id) = (key.spki_der().to_vec(), key.id());
        let ledger = Ledger::open(folder, JOURNAL, Limits::DEV)
            .map_err(|source| DevServerError::Entries { server: SERVER, source })?;
        let shared = Shared { key, origin: address.to_string(), root, ledger: Mutex::new(ledger) };
        let shared = web::Data::new(shared);
        let routes = move |service: &mut web::ServiceConfig| {
            static_ct::configure(service.app_data(shared.clone()));
            routes::configure(service);
        };
        let server = serve((listener, address), MAX_BODY_BYTES, routes)?;
        Ok(Self { address, spki, id, server })
    }

    /// The URL that log clients take: `/ct/v1/..`, `/checkpoint` and `/tile/..` are below it.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The log's key, a DER `SubjectPublicKeyInfo`.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// The log's identifier: the SHA-256 of its key.
    pub const fn id(&self) -> [u8; 32] {
        self.id
    }

    /// Serves until it is dropped.
    pub async fn run(self) -> Result<(), DevServerError> {
        self.server.await.map_err(|problem| DevServerError::Run { server: SERVER, problem })
    }
}

impl Shared {
    /// A TLS `DigitallySigned` over the bytes (RFC 5246 section 4.7).
    fn digitally_sign(&self, bytes: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let signature = self.key.sign(bytes)?;
        let length = u16::try_from(signature.len()).map_err(|_| Unspecified)?;
        Ok([&SHA256_ECDSA[..], &length.to_be_bytes(), &signature].concat())
    }

    /// The tree head of this moment: every entry is in the tree at once (RFC 6962 section 3.5).
    fn tree_head(&self) -> Result<TreeHead, Unspecified> {
        let (size, root, latest) = {
            let ledger = self.ledger.lock();
            (ledger.size(), ledger.root(), ledger.latest())
        };
        // Never before an entry's own: the clock may have been set back.
        let timestamp = milliseconds().max(latest);
        // Version 1 and the signature type `tree_hash`.
        let signed = [&[0, 1][..], &timestamp.to_be_bytes(), &(size as u64).to_be_bytes(), &root].concat();
        Ok(TreeHead { size, root, timestamp, signature: self.digitally_sign(&signed)? })
    }
}

/// What the log holds, signed.
struct TreeHead {
    size: usize,
    root: Hash,
    /// Milliseconds since 1970.
    timestamp: u64,
    /// A TLS `DigitallySigned`.
    signature: Vec<u8>,
}

fn milliseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
