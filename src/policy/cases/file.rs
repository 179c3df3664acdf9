//! The form of a file of test cases.

use std::path::Path;
use std::time::SystemTime;

use serde_json::{Map, Number, Value, json};

use super::{Answer, Case, Expected, RecordedFacts};
use crate::files::{self, FileError, MAX_FILE_BYTES};
use crate::policy::file::yaml::{self, Key, Mark, Node, Value as Yaml};
use crate::text::{go_duration, hint};

const FILE_KEYS: [&str; 2] = ["defaults", "cases"];
const REQUEST_KEYS: [&str; 7] = ["issuer", "kind", "san", "audience", "claims", "key", "now"];
const CASE_KEYS: [&str; 4] = ["name", "expect", "rule", "lifetime"];
const KEY_KEYS: [&str; 2] = ["kind", "sha256"];
/// Said of mistakes that have no remedy of their own.
const FORM: &str = "docs/policy.md has the form of cases; config/policy/tests has examples";

/// Why a file of cases cannot be used: the first mistake, with its place and what to do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CaseFileError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{place}: {message}\n  hint: {hint}")]
    Content { place: String, message: String, hint: String },
}

/// Reads a file. Cases that do not say when they are happen `now`.
pub(crate) fn read(path: &Path, now: SystemTime) -> Result<Vec<Case>, CaseFileError> {
    parse(&path.display().to_string(), &files::read_text(path, MAX_FILE_BYTES)?, now)
}

pub(super) fn parse(file: &str, text: &str, now: SystemTime) -> Result<Vec<Case>, CaseFileError> {
    let start = Mark { line: 1, column: 1, index: 0 };
    let root = yaml::parse(text)
        .map_err(|problem| fault(file, problem.at, problem.message, problem.hint.unwrap_or(FORM)))?
        .ok_or_else(|| fault(file, start, "the file is empty", FORM))?;
    let entries = mapping(file, &root, &FILE_KEYS)?;
    let defaults = match find(entries, "defaults") {
        Some(node) => request(file, mapping(file, node, &REQUEST_KEYS)?)?,
        None => Map::new(),
    };
    let cases = find(entries, "cases").ok_or_else(|| fault(file, root.at, "the key \"cases\" is missing", FORM))?;
    match &cases.value {
        Yaml::List(list) if !list.is_empty() => list.iter().map(|node| case(file, &defaults, node, now)).collect(),
        _ => Err(fault(file, cases.at, "no case in the file", "begin each case with - name:")),
    }
}

fn case(file: &str, defaults: &Map<String, Value>, node: &Node, now: SystemTime) -> Result<Case, CaseFileError> {
    let entries = mapping(file, node, &[&CASE_KEYS[..], &REQUEST_KEYS].concat())?;
    let word = |name: &str| find(entries, name).map(|node| text(file, node).map(|text| (node, text))).transpose();
    let missing = |name: &str| fault(file, node.at, format!("the case has no {name:?}"), FORM);
    let (_, name) = word("name")?.ok_or_else(|| missing("name"))?;
    let (place, expect) = word("expect")?.ok_or_else(|| missing("expect"))?;
    let words = Answer::WORDS.iter().map(|(word, _)| *word);
    let answer = Answer::WORDS.iter().find(|(word, _)| *word == expect).map(|(_, answer)| *answer);
    let answer = answer
        .ok_or_else(|| fault(file, place.at, format!("expect is {expect:?}"), hint::for_unknown(expect, words)))?;
    let lifetime = word("lifetime")?.map(|(place, text)| {
        let problem = || fault(file, place.at, format!("{text:?} is not a duration"), "write it like 10m or 15m30s");
        go_duration::parse(text).ok_or_else(problem)
    });
    let mut asked = defaults.clone();
    for (key, value) in request(file, entries)? {
        match (asked.get_mut(&key), value) {
            (Some(Value::Object(claims)), Value::Object(more)) if key == "claims" => claims.extend(more),
            (_, value) => drop(asked.insert(key, value)),
        }
    }
    let facts = RecordedFacts::from_json(&recorded(asked), now)
        .map_err(|problem| fault(file, node.at, format!("{name:?}: {}", problem.replace("principal.", "")), FORM))?;
    Ok(Case {
        place: format!("{file}:{}", node.at.line),
        name: name.to_owned(),
        facts,
        expected: Expected {
            answer,
            rule: word("rule")?.map(|(_, id)| id.to_owned()),
            lifetime: lifetime.transpose()?,
        },
    })
}

/// The keys that say something of the request, as JSON.
fn request(file: &str, entries: &[(Key, Node)]) -> Result<Map<String, Value>, CaseFileError> {
    let mut request = Map::new();
    for (key, node) in entries.iter().filter(|(key, _)| REQUEST_KEYS.contains(&key.text.as_str())) {
        let value = match key.text.as_str() {
            "claims" => {
                let Yaml::Map(claims) = &node.value else {
                    return Err(fault(file, node.at, format!("claims is {}", node.value.name()), "write NAME: VALUE"));
                };
                object(claims)
            }
            "key" => object(mapping(file, node, &KEY_KEYS)?),
            "now" => to_json(node),
            _ => Value::from(text(file, node)?),
        };
        request.insert(key.text.clone(), value);
    }
    Ok(request)
}

/// The form that records have.
fn recorded(mut request: Map<String, Value>) -> Value {
    let mut take = |name: &str| request.remove(name).unwrap_or_default();
    let mut claims = match take("claims") {
        Value::Object(claims) => claims,
        _ => Map::new(),
    };
    // Null takes a claim of the defaults away, as it does in a token.
    claims.retain(|_, value| !value.is_null());
    json!({
        "claims": claims,
        "issuer": take("issuer"),
        "audience": take("audience"),
        "principal": {"kind": take("kind"), "san": take("san")},
        "key": take("key"),
        "now": take("now"),
    })
}

fn fault(file: &str, at: Mark, message: impl Into<String>, hint: impl Into<String>) -> CaseFileError {
    let place = format!("{file}:{}:{}", at.line, at.column);
    CaseFileError::Content { place, message: message.into(), hint: hint.into() }
}

/// The entries of a mapping that has these keys and no others.
fn mapping<'n>(file: &str, node: &'n Node, known: &[&str]) -> Result<&'n [(Key, Node)], CaseFileError> {
    let Yaml::Map(entries) = &node.value else {
        return Err(fault(file, node.at, format!("this is {}, not a mapping", node.value.name()), FORM));
    };
    match entries.iter().find(|(key, _)| !known.contains(&key.text.as_str())) {
        Some((key, _)) => {
            let hint = hint::for_unknown(&key.text, known.iter().copied());
            Err(fault(file, key.at, format!("unknown key {:?}", key.text), hint))
        }
        None => Ok(entries),
    }
}

fn find<'n>(entries: &'n [(Key, Node)], name: &str) -> Option<&'n Node> {
    entries.iter().find(|(key, _)| key.text == name).map(|(_, node)| node)
}

fn text<'n>(file: &str, node: &'n Node) -> Result<&'n str, CaseFileError> {
    match &node.value {
        Yaml::Text { text, .. } => Ok(text),
        other => Err(fault(file, node.at, format!("this is {}", other.name()), "write one value")),
    }
}

fn object(entries: &[(Key, Node)]) -> Value {
    entries.iter().map(|(key, node)| (key.text.clone(), to_json(node))).collect()
}

/// A value in the type that a token would have: without quotes, what JSON takes for a number, true, false or null is one.
fn to_json(node: &Node) -> Value {
    match &node.value {
        Yaml::Map(entries) => object(entries),
        Yaml::List(list) => list.iter().map(to_json).collect(),
        Yaml::Text { text, is_plain: true, .. } => match text.as_str() {
            "" | "~" | "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            text => serde_json::from_str::<Number>(text).map_or_else(|_| Value::from(text), Value::Number),
        },
        Yaml::Text { text, .. } => Value::from(text.as_str()),
    }
}
