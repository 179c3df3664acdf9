//! The block list (`--block-path`): from a file's text to its entries, and back.
//!
//! Owns what makes a file usable. An entry that cannot be used makes the file unusable: with a part of the list nobody would know who is
//! blocked. Knows neither requests nor when the file is read again.

mod edit;
mod reader;
mod write;

use std::path::Path;
use std::time::SystemTime;

pub(crate) use self::edit::new_file;
pub use self::edit::{EditProblem, Edited, add, remove};
pub(crate) use self::reader::time;
pub(crate) use self::write::{claims_json, conditions_shown, moment};
use crate::blocklist::{BlockEntries, BlockEntry, ClaimValue, Conditions};
use crate::config::document;
pub(crate) use crate::config::document::ConfigError;
use crate::files::MAX_FILE_BYTES;
use crate::text::has_control_character;

/// The largest file, in bytes: some 5000 entries.
pub const MAX_BYTES: usize = MAX_FILE_BYTES;
/// The longest reason, in bytes: it stands in a log line.
const MAX_REASON: usize = 500;

/// What is wrong with an entry, wherever it comes from, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct EntryProblem {
    pub message: String,
    pub hint: &'static str,
}

/// Reads a file.
pub(crate) fn load(path: &Path) -> Result<BlockEntries, ConfigError> {
    document::load(path, MAX_BYTES, "a block list has at most 1 MiB", |file, text| parse(file, text.as_bytes()))
}

/// Reads the text of a file; its name is for errors.
pub fn parse(file: &str, text: &[u8]) -> Result<BlockEntries, ConfigError> {
    reader::entries(file, text).map(BlockEntries::new)
}

/// What is odd about the entries, and is taken all the same.
pub(crate) fn warnings(entries: &BlockEntries, now: SystemTime) -> Vec<String> {
    let mut odd = Vec::new();
    for (before, entry) in entries.iter().enumerate() {
        let number = before + 1;
        if let Some(until) = entry.until.filter(|_| !entry.is_in_effect(now)) {
            odd.push(format!("entry {number} is over since {}, and blocks nobody: remove it", moment(until)));
        }
        if entry.conditions.claims.values().any(has_asterisk) {
            odd.push(format!("entry {number}: a claim is compared as a whole, an asterisk stands for itself only"));
        }
    }
    odd
}

fn has_asterisk(value: &ClaimValue) -> bool {
    match value {
        ClaimValue::Scalar(text) => text.contains('*'),
        ClaimValue::Members(members) => members.values().any(has_asterisk),
    }
}

/// Refuses entries that would block everybody or nobody, or of which the log could not say why.
pub(crate) fn check(entry: &BlockEntry) -> Result<(), EntryProblem> {
    let problem = |message: &str, hint| Err(EntryProblem { message: message.to_owned(), hint });
    let Conditions { issuer, san, claims, .. } = &entry.conditions;
    if entry.conditions.is_empty() {
        return problem(
            "an entry without a condition would block everybody",
            "give issuer, san, claims or key-sha256; to stop issuing, stop the server",
        );
    }
    if issuer.as_deref().is_some_and(|issuer| !issuer.starts_with("https://") && !issuer.starts_with("http://")) {
        return problem("an issuer is an https or http URL", "write it as the token's iss has it");
    }
    if [issuer, san].into_iter().flatten().any(|text| text.contains('*')) {
        return problem(
            "issuer and san are compared as wholes, an asterisk stands for nothing",
            "use a claim that all of them share, like repository_owner_id",
        );
    }
    if san.as_deref().is_some_and(|san| san.trim() != san || san.is_empty()) {
        return problem("san is empty, or has blanks around it", "write the name as the certificate has it");
    }
    if claims.iter().any(|(name, value)| name.is_empty() || has_no_member(value)) {
        return problem("a claim has no name, or no value", "write NAME: VALUE");
    }
    if entry.reason.trim().is_empty() || entry.reason.len() > MAX_REASON || has_control_character(&entry.reason) {
        return problem(
            "reason is needed, on one line of at most 500 bytes",
            "say why, for those who read the log: reason: \"incident 42\"",
        );
    }
    Ok(())
}

fn has_no_member(value: &ClaimValue) -> bool {
    match value {
        ClaimValue::Scalar(_) => false,
        ClaimValue::Members(members) => members.is_empty() || members.values().any(has_no_member),
    }
}

#[cfg(test)]
mod tests;
