//! What an operator decides about the audit log, and why there may be none.

use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use super::chain::ChainId;
use super::file::AuditFileError;
use super::record::RecordedClaims;
use super::redact::Redaction;
use super::unverified::SamplesOptions;

/// Where records go (`--audit-path`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    File {
        path: PathBuf,
        /// The size in bytes at which it is moved away and a new one begun.
        most_bytes: Option<u64>,
    },
    Stdout,
    /// The socket of the local daemon.
    Syslog(PathBuf),
}

/// When records are flushed to the disk (`--audit-sync`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncMode {
    /// Before a certificate is signed.
    Request,
    /// Once a second.
    Interval,
    /// When the system does.
    None,
}

/// What happens when an intent cannot be written (`--audit-failure`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Nothing is signed.
    Refuse,
    /// It is signed all the same, and counted.
    Sign,
}

#[derive(Clone, Debug)]
pub struct AuditOptions {
    pub destination: Destination,
    pub claims: RecordedClaims,
    pub redaction: Option<Redaction>,
    pub sync: SyncMode,
    pub on_failure: OnFailure,
    /// Where requests whose token did not verify are written one by one, if they are.
    pub samples: Option<SamplesOptions>,
    /// SHA-256 of the public key whose private half signs heads, for the start record.
    pub head_key: Option<[u8; 32]>,
    pub chain: ChainId,
    pub clock: fn() -> SystemTime,
}

/// Why there is no audit log.
#[derive(Debug, thiserror::Error)]
pub enum AuditSetupError {
    #[error(transparent)]
    File(#[from] AuditFileError),
    #[error("cannot connect to syslog at {}: {source}", path.display())]
    Syslog { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    Samples { path: PathBuf, source: io::Error },
    #[error("the first record could not be written: {0}")]
    Begin(io::Error),
    #[error("no thread for the audit log: {0}")]
    Thread(io::Error),
}
