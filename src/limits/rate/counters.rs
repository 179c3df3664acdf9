//! Exact counters in bounded memory.
//!
//! Owns which counter is forgotten when there is no room for another. Knows no clock, and not what is counted.

use std::collections::{BTreeSet, HashMap};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Its kin: those that one party can have many of. It decides what is forgotten, never what is refused.
    pub(super) group: u64,
    pub(super) member: u128,
}

/// Until when each key is ahead of its rate. One that is not ahead needs no counter.
///
/// When there is no room, the group that has most counters loses the one that is nearest to its end: anyone who has many addresses or
/// identities pushes out his own. To be forgotten makes a caller's limit laxer, so that nobody is refused for what others did.
#[derive(Debug)]
pub(super) struct Counters {
    most: usize,
    ends: HashMap<u128, (u64, u64)>,
    by_end: BTreeSet<(u64, u128)>,
    by_group: BTreeSet<(u64, u64, u128)>,
    sizes: HashMap<u64, usize>,
    by_size: BTreeSet<(usize, u64)>,
}

impl Counters {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            ends: HashMap::new(),
            by_end: BTreeSet::new(),
            by_group: BTreeSet::new(),
            sizes: HashMap::new(),
            by_size: BTreeSet::new(),
        }
    }

    /// Until when the key is ahead; zero if nothing is known of it.
    pub(super) fn end(&self, key: Key) -> u64 {
        self.ends.get(&key.member).map_or(0, |(_, end)| *end)
    }

    /// Sets a key's end, which is after `now`.
    pub(super) fn set(&mut self, key: Key, end: u64, now: u64) {
        self.forget(key.member);
        self.forget_ended(now);
        if self.ends.len() >= self.most {
            self.make_room();
        }
        self.ends.insert(key.member, (key.group, end));
        self.by_end.insert((end, key.member));
        self.by_group.insert((key.group, end, key.member));
        self.resize(key.group, 1);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert!(self.ends.len() == self.by_end.len() && self.ends.len() == self.by_group.len());
        assert_eq!(self.by_size.iter().map(|(size, _)| size).sum::<usize>(), self.ends.len());
        assert_eq!(self.by_size.len(), self.sizes.len());
        self.ends.len()
    }

    /// Two for each that comes: what has ended goes sooner than new ones come, and no call has much to do.
    fn forget_ended(&mut self, now: u64) {
        for _ in 0..2 {
            match self.by_end.first() {
                Some(&(end, member)) if end <= now => self.forget(member),
                _ => return,
            }
        }
    }

    fn make_room(&mut self) {
        let largest = self.by_size.last().filter(|(size, _)| *size > 1).map(|(_, group)| *group);
        let nearest = match largest {
            Some(group) => self.by_group.range((group, 0, 0)..).next().map(|(.., member)| *member),
            None => self.by_end.first().map(|(_, member)| *member),
        };
        if let Some(member) = nearest {
            self.forget(member);
        }
    }

    fn forget(&mut self, member: u128) {
        let Some((group, end)) = self.ends.remove(&member) else { return };
        self.by_end.remove(&(end, member));
        self.by_group.remove(&(group, end, member));
        self.resize(group, -1);
    }

    fn resize(&mut self, group: u64, by: isize) {
        let before = self.sizes.get(&group).copied().unwrap_or(0);
        let size = before.saturating_add_signed(by);
        self.by_size.remove(&(before, group));
        if size == 0 {
            self.sizes.remove(&group);
        } else {
            self.sizes.insert(group, size);
            self.by_size.insert((size, group));
        }
    }
}
