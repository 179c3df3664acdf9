//! So many in so long, for each of many keys.
//!
//! Owns the spelling of a rate and the bound on the memory of counting. Knows not what is counted.

use std::fmt;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

/// So many in so long: as many at once, and one more each time that a share of the period has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: NonZeroU32,
    period: Duration,
}

/// Why a text is no rate.
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

/// A rate for each key.
///
/// Keys share 65,536 counters by a secret hash, so that no caller can make this process remember more than that, nor choose whom to
/// share a counter with. With so many busy callers at once that two meet in one counter, they have one rate between them.
pub struct KeyedRate {
    counters: RateLimiter<u16, HashMapStateStore<u16>, DefaultClock>,
    secret: RandomState,
}

impl KeyedRate {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        let share = (rate.period / rate.count.get()).max(Duration::from_nanos(1));
        let quota = Quota::with_period(share).unwrap_or(Quota::per_second(rate.count)).allow_burst(rate.count);
        Self { counters: RateLimiter::hashmap(quota), secret: RandomState::new() }
    }

    /// Counts one.
    ///
    /// # Errors
    /// The time after which one more is allowed.
    pub fn check(&self, key: &impl Hash) -> Result<(), Duration> {
        // Any sixteen bits of a good hash are as good as any others.
        let [first, second, ..] = self.secret.hash_one(key).to_ne_bytes();
        let counter = u16::from_ne_bytes([first, second]);
        self.counters.check_key(&counter).map_err(|refused| refused.wait_time_from(self.counters.clock().now()))
    }
}

impl fmt::Debug for KeyedRate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KeyedRate").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_anything_else_is_not() {
        let rate =
            |count, seconds| Ok(Rate { count: NonZeroU32::new(count).unwrap(), period: Duration::from_secs(seconds) });
        assert_eq!("10/s".parse(), rate(10, 1));
        assert_eq!("600/m".parse(), rate(600, 60));
        assert_eq!("1/24h".parse(), rate(1, 86_400));
        for text in ["", "10", "/s", "0/s", "-1/s", "10/", "10/0s", "10/2days", "10/ms", "x/s", "4294967296/s"] {
            assert_eq!(text.parse::<Rate>(), Err(RateError), "{text}");
        }
    }

    #[test]
    fn a_burst_passes_and_then_the_wait_is_a_share_of_the_period() {
        let limit = KeyedRate::new("3/h".parse().unwrap());
        for _ in 0..3 {
            limit.check(&"a").unwrap();
        }
        let wait = limit.check(&"a").unwrap_err();
        assert!((Duration::from_mins(19)..=Duration::from_mins(20)).contains(&wait), "{wait:?}");
    }

    #[test]
    fn no_number_of_callers_makes_more_counters_than_there_are() {
        let limit = KeyedRate::new("3/h".parse().unwrap());
        for caller in 0..200_000_u32 {
            let _ = limit.check(&caller);
        }
        assert!(limit.counters.len() <= usize::from(u16::MAX) + 1);
    }
}
