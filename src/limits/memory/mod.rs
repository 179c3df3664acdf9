//! The memory that strangers can make this process hold: heads, header blocks, messages, and calls under way.
//!
//! Owns the count of bytes, of all connections together. Knows neither where they come from nor what they say: what holds memory for a
//! client reserves it here first, by what it costs and not by what the client sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const KIB: usize = 1024;

/// Bytes that each connection of HTTP/1 has, whatever the others do. An ordinary request, its token included, is a quarter of it.
pub(crate) const OWN: usize = 16 * KIB;
/// The same of HTTP/2, where a call takes more and half as many connections are allowed.
pub(crate) const OWN_HTTP2: usize = 40 * KIB;
/// Bytes beyond its own that one connection may take of [`COMMON`]: a request with a token of 64 KiB fits, in a header as in a message.
pub(crate) const COMMON_PER_CONNECTION: usize = 320 * KIB;
/// Bytes that connections take before they take any of [`LARGE`]. More than 150 connections are needed to fill it, so that a few that send
/// much do not keep an honest client from sending a large token.
pub(crate) const COMMON: usize = 48 * 1024 * KIB;
/// Bytes for whatever is beyond that.
pub(crate) const LARGE: usize = 48 * 1024 * KIB;

/// What is left of something that is counted in bytes.
#[derive(Debug)]
struct Left(AtomicUsize);

impl Left {
    const fn new(bytes: usize) -> Self {
        Self(AtomicUsize::new(bytes))
    }

    /// As much of this as there is.
    fn take_up_to(&self, wanted: usize) -> usize {
        let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(wanted)));
        left.unwrap_or_else(|left| left).min(wanted)
    }

    fn give_back(&self, taken: usize) {
        if taken > 0 {
            self.0.fetch_add(taken, Ordering::Relaxed);
        }
    }
}

#[derive(Debug)]
pub struct MemoryBudget {
    common: Left,
    large: Left,
}

impl Default for MemoryBudget {
    fn default() -> Self {
        Self { common: Left::new(COMMON), large: Left::new(LARGE) }
    }
}

/// What one connection may take: its own bytes, then those that it shares with the others.
#[derive(Debug)]
pub struct ConnectionMemory {
    own: Left,
    of_common: Left,
    budget: Arc<MemoryBudget>,
}

impl ConnectionMemory {
    /// That of a new connection of HTTP/1.
    pub fn http1(budget: Arc<MemoryBudget>) -> Arc<Self> {
        Self::new(OWN, budget)
    }

    /// That of a new connection of HTTP/2.
    pub fn http2(budget: Arc<MemoryBudget>) -> Arc<Self> {
        Self::new(OWN_HTTP2, budget)
    }

    fn new(own: usize, budget: Arc<MemoryBudget>) -> Arc<Self> {
        Arc::new(Self { own: Left::new(own), of_common: Left::new(COMMON_PER_CONNECTION), budget })
    }

    fn take(&self, bytes: usize) -> Result<Shares, MemoryExhausted> {
        let own = self.own.take_up_to(bytes);
        let allowed = self.of_common.take_up_to(bytes - own);
        let common = self.budget.common.take_up_to(allowed);
        self.of_common.give_back(allowed - common);
        let large = self.budget.large.take_up_to(bytes - own - common);
        let taken = Shares { own, common, large };
        if taken.sum() == bytes {
            return Ok(taken);
        }
        self.give_back(taken);
        Err(MemoryExhausted)
    }

    fn give_back(&self, taken: Shares) {
        self.own.give_back(taken.own);
        self.of_common.give_back(taken.common);
        self.budget.common.give_back(taken.common);
        self.budget.large.give_back(taken.large);
    }
}

/// Nothing more can be reserved now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too much is being received at the same time")]
pub struct MemoryExhausted;

#[derive(Clone, Copy, Debug, Default)]
struct Shares {
    own: usize,
    common: usize,
    large: usize,
}

impl Shares {
    const fn sum(self) -> usize {
        self.own + self.common + self.large
    }

    /// Moves this many bytes out, those that are scarcest first.
    fn split(&mut self, bytes: usize) -> Self {
        let mut rest = bytes;
        let mut part = |from: &mut usize| {
            let moved = rest.min(*from);
            *from -= moved;
            rest -= moved;
            moved
        };
        let (large, common) = (part(&mut self.large), part(&mut self.common));
        Self { own: part(&mut self.own), common, large }
    }
}

/// Bytes that something holds, until it is dropped.
#[derive(Debug)]
pub struct Reservation {
    connection: Arc<ConnectionMemory>,
    taken: Shares,
}

impl Reservation {
    pub const fn new(connection: Arc<ConnectionMemory>) -> Self {
        Self { connection, taken: Shares { own: 0, common: 0, large: 0 } }
    }

    pub const fn bytes(&self) -> usize {
        self.taken.sum()
    }

    /// Reserves more bytes, all or none.
    pub fn grow(&mut self, bytes: usize) -> Result<(), MemoryExhausted> {
        let more = self.connection.take(bytes)?;
        self.taken.own += more.own;
        self.taken.common += more.common;
        self.taken.large += more.large;
        Ok(())
    }

    /// Makes it as many bytes as this.
    ///
    /// Errors: When there are not as many; it is then as before.
    pub fn resize(&mut self, bytes: usize) -> Result<(), MemoryExhausted> {
        if let Some(more) = bytes.checked_sub(self.bytes()) {
            return self.grow(more);
        }
        drop(self.split(self.bytes() - bytes));
        Ok(())
    }

    /// Takes this many bytes out of it, or all that it has.
    pub fn split(&mut self, bytes: usize) -> Self {
        Self { connection: Arc::clone(&self.connection), taken: self.taken.split(bytes) }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.connection.give_back(self.taken);
    }
}

#[cfg(test)]
mod tests;
