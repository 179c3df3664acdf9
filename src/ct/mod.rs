//! Certificate transparency (RFC 6962): no certificate leaves before enough distinct logs have promised to show it.
//!
//! Owns the asking of several logs at once and the quorum. Refuses to know certificates: bytes come in, timestamps go out.

mod clock;
mod error;
mod log;
mod log_key;
pub mod read;
mod roots;
mod sct;
mod tls;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::JoinSet;
use tokio::time::Instant;

pub use self::log::LogSettings;
pub use clock::Skew;
pub use error::{LogFault, LogSetupError, TransparencyError};
pub use log_key::{LogKey, LogKeyError, SctMismatch};
pub use sct::{DigitallySigned, LogEntry, LogId, Sct, SctError, parse_list, serialize_list};
pub(crate) use tls::Reader as TlsReader;

use self::log::{Endpoint, Log, request_body};

/// What one timestamp adds to a certificate, in bytes, with room for its extensions.
const TIMESTAMP_BYTES: usize = 200;

/// How long a log may take to tell its roots.
const ROOTS_TIMEOUT: Duration = Duration::from_secs(10);

/// How the logs are asked.
#[derive(Clone, Copy, Debug)]
pub struct LogsOptions {
    /// How many distinct logs must answer; also how many timestamps [`Logs::submit`] returns.
    pub quorum: NonZeroUsize,
    /// The longest that a submission may take, retries and all.
    pub deadline: Duration,
    /// How many submissions one log gets at the same time; more wait.
    pub max_in_flight: NonZeroUsize,
    pub clock: fn() -> SystemTime,
    /// How far a timestamp may lie before the request or after the answer.
    pub clock_skew: Duration,
}

impl LogsOptions {
    /// One timestamp, within 4 seconds, since clients give up after 5, by a clock that differs from ours by a minute at most.
    pub const fn new(clock: fn() -> SystemTime) -> Self {
        const IN_FLIGHT: NonZeroUsize = match NonZeroUsize::new(512) {
            Some(number) => number,
            None => NonZeroUsize::MIN,
        };
        Self {
            quorum: NonZeroUsize::MIN,
            deadline: Duration::from_secs(4),
            max_in_flight: IN_FLIGHT,
            clock,
            clock_skew: Duration::from_mins(1),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Submission<'a> {
    /// DER: the certificate or precertificate first, then each one's issuer; the root may stand at the end.
    pub chain: Vec<&'a [u8]>,
    /// What the logs' signatures are over.
    pub entry: LogEntry<'a>,
}

/// What a log says of the roots that it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootsAnswer {
    /// The chain's is one of them.
    Takes,
    /// So many, and the chain's is not one of them.
    TakesOthers { roots: usize },
    /// A log need not tell its roots to us.
    Secret(LogFault),
    /// It cannot be asked.
    Failed(LogFault),
}

#[derive(Debug)]
pub struct Logs {
    members: Vec<Arc<Log>>,
    quorum: usize,
    deadline: Duration,
    clock: fn() -> SystemTime,
}

impl Logs {
    /// Sets the logs up; connects to none. Their order is the order of the timestamps in certificates.
    pub fn new(logs: Vec<LogSettings>, options: &LogsOptions) -> Result<Self, LogSetupError> {
        let members = logs
            .into_iter()
            .map(|settings| Log::new(settings, options.max_in_flight, options.clock, options.clock_skew).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let (quorum, distinct) = (options.quorum.get(), distinct(&members));
        if distinct < quorum {
            return Err(LogSetupError::Quorum { quorum, distinct });
        }
        Ok(Self { members, quorum, deadline: options.deadline, clock: options.clock })
    }

    /// The logs' names (host and path) in configured order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|log| log.name())
    }

    /// The logs' names, and how far their clocks are from ours, as their latest timestamps say.
    pub fn clock_skews(&self) -> impl Iterator<Item = (&str, Skew)> {
        self.members.iter().map(|log| (log.name(), log.clock_skew()))
    }

    /// Asks each log which roots it takes, and warns of one that will refuse what this chain issues, or that nobody reaches.
    pub async fn compare_roots(&self, chain: &[Vec<u8>]) {
        for (log, answer) in self.ask_roots(chain).await {
            match answer {
                RootsAnswer::Takes => tracing::debug!(log, "the transparency log takes the CA's root"),
                RootsAnswer::TakesOthers { roots } => tracing::warn!(
                    log,
                    roots,
                    "the transparency log does not take the CA's root and will refuse its certificates: add the root to the log's accepted roots"
                ),
                RootsAnswer::Secret(fault) => {
                    tracing::debug!(log, error = %fault, "the transparency log does not tell which roots it takes");
                }
                RootsAnswer::Failed(fault) => tracing::warn!(
                    log,
                    kind = fault.label(),
                    error = %fault,
                    "the transparency log cannot be asked for its roots; certificates are issued once it answers"
                ),
            }
        }
    }

    /// Asks each log whether it takes what this chain issues, by its name and in configured order.
    pub async fn ask_roots(&self, chain: &[Vec<u8>]) -> Vec<(&str, RootsAnswer)> {
        let mut answers = Vec::with_capacity(self.members.len());
        for log in &self.members {
            let answer = match log.roots(Instant::now() + ROOTS_TIMEOUT).await {
                Ok(accepted) if roots::lead_to(&accepted, chain) => RootsAnswer::Takes,
                Ok(accepted) => RootsAnswer::TakesOthers { roots: accepted.len() },
                Err(fault @ LogFault::Refused { status: 400..=499 | 501, .. }) => RootsAnswer::Secret(fault),
                Err(fault) => RootsAnswer::Failed(fault),
            };
            answers.push((log.name(), answer));
        }
        answers
    }

    /// What the timestamps will add to a certificate, in bytes: those of logs with ECDSA keys have 120 or so (RFC 6962 section 3.2).
    pub const fn timestamps_length(&self) -> usize {
        TIMESTAMP_BYTES.saturating_mul(self.quorum)
    }

    /// Has the logs promise to show a (pre)certificate. Returns exactly as many timestamps as the quorum says, each of another log,
    /// in configured order.
    ///
    /// All logs are asked at once and the first good answers win, so that a dead log costs no time. What is still under way then is
    /// abandoned: those logs may or may not show the entry too. Dropping the future abandons everything.
    ///
    /// Errors: [`TransparencyError`] as soon as the quorum is out of reach, at the latest when the deadline passes.
    pub async fn submit(&self, submission: Submission<'_>) -> Result<Vec<Sct>, TransparencyError> {
        let (deadline, asked) = (Instant::now() + self.deadline, (self.clock)());
        let endpoint = match submission.entry {
            LogEntry::X509(_) => Endpoint::AddChain,
            LogEntry::Precertificate { .. } => Endpoint::AddPreChain,
        };
        let body = request_body(&submission.chain);
        let mut tally = Tally::default();
        if let [log] = self.members.as_slice() {
            // The usual case needs no task of its own.
            let answer = log.submit_caught(endpoint, body, deadline).await;
            tally.count(0, self.check(log, answer, &submission.entry, asked));
            return self.conclude(tally);
        }
        let mut under_way = JoinSet::new();
        for (index, log) in self.members.iter().enumerate() {
            let (log, body) = (Arc::clone(log), body.clone());
            under_way.spawn(async move { (index, log.submit_caught(endpoint, body, deadline).await) });
        }
        while tally.scts.len() < self.quorum && tally.scts.len() + under_way.len() >= self.quorum {
            // A task that panicked is a log that gave nothing.
            let Some(joined) = under_way.join_next().await else { break };
            let Ok((index, answer)) = joined else { continue };
            if let Some(log) = self.members.get(index) {
                tally.count(index, self.check(log, answer, &submission.entry, asked));
            }
        }
        self.conclude(tally)
    }

    fn check(
        &self,
        log: &Log,
        answer: Result<Sct, LogFault>,
        entry: &LogEntry<'_>,
        asked: SystemTime,
    ) -> Result<Sct, LogFault> {
        let sct = answer?;
        let named = self.members.iter().filter_map(|log| log.key()).find(|key| key.id() == sct.log_id());
        log.judge(&sct, entry, named, asked)?;
        Ok(sct)
    }

    fn conclude(&self, mut tally: Tally) -> Result<Vec<Sct>, TransparencyError> {
        tally.faults.sort_by_key(|(index, _)| *index);
        let named =
            tally.faults.into_iter().filter_map(|(index, fault)| Some((self.members.get(index)?.name(), fault)));
        if tally.scts.len() >= self.quorum {
            for (log, fault) in named {
                let error = fault.to_string();
                tracing::warn!(log, kind = fault.label(), error, "a transparency log failed; the others were enough");
            }
            tally.scts.sort_by_key(|(index, _)| *index);
            return Ok(tally.scts.into_iter().map(|(_, sct)| sct).collect());
        }
        let faults = named.map(|(log, fault)| (log.to_owned(), fault)).collect();
        Err(TransparencyError { quorum: self.quorum, obtained: tally.scts.len(), faults })
    }
}

/// What the logs have said so far, each by its place in the configuration.
#[derive(Default)]
struct Tally {
    scts: Vec<(usize, Sct)>,
    faults: Vec<(usize, LogFault)>,
}

impl Tally {
    /// Two names for one log are one log: its word counts once.
    fn count(&mut self, index: usize, answer: Result<Sct, LogFault>) {
        match answer {
            Ok(sct) if self.scts.iter().any(|(_, other)| other.log_id() == sct.log_id()) => {
                self.faults.push((index, LogFault::SameLog));
            }
            Ok(sct) => self.scts.push((index, sct)),
            Err(fault) => self.faults.push((index, fault)),
        }
    }
}

/// How many logs can give timestamps that count. Those without a key are taken to be distinct until they answer.
fn distinct(logs: &[Arc<Log>]) -> usize {
    let mut ids: Vec<LogId> = logs.iter().filter_map(|log| log.key()).map(LogKey::id).collect();
    let unknown = logs.len() - ids.len();
    ids.sort_unstable();
    ids.dedup();
    ids.len() + unknown
}
