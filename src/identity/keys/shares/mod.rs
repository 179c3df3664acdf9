//! Shares of what there is too little of, along a path: for example the pattern, the client's network, the issuer's host.
//!
//! Owns the counts: who waits, who is served, who is next, and whose turn it is to give way. Knows neither tasks nor clocks.

use std::collections::{HashMap, VecDeque};

/// Who somebody is as far as shares go, the widest group first. All paths of one tree have the same length.
pub(super) type Path = Vec<u64>;
/// One of those who wait.
pub(super) type Ticket = u64;

/// A group, with the groups inside it. Only groups that somebody waits or is served in are remembered.
#[derive(Debug, Default)]
pub(super) struct Shares {
    waiting: usize,
    served: usize,
    /// When somebody of the group was last served, in services of the whole tree.
    last: u64,
    groups: HashMap<u64, Self>,
    /// Those who wait, in the innermost groups only.
    queue: VecDeque<Ticket>,
}

impl Shares {
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    pub(super) const fn served(&self) -> usize {
        self.served
    }

    /// One of the widest groups, if anybody waits or is served there.
    pub(super) fn group(&self, key: u64) -> Option<&Self> {
        self.groups.get(&key)
    }

    /// Puts somebody at the end of the queue. A group that is new goes behind those that are there: coming and going gains nothing.
    pub(super) fn enter(&mut self, path: &[u64], ticket: Ticket) {
        let now = self.last;
        self.waiting += 1;
        let mut group = self;
        for key in path {
            group = group.groups.entry(*key).or_insert_with(|| Self { last: now, ..Self::default() });
            group.waiting += 1;
        }
        group.queue.push_back(ticket);
    }

    /// Takes somebody out of the queue. Nothing happens if he is not in it.
    pub(super) fn leave(&mut self, path: &[u64], ticket: Ticket) -> bool {
        let found = match path.split_first() {
            None => {
                let before = self.queue.len();
                self.queue.retain(|other| *other != ticket);
                self.queue.len() < before
            }
            Some((key, rest)) => {
                let found = self.groups.get_mut(key).is_some_and(|group| group.leave(rest, ticket));
                self.tidy(*key);
                found
            }
        };
        self.waiting -= usize::from(found);
        found
    }

    /// Counts somebody of this path as served, from now on.
    pub(super) fn serve(&mut self, path: &[u64]) {
        self.last += 1;
        self.served += 1;
        let now = self.last;
        let mut group = self;
        for key in path {
            group = group.groups.entry(*key).or_default();
            (group.served, group.last) = (group.served + 1, now);
        }
    }

    /// Somebody of this path is served no longer.
    pub(super) fn done(&mut self, path: &[u64]) {
        self.served = self.served.saturating_sub(1);
        if let Some((key, rest)) = path.split_first() {
            if let Some(group) = self.groups.get_mut(key) {
                group.done(rest);
            }
            self.tidy(*key);
        }
    }

    /// Who is next, when this many more could be served: of the group that has the least, or that was served the longest time ago.
    ///
    /// A group is served no more often at a time than there is left over for others (Choudhury and Hahne's dynamic thresholds): one group
    /// alone has half of everything, two have a third each, and newcomers find something free.
    pub(super) fn next(&self, left: usize) -> Option<(Path, Ticket)> {
        if let Some(ticket) = self.queue.front() {
            return Some((Path::new(), *ticket));
        }
        let may = |group: &Self| group.waiting > 0 && (group.served == 0 || group.served < left);
        let mut groups: Vec<_> = self.groups.iter().filter(|(_, group)| may(group)).collect();
        groups.sort_unstable_by_key(|(key, group)| (group.served, group.last, **key));
        groups.into_iter().find_map(|(key, group)| {
            let (mut path, ticket) = group.next(left.saturating_sub(group.served))?;
            path.insert(0, *key);
            Some((path, ticket))
        })
    }

    /// Who has to give way when there is room for one less: the last of the group that has the most, and inside it again. Of two groups
    /// that have as much it is the newcomer's, who then has to go himself.
    pub(super) fn gives_way(&self, newcomer: &[u64]) -> Option<(Path, Ticket)> {
        if let Some(ticket) = self.queue.back() {
            return Some((Path::new(), *ticket));
        }
        let (own, rest) = newcomer.split_first().map_or((None, newcomer), |(key, rest)| (Some(key), rest));
        let (key, group) = self.groups.iter().max_by_key(|(key, group)| (group.waiting, Some(*key) == own, **key))?;
        let (mut path, ticket) = group.gives_way(if Some(key) == own { rest } else { &[] })?;
        path.insert(0, *key);
        Some((path, ticket))
    }

    /// Forgets a group of which nothing is left.
    fn tidy(&mut self, key: u64) {
        if self.groups.get(&key).is_some_and(|group| group.waiting == 0 && group.served == 0) {
            self.groups.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests;
