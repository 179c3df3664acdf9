//! Pauses before another server is asked again.

use std::time::Duration;

/// Pauses that double, up to the longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backoff {
    pub first: Duration,
    pub longest: Duration,
}

impl Backoff {
    /// The pause after so many failures in a row, counted from one. `least` is what part of it remains when `chance` is 0; all of it does
    /// when that is 1: those who failed together do not come back together.
    pub(crate) fn after(&self, failures: u32, least: f64, chance: f64) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(self.longest);
        doubled.mul_f64((1.0 - least).mul_add(chance, least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_chance_takes_a_part_off() {
        let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(30) };
        let seconds: Vec<_> = (1..8).map(|failures| backoff.after(failures, 0.5, 1.0).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(backoff.after(1, 0.8, 0.0), Duration::from_millis(800));
        assert_eq!(backoff.after(u32::MAX, 0.5, 0.0).as_secs(), 15);
    }
}
