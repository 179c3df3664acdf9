use super::*;
use crate::limits::memory::{COMMON_PER_CONNECTION, LARGE, MemoryBudget, OWN_HTTP2};
use proptest::prelude::*;

/// What is left for one more reservation of the same connection.
fn left(memory: &Arc<ConnectionMemory>) -> usize {
    let mut probe = Reservation::new(Arc::clone(memory));
    let mut step = 1 << 30;
    while step > 0 {
        while probe.grow(step).is_ok() {}
        step /= 2;
    }
    probe.bytes()
}

const ALL: usize = OWN_HTTP2 + COMMON_PER_CONNECTION + LARGE;

#[test]
fn data_is_held_until_its_call_has_read_it_or_ends() {
    let memory = ConnectionMemory::http2(Arc::<MemoryBudget>::default());
    let inbound = Inbound::new(&memory);
    inbound.block(1, 1000).unwrap();
    let call = inbound.begin_call();
    assert_eq!(left(&memory), ALL - 1000);
    inbound.frame(100, 0, None).unwrap();
    inbound.frame(100, 0, Some(3)).unwrap();
    assert_eq!(left(&memory), ALL - 1000, "nothing waits for a call");
    inbound.frame(100, 0, Some(1)).unwrap();
    inbound.frame(50, 0, None).unwrap();
    assert_eq!(left(&memory), ALL - 1150, "what came after it is in the same buffers");
    call.frame_read();
    assert_eq!(left(&memory), ALL - 1000);
    for (frames, held) in [(2, 1020), (1, 1030)] {
        (0..frames).for_each(|_| inbound.frame(10, 0, Some(1)).unwrap());
        call.frame_read();
        assert_eq!(left(&memory), ALL - held, "the older frame is read, the other one is not");
    }
    call.frame_read();
    assert_eq!(left(&memory), ALL - 1000);
    inbound.frame(100, 0, Some(1)).unwrap();
    drop(call);
    assert_eq!(left(&memory), ALL);
    inbound.frame(9, 20_000, None).unwrap();
    inbound.frame(9, 10_000, None).unwrap();
    assert_eq!(left(&memory), ALL - 20_000, "the largest frame's buffer stays");
    drop(inbound);
    assert_eq!(left(&memory), ALL);
}

#[test]
fn a_header_block_and_the_table_of_fields_are_held_until_they_are_gone() {
    let memory = ConnectionMemory::http2(Arc::<MemoryBudget>::default());
    let inbound = Inbound::new(&memory);
    for (bytes, held) in [(100, 100), (300, 300), (200, 300)] {
        inbound.block(1, bytes).unwrap();
        assert_eq!(left(&memory), ALL - held);
    }
    inbound.block_is_gone();
    inbound.table(70).unwrap();
    inbound.table(30).unwrap();
    assert_eq!(left(&memory), ALL - 100);
    inbound.table_is_empty();
    assert_eq!(left(&memory), ALL);
}

proptest! {
    /// In every order of blocks, data, reads and ends, all is free in the end.
    #[test]
    fn everything_is_given_back(steps in proptest::collection::vec((0..6_u8, any::<usize>(), 1..5000_usize), 1..80)) {
        let memory = ConnectionMemory::http2(Arc::<MemoryBudget>::default());
        let inbound = Inbound::new(&memory);
        let (mut calls, mut stream): (Vec<CallMemory>, u32) = (Vec::new(), 1);
        for (kind, index, bytes) in steps {
            let count = calls.len().max(1);
            match kind {
                0 => { stream += 2; let _ = inbound.block(stream, bytes); }
                1 => calls.push(inbound.begin_call()),
                2 => { let _ = inbound.frame(bytes, bytes, Some(u32::try_from(index % 41).unwrap())); }
                3 => calls.get(index % count).into_iter().for_each(CallMemory::frame_read),
                4 => { if !calls.is_empty() { calls.swap_remove(index % count); } }
                _ => inbound.block_is_gone(),
            }
        }
        drop((calls, inbound));
        prop_assert_eq!(left(&memory), ALL);
    }
}
