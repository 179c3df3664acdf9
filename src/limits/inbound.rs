//! What one connection of HTTP/2 holds of its client between the socket and the calls.
//!
//! Owns the reservations of what the protocol's library holds before a call exists or reads it: the header block that arrives, data that
//! no call has read yet, and the largest frame. The socket's side reserves, the calls' side takes over. Knows no byte of HTTP/2.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::memory::{ConnectionMemory, MemoryExhausted, Reservation};

/// The reservations of a connection.
#[derive(Debug)]
pub(crate) struct Inbound(Mutex<State>);

#[derive(Debug)]
struct State {
    memory: Arc<ConnectionMemory>,
    /// Of the header block that arrives, or has arrived and is not a call yet.
    block: Option<(u32, Reservation)>,
    /// Frames of data that no call has read yet, by the call's stream.
    unread: HashMap<u32, usize>,
    /// Everything that came since the oldest of those: it is held in the same buffers.
    behind_unread: Reservation,
    /// The buffer for the largest frame so far.
    buffer: Reservation,
    /// What the table of header fields holds, until the client has emptied it.
    table: Reservation,
}

/// A call's part: its stream, and what its header block cost.
#[derive(Debug)]
pub struct CallMemory {
    inbound: Arc<Inbound>,
    stream: Option<u32>,
    reservation: Reservation,
}

impl Inbound {
    pub(crate) fn new(memory: &Arc<ConnectionMemory>) -> Arc<Self> {
        let none = || Reservation::new(Arc::clone(memory));
        Arc::new(Self(Mutex::new(State {
            memory: Arc::clone(memory),
            block: None,
            unread: HashMap::new(),
            behind_unread: none(),
            buffer: none(),
            table: none(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The header block of this stream costs so much by now.
    pub(crate) fn block(&self, stream: u32, bytes: usize) -> Result<(), MemoryExhausted> {
        let mut state = self.lock();
        let state = &mut *state;
        let memory = &state.memory;
        let new = || (stream, Reservation::new(Arc::clone(memory)));
        let (of, reservation) = state.block.get_or_insert_with(new);
        *of = stream;
        if reservation.bytes() < bytes { reservation.resize(bytes) } else { Ok(()) }
    }

    /// The last header block made no call: it was refused and is gone.
    pub(crate) fn block_is_gone(&self) {
        self.lock().block = None;
    }

    /// A frame of this length begins, with data for this stream if any.
    pub(crate) fn frame(&self, length: usize, buffer: usize, data_for: Option<u32>) -> Result<(), MemoryExhausted> {
        let mut state = self.lock();
        let state = &mut *state;
        if state.buffer.bytes() < buffer {
            state.buffer.resize(buffer)?;
        }
        let unread = data_for.and_then(|stream| state.unread.get_mut(&stream));
        if unread.is_some() || state.behind_unread.bytes() > 0 {
            state.behind_unread.grow(length)?;
        }
        if let Some(frames) = unread {
            *frames += 1;
        }
        Ok(())
    }

    /// Entries were added to the table of header fields, which hold so much more.
    pub(crate) fn table(&self, bytes: usize) -> Result<(), MemoryExhausted> {
        self.lock().table.grow(bytes)
    }

    /// The table of header fields is empty.
    pub(crate) fn table_is_empty(&self) {
        let mut state = self.lock();
        let none = Reservation::new(Arc::clone(&state.memory));
        state.table = none;
    }

    /// A call begins: it takes over what its header block cost.
    pub(crate) fn begin_call(self: &Arc<Self>) -> CallMemory {
        let mut state = self.lock();
        let (stream, reservation) = match state.block.take() {
            Some((stream, reservation)) => (Some(stream), reservation),
            None => (None, Reservation::new(Arc::clone(&state.memory))),
        };
        if let Some(stream) = stream {
            state.unread.insert(stream, 0);
        }
        drop(state);
        CallMemory { inbound: Arc::clone(self), stream, reservation }
    }

    fn read(&self, stream: u32, all: bool) {
        let mut state = self.lock();
        if all {
            state.unread.remove(&stream);
        } else if let Some(frames) = state.unread.get_mut(&stream) {
            *frames = frames.saturating_sub(1);
        }
        if state.behind_unread.bytes() > 0 && state.unread.values().all(|frames| *frames == 0) {
            let none = Reservation::new(Arc::clone(&state.memory));
            state.behind_unread = none;
        }
    }
}

impl CallMemory {
    /// What the call holds, to be grown with its message.
    pub const fn reservation(&mut self) -> &mut Reservation {
        &mut self.reservation
    }

    /// Nothing yet of the same connection's memory.
    pub fn another_reservation(&self) -> Reservation {
        Reservation::new(Arc::clone(&self.inbound.lock().memory))
    }

    /// The call has read a frame of its data.
    pub fn frame_read(&self) {
        if let Some(stream) = self.stream {
            self.inbound.read(stream, false);
        }
    }
}

impl Drop for CallMemory {
    /// What the call has not read is thrown away with it.
    fn drop(&mut self) {
        if let Some(stream) = self.stream {
            self.inbound.read(stream, true);
        }
    }
}

#[cfg(test)]
mod tests {
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
        inbound.frame(100, 0, Some(1)).unwrap();
        drop(call);
        assert_eq!(left(&memory), ALL);
        inbound.frame(9, 20_000, None).unwrap();
        inbound.frame(9, 10_000, None).unwrap();
        assert_eq!(left(&memory), ALL - 20_000, "the largest frame's buffer stays");
        drop(inbound);
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
}
