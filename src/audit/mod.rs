//! The audit log: one record for every decision on a verified identity, written before anything is signed.
//!
//! Owns records, their chain and its heads, and what happens when nothing can be written. Knows no step of the pipeline, no transport and no
//! concrete backend of keys. docs/audit.md says what the log proves, and what whoever can write it can still hide.

pub(crate) mod chain;
mod decision;
mod file;
pub mod head;
mod json;
pub(crate) mod look;
mod options;
mod output;
pub mod query;
mod queue;
pub mod read;
mod record;
mod redact;
mod syslog;
mod unverified;
pub mod verify;
mod writer;

use std::fmt;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::oneshot;

use crate::failure::FailureKind;
use crate::identity::VerifiedClaims;
use chain::{Digest, Kind};
use file::AuditFile;
use json::Members;
use output::Output;
use queue::{Entry, Shared};
use syslog::Syslog;
use unverified::Unverified;
use writer::Writer;

pub use chain::{ChainId, Position};
pub use decision::{Decision, SignedRecord};
pub use file::AuditFileError;
pub use options::{AuditOptions, AuditSetupError, Destination, OnFailure, SyncMode};
pub use record::{Origin, PolicyOutcome, RecordedClaims, Transport};
pub use redact::Redaction;
pub(crate) use redact::SHORTEST_KEY;
pub(crate) use syslog::DEFAULT_SOCKET;
pub use unverified::SamplesOptions;

/// How long a request waits until its intent is written.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long the end of the process waits for the last records.
const LAST_RECORDS: Duration = Duration::from_secs(5);

/// Why a record is not in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    #[error("the audit log could not be written")]
    Failed,
    #[error("too many audit records wait to be written")]
    Full,
    #[error("the audit log was not written in time")]
    Late,
}

/// The audit log, or none. Clones write the same.
#[derive(Clone, Debug, Default)]
pub struct Audit(Option<Arc<Inner>>);

struct Inner {
    shared: Arc<Shared>,
    claims: RecordedClaims,
    /// What [`RecordedClaims::Policy`] stands for.
    policy_claims: ArcSwap<Vec<String>>,
    redaction: Option<Redaction>,
    on_failure: OnFailure,
    unverified: Unverified,
    heads: Mutex<HeadState>,
    clock: fn() -> SystemTime,
}

/// How heads were signed so far.
#[derive(Clone, Copy, Debug, Default)]
struct HeadState {
    last: Option<(Position, SystemTime)>,
    /// How many records there were once the last head was written itself.
    covered: u64,
    failed: u64,
    failed_anchors: u64,
}

/// What metrics show of it.
#[derive(Clone, Debug)]
pub struct AuditReading {
    pub position: Position,
    pub ready: bool,
    /// Records written, by type.
    pub written: Vec<(&'static str, u64)>,
    /// Intents that could not be written.
    pub failed_intents: u64,
    /// Certificates signed without a written intent.
    pub unrecorded: u64,
    /// Other records that were dropped.
    pub lost: u64,
    /// The last signed head, and when it was signed.
    pub head: Option<(Position, SystemTime)>,
    pub failed_heads: u64,
    pub failed_anchors: u64,
}

impl Audit {
    /// Opens the log and writes the start of its chain.
    pub fn open(options: AuditOptions) -> Result<Self, AuditSetupError> {
        let (output, found) = match options.destination {
            Destination::File { path, most_bytes } => {
                let (file, found) = AuditFile::open(&path, most_bytes)?;
                (Output::File(file), found)
            }
            Destination::Stdout => (Output::Stream(stdout()), file::Found::default()),
            Destination::Syslog(path) => {
                let syslog = Syslog::connect(&path).map_err(|source| AuditSetupError::Syslog { path, source })?;
                (Output::Syslog(syslog), file::Found::default())
            }
        };
        let samples = options.samples.as_ref();
        let unverified = Unverified::new(samples).map_err(|source| AuditSetupError::Samples {
            path: samples.map(|samples| samples.path.clone()).unwrap_or_default(),
            source,
        })?;
        let hash = found.last.map_or([0; 32], |last| last.hash);
        let shared = Arc::new(Shared::new(Position { chain: options.chain, count: 0, hash }));
        let mut writer = Writer::new(Arc::clone(&shared), output, options.sync, options.clock);
        writer.begin(start(&found, options.head_key, (options.clock)())).map_err(AuditSetupError::Begin)?;
        let spawned = thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run());
        spawned.map_err(AuditSetupError::Thread)?;
        Ok(Self(Some(Arc::new(Inner {
            shared,
            claims: options.claims,
            policy_claims: ArcSwap::default(),
            redaction: options.redaction,
            on_failure: options.on_failure,
            unverified,
            heads: Mutex::default(),
            clock: options.clock,
        }))))
    }

    /// Sets the claims that the loaded policy names.
    pub fn set_policy_claims(&self, mut names: Vec<String>) {
        names.sort_unstable();
        names.dedup();
        if let Some(inner) = &self.0 {
            inner.policy_claims.store(Arc::new(names));
        }
    }

    /// A request's token verified. What becomes of the request is recorded.
    pub fn begin(&self, origin: &Origin, claims: &VerifiedClaims) -> Decision<'_> {
        self.0.as_deref().map_or(Decision::off(), |inner| Decision::begin(inner, origin, claims))
    }

    /// A request's token did not verify.
    pub fn unverified(&self, origin: &Origin, kind: FailureKind) {
        if let Some(inner) = &self.0 {
            inner.unverified.count(origin, kind, inner.now(), inner.redaction.as_ref());
        }
    }

    /// Whether there is a log.
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Whether certificates can be had as far as the log is concerned.
    pub fn is_ready(&self) -> bool {
        self.0.as_ref().is_none_or(|inner| inner.on_failure == OnFailure::Sign || inner.is_written())
    }

    /// Has a file that was moved away opened again.
    pub fn reopen(&self) {
        if let Some(inner) = &self.0 {
            inner.shared.reopen();
        }
    }

    pub fn reading(&self) -> Option<AuditReading> {
        let inner = self.0.as_ref()?;
        let counts = &inner.shared.counts;
        let heads = *inner.heads();
        Some(AuditReading {
            head: heads.last,
            failed_heads: heads.failed,
            failed_anchors: heads.failed_anchors,
            position: inner.shared.position(),
            ready: inner.is_written(),
            written: Kind::ALL.iter().map(|kind| (kind.name(), counts.of(*kind))).collect(),
            failed_intents: counts.failed_intents.load(Ordering::Relaxed),
            unrecorded: counts.unrecorded.load(Ordering::Relaxed),
            lost: counts.lost.load(Ordering::Relaxed),
        })
    }

    /// Records how many tokens did not verify since `from`.
    pub fn summarize(&self, from: SystemTime) {
        if let Some(inner) = &self.0
            && let Some(summary) = inner.unverified.summary(from, inner.now())
        {
            inner.put(Kind::Unverified, summary);
        }
    }

    /// Records a signed head, and waits until it is written.
    pub async fn head(&self, head: &head::SignedHead) -> Result<(), AuditError> {
        let Some(inner) = &self.0 else { return Ok(()) };
        let now = inner.now();
        inner.put_and_wait(Kind::Head, head.to_members(now)).await?;
        let covered = inner.shared.position().count;
        let mut heads = inner.heads();
        heads.last = Some((head.position, now));
        // The head itself needs no further head.
        heads.covered = if covered == head.position.count + 1 { covered } else { head.position.count };
        Ok(())
    }

    /// After the last record, if a head has to be signed: there are records since the last one.
    pub fn unsigned_position(&self) -> Option<Position> {
        let inner = self.0.as_ref()?;
        let position = inner.shared.position();
        (position.count > inner.heads().covered).then_some(position)
    }

    /// A head could not be signed or recorded.
    pub fn head_failed(&self) {
        if let Some(inner) = &self.0 {
            inner.heads().failed += 1;
        }
    }

    /// An anchor did not take a head.
    pub fn anchor_failed(&self) {
        if let Some(inner) = &self.0 {
            inner.heads().failed_anchors += 1;
        }
    }

    /// Records that the process ends, and waits until that is written: only a head comes after it.
    pub async fn end(&self) {
        if let Some(inner) = &self.0 {
            let mut content = Members::default();
            content.add_time("time", inner.now());
            // What cannot be written is counted and logged by the writer.
            let _ = inner.put_and_wait(Kind::End, content).await;
        }
    }

    /// Writes what is left, and nothing after it. Blocks, but not for long.
    pub fn close(&self) -> bool {
        let Some(inner) = &self.0 else { return true };
        inner.shared.close();
        inner.shared.await_end(LAST_RECORDS)
    }
}

impl Inner {
    fn now(&self) -> SystemTime {
        (self.clock)()
    }

    fn heads(&self) -> MutexGuard<'_, HeadState> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_written(&self) -> bool {
        !self.shared.failing.load(Ordering::Relaxed) && !self.shared.stalled.load(Ordering::Relaxed)
    }

    fn put(&self, kind: Kind, content: Members) {
        self.shared.push(Entry { kind, content, written: None });
    }

    async fn put_and_wait(&self, kind: Kind, content: Members) -> Result<(), AuditError> {
        let (sender, written) = oneshot::channel();
        if !self.shared.push(Entry { kind, content, written: Some(sender) }) {
            return Err(AuditError::Full);
        }
        match tokio::time::timeout(PATIENCE, written).await {
            Ok(Ok(true)) => Ok(()),
            Ok(_) => Err(AuditError::Failed),
            Err(_) => {
                if !self.shared.stalled.swap(true, Ordering::Relaxed) {
                    tracing::error!(seconds = PATIENCE.as_secs(), "the audit log is not written in time");
                }
                Err(AuditError::Late)
            }
        }
    }

    fn count_unrecorded(&self) {
        self.shared.counts.unrecorded.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Audit").field("shared", &self.shared).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    /// The writer's thread ends.
    fn drop(&mut self) {
        self.shared.close();
    }
}

fn start(found: &file::Found, head_key: Option<Digest>, now: SystemTime) -> Members {
    let mut content = Members::default();
    content.add_time("time", now);
    content.add("version", env!("CARGO_PKG_VERSION"));
    match found.last {
        Some(last) => content.add_object("last", |content| {
            content.add("chain", &last.chain.to_string());
            content.add("seq", &last.seq);
        }),
        None => content.add("last", &()),
    }
    content.add_some("torn", found.torn.as_ref());
    if let Some(key) = head_key {
        content.add_hex("head_key", &key);
    }
    content
}

/// Standard output without the lock and buffer that every other writer of this process has.
fn stdout() -> Box<dyn io::Write + Send> {
    use std::os::fd::AsFd as _;
    match io::stdout().as_fd().try_clone_to_owned() {
        Ok(descriptor) => Box::new(std::fs::File::from(descriptor)),
        Err(_) => Box::new(io::stdout()),
    }
}

#[cfg(test)]
mod tests;
