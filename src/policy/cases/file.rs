//! The form of a file of test cases.

use std::path::Path;
use std::time::SystemTime;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Answer, Case, Expected, RecordedFacts};
use crate::files::{self, FileError, MAX_FILE_BYTES};
use crate::text::{go_duration, hint};

/// Why a file of cases cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CaseFileError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{place}: {message}\n  hint: {hint}")]
    Content { place: String, message: String, hint: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    /// What cases have unless they say otherwise; claims are laid over each other.
    #[serde(default)]
    defaults: Request,
    cases: Vec<Entry>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    issuer: Option<String>,
    kind: Option<String>,
    san: Option<String>,
    audience: Option<String>,
    #[serde(default)]
    claims: Map<String, Value>,
    key: Option<Key>,
    now: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    issuer: Option<String>,
    kind: Option<String>,
    san: Option<String>,
    audience: Option<String>,
    #[serde(default)]
    claims: Map<String, Value>,
    key: Option<Key>,
    now: Option<Value>,
    expect: String,
    rule: Option<String>,
    lifetime: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    kind: String,
    sha256: Option<String>,
}

/// Reads a file. Cases that do not say when they are happen `now`.
pub(crate) fn read(path: &Path, now: SystemTime) -> Result<Vec<Case>, CaseFileError> {
    parse(&path.display().to_string(), &files::read_text(path, MAX_FILE_BYTES)?, now)
}

pub(super) fn parse(file: &str, text: &str, now: SystemTime) -> Result<Vec<Case>, CaseFileError> {
    let document: Document = serde_yaml::from_str(text).map_err(|error| {
        let place = error.location().map_or_else(String::new, |at| format!(":{}:{}", at.line(), at.column()));
        let said = error.to_string();
        let message = said.split(" at line ").next().unwrap_or_default().to_owned();
        let hint = "docs/policy.md has the form of cases; config/policy/ has examples".to_owned();
        CaseFileError::Content { place: format!("{file}{place}"), message, hint }
    })?;
    if document.cases.is_empty() {
        let hint = "write cases: with a case in it".to_owned();
        return Err(CaseFileError::Content { place: file.to_owned(), message: "no case in the file".to_owned(), hint });
    }
    let Document { defaults, cases } = document;
    let numbered = cases.into_iter().enumerate();
    numbered.map(|(before, entry)| case(format!("{file}: case {}", before + 1), &defaults, entry, now)).collect()
}

fn case(place: String, defaults: &Request, entry: Entry, now: SystemTime) -> Result<Case, CaseFileError> {
    let fault = |message: String, hint: String| {
        let place = format!("{place} ({:?})", entry.name);
        CaseFileError::Content { place, message, hint }
    };
    let words = Answer::WORDS.iter().map(|(word, _)| *word);
    let answer = Answer::WORDS.iter().find(|(word, _)| *word == entry.expect).map(|(_, answer)| *answer);
    let answer = answer
        .ok_or_else(|| fault(format!("expect is {:?}", entry.expect), hint::for_unknown(&entry.expect, words)))?;
    let lifetime = match &entry.lifetime {
        None => None,
        Some(text) => Some(go_duration::parse(text).ok_or_else(|| {
            fault(format!("lifetime {text:?} is not a duration"), "write it like 10m or 15m30s".to_owned())
        })?),
    };
    let mut claims = defaults.claims.clone();
    claims.extend(entry.claims.clone());
    // Null takes a claim of the defaults away, as it does in a token.
    claims.retain(|_, value| !value.is_null());
    let key = entry.key.as_ref().or(defaults.key.as_ref());
    let request = json!({
        "claims": claims,
        "issuer": entry.issuer.as_ref().or(defaults.issuer.as_ref()),
        "audience": entry.audience.as_ref().or(defaults.audience.as_ref()),
        "principal": {
            "kind": entry.kind.as_ref().or(defaults.kind.as_ref()),
            "san": entry.san.as_ref().or(defaults.san.as_ref()),
        },
        "key": key.map(|key| json!({"kind": key.kind, "sha256": key.sha256})),
        "now": entry.now.as_ref().or(defaults.now.as_ref()),
    });
    let facts = RecordedFacts::from_json(&request, now).map_err(|problem| {
        fault(problem.replace("principal.", ""), "docs/policy.md has the form of cases".to_owned())
    })?;
    Ok(Case { place, name: entry.name, facts, expected: Expected { answer, rule: entry.rule, lifetime } })
}
