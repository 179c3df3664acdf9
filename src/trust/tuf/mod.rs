//! A TUF repository (specification 1.0) that hands trusted root and signing configuration to clients, as a folder that any web server
//! can serve.
//!
//! Owns the metadata: who signs which role, versions and ends. `metadata` has the form, `change` what each command makes of it,
//! `repository` the folder. Keys come in as [`Signer`]s; time comes in as an argument.

mod change;
mod key;
mod metadata;
mod repository;
mod signed;

use std::sync::Arc;
use std::time::SystemTime;

pub use change::{Lifetimes, NewRoles, Target, initialize, publish, refresh, rotate_root};
pub use key::{TufKey, UnusableKey};
pub use repository::{Repository, RepositoryError, Write};

use crate::crypto::signature_check::BadSignature;
use crate::signer::{Signer, SignerError};

/// By which name clients look for the signing configuration; the trusted root has the name of its file.
pub const SIGNING_CONFIG_TARGET: &str = "signing_config.v0.2.json";

/// A key that signs, with its public half.
#[derive(Clone, Debug)]
pub struct TufSigner {
    pub key: TufKey,
    pub signer: Arc<dyn Signer>,
}

/// The four roles that every repository has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Root,
    Targets,
    Snapshot,
    Timestamp,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Root, Self::Targets, Self::Snapshot, Self::Timestamp];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Snapshot => "snapshot",
            Self::Timestamp => "timestamp",
        }
    }
}

/// Why metadata are not made, or not believed.
#[derive(Debug, thiserror::Error)]
pub enum TufError {
    #[error("the {} metadata need {needed} signatures of their keys, and {given} of these keys are here", role.name())]
    TooFewKeys { role: Role, needed: usize, given: usize },
    #[error("the {} role cannot need {threshold} signatures: it has {keys} keys", role.name())]
    Threshold { role: Role, threshold: usize, keys: usize },
    #[error("a key is given twice for the {} role", role.name())]
    DuplicateKey { role: Role },
    #[error("the {} metadata {problem}", role.name())]
    Malformed { role: Role, problem: String },
    #[error("the {} metadata are not signed by {needed} of the role's keys", role.name())]
    Unsigned { role: Role, needed: usize },
    #[error("a key could not sign the {} metadata", role.name())]
    Signer { role: Role, source: SignerError },
    #[error("a key's signature of the {} metadata does not verify", role.name())]
    WrongSignature { role: Role, source: BadSignature },
    #[error("the {} metadata ended on {}: clients do not read them any more", role.name(), humantime::format_rfc3339_seconds(*end))]
    Expired { role: Role, end: SystemTime },
}

#[cfg(test)]
mod tests;
