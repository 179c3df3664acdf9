//! The uses of tokens, counted in this process.
//!
//! Owns the bound on how many tokens are remembered, and when they are forgotten. Knows no clock.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Counted, StoreError};

/// Tokens that are remembered at the same time: with tokens of ten minutes, four hundred a second. They take about 40 MiB.
pub const CAPACITY: usize = 1 << 18;

/// The counts of tokens that have not expired.
#[derive(Debug)]
pub(super) struct MemoryStore {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tokens: HashMap<[u8; 32], Uses>,
    by_expiry: BTreeSet<(u64, [u8; 32])>,
}

#[derive(Debug)]
struct Uses {
    count: u32,
    expires: u64,
}

impl MemoryStore {
    /// Nothing counted yet.
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default() }
    }

    /// Takes a use; false when none is left. `now` in seconds since 1970.
    pub(super) fn take(&self, token: &Counted, now: u64) -> Result<bool, StoreError> {
        let mut state = self.lock();
        state.forget_expired(now);
        if let Some(uses) = state.tokens.get_mut(&token.key) {
            let free = uses.count < token.limit.get();
            uses.count += u32::from(free);
            return Ok(free);
        }
        if state.tokens.len() >= self.capacity {
            return Err(StoreError::Full);
        }
        state.tokens.insert(token.key, Uses { count: 1, expires: token.expires });
        state.by_expiry.insert((token.expires, token.key));
        Ok(true)
    }

    /// Gives a use back.
    pub(super) fn give_back(&self, token: &Counted) {
        let mut state = self.lock();
        let Some(uses) = state.tokens.get_mut(&token.key) else { return };
        uses.count = uses.count.saturating_sub(1);
        if uses.count == 0 {
            let place = (uses.expires, token.key);
            state.by_expiry.remove(&place);
            state.tokens.remove(&token.key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget_expired(&mut self, now: u64) {
        while let Some((expires, key)) = self.by_expiry.first().copied()
            && expires <= now
        {
            self.by_expiry.pop_first();
            self.tokens.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    fn token(name: u8, expires: u64) -> Counted {
        Counted { key: [name; 32], expires, limit: NonZeroU32::MIN }
    }

    #[test]
    fn a_token_is_remembered_until_it_expires_and_no_longer() {
        let store = MemoryStore::new(1);
        assert!(store.take(&token(1, 100), 50).unwrap());
        assert!(!store.take(&token(1, 100), 99).unwrap());
        assert!(matches!(store.take(&token(2, 300), 99), Err(StoreError::Full)), "no token that lives is forgotten");
        assert!(store.take(&token(2, 300), 100).unwrap());
        assert_eq!(store.lock().tokens.len(), 1);
    }

    #[test]
    fn what_was_given_back_takes_no_room() {
        let store = MemoryStore::new(1);
        assert!(store.take(&token(1, 100), 50).unwrap());
        store.give_back(&token(1, 100));
        store.give_back(&token(1, 100));
        assert!(store.take(&token(2, 100), 50).unwrap());
        assert_eq!(store.lock().by_expiry.len(), 1);
    }

    #[test]
    fn many_at_once_take_no_more_than_there_are() {
        let store = MemoryStore::new(10);
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16)
                .map(|_| scope.spawn(|| (0..100).filter(|_| store.take(&token(1, 100), 50).unwrap()).count()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(taken, 1);
    }
}
