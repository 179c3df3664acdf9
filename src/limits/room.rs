//! The memory that messages may take while they arrive.
//!
//! Owns the count of octets received of all messages together. Knows neither where they come from nor what they say.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Octets of messages beyond each connection's own share, of all connections together: sixteen of the largest.
pub const SHARED_ROOM: usize = 64 * 1024 * 1024;
/// Octets that each connection may have received of messages that are not answered yet, whatever the others do. An ordinary request,
/// its token included, is a quarter of it.
pub const OWN_ROOM: usize = 16 * 1024;

/// What is left of something that is counted in octets.
#[derive(Debug)]
pub struct Room(AtomicUsize);

impl Default for Room {
    fn default() -> Self {
        Self(AtomicUsize::new(SHARED_ROOM))
    }
}

impl Room {
    /// A connection's own share.
    #[must_use]
    pub fn own() -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(OWN_ROOM)))
    }

    /// As much of this as there is.
    fn take_up_to(&self, wanted: usize) -> usize {
        let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(wanted)));
        left.unwrap_or_else(|left| left).min(wanted)
    }

    fn give_back(&self, taken: usize) {
        self.0.fetch_add(taken, Ordering::Relaxed);
    }
}

/// There is no room for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too much is being received at the same time")]
pub struct NoRoom;

/// The room that one message takes, until it is dropped.
#[derive(Debug)]
pub struct Taken {
    own: (Arc<Room>, usize),
    shared: (Arc<Room>, usize),
}

impl Taken {
    /// Nothing yet, of the connection's own room first.
    #[must_use]
    pub const fn new(own: Arc<Room>, shared: Arc<Room>) -> Self {
        Self { own: (own, 0), shared: (shared, 0) }
    }

    /// Takes room for more octets.
    ///
    /// # Errors
    /// When there is none: the message is then to be refused, which frees what it has.
    pub fn grow(&mut self, octets: usize) -> Result<(), NoRoom> {
        let own = self.own.0.take_up_to(octets);
        self.own.1 += own;
        let shared = self.shared.0.take_up_to(octets - own);
        self.shared.1 += shared;
        if own + shared == octets { Ok(()) } else { Err(NoRoom) }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        for (room, taken) in [&self.own, &self.shared] {
            room.give_back(*taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(room: &Room) -> usize {
        room.0.load(Ordering::Relaxed)
    }

    #[test]
    fn small_messages_have_room_whatever_the_large_ones_take() {
        let shared = Arc::new(Room::default());
        let mut large = Taken::new(Room::own(), Arc::clone(&shared));
        assert_eq!(large.grow(OWN_ROOM + SHARED_ROOM), Ok(()));
        let own = Room::own();
        let mut small = Taken::new(Arc::clone(&own), Arc::clone(&shared));
        assert_eq!((small.grow(OWN_ROOM), small.grow(1)), (Ok(()), Err(NoRoom)));
        let mut second = Taken::new(Arc::clone(&own), Arc::clone(&shared));
        assert_eq!(second.grow(1), Err(NoRoom), "a connection's streams share its room");
        drop((large, small, second));
        assert_eq!((left(&own), left(&shared)), (OWN_ROOM, SHARED_ROOM));
    }
}
