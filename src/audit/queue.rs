//! What is on its way to the writer, and what all know of it.
//!
//! Owns the bounds: intents are refused long before outcomes and refusals are lost, which belong to requests that were let in. Writes nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::chain::{Kind, Position};
use super::json::Members;

/// Bytes that wait at most, from which on intents are refused.
const INTENTS: usize = 4 * 1024 * 1024;
/// Bytes that wait at most, from which on everything is.
pub(super) const ALL: usize = 2 * INTENTS;
/// What an entry costs besides its content.
const ENTRY: usize = 128;

/// A record that is not in its chain yet.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) content: Members,
    /// Who waits until it is written, and is told whether it was.
    pub(super) written: Option<oneshot::Sender<bool>>,
}

impl Entry {
    pub(super) fn cost(&self) -> usize {
        self.content.as_bytes().len() + ENTRY
    }

    /// Whether somebody waited for it and does no longer: nothing came of it.
    pub(super) fn is_given_up(&self) -> bool {
        self.written.as_ref().is_some_and(oneshot::Sender::is_closed)
    }
}

#[derive(Debug, Default)]
struct Queue {
    entries: Vec<Entry>,
    bytes: usize,
    /// The writer waits to be woken.
    idle: bool,
    /// The file is to be opened again: it may have been moved away.
    reopen: bool,
    life: Life,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Life {
    #[default]
    Open,
    /// Nothing more will come.
    Closing,
    /// The writer has ended.
    Closed,
}

/// What requests and the writer share.
#[derive(Debug)]
pub(super) struct Shared {
    queue: Mutex<Queue>,
    arrived: Condvar,
    ended: Condvar,
    position: Mutex<Position>,
    /// Nothing can be written.
    pub(super) failing: AtomicBool,
    /// Somebody waited in vain: the disk, or who reads a pipe, does not answer.
    pub(super) stalled: AtomicBool,
    pub(super) counts: Counts,
}

/// What was counted since the start.
#[derive(Debug, Default)]
pub(super) struct Counts {
    written: [AtomicU64; Kind::ALL.len()],
    /// Intents that could not be written.
    pub(super) failed_intents: AtomicU64,
    /// Certificates that were signed without their intent (`--audit-failure open`).
    pub(super) unrecorded: AtomicU64,
    /// Other records that were dropped.
    pub(super) lost: AtomicU64,
}

impl Counts {
    pub(super) fn written(&self, kind: Kind) {
        if let Some(count) = self.written.get(kind as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn of(&self, kind: Kind) -> u64 {
        self.written.get(kind as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

impl Shared {
    pub(super) fn new(position: Position) -> Self {
        Self {
            queue: Mutex::default(),
            arrived: Condvar::new(),
            ended: Condvar::new(),
            position: Mutex::new(position),
            failing: AtomicBool::new(false),
            stalled: AtomicBool::new(false),
            counts: Counts::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After the last record that was written.
    pub(super) fn position(&self) -> Position {
        *self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_position(&self, position: Position) {
        *self.position.lock().unwrap_or_else(PoisonError::into_inner) = position;
    }

    /// Takes a record, or says that there is no room.
    pub(super) fn push(&self, entry: Entry) -> bool {
        let cost = entry.cost();
        let most = if entry.kind == Kind::Intent { INTENTS } else { ALL };
        let mut queue = self.lock();
        if queue.life != Life::Open || queue.bytes.saturating_add(cost) > most {
            drop(queue);
            self.count_dropped(&entry);
            return false;
        }
        queue.bytes += cost;
        queue.entries.push(entry);
        self.wake(queue);
        true
    }

    pub(super) fn count_dropped(&self, entry: &Entry) {
        let count = if entry.kind == Kind::Intent { &self.counts.failed_intents } else { &self.counts.lost };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Has the writer open its file again.
    pub(super) fn reopen(&self) {
        let mut queue = self.lock();
        queue.reopen = true;
        self.wake(queue);
    }

    /// Has the writer write what is there, and end.
    pub(super) fn close(&self) {
        let mut queue = self.lock();
        if queue.life == Life::Open {
            queue.life = Life::Closing;
        }
        self.wake(queue);
    }

    fn wake(&self, mut queue: MutexGuard<'_, Queue>) {
        let wake = std::mem::take(&mut queue.idle);
        drop(queue);
        if wake {
            self.arrived.notify_one();
        }
    }

    /// Waits for something to do, but no longer than `limit`, and takes it.
    pub(super) fn take(&self, limit: Duration) -> Work {
        let is_idle = |queue: &mut Queue| {
            queue.idle = queue.entries.is_empty() && !queue.reopen && queue.life == Life::Open;
            queue.idle
        };
        let waited = self.arrived.wait_timeout_while(self.lock(), limit, is_idle);
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        queue.idle = false;
        queue.bytes = 0;
        Work {
            entries: std::mem::take(&mut queue.entries),
            reopen: std::mem::take(&mut queue.reopen),
            closing: queue.life != Life::Open,
        }
    }

    /// The writer has ended.
    pub(super) fn end(&self) {
        self.lock().life = Life::Closed;
        self.ended.notify_all();
    }

    /// Waits until the writer has ended, but no longer than `limit`: the disk may be stuck.
    pub(super) fn await_end(&self, limit: Duration) -> bool {
        let waited = self.ended.wait_timeout_while(self.lock(), limit, |queue| queue.life != Life::Closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.life == Life::Closed
    }
}

/// What the writer is to do.
pub(super) struct Work {
    pub(super) entries: Vec<Entry>,
    pub(super) reopen: bool,
    pub(super) closing: bool,
}
