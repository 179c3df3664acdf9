//! What does not fit: a certificate without a record, a record without an entry.
//!
//! Owns the kinds and how grave each is. A finding is kept, and looked at again, until it is resolved.

use serde::{Deserialize, Serialize};

use super::{IN_FLIGHT, Options, length};
use crate::certificate::alternative_name::AlternativeName;

/// What does not fit.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub(crate) enum FindingKind {
    /// A certificate that our CA signed, and no intent to sign it.
    NoRecord,
    /// A certificate that our CA signed under a serial number for which another certificate was recorded.
    OtherContent,
    /// A certificate of a CA below ours that was not named.
    UnknownAuthority,
    /// A certificate in the log whose intent was recorded and whose outcome was not: the process died in between.
    NoOutcome,
    /// A certificate that was handed out with the log's promise, which the log did not keep.
    NoEntry,
}

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// Somebody should look at it.
    Notice,
    /// Somebody else may have the CA's key.
    Alarm,
}

impl FindingKind {
    pub(crate) const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// A stable word for metrics and alerts.
    pub(crate) const fn label(self) -> &'static str {
        self.into_str()
    }

    pub(crate) const fn severity(self) -> Severity {
        match self {
            Self::NoRecord | Self::OtherContent | Self::UnknownAuthority => Severity::Alarm,
            Self::NoOutcome | Self::NoEntry => Severity::Notice,
        }
    }

    /// Whether it is about an entry of the log.
    pub(super) const fn has_entry(self) -> bool {
        !matches!(self, Self::NoEntry)
    }
}

/// Whether the signature of what was logged is the CA's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SignedByUs {
    Yes,
    /// The log took an entry in our name that our key did not sign: the log is at fault.
    No,
    /// The log does not show the precertificate that was submitted.
    Unknown,
}

/// A subject alternative name, written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Name {
    pub kind: String,
    pub value: String,
}

impl From<AlternativeName> for Name {
    fn from(name: AlternativeName) -> Self {
        Self { kind: name.kind.to_owned(), value: name.value }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub kind: FindingKind,
    /// The certificate's serial number, hexadecimal without leading zeros.
    pub serial: String,
    /// The entry's place in the log.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub index: Option<u64>,
    /// When it was logged, or recorded if it was not logged: milliseconds since 1970.
    pub time: u64,
    /// Of the TBSCertificate without poison and timestamps, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tbs_sha256: Option<String>,
    /// Of the final certificate, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub certificate_sha256: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub san: Vec<Name>,
    /// The CA's name, where the log has the certificate; of an unknown authority's, the name of ours above it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub authority: Option<String>,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_before: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_after: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signed_by_us: Option<SignedByUs>,
    /// Of the certificate that issued it, as the log has it, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub issuer_sha256: Option<String>,
    /// As in the record.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request_id: Option<String>,
    /// The token's issuer, as in the record.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token_issuer: Option<String>,
}

impl Finding {
    /// When it counts: milliseconds since 1970.
    pub(super) fn due(&self, options: &Options) -> u64 {
        let delay = length(options.record_delay);
        let patience = match self.kind {
            FindingKind::NoRecord | FindingKind::OtherContent | FindingKind::UnknownAuthority => delay,
            FindingKind::NoOutcome => delay.saturating_add(length(IN_FLIGHT)),
            // Found only when it is due.
            FindingKind::NoEntry => 0,
        };
        self.time.saturating_add(patience)
    }
}
