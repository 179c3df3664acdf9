//! The requests that wait for an issuer's keys: how many there may be, and who gives way when there are too many.
//!
//! Owns their places. They are not places of requests in flight: a request that waits here holds up no other. Knows no issuer.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::shares::{Path, Shares, Ticket};

/// All together. What each has sent is counted where messages are received; beyond that it holds its token and some KiB.
const MAX: usize = 1024;
/// For the issuers of one pattern.
const MAX_OF_PATTERN: usize = 512;
const MAX_OF_ISSUER: usize = 256;

#[derive(Clone, Debug, Default)]
pub(super) struct WaitingRoom(Arc<Inside>);

#[derive(Debug, Default)]
struct Inside {
    state: Mutex<State>,
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// By pattern and client: who invents issuers has no more for it.
    of_patterns: Shares,
    of_issuers: Shares,
    newest: Ticket,
    inside: HashMap<Ticket, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    paths: Paths,
    /// Dropped, it tells its owner that he has to go.
    _stays: oneshot::Sender<()>,
}

/// Whose keys are waited for, and on behalf of whom.
#[derive(Debug)]
pub(super) struct Paths {
    /// The pattern, or the issuer that the file names; the client's networks.
    pub(super) of_pattern: Path,
    /// The issuer; the client's networks.
    pub(super) of_issuer: Path,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    room: WaitingRoom,
    ticket: Ticket,
    sent_away: oneshot::Receiver<()>,
}

/// There is no place left, or others have a better right to it.
#[derive(Debug)]
pub(super) struct Crowded;

impl WaitingRoom {
    /// Takes a place. When one of the caps is reached, the last of those goes of whom there are most: that may be the newcomer.
    pub(super) fn enter(&self, paths: Paths) -> Result<Place, Crowded> {
        let mut state = self.0.state.lock();
        state.newest += 1;
        let ticket = state.newest;
        state.of_patterns.enter(&paths.of_pattern, ticket);
        state.of_issuers.enter(&paths.of_issuer, ticket);
        let too_many = state.one_too_many(&paths);
        let (sender, sent_away) = oneshot::channel();
        state.inside.insert(ticket, Waiting { paths, _stays: sender });
        if let Some(victim) = too_many {
            self.0.refused.fetch_add(1, Ordering::Relaxed);
            state.remove(victim);
        }
        drop(state);
        if too_many == Some(ticket) { Err(Crowded) } else { Ok(Place { room: self.clone(), ticket, sent_away }) }
    }

    pub(super) fn occupied(&self) -> usize {
        self.0.state.lock().of_patterns.waiting()
    }

    /// How many had to go.
    pub(super) fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }
}

impl State {
    /// Who has to go, by the narrowest cap that is passed: the wider ones are kept then as well.
    fn one_too_many(&self, paths: &Paths) -> Option<Ticket> {
        let group_and_rest = |shares: &Shares, path: &[u64], cap| {
            let (first, rest) = path.split_first()?;
            let group = shares.group(*first).filter(|group| group.waiting() > cap)?;
            group.gives_way(rest)
        };
        group_and_rest(&self.of_issuers, &paths.of_issuer, MAX_OF_ISSUER)
            .or_else(|| group_and_rest(&self.of_patterns, &paths.of_pattern, MAX_OF_PATTERN))
            .or_else(|| self.of_patterns.gives_way(&paths.of_pattern).filter(|_| self.of_patterns.waiting() > MAX))
            .map(|(_, ticket)| ticket)
    }

    fn remove(&mut self, ticket: Ticket) {
        if let Some(Waiting { paths, .. }) = self.inside.remove(&ticket) {
            self.of_patterns.leave(&paths.of_pattern, ticket);
            self.of_issuers.leave(&paths.of_issuer, ticket);
        }
    }
}

impl Place {
    /// Waits for this, or until somebody else has a better right to the place.
    pub(super) async fn wait_for(mut self, event: impl Future<Output = ()>) -> Result<(), Crowded> {
        tokio::select! {
            () = event => Ok(()),
            _ = &mut self.sent_away => Err(Crowded),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.0.state.lock().remove(self.ticket);
    }
}

#[cfg(test)]
mod tests;
