//! A block list's tree, read into entries.

use std::collections::BTreeMap;
use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{EntryProblem, check};
use crate::blocklist::{BlockEntry, ClaimValue, Conditions, KeyHash};
use crate::config::document::{self, ConfigError, Document, Field, Foreign, Place, Record, Setting, Shape};

const FILE: &[Setting] = &[Setting::new("entries", "entries", Shape::Other)];
const ENTRY: &[Setting] = &[
    Setting::new("issuer", "issuer", Shape::Text),
    Setting::new("san", "san", Shape::Text),
    Setting::new("claims", "claims", Shape::Other),
    Setting::new("key-sha256", "key-sha256", Shape::Text),
    Setting::new("reason", "reason", Shape::Text),
    Setting::new("until", "until", Shape::Text),
];
/// How deep the members of a claim go.
const MAX_DEPTH: usize = 8;

/// Reads all entries.
pub(super) fn entries(file: &str, text: &[u8]) -> Result<Vec<BlockEntry>, ConfigError> {
    let text = document::utf8(file, text)?;
    if says_nothing(text.trim_start_matches('\u{feff}')) {
        let hint = "if nobody is blocked, say so: entries: []";
        return Err(Place::of(file).fault("the block list is empty", hint));
    }
    let document = Document::yaml(file, text)?;
    let root = Record::read(&document.root(), FILE, Foreign::Refused)?;
    let entries = root
        .written("entries")
        .ok_or_else(|| root.place.fault("the key \"entries\" is missing", "list who is blocked below entries:"))?;
    if entries.is_absent() {
        // It may be what is left of a file that was cut off.
        return Err(entries.place.key().fault("entries has no value", "if nobody is blocked, say so: entries: []"));
    }
    if !entries.is_list() {
        return Err(entries.wrong_kind("a list of entries", "begin each entry with a dash"));
    }
    entries.items().iter().map(entry).collect()
}

/// Blank lines, comments, and the marks of documents.
fn says_nothing(text: &str) -> bool {
    text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#') || line == "---" || line == "...")
}

fn entry(field: &Field<'_>) -> Result<BlockEntry, ConfigError> {
    let record = Record::read(field, ENTRY, Foreign::Refused)?;
    // A key with nothing behind it is not a condition that was left out.
    let text = |key: &str| record.written(key).map(|field| field.text().to_owned());
    let conditions = Conditions {
        issuer: text("issuer"),
        san: text("san"),
        claims: record.written("claims").map_or_else(|| Ok(BTreeMap::new()), claims)?,
        key_sha256: record.written("key-sha256").map(key).transpose()?,
    };
    let until = record.written("until").map(|field| {
        let wrong = |EntryProblem { message, hint }| field.place.fault(format!("until is {message}"), hint);
        time(field.text()).map_err(wrong)
    });
    let entry = BlockEntry { conditions, reason: text("reason").unwrap_or_default(), until: until.transpose()? };
    check(&entry).map_err(|EntryProblem { message, hint }| field.place.fault(message, hint))?;
    Ok(entry)
}

fn claims(field: &Field<'_>) -> Result<BTreeMap<String, ClaimValue>, ConfigError> {
    let members = members(field, 0)?;
    if members.is_empty() {
        return Err(field.place.key().fault("claims is empty", "write NAME: VALUE, or leave it out"));
    }
    Ok(members)
}

fn members(field: &Field<'_>, depth: usize) -> Result<BTreeMap<String, ClaimValue>, ConfigError> {
    let entries = field.entries()?.into_iter();
    entries.map(|(name, field)| Ok((name.to_owned(), claim(&field, depth)?))).collect()
}

fn claim(field: &Field<'_>, depth: usize) -> Result<ClaimValue, ConfigError> {
    if let Some(text) = field.string() {
        return Ok(ClaimValue::Scalar(text.to_owned()));
    }
    if field.is_absent() {
        let hint = "write NAME: VALUE; put null in quotes if it is a name";
        return Err(field.place.key().fault("a claim has no value", hint));
    }
    if field.is_list() {
        let hint = "write one entry for each; an entry's value is found in a claim that is a list";
        return Err(field.place.fault("a claim has one value", hint));
    }
    if depth >= MAX_DEPTH {
        return Err(field.place.fault("a claim's members are nested too deep", "eight levels are read"));
    }
    members(field, depth + 1).map(ClaimValue::Members)
}

fn key(field: &Field<'_>) -> Result<KeyHash, ConfigError> {
    let hint = "openssl pkey -pubin -in key.pem -outform DER | sha256sum";
    field.text().parse().map_err(|error| field.place.fault(format!("key-sha256 is {error}"), hint))
}

/// Reads a time of RFC 3339.
pub(crate) fn time(text: &str) -> Result<SystemTime, EntryProblem> {
    OffsetDateTime::parse(text, &Rfc3339).map(Into::into).map_err(|_| EntryProblem {
        message: "not a time of RFC 3339".to_owned(),
        hint: "write it like 2026-12-24T18:00:00Z or 2026-12-24T19:00:00+01:00, or leave it out",
    })
}
