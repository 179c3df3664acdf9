//! Certificates that were handed out with a log's promise: whether the log kept it.
//!
//! Owns when a promise is due: the merge delay (RFC 6962 section 3) after the certificate was recorded, by the time of the tree head
//! or by our clock, whichever is earlier. Each is judged once, by the first run for which it is due.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::finding::{Finding, FindingKind};
use super::records::{self, Known, Outcome, Records, RecordsError, Short, SourceFiles};
use super::state::State;
use super::{Options, length, milliseconds};
use crate::ct::LogId;
use crate::ct::read::TreeHead;

/// Adds what is missing in the log, and notes what later runs need not judge.
pub(super) fn judge(
    options: &Options,
    head: &TreeHead,
    records: &Records,
    files: &SourceFiles,
    log: Option<LogId>,
    state: &mut State,
) -> Result<(), RecordsError> {
    let patience = length(options.merge_delay).saturating_add(length(options.record_delay));
    // Judged by a head of the future, what comes until then would never be judged.
    let now = milliseconds((options.clock)());
    let due = seconds(head.timestamp.min(now).saturating_sub(patience));
    let from = options.since.map_or(0, |since| seconds(milliseconds(since)));
    let before = state.judged_until;
    let is_missing = |key: &Short, known: &Known| {
        known.outcome == Outcome::Certificate
            && records.is_promised_by(known, log)
            && !known.is_logged
            && !state.recent.contains_key(key)
            && (before.max(from)..due).contains(&known.time)
    };
    let (mut missing, mut beyond) = (HashMap::new(), 0);
    for (key, known) in records.all().filter(|(key, known)| is_missing(key, known)) {
        if state.has_room_for(missing.len()) {
            missing.insert(key, not_logged(known));
        } else {
            beyond += 1;
        }
    }
    if !missing.is_empty() {
        records::describe(files, &mut missing)?;
        let mut missing: Vec<Finding> = missing.into_values().collect();
        missing.sort_by(|one, other| (one.time, &one.serial).cmp(&(other.time, &other.serial)));
        state.findings.extend(missing);
    }
    if beyond > 0 {
        *state.more_findings.entry(FindingKind::NoEntry).or_default() += beyond;
    }
    state.judged_until = before.max(due);
    remember(records, state);
    Ok(())
}

/// What is in the log and not judged yet: its entry will not be read again.
pub(super) fn remember(records: &Records, state: &mut State) {
    let until = state.judged_until;
    state.recent.retain(|_, time| *time >= until);
    for (key, known) in records.all().filter(|(_, known)| known.is_logged && known.time >= until) {
        match state.recent.entry(key) {
            Entry::Occupied(mut place) => *place.get_mut() = known.time.max(*place.get()),
            Entry::Vacant(place) => drop(place.insert(known.time)),
        }
    }
}

fn not_logged(known: &Known) -> Finding {
    Finding {
        kind: FindingKind::NoEntry,
        serial: String::new(),
        index: None,
        time: u64::from(known.time).saturating_mul(1000),
        tbs_sha256: None,
        certificate_sha256: None,
        san: Vec::new(),
        authority: None,
        not_before: None,
        not_after: None,
        signed_by_us: None,
        issuer_sha256: None,
        request_id: None,
        token_issuer: None,
    }
}

fn seconds(milliseconds: u64) -> u32 {
    u32::try_from(milliseconds / 1000).unwrap_or(u32::MAX)
}
