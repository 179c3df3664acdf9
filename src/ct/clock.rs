//! A log's clock compared with ours: how far a timestamp lies outside of the time between request and answer.
//!
//! Owns the bound and what is told of a difference below it, once when it begins and once when it ends. Knows no answer and no network.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

/// A difference from here on is told; one that is told ends below half of it. Timestamps have whole milliseconds, some logs' whole seconds.
const TOLD_FROM: Skew = Skew(1000);

/// Milliseconds that a timestamp lies after the answer, or, negative, before the request; zero between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, derive_more::Display)]
#[display("{:.3} s {}", self.as_secs_f64().abs(), if self.0 > 0 { "after the answer" } else { "before the request" })]
pub struct Skew(i64);

impl Skew {
    /// The skew of a timestamp that was asked for and came at these times. None for a timestamp that is not a time.
    fn of(timestamp: Option<SystemTime>, asked: SystemTime, answered: SystemTime) -> Self {
        let milliseconds = |skew: Duration| i64::try_from(skew.as_millis()).unwrap_or(i64::MAX);
        let Some(timestamp) = timestamp else { return Self(i64::MAX) };
        if let Ok(ahead) = timestamp.duration_since(answered) {
            return Self(milliseconds(ahead));
        }
        asked.duration_since(timestamp).map_or(Self(0), |behind| Self(-milliseconds(behind)))
    }

    fn is_beyond(self, bound: Duration) -> bool {
        u128::from(self.0.unsigned_abs()) > bound.as_millis()
    }

    #[allow(clippy::cast_precision_loss, reason = "exact for some 285,000 years")]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

#[derive(Debug)]
pub(super) struct LogClock {
    bound: Duration,
    latest: AtomicI64,
    told: AtomicBool,
}

impl LogClock {
    pub(super) const fn new(bound: Duration) -> Self {
        Self { bound, latest: AtomicI64::new(0), told: AtomicBool::new(false) }
    }

    pub(super) fn latest(&self) -> Skew {
        Skew(self.latest.load(Ordering::Relaxed))
    }

    pub(super) fn check(
        &self,
        log: &str,
        timestamp: Option<SystemTime>,
        asked: SystemTime,
        answered: SystemTime,
    ) -> Result<(), Skew> {
        let skew = Skew::of(timestamp, asked, answered);
        self.latest.store(skew.0, Ordering::Relaxed);
        if skew.is_beyond(self.bound) {
            return Err(skew);
        }
        let size = skew.0.unsigned_abs();
        let limit = TOLD_FROM.0.unsigned_abs();
        if size >= limit {
            if !self.told.swap(true, Ordering::Relaxed) {
                let bound = self.bound.as_secs();
                tracing::warn!(log, skew = %skew, bound, "a transparency log's clock differs from ours: compare both clocks");
            }
        } else if size < limit / 2 && self.told.load(Ordering::Relaxed) && self.told.swap(false, Ordering::Relaxed) {
            tracing::info!(log, "the transparency log's clock agrees with ours again");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    fn at(milliseconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_timestamp_lies_between_request_and_answer_or_beside_them() {
        let skew = |timestamp| Skew::of(Some(at(timestamp)), at(5000), at(6000)).0;
        assert_eq!([5000, 5500, 6000].map(skew), [0, 0, 0]);
        assert_eq!([6001, 66_000, 4999, 0].map(skew), [1, 60_000, -1, -5000]);
        assert_eq!(Skew::of(None, at(0), at(0)).0, i64::MAX);
    }

    #[test]
    fn the_bound_counts_on_both_sides() {
        let clock = LogClock::new(Duration::from_mins(1));
        let check = |timestamp| clock.check("log", Some(at(timestamp)), at(100_000), at(101_000));
        for fine in [40_000, 100_000, 161_000] {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
        assert_eq!(check(39_999), Err(Skew(-60_001)));
        assert_eq!(check(161_001), Err(Skew(60_001)));
        assert!((clock.latest().as_secs_f64() - 60.001).abs() < 1e-9);
        assert!(clock.check("log", None, at(0), at(0)).is_err());
        assert_eq!(check(39_999).unwrap_err().to_string(), "60.001 s before the request");
    }

    #[test]
    fn a_difference_is_told_once_until_it_ends() {
        let clock = LogClock::new(Duration::from_mins(1));
        let told = |behind: u64| {
            clock.check("log", Some(at(100_000 - behind)), at(100_000), at(100_000)).unwrap();
            clock.told.load(Ordering::Relaxed)
        };
        assert_eq!(
            [0, 999, 1000, 5000, 999, 500, 499, 0, 2000].map(told),
            [false, false, true, true, true, true, false, false, true]
        );
    }
}
