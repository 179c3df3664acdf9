//! One line of an audit log, as far as a decision needs it. docs/audit.schema.json has the whole form.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::crypto::KeyKind;
use crate::identity::IdentityKind;
use crate::policy::RecordedFacts;
use crate::policy::facts::parse_moment;

/// What stands in place of an e-mail address that was redacted.
const REDACTED: &str = "hmac-sha256:";

#[derive(Deserialize)]
struct Line<'a> {
    v: u64,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    issuer: Option<Cow<'a, str>>,
    #[serde(default)]
    audience: Vec<String>,
    #[serde(borrow)]
    identity: Option<Cow<'a, str>>,
    #[serde(borrow)]
    san: Option<San<'a>>,
    #[serde(default)]
    claims: Map<String, Value>,
    #[serde(borrow)]
    key: Option<Key<'a>>,
    #[serde(borrow)]
    policy: Option<Said<'a>>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct San<'a> {
    #[serde(borrow)]
    value: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Key<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    bits: u64,
    #[serde(borrow)]
    sha256: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    outcome: Cow<'a, str>,
    #[serde(borrow)]
    rule: Option<Cow<'a, str>>,
}

/// A line that says what came of a request.
pub(super) enum Entry<'a> {
    /// The policy was asked, or would have been.
    Decision(Box<Recorded<'a>>),
    /// The request was refused before the policy, with this reason.
    RefusedBefore(Cow<'a, str>),
    /// A line about something else.
    Other,
}

/// A decision as it was recorded.
pub(super) struct Recorded<'a> {
    pub(super) was: Was<'a>,
    pub(super) time: Cow<'a, str>,
    /// Without a name that was redacted.
    pub(super) facts: RecordedFacts,
    /// Claims whose addresses were redacted: they were there, and what they said is not known.
    redacted: BTreeSet<String>,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Was<'a> {
    pub(super) is_allowed: bool,
    /// As in the record; `none` if there was no policy.
    pub(super) outcome: Cow<'a, str>,
    pub(super) rule: Option<Cow<'a, str>>,
}

/// Reads a line.
///
/// Errors: Why it is not a record of version 1, in words.
pub(super) fn read(line: &[u8]) -> Result<Entry<'_>, String> {
    let line: Line<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    if line.v != 1 {
        return Err(format!("a record of version {}, of which nothing is known here", line.v));
    }
    let is_refusal = match line.kind.as_ref() {
        "intent" => false,
        "refusal" => true,
        _ => return Ok(Entry::Other),
    };
    let reason = line.reason.unwrap_or_default();
    let said = line.policy.ok_or("no policy")?;
    let is_denied = reason == "POLICY_DENIED";
    if is_refusal && !is_denied && said.outcome == "none" {
        return Ok(Entry::RefusedBefore(reason));
    }
    let (mut claims, mut redacted) = (line.claims, BTreeSet::new());
    claims.retain(|name, value| !has_redaction(value) || !redacted.insert(name.clone()));
    let identity = line.identity.ok_or("no identity")?;
    let kind = IdentityKind::from_name(&identity).ok_or_else(|| format!("an unknown identity kind: {identity:?}"))?;
    let time = line.time.ok_or("no time")?;
    let now = parse_moment(&time).ok_or_else(|| format!("a time that cannot be read: {time:?}"))?;
    Ok(Entry::Decision(Box::new(Recorded {
        was: Was { is_allowed: !is_denied, outcome: said.outcome, rule: said.rule },
        time,
        facts: RecordedFacts {
            claims,
            issuer: line.issuer.ok_or("no issuer")?.into_owned(),
            // Which one of several the issuer file names is not recorded.
            audience: <[String; 1]>::try_from(line.audience).ok().map(|[only]| only),
            kind,
            san: line.san.map(|san| san.value.into_owned()).filter(|value| !value.contains(REDACTED)),
            key: line.key.and_then(key),
            now,
        },
        redacted,
    })))
}

fn has_redaction(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(REDACTED),
        Value::Array(list) => list.iter().any(has_redaction),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains(REDACTED) || has_redaction(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A key of which the kind is not known is one that was not recorded.
fn key(key: Key<'_>) -> Option<(KeyKind, Option<String>)> {
    let family = |kind: &KeyKind| kind.name().split('-').next().unwrap_or_default();
    let fits = |kind: &KeyKind| family(kind) == key.kind && u64::from(kind.bits()) == key.bits;
    let kind = KeyKind::ALL.into_iter().find(fits)?;
    Some((kind, key.sha256.map(Cow::into_owned)))
}

impl Recorded<'_> {
    /// Whether what a claim said was replaced.
    pub(super) fn is_redacted(&self, claim: &str) -> bool {
        self.redacted.contains(claim)
    }
}
