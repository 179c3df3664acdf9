//! How many issuers are asked for their keys at the same time, and which comes next.
//!
//! Owns the queues. Issuers that the file names, issuers of patterns that have answered before, and new ones queue apart; in each queue the
//! turns are shared out, so that who invents issuers, or has many that hang, holds up few but himself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
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
        let mut state = self.0.lock();
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
        let mut state = self.0.lock();
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
            // One that has gone meanwhile gives it back at once; not by dropping it, which would lock once more.
            if let Err(mut turn) = waiting.turn.send(turn)
                && let Some(path) = turn.path.take()
            {
                state.shares.done(&path);
            }
        }
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
        drop(self.lane.0.lock().remove(self.ticket));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            let mut state = self.lane.0.lock();
            state.shares.done(&path);
            self.lane.dispatch(&mut state);
        }
    }
}

#[cfg(test)]
mod tests;
