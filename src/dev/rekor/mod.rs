//! The development log of signatures, as clients know it from Rekor v2 (rekor-tiles) and v1, on the loopback address and with a key of its
//! own.
//!
//! Owns the log's address, key, name and first entry. Binds 127.0.0.1 and cannot be told another address.

mod ledger;
mod reads;
mod record;
mod signed;
mod v1;
mod v2;

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::web;
use aws_lc_rs::error::Unspecified;
use parking_lot::Mutex;

use super::folder::Folder;
use super::kept_key;
use super::loopback::{DevServerError, listen, serve};
use super::signing_key::SigningKey;
use super::tiles::{Limits, note};
use super::trust::RekorDescription;
use crate::crypto::algorithm::Hash as HashAlgorithm;
use crate::crypto::sha256;
use crate::ct::read::Hash;
use crate::trust::RekorApi;
use ledger::{AppendError, Ledger};
use record::Record;
use signed::Signer;

/// Its key in the folder.
const KEY_FILE: &str = "rekor-key.pem";
/// Its entries in the folder.
const JOURNAL: &str = "rekor.journal";
/// The longest request body, in bytes: as rekor-tiles has it.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// How checkpoints name the log: the host of its URL without the port, which is what clients look for.
const ORIGIN: &str = "127.0.0.1";
/// What the first entry is a signature over.
const BEGINNING: &[u8] = b"the first entry of a development log";

const SERVER: &str = "log of signatures";

/// A log that is bound and ready to run.
pub struct DevRekor {
    address: SocketAddr,
    spki: Vec<u8>,
    server: actix_web::dev::Server,
}

struct Shared {
    key: SigningKey,
    ledger: Mutex<Ledger>,
}

impl DevRekor {
    /// Binds 127.0.0.1 with the folder's key and entries, or a new key and no entries but the first; port 0 lets the system choose.
    pub fn bind(port: u16, folder: Option<&Folder>) -> Result<Self, DevServerError> {
        let (listener, address) = listen(port)?;
        let key = kept_key::open(folder, KEY_FILE, |der| SigningKey::from_pkcs8(der).ok())
            .map_err(|source| DevServerError::Key { server: SERVER, source })?;
        let mut ledger = Ledger::open(folder, JOURNAL, Limits::DEV)
            .map_err(|source| DevServerError::Entries { server: SERVER, source })?;
        if ledger.size() == 0 {
            first_entry(&key, &mut ledger)?;
        }
        let spki = key.spki_der().to_vec();
        let shared = web::Data::new(Shared { key, ledger: Mutex::new(ledger) });
        let routes = move |service: &mut web::ServiceConfig| {
            v2::configure(service.app_data(shared.clone()));
            v1::configure(service);
            reads::configure(service);
        };
        let server = serve((listener, address), MAX_BODY_BYTES, routes)?;
        Ok(Self { address, spki, server })
    }

    /// The URL that clients take.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn description(&self) -> RekorDescription {
        RekorDescription { url: self.base(), api: RekorApi::V2 { origin: ORIGIN.to_owned() }, spki: self.spki.clone() }
    }

    /// Serves until it is dropped.
    pub async fn run(self) -> Result<(), DevServerError> {
        self.server.await.map_err(|problem| DevServerError::Run { server: SERVER, problem })
    }
}

/// An entry of the log's own, so that no client's has index 0: cosign leaves that number out of its bundles, and sigstore-python refuses
/// them then.
fn first_entry(key: &SigningKey, ledger: &mut Ledger) -> Result<(), DevServerError> {
    let failed = |problem: String| DevServerError::FirstEntry { server: SERVER, problem };
    let signature = key.sign(BEGINNING).map_err(|_| failed("its key cannot sign".to_owned()))?;
    let (signer, hash) = (Signer::Key(key.spki_der().to_vec()), HashAlgorithm::Sha256);
    let body = v2::canonical(&signer, "PKIX_ECDSA_P256_SHA_256", hash, &sha256(BEGINNING), &signature);
    let record = Record { integrated: seconds(), index_keys: Vec::new(), body: body.into_bytes() };
    ledger.append(&record).map_err(|error: AppendError| failed(error.to_string())).map(|_| ())
}

impl Shared {
    /// The log's word for a tree (c2sp.org/tlog-checkpoint), signed under the host's name.
    fn checkpoint(&self, origin: &str, size: usize, root: &Hash) -> Result<String, Unspecified> {
        let text = note::text(origin, size, root);
        Ok(note::signed(&text, ORIGIN, self.note_key_id(), &self.key.sign(text.as_bytes())?))
    }

    /// The id of an ECDSA key is of the key alone (c2sp.org/signed-note, section Signature types).
    fn note_key_id(&self) -> note::KeyId {
        let [a, b, c, d, ..] = self.key.id();
        [a, b, c, d]
    }
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
