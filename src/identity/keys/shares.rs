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
    /// alone has half of everything, two have a third each, and whoever comes new finds something free.
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
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Enters, and has somebody give way when more than this wait. Returns who had to go.
    fn crowd(shares: &mut Shares, path: &[u64], ticket: Ticket, room: usize) -> Option<(Path, Ticket)> {
        shares.enter(path, ticket);
        let gone = (shares.waiting() > room).then(|| shares.gives_way(path).unwrap());
        if let Some((path, ticket)) = &gone {
            assert!(shares.leave(path, *ticket));
        }
        gone
    }

    #[test]
    fn who_crowds_gives_way_and_nobody_else() {
        let mut shares = Shares::default();
        for ticket in 0..10 {
            assert_eq!(crowd(&mut shares, &[1, 1], ticket, 10), None);
        }
        assert_eq!(crowd(&mut shares, &[1, 1], 10, 10), Some((vec![1, 1], 10)), "the newcomer himself");
        assert_eq!(crowd(&mut shares, &[1, 2], 11, 10), Some((vec![1, 1], 9)), "the last of the largest");
        assert_eq!(crowd(&mut shares, &[2, 1], 12, 10), Some((vec![1, 1], 8)));
    }

    #[test]
    fn one_group_alone_leaves_half_and_the_next_one_finds_room() {
        let mut shares = Shares::default();
        let serve = |shares: &mut Shares| {
            let (path, ticket) = shares.next(16 - shares.served())?;
            shares.leave(&path, ticket);
            shares.serve(&path);
            Some(path[0])
        };
        for ticket in 0..100 {
            shares.enter(&[1], ticket);
        }
        while serve(&mut shares).is_some() {}
        assert_eq!(shares.served(), 8);
        for ticket in 100..200 {
            shares.enter(&[2], ticket);
        }
        for _ in 0..4 {
            assert_eq!(serve(&mut shares), Some(2));
        }
        shares.done(&[1]);
        shares.enter(&[3], 200);
        assert!(
            std::iter::from_fn(|| serve(&mut shares)).any(|group| group == 3),
            "there is something left for a third"
        );
    }

    #[test]
    fn groups_take_turns_however_many_wait_in_them() {
        let mut shares = Shares::default();
        for ticket in 0..1000 {
            shares.enter(&[1], ticket);
        }
        for ticket in 1000..1003 {
            shares.enter(&[2], ticket);
        }
        let mut served = Vec::new();
        for _ in 0..6 {
            let (path, ticket) = shares.next(1).unwrap();
            shares.leave(&path, ticket);
            shares.serve(&path);
            shares.done(&path);
            served.push(path[0]);
        }
        assert_eq!(served.iter().filter(|group| **group == 2).count(), 3, "{served:?}");
    }

    proptest! {
        #[test]
        fn nobody_is_pushed_out_while_his_group_has_no_more_than_its_share(
            arrivals in prop::collection::vec((0_u64..5, 0_u64..3), 1..300), room in 5_usize..40,
        ) {
            let (mut shares, mut counts) = (Shares::default(), HashMap::<u64, usize>::new());
            for (ticket, (outer, inner)) in arrivals.into_iter().enumerate() {
                let gone = crowd(&mut shares, &[outer, inner], ticket as u64, room);
                *counts.entry(outer).or_default() += 1;
                if let Some((path, _)) = gone {
                    let had = counts.get_mut(&path[0]).unwrap();
                    prop_assert!(*had > room / 5, "a group of {had} of {room} lost one");
                    *had -= 1;
                }
                prop_assert!(shares.waiting() <= room);
                prop_assert_eq!(shares.waiting(), counts.values().sum::<usize>());
            }
        }

        #[test]
        fn whoever_waits_is_served_in_the_end_and_nothing_is_left_behind(
            arrivals in prop::collection::vec((0_u64..4, 0_u64..3), 1..100), capacity in 1_usize..9,
        ) {
            let mut shares = Shares::default();
            for (ticket, (outer, inner)) in arrivals.iter().enumerate() {
                shares.enter(&[*outer, *inner], ticket as u64);
            }
            let mut served = Vec::new();
            let mut seen = 0;
            while shares.waiting() > 0 {
                match (shares.served() < capacity).then(|| shares.next(capacity - shares.served())).flatten() {
                    Some((path, ticket)) => {
                        prop_assert!(shares.leave(&path, ticket));
                        shares.serve(&path);
                        served.push(path);
                        seen += 1;
                    }
                    None => shares.done(&served.remove(0)),
                }
                prop_assert!(shares.served() <= capacity);
            }
            for path in served {
                shares.done(&path);
            }
            prop_assert_eq!(seen, arrivals.len());
            prop_assert!(shares.groups.is_empty());
        }
    }
}
