//! What Sigstore clients need to know of a deployment, from typed values to the documents that they read.
//!
//! Owns the values: whom to believe, since when and until when, and whom to ask. The documents are made of them in `trusted_root`,
//! `signing_config` and `bundle`; once the values are there, making a document cannot fail. Knows neither files nor servers.

mod bundle;
mod chain;
mod clients;
mod difference;
mod key;
mod served;
mod signing_config;
mod trusted_root;
pub mod tuf;
mod window;

pub use chain::{Chain, ChainProblem};
pub use clients::{ClientFile, SIGNING_CONFIG, TRUSTED_ROOT};
pub use difference::{Difference, Differs, NotATrustedRoot, Range};
pub use key::{PublicKey, UnknownKeyKind};
pub use served::{Document, ServedDocument, ServedDocuments};
pub use signing_config::Selector;
pub use window::{EndBeforeStart, Window};

/// A deployment, as far as clients have to trust or find it. Clients try the entries of a list one after the other, so their order
/// says nothing; documents have them by their start.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Who runs the services: a client takes one service of each operator.
    pub operator: String,
    pub authorities: Vec<CertificateAuthority>,
    pub ct_logs: Vec<CtLog>,
    /// Logs of signatures.
    pub rekor_logs: Vec<RekorLog>,
    /// How many of the logs of signatures a signer has to write to.
    pub rekor_selector: Selector,
    pub timestamp_authorities: Vec<TimestampAuthority>,
    /// How many of the timestamp authorities a signer has to ask.
    pub timestamp_selector: Selector,
    /// Where a person logs in for a token.
    pub token_issuers: Vec<TokenIssuer>,
}

/// Whether signers ask a service, or verifiers only believe what it made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It is in the signing configuration, and in the trusted root.
    SignAndVerify,
    /// It is in the trusted root only: it is retired, or it will sign one day.
    Verify,
}

/// A certificate authority under one chain: one that has issued under two is here twice.
#[derive(Clone, Debug)]
pub struct CertificateAuthority {
    pub url: String,
    pub chain: Chain,
    /// When it issued: a signature is good if its certificate was issued within.
    pub window: Window,
    pub purpose: Purpose,
}

/// A log of certificates (RFC 6962). Signers do not ask it.
#[derive(Clone, Debug)]
pub struct CtLog {
    pub url: String,
    pub key: PublicKey,
    /// When its timestamps are good.
    pub window: Window,
}

/// A log of signatures.
#[derive(Clone, Debug)]
pub struct RekorLog {
    pub url: String,
    pub api: RekorApi,
    pub key: PublicKey,
    /// When its entries are good.
    pub window: Window,
    pub purpose: Purpose,
}

/// Which Rekor a log of signatures is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RekorApi {
    /// Entries have signed times. The log's identifier is the SHA-256 of its key.
    V1,
    /// Tiles (rekor-tiles): entries have no time, so that signers need a timestamp authority, too.
    V2 {
        /// The first line of its checkpoints; part of the identifier of a log with an Ed25519 key (C2SP signed-note).
        origin: String,
    },
}

/// An RFC 3161 timestamp authority.
#[derive(Clone, Debug)]
pub struct TimestampAuthority {
    /// Where requests go, path and all.
    pub url: String,
    /// The certificate that signs timestamps first, the root last.
    pub chain: Chain,
    pub window: Window,
    pub purpose: Purpose,
}

/// An OpenID Connect issuer.
#[derive(Clone, Debug)]
pub struct TokenIssuer {
    pub url: String,
    pub window: Window,
}

#[cfg(test)]
mod tests;
