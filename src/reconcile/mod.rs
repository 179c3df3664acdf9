//! Reconciling a transparency log with the audit log: is there a certificate of ours that nobody recorded?
//!
//! Owns the comparison, its order, and what it remembers between two runs. The log's head is read first, then the records, then the
//! entries up to that head: whatever is in the tree was recorded before, if sigmint made it. Knows no command line.

mod authorities;
mod compare;
mod finding;
mod logged;
pub(crate) mod metrics;
mod outcomes;
mod records;
mod state;

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) use authorities::Authorities;
pub(crate) use finding::{Finding, FindingKind, Severity, SignedByUs};
pub(crate) use records::{RecordsError, RecordsRead};
pub(crate) use state::{StateError, StateFile};

use crate::ct::read::{LogApi, LogReader, ReadError, TreeHead};
use crate::ct::{LogId, LogKey};
use compare::Comparison;
use records::{Records, SourceFiles};
use state::State;

/// After so many entries what was read is written down.
const SAVE_EVERY: u64 = 100_000;
/// How long an intent may be without an outcome: more than any request takes.
const IN_FLIGHT: Duration = Duration::from_mins(10);
/// How far a log's clock may be ahead of ours.
const CLOCK_SKEW: Duration = Duration::from_mins(1);

/// What is compared, and how patiently.
#[derive(Debug)]
pub(crate) struct Options {
    pub authorities: Authorities,
    /// SHA-256 of the certificates of CAs below ours that issue for others, hexadecimal.
    pub other_authorities: HashSet<String>,
    /// Audit files, and folders of them.
    pub records: Vec<PathBuf>,
    /// How long the log may take to show what it promised.
    pub merge_delay: Duration,
    /// How long a record may take to arrive where this runs.
    pub record_delay: Duration,
    /// Entries and records before are not compared.
    pub since: Option<SystemTime>,
    /// SHA-256 of TBSCertificates, hexadecimal, of findings that are accounted for.
    pub acknowledged: HashSet<String>,
    pub clock: fn() -> SystemTime,
}

/// What one run found, with what earlier runs left open.
#[derive(Debug)]
pub(crate) struct Report {
    pub log: String,
    pub api: LogApi,
    /// Nothing if the log's signatures were not checked.
    pub log_id: Option<LogId>,
    pub head: TreeHead,
    pub is_head_stale: bool,
    /// How many entries earlier runs had read.
    pub read_before: u64,
    pub entries: EntryCounts,
    pub records: RecordsRead,
    /// What is found and due, but for what is acknowledged.
    pub findings: Vec<Finding>,
    /// Findings beyond those that are kept.
    pub more_findings: BTreeMap<FindingKind, u64>,
    pub acknowledged: usize,
    /// What would be a finding if it was not so young.
    pub waiting: usize,
}

/// What this run's entries are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EntryCounts {
    /// Of ours, with a record.
    pub recorded: u64,
    /// Of other authorities.
    pub foreign: u64,
    /// Of ours or not, before `since`.
    pub before_since: u64,
    /// Not a certificate that could be ours: neither DER nor of a known type.
    pub unreadable: u64,
}

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReconcileError {
    #[error("log {log}: {source}")]
    Log { log: String, source: ReadError },
    #[error(transparent)]
    Records(#[from] RecordsError),
    #[error(transparent)]
    State(#[from] StateError),
}

impl ReconcileError {
    /// Whether the log shows what no honest log shows.
    pub(crate) fn is_contradiction(&self) -> bool {
        matches!(self, Self::Log { source: ReadError::Contradiction(_), .. })
    }
}

impl Report {
    /// The worst of what was found.
    pub(crate) fn severity(&self) -> Option<Severity> {
        let found = self.findings.iter().map(|finding| finding.kind).chain(self.more_findings.keys().copied());
        let stale = self.is_head_stale.then_some(Severity::Notice);
        found.map(FindingKind::severity).max().max(stale)
    }
}

/// Compares. What was read is written down, as far as it goes, also when the log fails half-way. What was found is told even if it cannot be
/// written down.
pub(crate) async fn run(
    reader: &LogReader,
    options: &Options,
    file: &mut StateFile,
) -> Result<(Report, Result<(), StateError>), ReconcileError> {
    let of_log = |source: ReadError| ReconcileError::Log { log: reader.name().to_owned(), source };
    let log_id = reader.key().map(LogKey::id);
    let mut state = file.load(log_id, &options.authorities, options.since)?;
    let head = reader.tree_head().await.map_err(of_log)?;
    head.check_continues(&state.read).map_err(|error| of_log(error.into()))?;
    let sources = SourceFiles::find(&options.records)?;
    let (records, records_read) = Records::read(&sources)?;
    let read_before = state.read.size();
    let (before, mut is_saved) = (state.clone(), false);
    let mut comparison = Comparison::new(options, records, &mut state);
    let read = read_entries(reader, &head, &mut comparison, file, &mut is_saved).await.map_err(of_log);
    if let Err(error) = read {
        // What contradicts itself is no base to go on from; what broke off is.
        if !error.is_contradiction() {
            comparison.save(file)?;
        } else if is_saved {
            file.save(&before)?;
        }
        return Err(error);
    }
    let (counts, records) = comparison.finish();
    outcomes::judge(options, &head, &records, &sources, log_id, &mut state)?;
    state.head = Some(head);
    state.completed = Some(milliseconds((options.clock)()));
    let saved = file.save(&state);
    Ok((report(reader, options, (head, read_before, counts, records_read), &state), saved))
}

async fn read_entries(
    reader: &LogReader,
    head: &TreeHead,
    comparison: &mut Comparison<'_>,
    file: &mut StateFile,
    is_saved: &mut bool,
) -> Result<(), ReadError> {
    let mut entries = reader.entries(comparison.state.read.size()..head.size, head.size);
    let mut saved = comparison.state.read.size();
    while let Some(batch) = entries.next_batch().await? {
        for entry in &batch {
            comparison.state.read.push(entry.leaf_hash);
            comparison.entry(entry);
        }
        let size = comparison.state.read.size();
        if size - saved >= SAVE_EVERY && size < head.size {
            saved = size;
            // The end of the run says whether it can be written.
            *is_saved |= comparison.save(file).is_ok();
        }
    }
    Ok(head.check_entries(&comparison.state.read)?)
}

fn report(
    reader: &LogReader,
    options: &Options,
    (head, read_before, entries, records): (TreeHead, u64, EntryCounts, RecordsRead),
    state: &State,
) -> Report {
    let now = milliseconds((options.clock)());
    let is_due = |finding: &&Finding| now >= finding.due(options);
    let is_acknowledged =
        |finding: &&Finding| finding.tbs_sha256.as_ref().is_some_and(|hash| options.acknowledged.contains(hash));
    let due: Vec<&Finding> = state.findings.iter().filter(is_due).collect();
    let acknowledged = due.iter().copied().filter(is_acknowledged).count();
    let oldest = now.saturating_sub(length(options.merge_delay));
    Report {
        log: reader.name().to_owned(),
        api: reader.api(),
        log_id: reader.key().map(LogKey::id),
        head,
        is_head_stale: head.timestamp < oldest || head.timestamp > now.saturating_add(length(CLOCK_SKEW)),
        read_before,
        entries,
        records,
        waiting: state.findings.len() - due.len(),
        findings: due.into_iter().filter(|finding| !is_acknowledged(finding)).cloned().collect(),
        more_findings: state.more_findings.clone(),
        acknowledged,
    }
}

/// Milliseconds since 1970.
pub(crate) fn milliseconds(time: SystemTime) -> u64 {
    length(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Milliseconds.
fn length(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
