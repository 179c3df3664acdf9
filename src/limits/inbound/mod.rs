//! What one connection of HTTP/2 holds of its client between the socket and the calls.
//!
//! Owns the reservations of what the protocol's library holds before a call exists or reads it: the header block that arrives, data that
//! no call has read yet, and the largest frame. The socket's side reserves, the calls' side takes over. Knows no byte of HTTP/2.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

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

    /// The header block of this stream costs so much by now.
    pub(crate) fn block(&self, stream: u32, bytes: usize) -> Result<(), MemoryExhausted> {
        let mut state = self.0.lock();
        let state = &mut *state;
        let memory = &state.memory;
        let new = || (stream, Reservation::new(Arc::clone(memory)));
        let (of, reservation) = state.block.get_or_insert_with(new);
        *of = stream;
        if reservation.bytes() < bytes { reservation.resize(bytes) } else { Ok(()) }
    }

    /// The last header block made no call: it was refused and is gone.
    pub(crate) fn block_is_gone(&self) {
        self.0.lock().block = None;
    }

    /// A frame of this length begins, with data for this stream if any.
    pub(crate) fn frame(&self, length: usize, buffer: usize, data_for: Option<u32>) -> Result<(), MemoryExhausted> {
        let mut state = self.0.lock();
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
        self.0.lock().table.grow(bytes)
    }

    /// The table of header fields is empty.
    pub(crate) fn table_is_empty(&self) {
        let mut state = self.0.lock();
        let none = Reservation::new(Arc::clone(&state.memory));
        state.table = none;
    }

    /// A call begins: it takes over what its header block cost.
    pub(crate) fn begin_call(self: &Arc<Self>) -> CallMemory {
        let mut state = self.0.lock();
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
        let mut state = self.0.lock();
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
        Reservation::new(Arc::clone(&self.inbound.0.lock().memory))
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
mod tests;
