//! `sigmint block list`: who is blocked, as a table or JSON.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::blocklist::{BlockEntries, BlockEntry};
use crate::cli::display::{json_text, visible};
use crate::cli::error::CommandError;
use crate::cli::files::{print, shown, tell};
use crate::config::block_file::{self, claims_json, conditions_shown, moment};
use crate::failure::with_sources;

pub(super) fn run(path: &Path, as_json: bool, now: SystemTime) -> Result<ExitCode, CommandError> {
    let entries = block_file::load(path).map_err(|error| CommandError::failed(visible(&with_sources(&error))))?;
    for problem in block_file::warnings(&entries, now) {
        tell(&format!("warning: {problem}"));
    }
    let text = if as_json { json_list(&entries, now)? } else { table(path, &entries, now) };
    print(&text)
}

fn table(path: &Path, entries: &BlockEntries, now: SystemTime) -> String {
    if entries.is_empty() {
        return format!("{} blocks nobody.\n", shown(path));
    }
    let mut text = String::new();
    for (before, entry) in entries.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:>3}  {}", before + 1, visible(&conditions_shown(&entry.conditions)));
        let _ = writeln!(text, "     {}; {}", visible(&entry.reason), end(entry, now));
    }
    text
}

fn end(entry: &BlockEntry, now: SystemTime) -> String {
    match entry.until {
        None => "for good".to_owned(),
        Some(until) if entry.is_in_effect(now) => format!("until {}", moment(until)),
        Some(until) => format!("over since {}", moment(until)),
    }
}

fn json_list(entries: &BlockEntries, now: SystemTime) -> Result<String, CommandError> {
    let list: Vec<Value> = entries
        .iter()
        .map(|entry| {
            json!({
                "issuer": entry.conditions.issuer,
                "san": entry.conditions.san,
                "claims": claims_json(&entry.conditions),
                "key-sha256": entry.conditions.key_sha256.map(|key| key.to_string()),
                "reason": entry.reason,
                "until": entry.until.map(moment),
                "in-effect": entry.is_in_effect(now),
            })
        })
        .collect();
    let text = json_text(&json!({"entries": list})).map_err(|error| CommandError::failed(error.to_string()))?;
    Ok(format!("{text}\n"))
}
