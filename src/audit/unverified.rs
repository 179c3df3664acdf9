//! Requests whose token did not verify: counted by reason and transport, and some of them written one by one into a file of their own.
//!
//! Owns that strangers cannot fill a disk: a minute makes one record of bounded size, single records have a rate and their file a cap.
//! What is left out is counted. These records are not chained: anybody can make them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use super::chain::VERSION;
use super::json::Members;
use super::record::{Origin, Transport};
use super::redact::Redaction;
use crate::failure::FailureKind;

/// Single records that wait to be written; more are left out.
const WAITING: usize = 256;
const TRANSPORTS: usize = Transport::ALL.len();

/// Where single records of such requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SamplesOptions {
    pub path: PathBuf,
    /// What the file and the one before it take together at most, in bytes.
    pub most_bytes: u64,
    pub per_minute: u32,
}

/// Such requests since the last summary.
#[derive(Debug)]
pub(super) struct Unverified {
    /// One for each reason and transport.
    counts: Vec<AtomicU64>,
    /// Since the last summary.
    left_out: AtomicU64,
    samples: Option<Samples>,
}

#[derive(Debug)]
struct Samples {
    sender: SyncSender<Vec<u8>>,
    per_minute: u32,
    minute: Mutex<Minute>,
}

/// How many were written since when.
#[derive(Debug)]
struct Minute {
    since: SystemTime,
    taken: u32,
}

impl Unverified {
    pub(super) fn new(options: Option<&SamplesOptions>) -> io::Result<Self> {
        let counts = std::iter::repeat_with(AtomicU64::default).take(FailureKind::ALL.len() * TRANSPORTS).collect();
        let samples = options.map(Samples::start).transpose()?;
        Ok(Self { counts, left_out: AtomicU64::new(0), samples })
    }

    pub(super) fn count(&self, origin: &Origin, kind: FailureKind, now: SystemTime, redaction: Option<&Redaction>) {
        if let Some(count) = self.counts.get(kind as usize * TRANSPORTS + origin.transport as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(samples) = &self.samples
            && !samples.take(origin, kind, now, redaction)
        {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What was counted since the last call; nothing if there is nothing to tell.
    pub(super) fn summary(&self, from: SystemTime, now: SystemTime) -> Option<Members> {
        let mut counts = Vec::new();
        for (index, count) in self.counts.iter().enumerate() {
            let count = count.swap(0, Ordering::Relaxed);
            let (kind, transport) = (index / TRANSPORTS, index % TRANSPORTS);
            if let (1.., Some(kind), Some(transport)) =
                (count, FailureKind::ALL.get(kind), Transport::ALL.get(transport))
            {
                counts.push(Summed { reason: kind.row().reason, transport: transport.name(), count });
            }
        }
        if counts.is_empty() {
            return None;
        }
        let mut members = Members::default();
        members.add_time("time", now);
        members.add_time("from", from);
        members.add("counts", &counts);
        if self.samples.is_some() {
            members.add("unrecorded", &self.left_out.swap(0, Ordering::Relaxed));
        }
        Some(members)
    }
}

#[derive(serde::Serialize)]
struct Summed {
    reason: &'static str,
    transport: &'static str,
    count: u64,
}

impl Samples {
    fn start(options: &SamplesOptions) -> io::Result<Self> {
        let mut file = CappedFile::open(&options.path, options.most_bytes)?;
        let (sender, receiver): (_, Receiver<Vec<u8>>) = sync_channel(WAITING);
        // A disk that does not answer must not hold up the log that decides whether anything is signed.
        thread::Builder::new().name("audit-unverified".to_owned()).spawn(move || {
            let mut failing = false;
            for line in receiver {
                let written = file.write(&line);
                if let Err(error) = &written
                    && !failing
                {
                    tracing::warn!(%error, "requests whose token did not verify cannot be written to their file");
                }
                failing = written.is_err();
            }
        })?;
        let minute = Mutex::new(Minute { since: SystemTime::UNIX_EPOCH, taken: 0 });
        Ok(Self { sender, per_minute: options.per_minute, minute })
    }

    /// Whether it is on its way to the file.
    fn take(&self, origin: &Origin, kind: FailureKind, now: SystemTime, redaction: Option<&Redaction>) -> bool {
        {
            let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
            if now.duration_since(minute.since).is_ok_and(|passed| passed >= Duration::from_mins(1)) {
                *minute = Minute { since: now, taken: 0 };
            }
            if minute.taken >= self.per_minute {
                return false;
            }
            minute.taken += 1;
        }
        let mut members = Members::default();
        members.add_time("time", now);
        origin.write(&mut members, redaction);
        members.add("reason", kind.row().reason);
        let frame = format!(r#"{{"v":{VERSION},"type":"unverified-request""#);
        self.sender.try_send([frame.as_bytes(), members.as_bytes(), b"}\n"].concat()).is_ok()
    }
}

/// A file that never takes more than so many bytes, the one before it included.
struct CappedFile {
    path: PathBuf,
    file: File,
    half: u64,
}

impl CappedFile {
    fn open(path: &Path, most_bytes: u64) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: open(path)?, half: most_bytes / 2 })
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        if length.saturating_add(line.len() as u64) > self.half {
            let mut before = self.path.as_os_str().to_owned();
            before.push(".before");
            std::fs::rename(&self.path, before)?;
            self.file = open(&self.path)?;
        }
        self.file.write_all(line)
    }
}

fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a file")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_fill_neither_the_log_nor_their_own_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("unverified.jsonl");
        let options = SamplesOptions { path: path.clone(), most_bytes: 8 * 1024, per_minute: u32::MAX };
        let unverified = Unverified::new(Some(&options)).unwrap();
        let origin = Origin { request_id: Some("x".repeat(64)), ..Origin::default() };
        let start = SystemTime::now();
        for _ in 0..20_000 {
            for kind in [FailureKind::TokenSignature, FailureKind::TokenExpired] {
                unverified.count(&origin, kind, start, None);
            }
        }
        let summary = unverified.summary(start, start).unwrap();
        let text = format!("{{{}}}", String::from_utf8(summary.as_bytes()[1..].to_vec()).unwrap());
        let summary: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(text.len() < 512, "{text}");
        let counted: Vec<_> = summary["counts"].as_array().unwrap().iter().map(|one| one["count"].clone()).collect();
        assert_eq!(counted, [20_000, 20_000]);
        assert!(unverified.summary(start, start).is_none(), "counted twice");
        drop(unverified);
        let files = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
        assert!(files.sum::<u64>() <= 8 * 1024);
    }

    #[test]
    fn single_records_have_a_rate_and_what_is_left_out_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let options = SamplesOptions { path: folder.path().join("unverified"), most_bytes: 1 << 20, per_minute: 10 };
        let unverified = Unverified::new(Some(&options)).unwrap();
        let start = SystemTime::now();
        for second in [0, 59, 60] {
            for _ in 0..8 {
                let now = start + Duration::from_secs(second);
                unverified.count(&Origin::default(), FailureKind::TokenSignature, now, None);
            }
        }
        let summary = unverified.summary(start, start).unwrap();
        let text = String::from_utf8(summary.as_bytes().to_vec()).unwrap();
        assert!(text.ends_with("\"unrecorded\":6"), "{text}");
    }
}
