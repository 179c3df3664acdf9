//! An entry as YAML, and its conditions for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::SystemTime;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::blocklist::{BlockEntry, ClaimValue, Conditions};

/// An entry as an element of a list, with so many blanks in front. Values are in double quotes: so nothing in them means anything to YAML.
pub(super) fn entry(entry: &BlockEntry, indent: usize) -> String {
    let Conditions { issuer, san, claims, key_sha256 } = &entry.conditions;
    let mut lines = Vec::new();
    lines.extend(issuer.as_ref().map(|issuer| format!("issuer: {}", quoted(issuer))));
    lines.extend(san.as_ref().map(|san| format!("san: {}", quoted(san))));
    if !claims.is_empty() {
        lines.push(format!("claims: {}", members(claims)));
    }
    lines.extend(key_sha256.map(|key| format!("key-sha256: \"{key}\"")));
    lines.push(format!("reason: {}", quoted(&entry.reason)));
    lines.extend(entry.until.map(|until| format!("until: {}", moment(until))));
    let margin = " ".repeat(indent);
    let mut text = String::new();
    for (before, line) in lines.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{margin}{} {line}", if before == 0 { "-" } else { " " });
    }
    text
}

/// A string in JSON's form, which is one of YAML's.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A mapping on one line, with a blank behind each colon.
fn members(members: &BTreeMap<String, ClaimValue>) -> String {
    let member = |(name, value): (&String, &ClaimValue)| match value {
        ClaimValue::Scalar(text) => format!("{}: {}", quoted(name), quoted(text)),
        ClaimValue::Members(inner) => format!("{}: {}", quoted(name), self::members(inner)),
    };
    format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
}

/// RFC 3339, in UTC.
pub(crate) fn moment(time: SystemTime) -> String {
    OffsetDateTime::from(time).format(&Rfc3339).unwrap_or_default()
}

/// `issuer https://.., claim repository_id = 123`.
pub(crate) fn conditions_shown(conditions: &Conditions) -> String {
    let Conditions { issuer, san, claims, key_sha256 } = conditions;
    let mut shown = Vec::new();
    shown.extend(issuer.as_ref().map(|issuer| format!("issuer {issuer}")));
    shown.extend(san.as_ref().map(|san| format!("san {san}")));
    shown.extend(claims.iter().map(|(name, value)| format!("claim {name} = {}", claim_shown(value))));
    shown.extend(key_sha256.map(|key| format!("key {key}")));
    shown.join(", ")
}

fn claim_shown(value: &ClaimValue) -> String {
    match value {
        ClaimValue::Scalar(text) => text.clone(),
        ClaimValue::Members(_) => json_of(value).to_string(),
    }
}

/// The claims as JSON; scalars are strings.
pub(crate) fn claims_json(conditions: &Conditions) -> Value {
    conditions.claims.iter().map(|(name, value)| (name.clone(), json_of(value))).collect()
}

/// A claim's value as JSON.
fn json_of(value: &ClaimValue) -> Value {
    match value {
        ClaimValue::Scalar(text) => json!(text),
        ClaimValue::Members(members) => members.iter().map(|(name, value)| (name.clone(), json_of(value))).collect(),
    }
}
