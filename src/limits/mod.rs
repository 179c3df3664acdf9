//! What one address, one identity and all callers together may ask of this process.
//!
//! Owns the bounds that are checked before work is done, and which failure says that one is reached. Knows no transport, no socket and
//! no message: callers say who asks.

pub mod address;
pub mod connections;
pub(crate) mod inbound;
pub(crate) mod intake;
pub(crate) mod memory;
pub(crate) mod rate;
pub mod single_use;

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::failure::{Failure, FailureKind};
use crate::networks::{Networks, network};
use address::{TrustedProxies, UntrustedProxies};
use memory::MemoryBudget;
use rate::{KeyedRate, Rate, RateKey};

/// Requests between their last byte and their answer, when nothing else is set: at a log's two seconds five hundred certificates a second.
pub const DEFAULT_IN_FLIGHT: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
/// What a caller reads that came when there was no place: the average request is answered by then.
const PLACE_AGAIN: Duration = Duration::from_secs(1);

/// The bounds that can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsOptions {
    /// Requests between their last byte and their answer.
    pub in_flight: NonZeroUsize,
    /// Requests for certificates of one client address, before the token is looked at.
    pub per_address: Option<Rate>,
    /// Requests of one identity, the token verified.
    pub per_identity: Option<Rate>,
    /// Whose word counts on where a request came from.
    pub proxies: TrustedProxies,
    /// The largest request body or gRPC message.
    pub message_bytes: MessageBytes,
}

impl Default for LimitsOptions {
    fn default() -> Self {
        Self {
            in_flight: DEFAULT_IN_FLIGHT,
            per_address: None,
            per_identity: None,
            proxies: TrustedProxies::default(),
            message_bytes: MessageBytes::default(),
        }
    }
}

/// How large a request body or a gRPC message may be, in bytes: from 1 to 4 MiB, which is Fulcio's cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageBytes(usize);

impl MessageBytes {
    /// When nothing else is set: four of the largest tokens.
    pub const DEFAULT: Self = Self(256 * 1024);
    pub const MAX: Self = Self(4 * 1024 * 1024);

    pub fn new(bytes: usize) -> Option<Self> {
        (1..=Self::MAX.0).contains(&bytes).then_some(Self(bytes))
    }

    pub const fn get(self) -> usize {
        self.0
    }
}

impl Default for MessageBytes {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The bounds, and what is used of them.
#[derive(Debug)]
pub struct Limits {
    places: Semaphore,
    per_address: Option<KeyedRate>,
    per_identity: Option<KeyedRate>,
    proxies: TrustedProxies,
    untrusted: UntrustedProxies,
    memory: Arc<MemoryBudget>,
    message_bytes: MessageBytes,
}

impl Default for Limits {
    fn default() -> Self {
        Self::new(LimitsOptions::default())
    }
}

/// A request's place among those in flight, until it is dropped.
#[must_use = "a place that is dropped at once bounds nothing"]
#[derive(Debug)]
pub struct Place<'a>(#[allow(dead_code, reason = "held, not read")] SemaphorePermit<'a>);

impl Limits {
    /// Bounds of which nothing is used yet.
    pub fn new(options: LimitsOptions) -> Self {
        Self {
            places: Semaphore::new(options.in_flight.get().min(Semaphore::MAX_PERMITS)),
            per_address: options.per_address.map(KeyedRate::new),
            per_identity: options.per_identity.map(KeyedRate::new),
            proxies: options.proxies,
            untrusted: UntrustedProxies::default(),
            memory: Arc::default(),
            message_bytes: options.message_bytes,
        }
    }

    /// A place for a request that has arrived in full.
    ///
    /// Errors: [`FailureKind::Overloaded`] when all are taken: to wait in a queue would only make every answer late.
    pub fn begin(&self) -> Result<Place<'_>, Failure> {
        self.places.try_acquire().map(Place).map_err(|_| overloaded("as many requests are in flight as are allowed"))
    }

    /// Where a request came from: the connection's other end, or what a proxy that is trusted says in the one header that counts. `values`
    /// are a header's lines in their order.
    pub fn client<'h, V: Iterator<Item = &'h [u8]>>(
        &self,
        peer: Option<IpAddr>,
        values: impl Fn(&str) -> V,
    ) -> Option<IpAddr> {
        let peer = peer?;
        self.untrusted.see(&self.proxies, peer, |header| values(header).next().is_some());
        Some(self.proxies.client(peer, values(self.proxies.header())))
    }

    /// Where the memory is counted that clients make us hold.
    pub const fn memory(&self) -> &Arc<MemoryBudget> {
        &self.memory
    }

    /// The largest request body or gRPC message.
    pub const fn message_bytes(&self) -> usize {
        self.message_bytes.get()
    }

    /// Counts a request of this address; of IPv6 the /64 counts, which is what one subscriber has. Returns the networks that it is in.
    pub fn admit_address(&self, client: Option<IpAddr>) -> Result<Option<Networks>, Failure> {
        let Some(client) = client else { return Ok(None) };
        if let Some(limit) = &self.per_address {
            limit.check(RateKey::address(network(client))).map_err(|wait| {
                Failure::new(FailureKind::AddressLimited, "the client's address is over its limit").retry_after(wait)
            })?;
        }
        Ok(Some(client.into()))
    }

    /// Counts a request of this identity.
    pub fn admit_identity(&self, issuer: &str, subject: &str) -> Result<(), Failure> {
        let Some(limit) = &self.per_identity else { return Ok(()) };
        limit.check(RateKey::identity(issuer, subject)).map_err(|wait| {
            Failure::new(FailureKind::IdentityLimited, "the token's identity is over its limit").retry_after(wait)
        })
    }
}

/// The failure of a caller for whom there is no place or no room.
pub fn overloaded(cause: &'static str) -> Failure {
    Failure::new(FailureKind::Overloaded, cause).retry_after(PLACE_AGAIN)
}

#[cfg(test)]
mod tests;
