use proptest::prelude::*;

use super::*;

fn name(pattern: u64, host: u64) -> Name {
    Name { group: Group { pattern, host }, used: Instant::now() }
}

#[test]
fn a_pattern_alone_may_have_everything_and_the_oldest_goes_first() {
    let mut shelf = Shelf::new(10);
    for key in 0..100_u64 {
        shelf.insert(key, name(1, 1));
    }
    let mut left: Vec<_> = shelf.items.keys().copied().collect();
    left.sort_unstable();
    assert_eq!(left, (90..100).collect::<Vec<_>>());
    shelf.insert(99, name(1, 1));
    assert_eq!(shelf.items.len(), 10, "one that is there takes no second place");
}

#[test]
fn inside_a_pattern_the_host_with_the_most_gives_way() {
    let mut shelf = Shelf::new(10);
    shelf.insert(0, name(1, 7));
    for key in 1..100_u64 {
        shelf.insert(key, name(1, 1));
    }
    assert!(shelf.items.contains_key(&0));
}

proptest! {
    #[test]
    fn no_pattern_pushes_out_what_another_has_of_its_share(
        arrivals in prop::collection::vec((0_u64..4, 0_u64..3), 1..300), capacity in 4_usize..40,
    ) {
        let mut shelf = Shelf::new(capacity);
        for (key, (pattern, host)) in arrivals.into_iter().enumerate() {
            let count = |shelf: &Shelf<u64, Name>, pattern| {
                shelf.items.values().filter(|item| item.group.pattern == pattern).count()
            };
            let before: Vec<_> = (0..4).map(|pattern| count(&shelf, pattern)).collect();
            shelf.insert(key as u64, name(pattern, host));
            prop_assert!(shelf.items.contains_key(&(key as u64)) && shelf.items.len() <= capacity);
            for other in (0..4).filter(|other| *other != pattern) {
                let had = before[usize::try_from(other).unwrap()];
                prop_assert!(count(&shelf, other) == had || had > capacity / 4, "{other} had {had} of {capacity}");
            }
        }
    }
}
