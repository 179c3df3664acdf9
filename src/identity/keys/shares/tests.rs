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
    assert!(std::iter::from_fn(|| serve(&mut shares)).any(|group| group == 3), "there is something left for a third");
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
