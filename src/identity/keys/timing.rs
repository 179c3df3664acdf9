//! How long issuers' keys live, and how often issuers are asked for them.
//!
//! Owns the figures and what is reckoned from them. Knows no issuer.

use std::time::Duration;

use crate::http::backoff::Backoff;

/// When keys are fetched, and for how long they are used.
#[derive(Clone, Debug)]
pub struct KeyTiming {
    /// How long keys live whose issuer does not say so.
    pub lifetime: Duration,
    /// The shortest life that an issuer can give its keys (`Cache-Control`).
    pub shortest: Duration,
    pub longest: Duration,
    /// For how long after they were fetched keys are used when the issuer does not answer, if the issuer file does not say so
    /// (`key-outage-window`).
    pub stale: Duration,
    /// Tokens that no key verifies cause at most one fetch of their issuer in this time.
    pub cool_down: Duration,
    /// How long an issuer that failed is left alone at first; twice as long after each further failure.
    pub first_retry: Duration,
    /// The longest that an issuer is left alone.
    pub longest_retry: Duration,
    /// How long a caller waits for a fetch, counted from the beginning of the fetch.
    pub patience: Duration,
    /// The longest that an issuer of a pattern may take to answer in full: discovery and keys.
    pub longest_fetch: Duration,
}

impl Default for KeyTiming {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_mins(5),
            shortest: Duration::from_mins(1),
            longest: Duration::from_mins(15),
            stale: Duration::from_hours(24),
            cool_down: Duration::from_secs(30),
            first_retry: Duration::from_secs(1),
            longest_retry: Duration::from_secs(30),
            patience: Duration::from_secs(4),
            longest_fetch: Duration::from_secs(10),
        }
    }
}

impl KeyTiming {
    /// How long keys live whose issuer says this.
    pub(super) fn lifetime(&self, said: Option<Duration>) -> Duration {
        said.map_or(self.lifetime, |said| said.min(self.longest).max(self.shortest))
    }

    /// When keys of that life are fetched again: after seven to eight tenths of it, so that a fetch and a second try fit in, and not all
    /// issuers or replicas at once. `chance` is from 0 to 1.
    pub(super) fn refresh_after(lifetime: Duration, chance: f64) -> Duration {
        lifetime.mul_f64(0.1f64.mul_add(chance, 0.7))
    }

    /// How long an issuer is left alone after so many failures in a row.
    pub(super) fn retry_after(&self, failures: u32, chance: f64) -> Duration {
        Backoff { first: self.first_retry, longest: self.longest_retry }.after(failures, 0.8, chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_issuer_says_counts_between_one_and_fifteen_minutes() {
        let timing = KeyTiming::default();
        let seconds = |said: Option<u64>| timing.lifetime(said.map(Duration::from_secs)).as_secs();
        assert_eq!(seconds(None), 300);
        assert_eq!(seconds(Some(0)), 60);
        assert_eq!(seconds(Some(120)), 120);
        assert_eq!(seconds(Some(86_400)), 900);
        assert_eq!(seconds(Some(u64::MAX)), 900);
    }

    #[test]
    fn keys_are_fetched_anew_well_before_their_end() {
        for chance in [0.0, 0.5, 1.0] {
            let after = KeyTiming::refresh_after(Duration::from_mins(5), chance).as_secs();
            assert!((210..=240).contains(&after), "{after}");
        }
    }

    #[test]
    fn an_issuer_that_failed_is_left_alone_for_one_to_thirty_seconds() {
        let timing = KeyTiming::default();
        assert_eq!(timing.retry_after(1, 0.0), Duration::from_millis(800));
        assert_eq!(timing.retry_after(u32::MAX, 1.0).as_secs(), 30);
    }
}
