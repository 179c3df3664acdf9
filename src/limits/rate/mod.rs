//! So many in so long, for each of many keys.
//!
//! Owns the spelling of a rate, the arithmetic of counting and who is counted apart from whom. Knows no requests.

mod counters;

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use counters::{Counters, Key};

/// Counters of one rate. All of them take about 16 MiB.
pub(crate) const MAX_COUNTERS: usize = 1 << 16;
/// Leading bits of an IPv6 address that one party has at most, as a rule (RFC 6177): those with the same bits are kin.
const SITE_BITS: u32 = 48;

/// So many in so long: as many at once, and one more each time that a share of the period has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: NonZeroU32,
    period: Duration,
}

/// Why a string is not a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a rate like 10/s, 600/m or 1000/1h: a number from 1, a slash, a period from 1s to 1day")]
pub struct RateError;

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let (count, period) = text.split_once('/').ok_or(RateError)?;
        let one = if period.starts_with(|first: char| first.is_ascii_digit()) { "" } else { "1" };
        let period = humantime::parse_duration(&format!("{one}{period}")).map_err(|_| RateError)?;
        let sensible = Duration::from_secs(1)..=Duration::from_hours(24);
        if !sensible.contains(&period) {
            return Err(RateError);
        }
        Ok(Self { count: count.parse().map_err(|_| RateError)?, period })
    }
}

impl fmt::Display for Rate {
    /// As it is written.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.count, humantime::format_duration(self.period))
    }
}

/// Who is counted: an address or an identity, exactly. No other one can be made to share its counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateKey(Key);

impl RateKey {
    /// A client's address, or its network. Kin are the addresses of one /48; of IPv4, of one /24.
    pub(crate) const fn address(address: IpAddr) -> Self {
        let (member, kin) = match address {
            IpAddr::V4(address) => (address.to_ipv6_mapped().to_bits(), u128::BITS - 8),
            IpAddr::V6(address) => (address.to_bits(), SITE_BITS),
        };
        // The leading bits of mapped addresses are those of no other network. Of both kinds, 64 bits tell the groups apart.
        let prefix = member >> (u128::BITS - kin);
        #[allow(clippy::cast_possible_truncation, reason = "the lower half")]
        Self(Key { group: prefix as u64, member })
    }

    /// An identity: an issuer and what it calls its user. Kin are the users of one issuer.
    pub(crate) fn identity(issuer: &str, subject: &str) -> Self {
        let issuer_hash = Sha256::digest(issuer);
        let hash = Sha256::new_with_prefix(issuer_hash).chain_update(subject).finalize();
        let number = |hash: &[u8]| hash.iter().take(16).fold(0, |number: u128, byte| number << 8 | u128::from(*byte));
        #[allow(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
        Self(Key { group: number(&issuer_hash) as u64, member: number(&hash) })
    }
}

/// A rate for each key (the generic cell rate algorithm of ITU-T I.371: one number a key, and as exact as a window).
#[derive(derive_more::Debug)]
#[debug("KeyedRate {{ .. }}")]
pub(crate) struct KeyedRate {
    /// What one use takes of the period, in nanoseconds.
    share: u64,
    /// How far ahead of the clock a key may be: the whole period.
    whole: u64,
    start: Instant,
    counters: Mutex<Counters>,
}

impl KeyedRate {
    pub(crate) fn new(rate: Rate) -> Self {
        Self::with_counters(rate, MAX_COUNTERS)
    }

    fn with_counters(rate: Rate, most: usize) -> Self {
        let share = nanoseconds(rate.period / rate.count.get()).max(1);
        let whole = share.saturating_mul(rate.count.get().into());
        Self { share, whole, start: Instant::now(), counters: Mutex::new(Counters::new(most)) }
    }

    /// Counts one.
    pub(crate) fn check(&self, key: RateKey) -> Result<(), Duration> {
        self.check_at(key, nanoseconds(self.start.elapsed()))
    }

    fn check_at(&self, RateKey(key): RateKey, now: u64) -> Result<(), Duration> {
        let mut counters = self.counters.lock();
        let end = counters.end(key).max(now).saturating_add(self.share);
        match (end - now).checked_sub(self.whole) {
            None | Some(0) => {
                counters.set(key, end, now);
                Ok(())
            }
            Some(wait) => Err(Duration::from_nanos(wait)),
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
