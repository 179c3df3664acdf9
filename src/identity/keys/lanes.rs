//! How many issuers are asked for their keys at the same time.
//!
//! Owns the queues. Issuers that the file names, issuers of patterns that have answered before, and new ones pattern by pattern queue
//! apart: whoever invents issuers that match a pattern holds up new issuers of that pattern, and nobody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::KeyError;

/// Issuers that the file names.
const NAMED: usize = 32;
/// Issuers of patterns that have answered before.
const KNOWN: usize = 16;
/// New issuers, of each pattern.
const NEW: usize = 8;
/// New issuers that wait or are being asked, of each pattern.
const NEW_SEATS: usize = 64;

/// Which queue a fetch goes through.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lane<'a> {
    /// The file names the issuer.
    Named,
    /// It matched a pattern and has answered before.
    Known,
    /// It matched this pattern and never answered.
    New(&'a str),
}

/// The queues.
#[derive(Debug)]
pub(super) struct Lanes {
    named: Arc<Semaphore>,
    known: Arc<Semaphore>,
    new: Mutex<HashMap<String, Newcomers>>,
}

#[derive(Clone, Debug)]
struct Newcomers {
    seats: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

/// The right to ask, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _turn: OwnedSemaphorePermit,
    _seat: Option<OwnedSemaphorePermit>,
}

impl Lanes {
    pub(super) fn new() -> Self {
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Self { named: semaphore(NAMED), known: semaphore(KNOWN), new: Mutex::default() }
    }

    /// Waits for a turn. In the queues of new issuers nobody waits longer than `patience`, and only so many wait at all.
    pub(super) async fn turn(&self, lane: Lane<'_>, patience: Duration) -> Result<Turn, KeyError> {
        let of = async |queue: &Arc<Semaphore>| Arc::clone(queue).acquire_owned().await.map_err(|_| KeyError::Busy);
        match lane {
            Lane::Named => Ok(Turn { _turn: of(&self.named).await?, _seat: None }),
            Lane::Known => Ok(Turn { _turn: of(&self.known).await?, _seat: None }),
            Lane::New(pattern) => {
                let Newcomers { seats, turns } = self.newcomers(pattern);
                let seat = seats.try_acquire_owned().map_err(|_| KeyError::Busy)?;
                let turn = tokio::time::timeout(patience, of(&turns)).await.map_err(|_| KeyError::Busy)??;
                Ok(Turn { _turn: turn, _seat: Some(seat) })
            }
        }
    }

    /// Forgets the queues of patterns that the file has no longer.
    pub(super) fn keep(&self, is_kept: impl Fn(&str) -> bool) {
        self.new.lock().unwrap_or_else(PoisonError::into_inner).retain(|pattern, _| is_kept(pattern));
    }

    fn newcomers(&self, pattern: &str) -> Newcomers {
        let mut new = self.new.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Newcomers { seats: Arc::new(Semaphore::new(NEW_SEATS)), turns: Arc::new(Semaphore::new(NEW)) };
        new.entry(pattern.to_owned()).or_insert_with(fresh).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn turn(lanes: &Lanes, lane: Lane<'_>) -> Result<Turn, KeyError> {
        lanes.turn(lane, Duration::ZERO).await
    }

    #[tokio::test]
    async fn new_issuers_of_one_pattern_hold_up_nobody_else() {
        let lanes = Lanes::new();
        let mut held = Vec::new();
        for _ in 0..NEW {
            held.push(turn(&lanes, Lane::New("a")).await.unwrap());
        }
        assert!(matches!(turn(&lanes, Lane::New("a")).await, Err(KeyError::Busy)));
        for other in [Lane::Named, Lane::Known, Lane::New("b")] {
            assert!(turn(&lanes, other).await.is_ok(), "{other:?}");
        }
        held.pop();
        assert!(turn(&lanes, Lane::New("a")).await.is_ok());
    }

    #[tokio::test]
    async fn only_so_many_new_issuers_wait() {
        let lanes = Arc::new(Lanes::new());
        let waiting: Vec<_> = (0..NEW_SEATS)
            .map(|_| {
                let lanes = Arc::clone(&lanes);
                tokio::spawn(async move {
                    let turn = lanes.turn(Lane::New("a"), Duration::from_mins(1)).await;
                    std::future::pending::<()>().await;
                    drop(turn);
                })
            })
            .collect();
        let seats = lanes.newcomers("a").seats;
        while seats.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(lanes.turn(Lane::New("a"), Duration::from_mins(1)).await, Err(KeyError::Busy)));
        lanes.keep(|pattern| pattern != "a");
        assert!(lanes.turn(Lane::New("a"), Duration::from_mins(1)).await.is_ok(), "a new queue");
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
