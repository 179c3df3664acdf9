//! The thread that writes: gives each record its place in the chain, in the order in which they came, and tells those who wait.
//!
//! Owns batches (many requests share one write and one flush), failure and recovery. Where lines go is `output`'s.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::SyncMode;
use super::chain::{self, FRAME, Kind};
use super::json::Members;
use super::output::{Lines, Output};
use super::queue::{ALL, Entry, Shared};

/// How often lines that nobody waits for are flushed.
const INTERVAL: Duration = Duration::from_secs(1);
/// The pause before writing is tried again after a failure.
const RETRY: Duration = Duration::from_millis(250);
/// The pause once several requests waited together: what comes meanwhile shares one write, and wakes nobody. One that comes alone does not
/// wait for others; where each write is flushed, that is pause enough.
const GATHER: Duration = Duration::from_micros(500);
/// How long the writer sleeps when nothing is to be done.
const IDLE: Duration = Duration::from_mins(1);
/// How large the buffer may stay.
const KEPT: usize = 256 * 1024;

pub(super) struct Writer {
    shared: Arc<Shared>,
    output: Output,
    sync: SyncMode,
    clock: fn() -> SystemTime,
    lines: Lines,
    /// Since when lines are not flushed.
    dirty: Option<Instant>,
    trouble: Option<Trouble>,
    /// The file could not be moved away when it was full.
    is_stuck: bool,
}

/// Nothing can be written.
struct Trouble {
    since: SystemTime,
    tried: Instant,
    /// What was counted before it.
    failed_intents: u64,
    lost: u64,
    /// What is to be written once it is over.
    waiting: Vec<Entry>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, output: Output, sync: SyncMode, clock: fn() -> SystemTime) -> Self {
        Self { shared, output, sync, clock, lines: Lines::default(), dirty: None, trouble: None, is_stuck: false }
    }

    /// Writes one record before anybody waits for any: the start of the chain.
    pub(super) fn begin(&mut self, content: Members) -> io::Result<()> {
        let entry = Entry { kind: Kind::Start, content, written: None };
        let (rest, outcome) = self.write(vec![entry]);
        outcome?;
        if rest.is_empty() { self.flush() } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    /// Writes until the log is closed.
    pub(super) fn run(mut self) {
        loop {
            let work = self.shared.take(self.patience());
            if work.reopen
                && let Err(error) = self.output.reopen()
            {
                tracing::error!(%error, "the audit log could not be opened again; it goes on in the file that was moved away");
            }
            let entries: Vec<Entry> = work.entries.into_iter().filter(|entry| !entry.is_given_up()).collect();
            let waiting = entries.iter().filter(|entry| entry.written.is_some()).count();
            let outcome = match self.trouble.take() {
                Some(trouble) => self.recover(trouble, entries, work.closing),
                None if entries.is_empty() => self.flush_if_due(),
                None => self.commit(entries),
            };
            if outcome.is_err() {
                self.keep(&mut Vec::new(), &outcome);
            } else if self.trouble.is_none() {
                self.shared.stalled.store(false, Ordering::Relaxed);
            }
            if work.closing {
                break;
            }
            if waiting > 1 && self.sync != SyncMode::Request {
                thread::sleep(GATHER);
            }
        }
        let _ = self.flush();
        let shared = Arc::clone(&self.shared);
        // Once the end is told, the file is free for another process.
        drop(self);
        shared.end();
    }

    /// How long to wait for records.
    fn patience(&self) -> Duration {
        if self.trouble.is_some() {
            return RETRY;
        }
        match self.dirty {
            Some(since) if self.sync != SyncMode::None => INTERVAL.saturating_sub(since.elapsed()),
            _ => IDLE,
        }
    }

    /// Writes records, flushes them if somebody waits for that, and tells those who wait. After a failure nothing of it is left to do but
    /// what has gone to `trouble`.
    fn commit(&mut self, entries: Vec<Entry>) -> io::Result<()> {
        let moved = self.output.make_room(entries.iter().map(|entry| entry.cost() + FRAME).sum());
        // The log goes on where it is.
        if let Err(error) = &moved
            && !self.is_stuck
        {
            tracing::error!(%error, "the audit log's file is full and could not be moved away; it grows on");
        }
        self.is_stuck = moved.is_err();
        let (mut rest, outcome) = self.write(entries);
        self.keep(&mut rest, &outcome);
        outcome.and_then(|()| self.flush_if_due())
    }

    /// Returns what was not written. Those who wait for what was written are told.
    fn write(&mut self, mut entries: Vec<Entry>) -> (Vec<Entry>, io::Result<()>) {
        let mut lines = std::mem::take(&mut self.lines);
        let mut at = self.shared.position();
        let mut positions = Vec::with_capacity(entries.len());
        for entry in &entries {
            at = chain::append(&mut lines.bytes, entry.kind, at, entry.content.as_bytes());
            lines.ends.push(lines.bytes.len());
            positions.push(at);
        }
        let (whole, outcome) = self.output.write(&lines);
        lines.clear(KEPT);
        self.lines = lines;
        let rest = entries.split_off(whole.min(entries.len()));
        if let Some(position) = whole.checked_sub(1).and_then(|last| positions.get(last)) {
            self.shared.set_position(*position);
            self.dirty.get_or_insert_with(Instant::now);
        }
        let is_awaited = entries.iter().any(|entry| entry.written.is_some());
        let flushed = if self.sync == SyncMode::Request && is_awaited { self.flush() } else { Ok(()) };
        for entry in entries {
            self.shared.counts.written(entry.kind);
            if let Some(written) = entry.written {
                if flushed.is_err() {
                    self.shared.counts.failed_intents.fetch_add(1, Ordering::Relaxed);
                }
                // Who waits no longer has refused the request.
                let _ = written.send(flushed.is_ok());
            }
        }
        (rest, outcome.and(flushed))
    }

    /// Tells those who wait for what was not written; the others' records are kept for later, as many as there is room for.
    fn keep(&mut self, rest: &mut Vec<Entry>, outcome: &io::Result<()>) {
        let Err(error) = outcome else { return };
        // Who is told that nothing was written finds the log not ready.
        if !self.shared.failing.swap(true, Ordering::Relaxed) {
            tracing::error!(%error, "the audit log cannot be written");
        }
        let counts = &self.shared.counts;
        let trouble = self.trouble.get_or_insert_with(|| Trouble {
            since: (self.clock)(),
            tried: Instant::now(),
            failed_intents: counts.failed_intents.load(Ordering::Relaxed),
            lost: counts.lost.load(Ordering::Relaxed),
            waiting: Vec::new(),
        });
        let mut bytes: usize = trouble.waiting.iter().map(Entry::cost).sum();
        for entry in rest.drain(..) {
            bytes += entry.cost();
            match entry.written {
                Some(written) => {
                    counts.failed_intents.fetch_add(1, Ordering::Relaxed);
                    let _ = written.send(false);
                }
                None if bytes <= ALL => trouble.waiting.push(entry),
                None => self.shared.count_dropped(&entry),
            }
        }
    }

    /// Tries again after a pause; before it is over, nobody waits in vain.
    fn recover(&mut self, mut trouble: Trouble, mut entries: Vec<Entry>, is_last: bool) -> io::Result<()> {
        if trouble.tried.elapsed() < RETRY && !is_last {
            self.trouble = Some(trouble);
            self.keep(&mut entries, &Err(io::ErrorKind::Other.into()));
            return Ok(());
        }
        trouble.tried = Instant::now();
        if let Err(error) = self.output.probe() {
            self.trouble = Some(trouble);
            self.keep(&mut entries, &Err(io::ErrorKind::Other.into()));
            return Err(error);
        }
        let mut batch = vec![Entry { kind: Kind::Resume, content: self.resume(&trouble), written: None }];
        batch.append(&mut trouble.waiting);
        batch.append(&mut entries);
        let (mut rest, outcome) = self.write(batch);
        if let Err(error) = outcome {
            // What tells of the end is written when it is the end.
            rest.retain(|entry| entry.kind != Kind::Resume);
            self.trouble = Some(trouble);
            self.keep(&mut rest, &Err(io::ErrorKind::Other.into()));
            return Err(error);
        }
        let flushed = self.flush();
        if flushed.is_err() {
            self.trouble = Some(trouble);
            return flushed;
        }
        self.shared.failing.store(false, Ordering::Relaxed);
        let counts = &self.shared.counts;
        let refused = counts.failed_intents.load(Ordering::Relaxed) - trouble.failed_intents;
        let lost = counts.lost.load(Ordering::Relaxed) - trouble.lost;
        tracing::info!(refused, lost, "the audit log is written again");
        Ok(())
    }

    fn resume(&self, trouble: &Trouble) -> Members {
        let counts = &self.shared.counts;
        let mut content = Members::default();
        content.add_time("time", (self.clock)());
        content.add_time("from", trouble.since);
        content.add("refused", &(counts.failed_intents.load(Ordering::Relaxed) - trouble.failed_intents));
        content.add("lost", &(counts.lost.load(Ordering::Relaxed) - trouble.lost));
        content
    }

    fn flush_if_due(&mut self) -> io::Result<()> {
        let is_due = self.sync != SyncMode::None && self.dirty.is_some_and(|since| since.elapsed() >= INTERVAL);
        if is_due { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.sync != SyncMode::None && self.dirty.is_some() {
            self.output.sync()?;
        }
        self.dirty = None;
        Ok(())
    }
}
