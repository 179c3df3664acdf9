use super::*;
use proptest::prelude::*;

fn left(left: &Left) -> usize {
    left.0.load(Ordering::Relaxed)
}

#[test]
fn what_is_ordinary_fits_whatever_a_few_large_ones_take() {
    assert_eq!((OWN, COMMON / COMMON_PER_CONNECTION), (16_384, 153), "a few do not fill what is common");
    let budget = Arc::<MemoryBudget>::default();
    let strangers: Vec<_> = (0..100).map(|_| ConnectionMemory::http1(Arc::clone(&budget))).collect();
    let mut held = Vec::new();
    for stranger in &strangers {
        let mut reservation = Reservation::new(Arc::clone(stranger));
        while reservation.grow(KIB).is_ok() {}
        held.push(reservation);
    }
    assert_eq!(left(&budget.large), 0);
    let mut honest = Reservation::new(ConnectionMemory::http1(Arc::clone(&budget)));
    assert_eq!(honest.grow(OWN + COMMON_PER_CONNECTION), Ok(()), "a large token");
    assert_eq!(honest.grow(1), Err(MemoryExhausted));
    let many: Vec<_> = (0..200)
        .map(|_| {
            let mut reservation = Reservation::new(ConnectionMemory::http1(Arc::clone(&budget)));
            let _ = reservation.grow(OWN + COMMON_PER_CONNECTION);
            reservation
        })
        .collect();
    let mut ordinary = Reservation::new(ConnectionMemory::http1(Arc::clone(&budget)));
    assert_eq!(ordinary.grow(OWN), Ok(()), "whatever the others hold");
    drop((held, honest, many, ordinary));
    assert_eq!((left(&budget.common), left(&budget.large)), (COMMON, LARGE));
}

#[derive(Clone, Debug)]
enum Step {
    Grow(usize, usize),
    Resize(usize, usize),
    Split(usize, usize),
    Drop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = prop_oneof![0..2 * OWN, 0..2 * COMMON_PER_CONNECTION, 0..2 * LARGE];
    prop_oneof![
        (any::<usize>(), bytes.clone()).prop_map(|(index, bytes)| Step::Grow(index, bytes)),
        (any::<usize>(), bytes.clone()).prop_map(|(index, bytes)| Step::Resize(index, bytes)),
        (any::<usize>(), bytes).prop_map(|(index, bytes)| Step::Split(index, bytes)),
        any::<usize>().prop_map(Step::Drop),
    ]
}

proptest! {
    /// In every order of events: what is missing from the budget is what the reservations say, and in the end nothing is missing.
    #[test]
    fn bytes_charged_are_bytes_held(steps in proptest::collection::vec(step(), 1..100)) {
        let budget = Arc::<MemoryBudget>::default();
        let connections: Vec<_> = (0..4).map(|_| ConnectionMemory::http1(Arc::clone(&budget))).collect();
        let mut held: Vec<Reservation> =
            (0..8).map(|index| Reservation::new(Arc::clone(&connections[index % 4]))).collect();
        for step in steps {
            let count = held.len();
            match step {
                Step::Grow(index, bytes) => {
                    let one = &mut held[index % count];
                    let before = one.bytes();
                    let grown = one.grow(bytes).is_ok();
                    prop_assert_eq!(one.bytes(), if grown { before + bytes } else { before });
                }
                Step::Resize(index, bytes) => {
                    let one = &mut held[index % count];
                    let before = one.bytes();
                    let done = one.resize(bytes).is_ok();
                    prop_assert_eq!(one.bytes(), if done { bytes } else { before });
                    prop_assert!(done || bytes > before);
                }
                Step::Split(index, bytes) => {
                    let one = &mut held[index % count];
                    let before = one.bytes();
                    let part = one.split(bytes);
                    prop_assert_eq!(part.bytes(), bytes.min(before));
                    prop_assert_eq!(part.bytes() + one.bytes(), before);
                    held.push(part);
                }
                Step::Drop(index) => {
                    let one = held.swap_remove(index % count);
                    held.push(Reservation::new(Arc::clone(&one.connection)));
                }
            }
            let charged: usize = held.iter().map(Reservation::bytes).sum();
            let own: usize = connections.iter().map(|one| OWN - left(&one.own)).sum();
            let of_common: usize = connections.iter().map(|one| COMMON_PER_CONNECTION - left(&one.of_common)).sum();
            let common = COMMON - left(&budget.common);
            prop_assert_eq!(common, of_common);
            prop_assert_eq!(charged, own + common + LARGE - left(&budget.large));
        }
        drop(held);
        prop_assert_eq!((left(&budget.common), left(&budget.large)), (COMMON, LARGE));
        for connection in connections {
            prop_assert_eq!((left(&connection.own), left(&connection.of_common)), (OWN, COMMON_PER_CONNECTION));
        }
    }
}
