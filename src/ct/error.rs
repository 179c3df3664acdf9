//! What can go wrong with logs: while they are set up, and while they are asked.
//!
//! Owns the words for the operator. Refuses to know what a client is told: every [`TransparencyError`] is a dependency's fault.

use super::clock::Skew;
use super::log_key::SctMismatch;
use crate::http::SetupError;
use crate::text::peer_text::PeerText;

/// Settings that make no usable logs.
#[derive(Debug, thiserror::Error)]
pub enum LogSetupError {
    #[error("{0:?} is not a log: it must be an http or https URL without a query, a fragment or a password")]
    Url(String),
    #[error("log {log}: {what}")]
    Unusable { log: String, what: &'static str },
    #[error("log {log}: the TLS CA certificates cannot be read: {problem}")]
    Certificates { log: String, problem: String },
    #[error("log {log}: {source}")]
    Tls { log: String, source: SetupError },
    #[error("a quorum of {quorum} distinct logs is impossible with {distinct}")]
    Quorum {
        quorum: usize,
        /// How many logs are set, those with the same key counted once.
        distinct: usize,
    },
}

/// Why one log gave no timestamp.
#[derive(Clone, Debug, PartialEq, Eq, strum::IntoStaticStr, thiserror::Error)]
#[strum(serialize_all = "snake_case")]
pub enum LogFault {
    #[error("unreachable: {0}")]
    Unreachable(PeerText),
    /// Another status than 200.
    #[error("answered {status}{}", said.as_ref().map(|said| format!(": {said}")).unwrap_or_default())]
    Refused {
        status: u16,
        /// The beginning of the answer's body, which is where logs say why.
        said: Option<PeerText>,
    },
    #[error("bad answer: {0}")]
    BadAnswer(PeerText),
    #[error("wrong signature: {0}")]
    WrongSignature(#[from] SctMismatch),
    #[error("its timestamp lies {0}: compare both clocks")]
    Clock(Skew),
    #[error("no answer in time")]
    Timeout,
    #[error("too many submissions under way")]
    Busy,
    #[error("its timestamp is of the same log as another's")]
    SameLog,
}

impl LogFault {
    /// A stable word for metrics and alerts.
    pub fn label(&self) -> &'static str {
        self.into()
    }
}

/// Too few logs gave a timestamp.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{obtained} of {quorum} timestamps{}", .faults.iter().fold(String::new(), |said, (log, fault)| said + &format!("; log {log}: {fault}")))]
pub struct TransparencyError {
    pub(super) quorum: usize,
    pub(super) obtained: usize,
    pub(super) faults: Vec<(String, LogFault)>,
}

impl TransparencyError {
    /// A stable word for metrics and alerts: the fault's when only one log is at fault, else `quorum_impossible`.
    pub fn label(&self) -> &'static str {
        match self.faults.as_slice() {
            [(_, fault)] => fault.label(),
            _ => "quorum_impossible",
        }
    }

    /// Whether nothing but clocks is wrong.
    pub fn is_about_clocks(&self) -> bool {
        !self.faults.is_empty() && self.faults.iter().all(|(_, fault)| matches!(fault, LogFault::Clock(_)))
    }

    /// How many distinct logs had given a timestamp, and how many were needed.
    pub const fn obtained_of(&self) -> (usize, usize) {
        (self.obtained, self.quorum)
    }

    /// The logs that failed, by name (host and path), in configured order.
    pub fn faults(&self) -> impl Iterator<Item = (&str, &LogFault)> {
        self.faults.iter().map(|(log, fault)| (log.as_str(), fault))
    }
}
