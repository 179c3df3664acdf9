//! Owns what an operator may set for a key in a token, and the two notations for it: Fulcio's JSON file and
//! RFC 7512 URIs.
//!
//! Refuses to know whether such a token or key exists.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use super::{config_file, uri};
use crate::files::FileError;

/// How many sessions, and threads, a key gets if nothing else is said.
pub(super) const DEFAULT_SESSIONS: NonZeroUsize = NonZeroUsize::new(8).unwrap();
/// How long opening may take: HSMs in a network connect in this time.
pub(super) const DEFAULT_OPENING: Duration = Duration::from_secs(30);
/// More would never be busy: so many signatures are asked for at once at most (see [`super::super::remote::Bounds`]).
pub(super) const MAX_SESSIONS: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// Where a key is and how to get at it.
#[derive(Clone, Debug)]
pub struct Pkcs11Options {
    /// The module: a shared library, by path, or by name where the system's loader looks.
    pub module: PathBuf,
    pub token: TokenSelector,
    pub login: Login,
    pub key: KeySelector,
    /// Signatures made at once, a session and a thread each.
    pub sessions: NonZeroUsize,
    /// How long the module may take to load, to log in and to find the key.
    pub opening: Duration,
}

/// Which token: all that is given must match, and one token only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenSelector {
    pub label: Option<String>,
    pub serial: Option<String>,
    pub manufacturer: Option<String>,
    pub model: Option<String>,
    /// The number of the slot it is in.
    pub slot: Option<u64>,
}

/// Which key pair or certificate: all that is given must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySelector {
    /// `CKA_LABEL`.
    pub label: Option<String>,
    /// `CKA_ID`.
    pub id: Option<Vec<u8>>,
}

/// As whom to log in.
#[derive(Clone, Debug)]
pub enum Login {
    /// The normal user, `CKU_USER`.
    User(SecretString),
    /// The crypto user of Thales Luna, 0x80000001.
    CryptoUser(SecretString),
    /// Nobody: for tokens that have no log-in.
    Without,
}

/// Why options cannot be used. No text has a PIN in it.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    #[error("the PKCS#11 config {0}")]
    Read(#[from] FileError),
    #[error("the PKCS#11 config {} is not a JSON object", path.display())]
    Json {
        path: PathBuf,
        /// Where and why, if it is not JSON at all.
        source: Option<serde_json::Error>,
    },
    #[error("the PKCS#11 config {}: {problem}", path.display())]
    Setting { path: PathBuf, problem: String },
    #[error("the pkcs11: URI: {0}")]
    Uri(String),
    #[error("the PKCS#11 PIN: {0}")]
    Pin(String),
}

impl Pkcs11Options {
    /// Reads Fulcio's JSON file (`--pkcs11-config-path`); the key is the one with this label (`--hsm-key-label`).
    pub fn from_config_file(path: &Path, key_label: &str) -> Result<Self, OptionsError> {
        config_file::read(path, KeySelector { label: Some(key_label.to_owned()), id: None })
    }

    /// Reads an RFC 7512 URI such as
    /// `pkcs11:token=ca;object=intermediate;id=%01?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/pin`.
    pub fn from_uri(text: &str) -> Result<Self, OptionsError> {
        uri::read(text)
    }

    /// The same token, but the key with this id (`CKA_ID`) and no matter what label.
    pub fn with_key_id(self, id: &[u8]) -> Self {
        Self { key: KeySelector { label: None, id: Some(id.to_vec()) }, ..self }
    }
}
