//! How many connections there are, and which one goes when there are too many.
//!
//! Owns the count and the order of those that wait for their client. Knows no socket: a connection asks whether it has been cut.
//!
//! A connection whose client has sent a whole request is being served and is never cut. All others wait for their client: those that are
//! idle, and those whose request trickles in. At the cap, the one that has waited longest makes room for a new one, so that no number of
//! idle or slow connections keeps a client out that sends its request at once.
//!
//! A connection takes next to no memory until its client has sent something, and then its protocol's buffers for as long as it lasts. So
//! there is a second, lower cap on those that have begun, weighed by what they take.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::networks::network;

/// Connections at the same time, of all listeners together, when nothing else is set.
pub const DEFAULT_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();

/// What those connections may weigh together whose client has begun to speak, when nothing else is set.
pub const DEFAULT_BEGUN: NonZeroUsize = NonZeroUsize::new(10_600).unwrap();

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    pub total: NonZeroUsize,
    /// Of those whose client has begun to speak, in [`Lease::begin`]'s weight.
    pub begun: NonZeroUsize,
    /// Of one address, if that is limited; of IPv6 the /64 counts.
    pub per_address: Option<NonZeroUsize>,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { total: DEFAULT_CONNECTIONS, begun: DEFAULT_BEGUN, per_address: None }
    }
}

/// Why a new connection is closed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("all connections are being served, and there are as many as are allowed")]
    Full,
    #[error("one address has as many connections as are allowed")]
    Address,
}

/// The connections of a server. Clones are the same.
#[derive(Clone, Debug)]
pub struct Connections(Arc<Registry>);

#[derive(Debug)]
struct Registry {
    limits: ConnectionLimits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    open: usize,
    by_address: HashMap<IpAddr, usize>,
    /// What those that have begun weigh together.
    weight: usize,
    /// Those whose client has said nothing yet, by when they began to wait.
    silent: BTreeMap<u64, Waiting>,
    /// Those that have begun and wait for their client, by when they began to wait.
    begun: BTreeMap<u64, Waiting>,
    next_turn: u64,
}

#[derive(Debug)]
struct Waiting {
    address: Option<IpAddr>,
    weight: usize,
    cut: Arc<Cut>,
}

/// Whether a connection has been cut, and whom to tell.
#[derive(Debug, Default)]
struct Cut(Mutex<(bool, Option<Waker>)>);

/// A connection's place; it is free again when this is dropped.
#[derive(Debug)]
pub struct Lease {
    registry: Arc<Registry>,
    address: Option<IpAddr>,
    cut: Arc<Cut>,
    turn: Mutex<Turn>,
}

/// Changed only while the registry is locked.
#[derive(Debug)]
struct Turn {
    began_to_wait: u64,
    weight: usize,
    requests: usize,
}

/// A request whose client has done its part, until it is dropped.
#[must_use = "a connection is served as long as this lives"]
#[derive(Debug)]
pub struct Serving(Arc<Lease>);

impl Connections {
    pub fn new(limits: ConnectionLimits) -> Self {
        Self(Arc::new(Registry { limits, state: Mutex::default() }))
    }

    /// A place for a new connection, and whether another one was cut for it.
    pub fn admit(&self, peer: Option<IpAddr>) -> Result<(Arc<Lease>, bool), Refused> {
        let limits = self.0.limits;
        let address = peer.filter(|_| limits.per_address.is_some()).map(network);
        let mut state = self.0.state.lock();
        if let (Some(address), Some(cap)) = (&address, limits.per_address)
            && state.by_address.get(address).is_some_and(|open| *open >= cap.get())
        {
            return Err(Refused::Address);
        }
        let mut waker = None;
        let evicts = state.open >= limits.total.get();
        if evicts {
            let longest = state.take_longest().ok_or(Refused::Full)?;
            waker = state.cut(&longest);
        }
        state.open += 1;
        if let Some(address) = address {
            *state.by_address.entry(address).or_default() += 1;
        }
        let cut = Arc::<Cut>::default();
        let began_to_wait = state.wait(Waiting { address, weight: 0, cut: Arc::clone(&cut) });
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        let turn = Mutex::new(Turn { began_to_wait, weight: 0, requests: 0 });
        Ok((Arc::new(Lease { registry: Arc::clone(&self.0), address, cut, turn }), evicts))
    }

    pub fn open(&self) -> usize {
        self.0.state.lock().open
    }
}

impl State {
    fn wait(&mut self, waiting: Waiting) -> u64 {
        let turn = self.next_turn;
        self.next_turn += 1;
        let kind = if waiting.weight == 0 { &mut self.silent } else { &mut self.begun };
        kind.insert(turn, waiting);
        turn
    }

    /// It waits no more; nothing if it did not, or has been cut.
    fn stop_waiting(&mut self, turn: &Turn) -> Option<Waiting> {
        let kind = if turn.weight == 0 { &mut self.silent } else { &mut self.begun };
        kind.remove(&turn.began_to_wait)
    }

    /// The one that has waited longest waits no more.
    fn take_longest(&mut self) -> Option<Waiting> {
        let first = |kind: &BTreeMap<u64, Waiting>| kind.first_key_value().map_or(u64::MAX, |(turn, _)| *turn);
        let silent = first(&self.silent) < first(&self.begun);
        let (_, longest) = if silent { self.silent.pop_first() } else { self.begun.pop_first() }?;
        Some(longest)
    }

    /// What is returned is to be woken.
    fn cut(&mut self, waiting: &Waiting) -> Option<Waker> {
        self.leave(waiting);
        waiting.cut.mark()
    }

    fn leave(&mut self, waiting: &Waiting) {
        self.open = self.open.saturating_sub(1);
        self.weight = self.weight.saturating_sub(waiting.weight);
        if let Some(address) = waiting.address
            && let Some(open) = self.by_address.get_mut(&address)
        {
            *open = open.saturating_sub(1);
            if *open == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

impl Cut {
    /// Cuts it; what is returned is to be woken.
    fn mark(&self) -> Option<Waker> {
        let mut state = self.0.lock();
        state.0 = true;
        state.1.take()
    }
}

impl Lease {
    /// The client has begun to speak: from now on the connection takes memory, which is weighed. While all of them weigh more than they
    /// may, those that have waited longest are cut; the number of them is returned.
    pub fn begin(&self, weight: NonZeroUsize) -> usize {
        let mut state = self.registry.state.lock();
        let mut turn = self.turn.lock();
        let Some(waiting) = state.stop_waiting(&turn) else { return 0 };
        turn.weight += weight.get();
        state.weight += weight.get();
        let mut wakers = Vec::new();
        while state.weight > self.registry.limits.begun.get()
            && let Some((_, longest)) = state.begun.pop_first()
        {
            wakers.push(state.cut(&longest));
        }
        turn.began_to_wait = state.wait(Waiting { weight: turn.weight, ..waiting });
        drop(turn);
        drop(state);
        let cut = wakers.len();
        wakers.into_iter().flatten().for_each(Waker::wake);
        cut
    }

    /// The client has done its part: until what is returned is dropped, the connection is not cut.
    pub fn serve(self: &Arc<Self>) -> Serving {
        let mut state = self.registry.state.lock();
        let mut turn = self.turn.lock();
        turn.requests += 1;
        state.stop_waiting(&turn);
        Serving(Arc::clone(self))
    }

    /// Ready once the connection has been cut.
    pub fn poll_cut(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.cut.0.lock();
        if state.0 {
            return Poll::Ready(());
        }
        if !state.1.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            state.1 = Some(context.waker().clone());
        }
        Poll::Pending
    }

    fn is_cut(&self) -> bool {
        self.cut.0.lock().0
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let lease = &self.0;
        let mut state = lease.registry.state.lock();
        let mut turn = lease.turn.lock();
        turn.requests = turn.requests.saturating_sub(1);
        // One that was cut before its request was whole has left already.
        if turn.requests == 0 && !lease.is_cut() {
            let cut = Arc::clone(&lease.cut);
            turn.began_to_wait = state.wait(Waiting { address: lease.address, weight: turn.weight, cut });
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.registry.state.lock();
        let turn = self.turn.lock();
        // One that was cut is counted no more.
        if let Some(waiting) = state.stop_waiting(&turn) {
            state.leave(&waiting);
        }
    }
}

#[cfg(test)]
mod tests;
