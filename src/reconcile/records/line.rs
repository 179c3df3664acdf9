//! One line of the audit log (docs/audit.schema.json), as far as it is compared.

use std::borrow::Cow;
use std::time::UNIX_EPOCH;

use serde::Deserialize;

use super::Outcome;
use crate::ct::LogId;
use crate::reconcile::logged::{Sha256, without_zeros};

/// The version of records that is known.
const VERSION: u64 = 1;

/// Not a record, or one of an unknown version.
#[derive(Debug)]
pub(super) struct NotARecord;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Intent,
    Outcome,
}

/// An intent or an outcome.
pub(super) struct Record<'a> {
    pub(super) kind: Kind,
    /// Without leading zeros, as [`Self::issued_serial`].
    pub(super) serial: Vec<u8>,
    /// The number that a managed CA chose instead.
    pub(super) issued_serial: Option<Vec<u8>>,
    pub(super) tbs: Option<Sha256>,
    pub(super) certificate: Option<Sha256>,
    pub(super) logs: Vec<LogId>,
    pub(super) outcome: Outcome,
    /// Seconds since 1970, rounded up.
    pub(super) time: u32,
    pub(super) request_id: Option<Cow<'a, str>>,
    pub(super) issuer: Option<Cow<'a, str>>,
    pub(super) san: Option<San<'a>>,
}

#[derive(Deserialize)]
struct Fields<'a> {
    v: u64,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow)]
    serial: Option<Cow<'a, str>>,
    #[serde(borrow)]
    certificate_serial: Option<Cow<'a, str>>,
    #[serde(borrow)]
    tbs_sha256: Option<Cow<'a, str>>,
    #[serde(borrow)]
    certificate_sha256: Option<Cow<'a, str>>,
    #[serde(borrow)]
    scts: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    request_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    issuer: Option<Cow<'a, str>>,
    #[serde(borrow)]
    san: Option<San<'a>>,
}

#[derive(Deserialize)]
pub(super) struct San<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) value: Cow<'a, str>,
}

impl<'a> Record<'a> {
    /// Nothing if the record is about no certificate.
    pub(super) fn parse(line: &'a [u8]) -> Result<Option<Self>, NotARecord> {
        let fields: Fields<'a> = serde_json::from_slice(line).map_err(|_| NotARecord)?;
        let kind = match (fields.v, fields.kind.as_ref()) {
            (VERSION, "intent") => Kind::Intent,
            (VERSION, "outcome") => Kind::Outcome,
            (VERSION, _) => return Ok(None),
            _ => return Err(NotARecord),
        };
        Self::of(kind, fields).map(Some).ok_or(NotARecord)
    }

    fn of(kind: Kind, fields: Fields<'a>) -> Option<Self> {
        let certificate = optional(fields.certificate_sha256.as_deref(), sha256_of_hex)?;
        let outcome = match (kind, certificate) {
            (Kind::Intent, _) => Outcome::Absent,
            (Kind::Outcome, None) => Outcome::Failed,
            (Kind::Outcome, Some(_)) => Outcome::Certificate,
        };
        let serial = number(&fields.serial?)?;
        let issued_serial = optional(fields.certificate_serial.as_deref(), number)?;
        let logs = fields.scts.unwrap_or_default();
        Some(Self {
            kind,
            issued_serial: issued_serial.filter(|issued| *issued != serial),
            serial,
            tbs: optional(fields.tbs_sha256.as_deref(), sha256_of_hex)?,
            certificate,
            logs: logs.iter().map(|id| sha256_of_hex(id).map(LogId)).collect::<Option<_>>()?,
            outcome,
            time: seconds(&fields.time)?,
            request_id: fields.request_id,
            issuer: fields.issuer,
            san: fields.san,
        })
    }
}

/// What may be absent, but not malformed.
#[allow(clippy::option_option, reason = "the outer one says that it is malformed")]
fn optional<T>(text: Option<&str>, read: fn(&str) -> Option<T>) -> Option<Option<T>> {
    match text {
        None => Some(None),
        Some(text) => read(text).map(Some),
    }
}

fn number(text: &str) -> Option<Vec<u8>> {
    Some(without_zeros(&hex::decode(text).ok()?).to_vec())
}

fn sha256_of_hex(text: &str) -> Option<Sha256> {
    hex::decode(text).ok()?.try_into().ok()
}

fn seconds(time: &str) -> Option<u32> {
    let time = humantime::parse_rfc3339(time).ok()?.duration_since(UNIX_EPOCH).ok()?;
    u32::try_from(time.as_secs() + u64::from(time.subsec_nanos() > 0)).ok()
}
