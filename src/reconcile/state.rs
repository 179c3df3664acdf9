//! What is remembered between two runs, in a file: how far the log was read, and what is open.
//!
//! Owns the file's form, its lock, and whether it belongs to this log and these authorities. It grows with what is open and with what was
//! recorded within the merge delay, not with the log.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::authorities::Authorities;
use super::finding::{Finding, FindingKind};
use super::milliseconds;
use super::records::Short;
use crate::ct::LogId;
use crate::ct::read::{Frontier, Hash, TreeHead};
use crate::files::atomic::write_atomically;
use crate::files::{self, FileError, KIB};

const VERSION: u64 = 1;
/// The largest state, in bytes.
const MAX_STATE: usize = 512 * 1024 * KIB;
/// How many findings are kept with what is known of them. Beyond, they are counted.
const MAX_FINDINGS: usize = 10_000;
/// Only its owner reads it: it has identities in it.
const MODE: u32 = 0o600;
/// A serial number's hash and a time.
const RECENT: usize = 20;

/// Why a state is not used or not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    #[error("the state file {0}")]
    File(#[from] FileError),
    #[error("the state file {} cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("another run uses the state file {}", .0.display())]
    InUse(PathBuf),
    #[error("the state file {} is not one of `sigmint audit reconcile`: {problem}", path.display())]
    Malformed { path: PathBuf, problem: String },
    #[error(
        "the state file {} is of {what}: what it has read was not compared with these; begin with a new state file", path.display()
    )]
    Other { path: PathBuf, what: &'static str },
}

#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// The tree of all entries that were read.
    pub read: Frontier,
    /// Up to which time outcomes were judged: seconds since 1970.
    pub judged_until: u32,
    /// Recorded from then on and found in the log: serial numbers' hashes, with seconds since 1970.
    pub recent: HashMap<Short, u32>,
    pub findings: Vec<Finding>,
    /// How many there are beyond those.
    pub more_findings: BTreeMap<FindingKind, u64>,
    /// The last head whose entries were all read.
    pub head: Option<TreeHead>,
    /// When that was: milliseconds since 1970.
    pub completed: Option<u64>,
    identity: Identity,
}

/// What a state belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    log_id: Option<String>,
    authorities: Vec<String>,
    since: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    version: u64,
    #[serde(flatten)]
    identity: Identity,
    size: u64,
    subtrees: Vec<String>,
    head: Option<Head>,
    completed: Option<u64>,
    judged_until: u32,
    recent: String,
    findings: Vec<Finding>,
    more_findings: BTreeMap<FindingKind, u64>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    size: u64,
    root: String,
    timestamp: u64,
}

/// The file, for one run at a time.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: Option<PathBuf>,
    /// Holds the lock.
    _lock: Option<File>,
    completed: Option<u64>,
}

impl StateFile {
    /// Locks the file named; without a name nothing is remembered.
    pub(crate) fn open(path: Option<PathBuf>) -> Result<Self, StateError> {
        let lock = path.as_deref().map(lock).transpose()?;
        Ok(Self { path, _lock: lock, completed: None })
    }

    /// When all entries were last read: milliseconds since 1970.
    pub(crate) const fn completed(&self) -> Option<u64> {
        self.completed
    }

    /// What earlier runs left, if it belongs to this log and these authorities; a new state if there is none.
    pub(super) fn load(
        &mut self,
        log: Option<LogId>,
        authorities: &Authorities,
        since: Option<SystemTime>,
    ) -> Result<State, StateError> {
        let identity = Identity {
            log_id: log.map(|log| hex::encode(log.0)),
            authorities: authorities.key_hashes(),
            since: since.map(milliseconds),
        };
        let Some(path) = &self.path else { return Ok(State { identity, ..State::default() }) };
        let text = match files::read(path, MAX_STATE) {
            Ok(text) => text,
            Err(FileError { problem: files::FileProblem::Unreadable(error), .. })
                if error.kind() == io::ErrorKind::NotFound =>
            {
                return Ok(State { identity, ..State::default() });
            }
            Err(error) => return Err(error.into()),
        };
        let malformed = |problem: String| StateError::Malformed { path: path.clone(), problem };
        let document: Document = serde_json::from_slice(&text).map_err(|error| malformed(error.to_string()))?;
        document.identity.check(&identity).map_err(|what| StateError::Other { path: path.clone(), what })?;
        let state = State { identity, ..document.into_state().map_err(|problem| malformed(problem.to_owned()))? };
        self.completed = state.completed;
        Ok(state)
    }

    /// Writes the state down.
    pub(super) fn save(&mut self, state: &State) -> Result<(), StateError> {
        let Some(path) = &self.path else { return Ok(()) };
        let failed = |source| StateError::Write { path: path.clone(), source };
        let text = serde_json::to_vec_pretty(&Document::of(state)).map_err(|error| failed(error.into()))?;
        write_atomically(path, &text, MODE).map_err(failed)?;
        self.completed = state.completed;
        Ok(())
    }
}

/// A file of its own: the state itself is replaced by each run.
fn lock(path: &Path) -> Result<File, StateError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let failed = |source| StateError::Write { path: path.to_owned(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(name).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StateError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

impl State {
    /// Adds a finding, or counts it when there are too many.
    pub(super) fn add_finding(&mut self, finding: Finding) {
        if self.has_room_for(0) {
            self.findings.push(finding);
        } else {
            *self.more_findings.entry(finding.kind).or_default() += 1;
        }
    }

    /// Whether there is room for one more beside so many that are to be added.
    pub(super) fn has_room_for(&self, others: usize) -> bool {
        self.findings.len() + others < MAX_FINDINGS
    }
}

impl Identity {
    fn check(&self, now: &Self) -> Result<(), &'static str> {
        if self.log_id != now.log_id {
            return Err("another log, or of one whose key was not given");
        }
        if now.authorities.iter().any(|authority| !self.authorities.contains(authority)) {
            return Err("fewer CA certificates");
        }
        if self.authorities.len() > now.authorities.len() {
            return Err("more CA certificates");
        }
        if self.since > now.since {
            return Err("a later --since");
        }
        Ok(())
    }
}

impl Document {
    fn of(state: &State) -> Self {
        let head =
            state.head.map(|head| Head { size: head.size, root: hex::encode(head.root), timestamp: head.timestamp });
        let mut recent: Vec<_> = state.recent.iter().collect();
        recent.sort_unstable();
        let recent: Vec<u8> =
            recent.into_iter().flat_map(|(key, time)| key.iter().copied().chain(time.to_be_bytes())).collect();
        Self {
            version: VERSION,
            identity: state.identity.clone(),
            size: state.read.size(),
            subtrees: state.read.subtrees().iter().map(hex::encode).collect(),
            head,
            completed: state.completed,
            judged_until: state.judged_until,
            recent: STANDARD.encode(recent),
            findings: state.findings.clone(),
            more_findings: state.more_findings.clone(),
        }
    }

    fn into_state(self) -> Result<State, &'static str> {
        if self.version != VERSION {
            return Err("it has another version");
        }
        let subtrees = self.subtrees.iter().map(|hash| hash_of_hex(hash)).collect::<Option<Vec<_>>>();
        let read = subtrees.and_then(|subtrees| Frontier::from_parts(self.size, subtrees));
        let recent = STANDARD.decode(self.recent).map_err(|_| "the recent records are not base64")?;
        let (recent, rest) = recent.as_chunks::<RECENT>();
        if !rest.is_empty() {
            return Err("a recent record ends early");
        }
        let head = match self.head {
            Some(head) => {
                let root = hash_of_hex(&head.root).ok_or("the root hash is not 32 bytes")?;
                Some(TreeHead { size: head.size, root, timestamp: head.timestamp })
            }
            None => None,
        };
        Ok(State {
            read: read.ok_or("the subtrees are not those of a tree of this size")?,
            judged_until: self.judged_until,
            recent: recent.iter().filter_map(recent_of).collect(),
            findings: self.findings,
            more_findings: self.more_findings,
            head,
            completed: self.completed,
            identity: self.identity,
        })
    }
}

fn recent_of(bytes: &[u8; RECENT]) -> Option<(Short, u32)> {
    let (key, time) = bytes.split_first_chunk()?;
    Some((*key, u32::from_be_bytes(time.try_into().ok()?)))
}

fn hash_of_hex(text: &str) -> Option<Hash> {
    hex::decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn findings_beyond_the_limit_are_counted_by_kind_and_all_of_it_is_written_down() {
        let mut state = State::default();
        for kind in ["no_entry", "no_record"] {
            let finding: Finding = serde_json::from_value(json!({"kind": kind, "serial": "01", "time": 1000})).unwrap();
            for _ in 0..MAX_FINDINGS - 1 {
                state.add_finding(finding.clone());
            }
        }
        assert_eq!(state.findings.len(), MAX_FINDINGS);
        let more = u64::try_from(MAX_FINDINGS - 2).unwrap();
        assert_eq!(state.more_findings, BTreeMap::from([(FindingKind::NoRecord, more)]));
        state.recent.extend([([1; 16], 7), ([2; 16], u32::MAX)]);
        state.read.push([3; 32]);
        state.head = Some(TreeHead { size: 1, root: [4; 32], timestamp: 5 });
        let text = serde_json::to_string(&Document::of(&state)).unwrap();
        let read = serde_json::from_str::<Document>(&text).unwrap().into_state().unwrap();
        assert_eq!(
            (read.recent, read.findings, read.more_findings),
            (state.recent, state.findings, state.more_findings)
        );
        assert_eq!((read.read, read.head), (state.read, state.head));
    }

    #[test]
    fn what_is_no_state_is_refused() {
        let good = serde_json::to_value(Document::of(&State::default())).unwrap();
        assert!(serde_json::from_value::<Document>(good.clone()).unwrap().into_state().is_ok());
        for (member, value) in [
            ("version", json!(2)),
            ("size", json!(1)),
            ("subtrees", json!(["00"])),
            ("recent", json!("AAAA")),
            ("recent", json!("-")),
            ("head", json!({"size": 1, "root": "00", "timestamp": 1})),
        ] {
            let mut broken = good.clone();
            broken[member] = value;
            assert!(serde_json::from_value::<Document>(broken).unwrap().into_state().is_err(), "{member}");
        }
    }
}
