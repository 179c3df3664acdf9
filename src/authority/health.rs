//! Owns whether an authority is able to sign, as its last signatures tell.
//!
//! Refuses to know why it is not, and who asks.

use std::sync::atomic::{AtomicU32, Ordering};

/// Failures in a row that make an authority unready: one or two may be throttling that is over already.
const TOLERATED: u32 = 2;

/// How the last signatures went.
#[derive(Debug, Default)]
pub(super) struct Health {
    failures: AtomicU32,
}

impl Health {
    pub(super) fn succeeded(&self) {
        // Read first: nearly always there is nothing to write, and cores need not fight for the line.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn failed(&self) {
        // Four thousand million failures in a row do not start again at none.
        let _ = self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |failures| failures.checked_add(1));
    }

    /// Whether signatures may be asked for.
    pub(super) fn is_ready(&self) -> bool {
        self.failures.load(Ordering::Relaxed) <= TOLERATED
    }

    /// Whether the last signature failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failures.load(Ordering::Relaxed) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::Health;

    #[test]
    fn three_failures_in_a_row_make_it_unready_and_one_success_ready_again() {
        let health = Health::default();
        for _ in 0..2 {
            health.failed();
            assert!(health.is_ready() && health.is_failing());
        }
        health.failed();
        assert!(!health.is_ready());
        health.succeeded();
        assert!(health.is_ready() && !health.is_failing());
        health.failed();
        health.failed();
        assert!(health.is_ready());
    }
}
