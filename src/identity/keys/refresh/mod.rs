//! When an issuer may be asked for its keys again, by what happened before.
//!
//! Owns cool-down and retries. Knows no clock and no network: time comes in, so the tests can make years pass.

use std::sync::Arc;
use std::time::Instant;

use super::error::KeyError;
use super::timing::KeyTiming;

/// Why an issuer would be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Its keys are wanted or due.
    Due,
    /// No key made a token's signature. Anybody can make such a token.
    UnknownKey {
        /// Whether the token says that it was made after the keys were fetched: then the keys may be younger still.
        newer: bool,
    },
}

#[derive(Debug, Default)]
pub(super) struct RefreshState {
    asked: Option<Instant>,
    doubted: Option<Instant>,
    failures: u32,
    failed: Option<Instant>,
    retry_at: Option<Instant>,
    failure: Option<Arc<KeyError>>,
}

impl RefreshState {
    /// Whether the issuer may be asked now.
    pub(super) fn permits(&self, reason: Reason, timing: &KeyTiming, now: Instant) -> bool {
        let cooled = |since: Option<Instant>| since.is_none_or(|since| now >= since + timing.cool_down);
        let rested = self.retry_at.is_none_or(|at| now >= at);
        rested
            && match reason {
                Reason::Due => true,
                Reason::UnknownKey { newer } => cooled(self.doubted) && (newer || cooled(self.asked)),
            }
    }

    /// The issuer is being asked.
    pub(super) fn asked(&mut self, reason: Reason, now: Instant) {
        self.asked = Some(now);
        if matches!(reason, Reason::UnknownKey { .. }) {
            self.doubted = Some(now);
        }
    }

    /// It could not be asked, because others were before it: the next token may try again at once.
    pub(super) fn turned_away(&mut self, error: Arc<KeyError>) {
        self.failure.get_or_insert(error);
    }

    /// It answered. Returns after how many failures.
    pub(super) fn succeeded(&mut self) -> u32 {
        (self.failed, self.retry_at, self.failure) = (None, None, None);
        std::mem::take(&mut self.failures)
    }

    /// It did not, or badly. `chance` is from 0 to 1.
    pub(super) fn failed(&mut self, error: Arc<KeyError>, timing: &KeyTiming, now: Instant, chance: f64) {
        self.failures = self.failures.saturating_add(1);
        self.failed = Some(now);
        self.retry_at = Some(now + timing.retry_after(self.failures, chance));
        self.failure = Some(error);
    }

    /// Why the last try failed, if it did.
    pub(super) fn failure(&self) -> Option<&Arc<KeyError>> {
        self.failure.as_ref()
    }

    /// Whether the last try failed so short a time ago that it still says something of the next one.
    pub(super) fn failed_recently(&self, timing: &KeyTiming, now: Instant) -> bool {
        self.failed.is_some_and(|failed| now < failed + timing.longest_retry * 2)
    }

    /// When an issuer that failed may be asked again.
    pub(super) const fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }
}

#[cfg(test)]
mod tests;
