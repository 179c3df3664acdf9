//! The development transparency log: RFC 6962 over HTTP on the loopback address, in memory, with a key of its own.
//!
//! Owns the log's address, key and root. Binds 127.0.0.1 and cannot be told another address. The real log client talks to it as to any
//! other log.

mod key;
mod ledger;
mod routes;
mod submission;

use std::net::SocketAddr;

use actix_web::web;
use parking_lot::Mutex;

use super::folder::Folder;
use super::kept_key;
use super::loopback::{DevServerError, listen, serve};
use key::SigningKey;
use ledger::{Ledger, MAX_ENTRIES};

/// Its key in the folder.
const KEY_FILE: &str = "ctlog-key.pem";
/// The longest request body, in bytes: a chain of eight certificates.
const MAX_BODY_BYTES: usize = 256 * 1024;

const SERVER: &str = "log";

/// A log that is bound and ready to run.
pub struct DevLog {
    address: SocketAddr,
    spki: Vec<u8>,
    id: [u8; 32],
    server: actix_web::dev::Server,
}

struct Shared {
    key: SigningKey,
    /// The one root that chains must end at, DER.
    root: Vec<u8>,
    ledger: Mutex<Ledger>,
}

impl DevLog {
    /// Binds 127.0.0.1 with the folder's key, or a new one; port 0 lets the system choose. Chains must end at `root`, a certificate in DER.
    pub fn bind(port: u16, root: Vec<u8>, folder: Option<&Folder>) -> Result<Self, DevServerError> {
        let (listener, address) = listen(port)?;
        let key = kept_key::open(folder, KEY_FILE, |der| SigningKey::from_pkcs8(der).ok())
            .map_err(|source| DevServerError::Key { server: SERVER, source })?;
        let (spki, id) = (key.spki_der().to_vec(), key.id());
        let shared = web::Data::new(Shared { key, root, ledger: Mutex::new(Ledger::new(MAX_ENTRIES)) });
        let routes = move |service: &mut web::ServiceConfig| routes::configure(service.app_data(shared.clone()));
        let server = serve((listener, address), MAX_BODY_BYTES, routes)?;
        Ok(Self { address, spki, id, server })
    }

    /// The URL that log clients take: `/ct/v1/..` is below it.
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
