//! Which records are about an identity, a certificate or a time.
//!
//! Owns what matches. An outcome belongs to its intent, by the serial number.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::Deserialize;

use super::read::{ReadError, each_line};
use super::redact::Redaction;

/// All of what is given has to match.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The subject alternative name; with a star at its end, how it begins.
    pub identity: Option<String>,
    /// The key that addresses were hashed with: the identity is looked for by its hash as well.
    pub redaction: Option<Redaction>,
    pub issuer: Option<String>,
    /// Hexadecimal, with or without colons and leading zeros.
    pub serial: Option<String>,
    pub since: Option<SystemTime>,
    /// Not itself.
    pub until: Option<SystemTime>,
    /// Why it was refused.
    pub reason: Option<String>,
}

/// What of a record is asked for.
#[derive(Deserialize)]
struct Asked {
    #[serde(rename = "type")]
    kind: String,
    time: String,
    issuer: Option<String>,
    san: Option<Name>,
    serial: Option<String>,
    certificate_serial: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Name {
    value: String,
}

/// Calls for each line that matches, in the order of the files. Lines that are not records are counted and left out.
pub fn query(files: &[PathBuf], query: &Query, mut each: impl FnMut(&[u8])) -> Result<u64, ReadError> {
    let mut serials = HashSet::new();
    for file in files {
        each_line(file, |line| {
            if let Some(record) = read(line.bytes)
                && query.matches(&record)
                && let Some(serial) = record.serial
            {
                serials.insert(serial);
            }
        })?;
    }
    let mut unread = 0;
    for file in files {
        each_line(file, |line| match read(line.bytes) {
            Some(record) => {
                let belongs = record.serial.as_ref().is_some_and(|serial| serials.contains(serial));
                if belongs || query.matches(&record) {
                    each(line.bytes);
                }
            }
            None => unread += 1,
        })?;
    }
    Ok(unread)
}

fn read(line: &[u8]) -> Option<Asked> {
    serde_json::from_slice(line).ok()
}

impl Query {
    fn matches(&self, record: &Asked) -> bool {
        if !["intent", "outcome", "refusal"].contains(&record.kind.as_str()) {
            return false;
        }
        let same = |asked: &Option<String>, found: &Option<String>| asked.is_none() || asked == found;
        same(&self.issuer, &record.issuer)
            && same(&self.reason, &record.reason)
            && self
                .identity
                .as_ref()
                .is_none_or(|asked| record.san.as_ref().is_some_and(|san| self.is(asked, &san.value)))
            && self.serial.as_ref().is_none_or(|asked| {
                let asked = plain(asked);
                [&record.serial, &record.certificate_serial].into_iter().flatten().any(|serial| plain(serial) == asked)
            })
            && self.is_in_time(record)
    }

    fn is(&self, asked: &str, found: &str) -> bool {
        match asked.strip_suffix('*') {
            Some(begin) => found.starts_with(begin),
            None => found == asked || self.redaction.as_ref().is_some_and(|key| key.hash(asked) == found),
        }
    }

    fn is_in_time(&self, record: &Asked) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        let Ok(time) = humantime::parse_rfc3339(&record.time) else { return false };
        self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time < until)
    }
}

/// A serial number without what tools put into it.
fn plain(serial: &str) -> String {
    let digits: String = serial.chars().filter(|character| *character != ':').collect();
    let digits = digits.to_ascii_lowercase();
    digits.trim_start_matches("0x").trim_start_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_comes_with_its_intent_and_names_may_be_hashed() {
        let redaction = Redaction::new(&[1; 32]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let lines = [
            r#"{"type":"intent","time":"2026-11-28T10:00:00.000Z","issuer":"https://a","san":{"type":"uri","value":"https://x/1"},"serial":"0a01"}"#.to_owned(),
            format!(r#"{{"type":"intent","time":"2026-11-28T11:00:00.000Z","issuer":"https://b","san":{{"type":"email","value":"{}"}},"serial":"02"}}"#, redaction.hash("a@b.example")),
            r#"{"type":"outcome","time":"2026-11-28T11:00:01.000Z","serial":"02","certificate_serial":"ff"}"#.to_owned(),
            r#"{"type":"outcome","time":"2026-11-28T10:00:01.000Z","serial":"0a01","reason":"SIGNER_UNAVAILABLE"}"#.to_owned(),
            r#"{"type":"head","time":"2026-11-28T11:00:00.000Z"}"#.to_owned(),
            r#"{"type":"inte"#.to_owned(),
        ];
        std::fs::write(&path, lines.join("\n")).unwrap();
        let found = |query: Query| {
            let mut found = Vec::new();
            let unread = super::query(std::slice::from_ref(&path), &query, |line| {
                found.push(lines.iter().position(|one| one.as_bytes() == line).unwrap());
            });
            assert_eq!(unread.unwrap(), 1);
            found
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(found(Query::default()), [0, 1, 2, 3]);
        assert_eq!(found(Query { identity: text("https://x/1"), ..Query::default() }), [0, 3]);
        assert_eq!(found(Query { identity: text("https://x/*"), ..Query::default() }), [0, 3]);
        assert_eq!(found(Query { identity: text("a@b.example"), ..Query::default() }), [0; 0]);
        let hashed = Query { identity: text("a@b.example"), redaction: Some(redaction.clone()), ..Query::default() };
        assert_eq!(found(hashed), [1, 2]);
        assert_eq!(found(Query { serial: text("A:01"), ..Query::default() }), [0, 3]);
        assert_eq!(found(Query { serial: text("0xFF"), ..Query::default() }), [1, 2]);
        assert_eq!(found(Query { issuer: text("https://b"), ..Query::default() }), [1, 2]);
        assert_eq!(found(Query { reason: text("SIGNER_UNAVAILABLE"), ..Query::default() }), [0, 3]);
        let time = |text: &str| Some(humantime::parse_rfc3339(text).unwrap());
        assert_eq!(found(Query { since: time("2026-11-28T11:00:01Z"), ..Query::default() }), [1, 2]);
        assert_eq!(found(Query { until: time("2026-11-28T10:00:00.500Z"), ..Query::default() }), [0, 3]);
    }
}
