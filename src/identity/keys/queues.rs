//! How many issuers are asked for their keys at the same time, and which comes next.
//!
//! Owns the queues. Issuers that the file names, issuers of patterns that have answered before, and new ones queue apart; in each queue the
//! turns are shared out, so that who invents issuers, or has many that hang, holds up few but himself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::error::KeyError;
use super::shares::{Path, Shares, Ticket};

/// Issuers that the file names; one host has half of it at most.
const NAMED: usize = 32;
/// Issuers of patterns that have answered before; one host of one pattern has a third of it at most.
const KNOWN: usize = 24;
/// New issuers of patterns; those of one client on one host have a fifth of it at most.
const NEW: usize = 48;
/// New issuers that wait for their turn.
const NEW_SEATS: usize = 512;
/// On behalf of how many clients one fetch waits.
const MAX_PATHS: usize = 8;

#[derive(Debug)]
pub(super) struct FetchQueues {
    pub(super) named: FetchQueue,
    pub(super) known: FetchQueue,
    /// By pattern, client's networks and host.
    pub(super) new: FetchQueue,
}

#[derive(Clone, Debug)]
pub(super) struct FetchQueue(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    turns: usize,
    seats: usize,
    shares: Shares,
    waiting: HashMap<Ticket, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    /// One fetch may be wanted by several clients: it comes when the first of them has his turn.
    paths: Vec<Path>,
    turn: oneshot::Sender<Permit>,
}

/// A place in the queue, until it is dropped.
#[derive(Debug)]
pub(super) struct Queued {
    lane: FetchQueue,
    ticket: Ticket,
    turn: oneshot::Receiver<Permit>,
}

/// The right to ask, until it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    lane: FetchQueue,
    /// Nothing once it has been given back.
    path: Option<Path>,
}

impl FetchQueues {
    pub(super) fn new() -> Self {
        Self {
            named: FetchQueue::new(NAMED, usize::MAX),
            known: FetchQueue::new(KNOWN, usize::MAX),
            new: FetchQueue::new(NEW, NEW_SEATS),
        }
    }
}

impl FetchQueue {
    fn new(turns: usize, seats: usize) -> Self {
        let state = State { turns, seats, shares: Shares::default(), waiting: HashMap::new() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Takes a place in the queue. When it is full, the last of those who have most of it goes.
    pub(super) fn enter(&self, ticket: Ticket, path: &[u64]) -> Queued {
        let (sender, turn) = oneshot::channel();
        let mut state = self.state();
        state.shares.enter(path, ticket);
        state.waiting.insert(ticket, Waiting { paths: vec![path.to_vec()], turn: sender });
        if state.shares.waiting() > state.seats
            && let Some((_, victim)) = state.shares.gives_way(path)
        {
            state.remove(victim);
        }
        self.dispatch(&mut state);
        drop(state);
        Queued { lane: self.clone(), ticket, turn }
    }

    /// Another client wants the same fetch: if it still waits, it may use his share as well.
    pub(super) fn join(&self, ticket: Ticket, path: &[u64]) {
        let mut state = self.state();
        match state.waiting.get_mut(&ticket) {
            Some(waiting) if waiting.paths.len() < MAX_PATHS && !waiting.paths.iter().any(|other| other == path) => {
                waiting.paths.push(path.to_vec());
            }
            _ => return,
        }
        state.shares.enter(path, ticket);
        if state.shares.waiting() > state.seats {
            match state.shares.gives_way(path) {
                Some((_, victim)) if victim != ticket => drop(state.remove(victim)),
                _ => state.withdraw(ticket, path),
            }
        }
        self.dispatch(&mut state);
    }

    /// Hands out turns for as long as there are any.
    fn dispatch(&self, state: &mut State) {
        while let Some(left) = state.turns.checked_sub(state.shares.served()).filter(|left| *left > 0) {
            let Some((path, ticket)) = state.shares.next(left) else { return };
            let Some(waiting) = state.remove(ticket) else { return };
            state.shares.serve(&path);
            let turn = Permit { lane: self.clone(), path: Some(path) };
            // Whoever has gone meanwhile gives it back at once; not by dropping it, which would lock once more.
            if let Err(mut turn) = waiting.turn.send(turn)
                && let Some(path) = turn.path.take()
            {
                state.shares.done(&path);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove(&mut self, ticket: Ticket) -> Option<Waiting> {
        let waiting = self.waiting.remove(&ticket)?;
        for path in &waiting.paths {
            self.shares.leave(path, ticket);
        }
        Some(waiting)
    }

    /// One of the clients wants it no longer.
    fn withdraw(&mut self, ticket: Ticket, path: &[u64]) {
        self.shares.leave(path, ticket);
        if let Some(waiting) = self.waiting.get_mut(&ticket) {
            waiting.paths.retain(|other| other != path);
        }
    }
}

impl Queued {
    /// Waits for the turn, but for no longer than `patience`, if there is an end to it.
    pub(super) async fn turn(mut self, patience: Option<Duration>) -> Result<Permit, KeyError> {
        let turn = &mut self.turn;
        let turn = match patience {
            None => turn.await,
            Some(patience) => tokio::time::timeout(patience, turn).await.map_err(|_| KeyError::Busy)?,
        };
        turn.map_err(|_| KeyError::Busy)
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        drop(self.lane.state().remove(self.ticket));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            let mut state = self.lane.state();
            state.shares.done(&path);
            self.lane.dispatch(&mut state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn turn(lane: &FetchQueue, ticket: Ticket, path: &[u64]) -> Result<Permit, KeyError> {
        lane.enter(ticket, path).turn(Some(Duration::ZERO)).await
    }

    fn assert_empty(lane: &FetchQueue) {
        let state = lane.state();
        assert_eq!((state.shares.served(), state.shares.waiting(), state.waiting.len()), (0, 0, 0));
    }

    #[tokio::test]
    async fn who_hangs_everywhere_leaves_turns_for_everybody_else() {
        let lane = FetchQueue::new(48, 512);
        let mut held = Vec::new();
        for ticket in 0..100 {
            held.extend(turn(&lane, ticket, &[1, 1, 1, 1]).await.ok());
        }
        assert_eq!(held.len(), 10, "one host of one client of one pattern");
        for (ticket, path) in [(200, [1, 1, 1, 2]), (201, [1, 1, 2, 1]), (202, [1, 2, 2, 1]), (203, [2, 1, 1, 1])] {
            assert!(turn(&lane, ticket, &path).await.is_ok(), "{path:?}");
        }
        assert!(turn(&lane, 300, &[1, 1, 1, 1]).await.is_err());
        held.pop();
        assert!(turn(&lane, 301, &[1, 1, 1, 1]).await.is_ok());
        drop(held);
        assert_empty(&lane);
    }

    #[tokio::test]
    async fn a_full_queue_is_shared_out() {
        let lane = FetchQueue::new(1, 4);
        let running = turn(&lane, 0, &[9]).await.unwrap();
        let crowd: Vec<_> = (1..5).map(|ticket| lane.enter(ticket, &[1])).collect();
        let refused = lane.enter(5, &[1]);
        let honest = lane.enter(6, &[2]);
        assert!(matches!(refused.turn(None).await, Err(KeyError::Busy)));
        drop(running);
        let mut crowd = crowd.into_iter();
        let first = crowd.next().unwrap().turn(None).await.unwrap();
        drop(first);
        drop(honest.turn(None).await.expect("the second turn is the other group's"));
        let last = crowd.next_back().unwrap();
        assert!(matches!(last.turn(None).await, Err(KeyError::Busy)), "it gave way");
    }

    #[tokio::test]
    async fn who_wants_what_another_has_queued_for_lends_it_his_share() {
        let lane = FetchQueue::new(1, 100);
        let running = turn(&lane, 0, &[9]).await.unwrap();
        let crowd: Vec<_> = (1..20).map(|ticket| lane.enter(ticket, &[1])).collect();
        let wanted = lane.enter(20, &[1]);
        lane.join(20, &[2]);
        lane.join(20, &[2]);
        drop(running);
        drop(crowd.into_iter().next().unwrap().turn(None).await.unwrap());
        drop(tokio::time::timeout(Duration::from_secs(5), wanted.turn(None)).await.expect("second").unwrap());
        assert_eq!(lane.state().shares.served(), 0);
    }

    #[tokio::test]
    async fn whoever_goes_away_takes_no_turn_along() {
        let lane = FetchQueue::new(1, 100);
        for ticket in 0..100 {
            // Half of these have been given their turn when they are dropped.
            let queued = [lane.enter(2 * ticket, &[1]), lane.enter(2 * ticket + 1, &[1])];
            drop(queued);
        }
        assert!(turn(&lane, 1000, &[1]).await.is_ok());
        assert_empty(&lane);
    }
}
