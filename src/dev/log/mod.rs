//! The development transparency log: RFC 6962 over HTTP on the loopback address, in memory, with a key of its own.
//!
//! Owns the log's address, key and root. Binds 127.0.0.1 and cannot be told another address. The real log client talks to it as to any
//! other log.

mod key;
mod ledger;
mod routes;
mod submission;

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};

use super::folder::{Folder, FolderError};
use super::kept_key;
use super::loopback::{HEADER_TIMEOUT, MAX_CONNECTIONS, listen, loopback_only};
use key::SigningKey;
use ledger::{Ledger, MAX_ENTRIES};

/// Its key in the folder.
const KEY_FILE: &str = "ctlog-key.pem";
/// The longest request body, in bytes: a chain of eight certificates.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum DevLogError {
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Listen { port: u16, source: io::Error },
    #[error("the log's key cannot be used")]
    Key(#[from] FolderError),
    #[error("the development log stopped: {0}")]
    Run(io::Error),
}

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

impl Shared {
    /// Every change of the ledger is complete before it can panic: one that did not finish left nothing behind.
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DevLog {
    /// Binds 127.0.0.1 with the folder's key, or a new one; port 0 lets the system choose. Chains must end at `root`, a certificate in DER.
    pub fn bind(port: u16, root: Vec<u8>, folder: Option<&Folder>) -> Result<Self, DevLogError> {
        let refused = |source| DevLogError::Listen { port, source };
        let listener = listen(port).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let key = kept_key::open(folder, KEY_FILE, |der| SigningKey::from_pkcs8(der).ok())?;
        let (spki, id) = (key.spki_der().to_vec(), key.id());
        let shared = web::Data::new(Shared { key, root, ledger: Mutex::new(Ledger::new(MAX_ENTRIES)) });
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .app_data(web::PayloadConfig::new(MAX_BODY_BYTES))
                .wrap(from_fn(loopback_only))
                .configure(routes::configure)
        })
        .workers(1)
        .max_connections(MAX_CONNECTIONS)
        .client_request_timeout(HEADER_TIMEOUT)
        .shutdown_timeout(1)
        // The caller decides when the log ends.
        .disable_signals()
        .listen(listener)
        .map_err(refused)?
        .run();
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
    pub async fn run(self) -> Result<(), DevLogError> {
        self.server.await.map_err(DevLogError::Run)
    }
}
