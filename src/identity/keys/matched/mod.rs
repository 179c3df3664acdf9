//! Which issuers of patterns are remembered: those whose keys are held, those that never answered, and the names that once proved good.
//!
//! Owns who is forgotten when there are too many: always somebody of the pattern that has the most, so that no pattern pushes out what
//! another one has of its share. Finding an issuer whose keys are held takes no lock.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::entry::Entry;

/// How many issuers of patterns are held that have answered.
const MAX_PROVEN: usize = 1000;
/// How many are remembered that never answered: anybody can invent them.
const MAX_UNPROVEN: usize = 1000;
/// How many names are remembered that proved good once, whether their keys are held or not. A name is 40 bytes.
const MAX_NAMES: usize = 16_384;
/// After this time without a token an issuer is forgotten.
const IDLE: Duration = Duration::from_hours(1);
/// The same, of one that never answered.
const IDLE_UNPROVEN: Duration = Duration::from_mins(5);

#[derive(Debug)]
pub(super) struct Matched {
    /// The same as in `proven`, to read without a lock; replaced as a whole.
    held: ArcSwap<HashMap<Arc<str>, Arc<Entry>>>,
    proven: Mutex<Shelf<Arc<str>, Arc<Entry>>>,
    unproven: Mutex<Shelf<Arc<str>, Arc<Entry>>>,
    names: Mutex<Shelf<u64, Name>>,
}

/// Which pattern an issuer matched and on which host it is, by secret hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) pattern: u64,
    pub(super) host: u64,
}

#[derive(Debug)]
struct Name {
    group: Group,
    used: Instant,
}

/// What a shelf asks of those that stand on it.
trait Occupant {
    fn group(&self) -> Group;
    fn last_used(&self) -> Instant;
    /// Whether it cannot be missed now.
    fn is_needed(&self) -> bool {
        false
    }
}

impl Matched {
    pub(super) fn new() -> Self {
        Self {
            held: ArcSwap::default(),
            proven: Mutex::new(Shelf::new(MAX_PROVEN)),
            unproven: Mutex::new(Shelf::new(MAX_UNPROVEN)),
            names: Mutex::new(Shelf::new(MAX_NAMES)),
        }
    }

    /// An issuer that has answered before.
    pub(super) fn proven(&self, url: &str) -> Option<Arc<Entry>> {
        let entry = self.held.load().get(url).cloned()?;
        (entry.last_used().elapsed() < IDLE).then_some(entry)
    }

    /// An issuer that has not; a new one if it is not known or not usable any more.
    pub(super) fn unproven(
        &self,
        url: &str,
        is_usable: impl FnOnce(&Entry) -> bool,
        fresh: impl FnOnce() -> Arc<Entry>,
    ) -> Arc<Entry> {
        let mut unproven = self.unproven.lock();
        if let Some(entry) = unproven.items.get(url).filter(|entry| is_usable(entry)) {
            entry.touch();
            return Arc::clone(entry);
        }
        let entry = fresh();
        unproven.insert(url.into(), Arc::clone(&entry));
        entry
    }

    /// The issuer has answered: from now on it is held.
    pub(super) fn prove(&self, entry: &Arc<Entry>, name: u64) {
        let url: Arc<str> = entry.source.url.as_str().into();
        self.unproven.lock().items.remove(&url);
        let mut proven = self.proven.lock();
        proven.insert(url, Arc::clone(entry));
        self.held.store(Arc::new(proven.items.clone()));
        drop(proven);
        self.names.lock().insert(name, Name { group: entry.group, used: Instant::now() });
    }

    /// Whether the name proved good once.
    pub(super) fn knows(&self, name: u64) -> bool {
        self.names.lock().items.contains_key(&name)
    }

    /// Forgets the issuers of which this is not true.
    pub(super) fn keep(&self, is_kept: impl Fn(&Entry) -> bool) {
        self.unproven.lock().items.retain(|_, entry| is_kept(entry));
        let mut proven = self.proven.lock();
        proven.items.retain(|_, entry| is_kept(entry));
        self.held.store(Arc::new(proven.items.clone()));
    }

    /// Forgets those that no token came of for a long time.
    pub(super) fn forget_idle(&self) {
        let is_idle = |entry: &Entry, limit| entry.last_used().elapsed() >= limit && !entry.is_needed();
        self.unproven.lock().items.retain(|_, entry| !is_idle(entry, IDLE_UNPROVEN));
        let mut proven = self.proven.lock();
        let before = proven.items.len();
        proven.items.retain(|_, entry| !is_idle(entry, IDLE));
        if proven.items.len() < before {
            self.held.store(Arc::new(proven.items.clone()));
        }
    }

    /// How many have answered before.
    pub(super) fn count(&self) -> usize {
        self.held.load().len()
    }
}

impl Occupant for Arc<Entry> {
    fn group(&self) -> Group {
        self.group
    }

    fn last_used(&self) -> Instant {
        Entry::last_used(self)
    }

    fn is_needed(&self) -> bool {
        Entry::is_needed(self)
    }
}

impl Occupant for Name {
    fn group(&self) -> Group {
        self.group
    }

    fn last_used(&self) -> Instant {
        self.used
    }
}

/// A number of things, shared out to patterns and inside a pattern to hosts.
#[derive(Debug)]
struct Shelf<K, V> {
    capacity: usize,
    items: HashMap<K, V>,
}

impl<K: Hash + Eq + Clone, V: Occupant> Shelf<K, V> {
    fn new(capacity: usize) -> Self {
        Self { capacity, items: HashMap::new() }
    }

    /// Puts something in. When there is no room, that goes which was not used for the longest time, of the host that has the most of the
    /// pattern that has the most.
    fn insert(&mut self, key: K, value: V) {
        if self.items.len() >= self.capacity && !self.items.contains_key(key.borrow()) {
            let victim = self.victim(value.group());
            victim.and_then(|victim| self.items.remove(&victim));
        }
        self.items.insert(key, value);
    }

    fn victim(&self, newcomer: Group) -> Option<K> {
        let dispensable = || self.items.iter().filter(|(_, item)| !item.is_needed());
        let pattern = largest(dispensable().map(|(_, item)| item.group().pattern), newcomer.pattern)?;
        let of_pattern = || dispensable().filter(|(_, item)| item.group().pattern == pattern);
        let host = largest(of_pattern().map(|(_, item)| item.group().host), newcomer.host)?;
        let of_host = of_pattern().filter(|(_, item)| item.group().host == host);
        of_host.min_by_key(|(_, item)| item.last_used()).map(|(key, _)| key.clone())
    }
}

/// The key that is there most often; of two that are as often there, the newcomer's. Nothing if there is none at all.
fn largest(keys: impl Iterator<Item = u64>, newcomer: u64) -> Option<u64> {
    let mut counts = HashMap::<u64, usize>::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    if let Some(own) = counts.get_mut(&newcomer) {
        *own += 1;
    }
    counts.into_iter().max_by_key(|(key, count)| (*count, *key == newcomer, *key)).map(|(key, _)| key)
}

#[cfg(test)]
mod tests;
