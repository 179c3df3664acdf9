//! Each entry of the log beside the records.
//!
//! Owns whether an entry is ours, and what is wrong with it then. A certificate that was recorded is not verified again: its hash says that
//! it is the one.

use std::collections::{HashMap, HashSet};

use super::authorities::Authority;
use super::finding::{Finding, FindingKind};
use super::logged::{Logged, Sha256};
use super::records::{Match, Outcome, Records, Short, serial_key};
use super::state::{State, StateError, StateFile};
use super::{EntryCounts, Options, milliseconds, outcomes};
use crate::ct::read::Entry;

pub(super) struct Comparison<'a> {
    options: &'a Options,
    records: Records,
    pub(super) state: &'a mut State,
    counts: EntryCounts,
    since: u64,
    /// What earlier runs missed in the log, by serial number.
    missing: HashMap<Short, Finding>,
    /// Those of them that came.
    arrived: HashSet<Short>,
}

impl<'a> Comparison<'a> {
    /// Looks first at what earlier runs left open: records may have arrived.
    pub(super) fn new(options: &'a Options, mut records: Records, state: &'a mut State) -> Self {
        state.findings.retain_mut(|finding| {
            let is_of_others = finding.kind == FindingKind::UnknownAuthority && options.is_of_others(finding);
            !is_of_others && still_open(&mut records, finding)
        });
        let missing = state.findings.iter().filter(|finding| !finding.kind.has_entry());
        let missing = missing.filter_map(|finding| Some((finding.serial_key()?, finding.clone()))).collect();
        let since = options.since.map_or(0, milliseconds);
        Self { options, records, state, counts: EntryCounts::default(), since, missing, arrived: HashSet::new() }
    }

    /// The next entry.
    pub(super) fn entry(&mut self, entry: &Entry) {
        let Some(logged) = Logged::of(&entry.content) else {
            self.counts.unreadable += 1;
            return;
        };
        let key = serial_key(logged.serial);
        let was_missing = self.missing.get(&key).is_some_and(|finding| finding.is_about(&logged));
        if was_missing {
            self.arrived.insert(key);
        }
        // Noted for what is before `since`, too: its record may be younger than that.
        let found = self.records.find_logged(&logged);
        if entry.timestamp < self.since {
            self.counts.before_since += 1;
            return;
        }
        if let Match::Recorded(outcome) = found {
            self.counts.recorded += 1;
            if outcome == Outcome::Absent {
                self.state.add_finding(logged.finding(FindingKind::NoOutcome, entry, None));
            }
            return;
        }
        if was_missing {
            // Its record was read by the run that missed it.
            self.counts.recorded += 1;
            return;
        }
        let authorities = &self.options.authorities;
        if logged.is_of(authorities) {
            self.counts.foreign += 1;
            return;
        }
        match logged.issuer(authorities) {
            None => match self.options.authority_above(&entry.chain) {
                None => self.counts.foreign += 1,
                Some(above) => {
                    let finding = logged.finding(FindingKind::UnknownAuthority, entry, None);
                    self.state.add_finding(Finding { authority: Some(above.name().to_owned()), ..finding });
                }
            },
            Some(issuer) => {
                let kind = if found == Match::None { FindingKind::NoRecord } else { FindingKind::OtherContent };
                self.state.add_finding(logged.finding(kind, entry, Some(issuer)));
            }
        }
    }

    /// Writes down what was compared so far: a later run goes on from there.
    pub(super) fn save(&mut self, file: &mut StateFile) -> Result<(), StateError> {
        outcomes::remember(&self.records, self.state);
        file.save(self.state)
    }

    /// When all entries were read: what they were, and the records with what of them is in the log.
    pub(super) fn finish(self) -> (EntryCounts, Records) {
        let Self { state, arrived, counts, records, .. } = self;
        state.findings.retain(|finding| {
            finding.kind.has_entry() || !finding.serial_key().is_some_and(|key| arrived.contains(&key))
        });
        (counts, records)
    }
}

/// Whether a finding of an earlier run stands, perhaps as another one.
fn still_open(records: &mut Records, finding: &mut Finding) -> bool {
    if !finding.kind.has_entry() {
        return true;
    }
    match records.find_again(finding) {
        Match::Recorded(Outcome::Absent) => finding.kind = FindingKind::NoOutcome,
        Match::Recorded(_) => return false,
        // The record of an intent that was seen does not go away because its file is not among those given.
        Match::OtherContent if finding.kind == FindingKind::NoRecord => finding.kind = FindingKind::OtherContent,
        Match::OtherContent | Match::None => {}
    }
    true
}

impl Options {
    /// The authority of ours below which a certificate was issued, by a CA that is neither ours nor named as another's: somebody may have
    /// made that one with our key.
    fn authority_above(&self, chain: &[Sha256]) -> Option<&Authority> {
        if chain.first().is_some_and(|issuer| self.other_authorities.contains(&hex::encode(issuer))) {
            return None;
        }
        chain.iter().find_map(|certificate| self.authorities.with_certificate(certificate))
    }

    fn is_of_others(&self, finding: &Finding) -> bool {
        finding.issuer_sha256.as_ref().is_some_and(|issuer| self.other_authorities.contains(issuer))
    }
}

impl Finding {
    /// Whether this is the certificate that was recorded.
    fn is_about(&self, logged: &Logged<'_>) -> bool {
        let is = |recorded: &Option<String>, hash: Option<&Sha256>| {
            hash.is_some_and(|hash| recorded.as_deref() == Some(&hex::encode(hash)))
        };
        is(&self.tbs_sha256, Some(&logged.tbs_sha256))
            || is(&self.certificate_sha256, logged.certificate_sha256.as_ref())
    }

    /// What its serial number is found by.
    pub(super) fn serial_key(&self) -> Option<Short> {
        Some(serial_key(&hex::decode(&self.serial).ok()?))
    }
}
