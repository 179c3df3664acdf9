//! The uses of tokens, counted in this process.
//!
//! Owns the bound on how many tokens are remembered, and when they are forgotten. Knows no clock.

use std::collections::{BTreeSet, HashMap};

use parking_lot::Mutex;

use super::{Counted, Party, StoreError};

/// Tokens that are remembered at the same time: with tokens of ten minutes, four hundred a second. They take about 60 MiB.
pub const CAPACITY: usize = 1 << 18;

/// The counts of tokens that have not expired.
///
/// No token is forgotten before it expires: it could be used again. So the places are shared out while there are any: an entry of the
/// issuer file may have as many as would still be free with its own, and of the issuers of a pattern each as many as its entry has left.
/// One entry gets half of all places; of several that want all, each gets as much as stays free for the next one.
#[derive(Debug)]
pub(super) struct MemoryStore {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tokens: HashMap<[u8; 32], Uses>,
    by_expiry: BTreeSet<(u64, [u8; 32])>,
    by_entry: HashMap<Party, usize>,
    /// Of an entry and one of its issuers.
    by_issuer: HashMap<(Party, Party), usize>,
}

#[derive(Debug)]
struct Uses {
    count: u32,
    expires: u64,
    entry: Party,
    issuer: Party,
}

impl MemoryStore {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default() }
    }

    /// Takes a use; false when none is left. `now` in seconds since 1970.
    pub(super) fn take(&self, token: &Counted, now: u64) -> Result<bool, StoreError> {
        let mut state = self.state.lock();
        state.forget_expired(now);
        if let Some(uses) = state.tokens.get_mut(&token.key) {
            let free = uses.count < token.limit.get();
            uses.count += u32::from(free);
            return Ok(free);
        }
        if !state.has_room(self.capacity, token) {
            return Err(StoreError::Full);
        }
        state.remember(token);
        Ok(true)
    }

    pub(super) fn give_back(&self, token: &Counted) {
        let mut state = self.state.lock();
        let Some(uses) = state.tokens.get_mut(&token.key) else { return };
        uses.count = uses.count.saturating_sub(1);
        if uses.count == 0 {
            let place = (uses.expires, token.key);
            state.by_expiry.remove(&place);
            state.forget(&token.key);
        }
    }
}

impl State {
    fn has_room(&self, capacity: usize, token: &Counted) -> bool {
        let free = capacity.saturating_sub(self.tokens.len());
        let of_entry = self.by_entry.get(&token.entry).copied().unwrap_or(0);
        let of_issuer = self.by_issuer.get(&(token.entry, token.issuer)).copied().unwrap_or(0);
        // An entry that is one issuer has nobody to leave room for but other entries.
        of_entry < free && (token.entry == token.issuer || of_issuer < free - of_entry)
    }

    fn remember(&mut self, token: &Counted) {
        let Counted { key, expires, entry, issuer, .. } = *token;
        self.tokens.insert(key, Uses { count: 1, expires, entry, issuer });
        self.by_expiry.insert((expires, key));
        *self.by_entry.entry(entry).or_default() += 1;
        *self.by_issuer.entry((entry, issuer)).or_default() += 1;
    }

    /// Forgets a token whose place by expiry is gone already.
    fn forget(&mut self, key: &[u8; 32]) {
        let Some(uses) = self.tokens.remove(key) else { return };
        leave(&mut self.by_entry, uses.entry);
        leave(&mut self.by_issuer, (uses.entry, uses.issuer));
    }

    fn forget_expired(&mut self, now: u64) {
        while let Some((expires, key)) = self.by_expiry.first().copied()
            && expires <= now
        {
            self.by_expiry.pop_first();
            self.forget(&key);
        }
    }
}

fn leave<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, party: K) {
    if let std::collections::hash_map::Entry::Occupied(mut count) = counts.entry(party) {
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
    }
}

#[cfg(test)]
mod tests;
