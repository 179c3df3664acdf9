use super::*;
use proptest::prelude::*;
use std::num::NonZeroU32;

fn token(name: u8, expires: u64) -> Counted {
    Counted { key: [name; 32], expires, limit: NonZeroU32::MIN, entry: 1, issuer: 1 }
}

/// The token of that number of an issuer of an entry.
fn of(entry: Party, issuer: Party, number: u32) -> Counted {
    let mut key = [0; 32];
    for (place, byte) in key.iter_mut().zip([entry.to_be_bytes(), issuer.to_be_bytes()].concat()) {
        *place = byte;
    }
    for (place, byte) in key.iter_mut().zip(number.to_be_bytes()) {
        *place = byte;
    }
    Counted { key, expires: 1000, limit: NonZeroU32::MIN, entry, issuer }
}

/// How many of its tokens a greedy issuer can have counted.
fn fill(store: &MemoryStore, entry: Party, issuer: Party) -> usize {
    (0..u32::MAX).take_while(|number| matches!(store.take(&of(entry, issuer, *number), 0), Ok(true))).count()
}

#[test]
fn a_token_is_remembered_until_it_expires_and_no_longer() {
    let store = MemoryStore::new(1);
    assert!(store.take(&token(1, 100), 50).unwrap());
    assert!(!store.take(&token(1, 100), 99).unwrap());
    assert!(matches!(store.take(&token(2, 300), 99), Err(StoreError::Full)), "no token that lives is forgotten");
    assert!(store.take(&token(2, 300), 100).unwrap());
    assert_eq!(store.state.lock().tokens.len(), 1);
}

#[test]
fn what_was_given_back_takes_no_room() {
    let store = MemoryStore::new(1);
    assert!(store.take(&token(1, 100), 50).unwrap());
    store.give_back(&token(1, 100));
    store.give_back(&token(1, 100));
    assert!(store.take(&token(2, 100), 50).unwrap());
    assert_eq!(store.state.lock().by_expiry.len(), 1);
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

#[test]
fn a_greedy_issuer_leaves_room_for_all_others() {
    let store = MemoryStore::new(1000);
    assert_eq!(fill(&store, 1, 1), 500);
    assert_eq!(fill(&store, 2, 2), 250);
    assert_eq!(fill(&store, 3, 3), 125);
    assert!(store.take(&of(4, 4, 0), 0).unwrap());
    assert!(matches!(store.take(&of(1, 1, 9999), 0), Err(StoreError::Full)));
    assert!(!store.take(&of(1, 1, 0), 0).unwrap(), "what is counted stays counted");
}

#[test]
fn a_greedy_issuer_of_a_pattern_leaves_room_for_its_neighbours_and_all_of_them_for_others() {
    let store = MemoryStore::new(1200);
    assert_eq!(fill(&store, 1, 10), 400);
    assert_eq!(fill(&store, 1, 11), 134);
    for issuer in 12..40 {
        fill(&store, 1, issuer);
    }
    let left = 1200 - store.state.lock().tokens.len();
    assert!(left >= 600, "{left}");
    assert_eq!(fill(&store, 2, 2), left / 2);
}

#[test]
fn shares_are_free_again_with_their_tokens() {
    let store = MemoryStore::new(100);
    let taken = fill(&store, 1, 10);
    let state = |store: &MemoryStore| {
        let state = store.state.lock();
        (state.by_entry.len(), state.by_issuer.len())
    };
    assert_eq!(state(&store), (1, 1));
    store.give_back(&of(1, 10, 0));
    assert!(store.take(&of(1, 10, 5000), 0).unwrap());
    assert!(store.take(&Counted { expires: 2000, ..of(1, 10, 1) }, 1000).unwrap(), "all have expired");
    assert_eq!(store.state.lock().tokens.len(), 1);
    store.give_back(&of(1, 10, 1));
    assert_eq!((state(&store), taken), ((0, 0), 34));
}

proptest! {
    /// Whatever is asked: no token is used more often than it may be, there are never more than there are places for, and an issuer
    /// that has nothing yet gets a place.
    #[test]
    fn no_token_is_used_twice_and_no_newcomer_is_turned_away(
        asked in proptest::collection::vec((0u8..4, 0u8..3, 0u32..30, 0u64..4, any::<bool>()), 0..400),
    ) {
        let store = MemoryStore::new(64);
        let (mut now, mut used) = (0, HashMap::<[u8; 32], u64>::new());
        for (entry, issuer, number, step, gives_back) in asked {
            now += step;
            used.retain(|_, expires| *expires > now);
            let token = Counted { expires: now + 20, ..of(entry.into(), 10 * Party::from(entry) + Party::from(issuer), number) };
            let is_newcomer = !store.state.lock().by_entry.contains_key(&token.entry);
            match store.take(&token, now) {
                Ok(true) => prop_assert!(used.insert(token.key, token.expires).is_none(), "used twice"),
                Ok(false) => prop_assert!(used.contains_key(&token.key)),
                Err(_) => prop_assert!(!is_newcomer && !used.contains_key(&token.key), "turned away"),
            }
            if gives_back && used.remove(&token.key).is_some() {
                store.give_back(&token);
            }
            let state = store.state.lock();
            prop_assert!(state.tokens.len() == used.len() && state.by_expiry.len() == used.len() && used.len() <= 64);
            prop_assert_eq!(state.by_entry.values().sum::<usize>(), used.len());
            prop_assert_eq!(state.by_issuer.values().sum::<usize>(), used.len());
        }
    }
}
