//! Why an issuer's keys could not be fetched.
//!
//! Knows not what a client is told of it.

use std::time::Duration;

use crate::identity::fetch::FetchError;
use crate::text::peer_text::{JsonFault, PeerText};

/// Why an issuer's keys could not be had. Always the issuer's fault or the network's, never the caller's.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A document that is not the JSON it should be.
    #[error("{document}: {fault}")]
    Document {
        /// The document's URL or file.
        document: PeerText,
        fault: JsonFault,
    },
    /// The discovery document is another issuer's (OpenID Connect Discovery 1.0 section 4.3).
    #[error("the discovery document of {expected} names the issuer \"{found}\"")]
    IssuerMismatch {
        /// The issuer that was asked.
        expected: PeerText,
        /// The issuer that the document names.
        found: PeerText,
    },
    #[error("{0} is on another host than the discovery document, which did not come over https")]
    ForeignKeys(PeerText),
    #[error("{0} holds no key that can verify a token{1}")]
    NoUsableKey(PeerText, PeerText),
    #[error("{0} does not say where the keys are (jwks_uri)")]
    NoKeysUrl(PeerText),
    #[error("too many new issuers of patterns are being asked for their keys")]
    Busy,
    #[error("too many requests wait for the keys of this issuer, of its pattern or of all issuers")]
    Crowded,
    #[error("the issuer did not answer in full within {}", humantime::format_duration(*.0))]
    Late(Duration),
    #[error("the issuer has not answered yet")]
    Slow,
    #[error("the fetch was given up")]
    GivenUp,
}

impl KeyError {
    /// Whether the issuer could not even be asked: its name, its address or the connection.
    pub const fn is_unreached(&self) -> bool {
        matches!(self, Self::Fetch(FetchError::Http { .. } | FetchError::Address(_)))
    }
}
