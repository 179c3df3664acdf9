//! What can go wrong while a log is read.
//!
//! Owns the words for the operator, and which failures mean that the log contradicts itself.

use crate::http::SetupError;
use crate::text::peer_text::PeerText;

/// Why a log was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{0:?} is not a log: it must be an http or https URL without a query, a fragment or a password")]
    Url(String),
    #[error("the TLS CA certificates cannot be read: {0}")]
    Certificates(String),
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("unreachable: {0}")]
    Unreachable(PeerText),
    #[error("no whole answer in time")]
    Timeout,
    /// Another status than 200.
    #[error("answered {status} for {path}{}", said.as_ref().map(|said| format!(": {said}")).unwrap_or_default())]
    Refused {
        path: String,
        status: u16,
        /// The beginning of the answer's body.
        said: Option<PeerText>,
    },
    #[error("bad answer for {path}: {problem}")]
    BadAnswer { path: String, problem: PeerText },
    #[error("the tree head's signature does not verify with the log's key")]
    HeadSignature,
    #[error("the log contradicts itself: {0}")]
    Contradiction(#[from] Contradiction),
}

/// What no log may do, whatever its operator says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    #[error("its tree has {found} entries, and had {known} before")]
    Shrunk { known: u64, found: u64 },
    #[error("its tree of {size} entries has another hash than it had before: entries were replaced")]
    Rewritten { size: u64 },
    #[error(
        "its {size} entries do not give the tree hash that it signed: it shows others than it signed, or replaced some that \
         were read before"
    )]
    OtherEntries { size: u64 },
}
