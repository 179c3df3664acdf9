//! One concrete issuer: the keys that are held of it, and the one fetch that may be under way.
//!
//! Owns single flight. Tokens whose key is held take no lock here. Knows neither who else is held nor how many.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::error::KeyError;
use super::matched::Group;
use super::refresh::{Reason, RefreshState};
use super::set::KeySet;
use super::shares::Ticket;
use super::source::{Fetched, Source};
use super::timing::KeyTiming;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) source: Source,
    /// With whom the issuer shares what there is for issuers of patterns.
    pub(super) group: Group,
    held: ArcSwapOption<Held>,
    /// For how long after they were fetched keys are used while the issuer does not answer, in seconds.
    outage_window: AtomicU64,
    made: Instant,
    /// When the last token of the issuer came, in milliseconds since `made`.
    used: AtomicU64,
    /// Whether the issuer ever answered well.
    proven: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct Held {
    pub(super) keys: KeySet,
    /// When the issuer was asked for them.
    pub(super) fetched: Instant,
    /// When they are fetched again.
    pub(super) refresh_at: Instant,
    /// From then on they are stale: used only while the issuer does not answer.
    pub(super) expires: Instant,
}

#[derive(Debug, Default)]
struct State {
    life: RefreshState,
    flight: Option<InFlight>,
}

/// A fetch under way. It has landed when the channel is closed.
#[derive(Clone, Debug)]
pub(super) struct InFlight {
    /// Its place in the queue of fetches.
    pub(super) ticket: Ticket,
    started: Instant,
    landed: watch::Receiver<()>,
}

/// The duty to say how a fetch ended. Dropped without, it failed.
#[derive(Debug)]
pub(super) struct Completion {
    entry: Arc<Entry>,
    started: Instant,
    timing: KeyTiming,
    chance: f64,
    outcome: Option<Result<Fetched, KeyError>>,
    _landed: watch::Sender<()>,
}

/// What an issuer that is to be kept fresh needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A fetch is under way, and tells when it has landed.
    Completion,
    /// A fetch at this time.
    Fetch(Instant),
}

impl Entry {
    pub(super) fn new(source: Source, group: Group) -> Self {
        Self {
            source,
            group,
            held: ArcSwapOption::empty(),
            outage_window: AtomicU64::new(0),
            made: Instant::now(),
            used: AtomicU64::new(0),
            proven: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    /// The issuer file says for how long keys are used while the issuer does not answer. Counts for keys that are held already.
    pub(super) fn set_outage_window(&self, window: Duration) {
        self.outage_window.store(window.as_secs(), Ordering::Relaxed);
    }

    /// A token of the issuer has come.
    pub(super) fn touch(&self) {
        let now = u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.used.store(now, Ordering::Relaxed);
    }

    /// When the last token of the issuer came.
    pub(super) fn last_used(&self) -> Instant {
        self.made + Duration::from_millis(self.used.load(Ordering::Relaxed))
    }

    /// Whether a fetch is under way: an issuer that is forgotten meanwhile would be asked twice.
    pub(super) fn is_needed(&self) -> bool {
        self.state.lock().flight.is_some()
    }

    /// The keys that may be used now, stale ones too.
    pub(super) fn held(&self, now: Instant) -> Option<arc_swap::Guard<Option<Arc<Held>>>> {
        let guard = self.held.load();
        let window = || Duration::from_secs(self.outage_window.load(Ordering::Relaxed));
        guard.as_ref().is_some_and(|held| now < held.expires || now < held.fetched + window()).then_some(guard)
    }

    pub(super) fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Relaxed)
    }

    /// Why there are no keys.
    pub(super) fn failure(&self) -> Arc<KeyError> {
        self.state.lock().life.failure().cloned().unwrap_or_else(|| Arc::new(KeyError::Slow))
    }

    /// Whether the issuer failed so short a time ago that nobody waits for its next answer.
    pub(super) fn failed_recently(&self, timing: &KeyTiming, now: Instant) -> bool {
        self.state.lock().life.failed_recently(timing, now)
    }

    /// Whether a fetch is under way, or there may be one.
    pub(super) fn may_fly(&self, reason: Reason, timing: &KeyTiming, now: Instant) -> bool {
        let state = self.state.lock();
        state.flight.is_some() || state.life.permits(reason, timing, now)
    }

    /// The fetch under way; else a new one, which the caller has to carry out, if there may be one.
    pub(super) fn flight(
        self: &Arc<Self>,
        reason: Reason,
        timing: &KeyTiming,
        now: Instant,
        (ticket, chance): (Ticket, f64),
    ) -> (Option<InFlight>, Option<Completion>) {
        let mut state = self.state.lock();
        if let Some(flight) = &state.flight {
            return (Some(flight.clone()), None);
        }
        // Keys that came after the caller had looked need no second fetch.
        let came = || self.held.load().as_ref().is_some_and(|held| now < held.refresh_at);
        if !state.life.permits(reason, timing, now) || (reason == Reason::Due && came()) {
            return (None, None);
        }
        let (sender, landed) = watch::channel(());
        let flight = InFlight { ticket, started: now, landed };
        state.life.asked(reason, now);
        state.flight = Some(flight.clone());
        drop(state);
        let (entry, timing) = (Arc::clone(self), timing.clone());
        (Some(flight), Some(Completion { entry, started: now, timing, chance, outcome: None, _landed: sender }))
    }

    /// What is to be done to keep the keys fresh.
    pub(super) fn next(&self, now: Instant) -> Next {
        let state = self.state.lock();
        if state.flight.is_some() {
            return Next::Completion;
        }
        let due = self.held.load().as_ref().map_or(now, |held| held.refresh_at);
        Next::Fetch(state.life.retry_at().unwrap_or(due))
    }

    fn land(&self, outcome: Result<Fetched, KeyError>, started: Instant, timing: &KeyTiming, chance: f64) {
        let now = Instant::now();
        let mut state = self.state.lock();
        state.flight = None;
        match outcome {
            Ok(fetched) => {
                let failures = state.life.succeeded();
                let keys = fetched.keys.len();
                self.held.store(Some(Arc::new(Held::new(fetched, started, timing, chance))));
                self.proven.store(true, Ordering::Relaxed);
                drop(state);
                self.tell_success(keys, failures);
            }
            // It has not been asked: that says nothing of it.
            Err(error @ KeyError::Busy) => state.life.turned_away(Arc::new(error)),
            // An answer without a key that can be used is an outage as well: a withdrawal leaves other keys.
            Err(error) => {
                let error = Arc::new(error);
                state.life.failed(Arc::clone(&error), timing, now, chance);
                drop(state);
                self.tell_failure(&error, now);
            }
        }
    }

    fn tell_success(&self, keys: usize, failures: u32) {
        let issuer = &self.source.url;
        if failures == 0 {
            tracing::debug!(issuer, keys, "fetched an issuer's keys");
        } else {
            tracing::info!(issuer, keys, failures, "an issuer's keys can be fetched again");
        }
    }

    /// Strangers can invent issuers that fit a pattern: until one has answered, its failures are told to those who ask.
    fn tell_failure(&self, error: &KeyError, now: Instant) {
        if matches!(error, KeyError::GivenUp) {
            // The end of the process, or a panic, which was told already.
            return;
        }
        let (issuer, error) = (&self.source.url, crate::failure::with_sources(error));
        match self.held(now).as_deref().and_then(Option::as_ref) {
            Some(held) if now >= held.expires => {
                let age = (now - held.fetched).as_secs();
                tracing::warn!(issuer, error, age, "an issuer's keys cannot be fetched: its stale ones stay in use");
            }
            Some(_) => tracing::warn!(issuer, error, "an issuer's keys cannot be fetched again yet"),
            None if self.source.pattern().is_none() || self.is_proven() => {
                tracing::warn!(issuer, error, "an issuer's keys cannot be fetched: its tokens are refused");
            }
            None => tracing::debug!(issuer, error, "a new issuer's keys cannot be fetched"),
        }
    }
}

impl Held {
    fn new(fetched: Fetched, started: Instant, timing: &KeyTiming, chance: f64) -> Self {
        let lifetime = timing.lifetime(fetched.lifetime);
        Self {
            keys: fetched.keys,
            fetched: started,
            refresh_at: started + KeyTiming::refresh_after(lifetime, chance),
            expires: started + lifetime,
        }
    }
}

impl InFlight {
    /// Waits until the fetch has landed, but not for longer than `patience` after its start: who comes late to a fetch that hangs does not
    /// wait at all.
    pub(super) async fn landed(mut self, patience: Duration) {
        let deadline = tokio::time::Instant::from_std(self.started + patience);
        let _ = tokio::time::timeout_at(deadline, self.landed.changed()).await;
    }
}

impl Completion {
    pub(super) const fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    /// The fetch ended like this.
    pub(super) fn with(mut self, outcome: Result<Fetched, KeyError>) {
        self.outcome = Some(outcome);
    }
}

impl Drop for Completion {
    /// A task that panics, or whose runtime ends, lands as well: otherwise the issuer would never be asked again.
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or(Err(KeyError::GivenUp));
        self.entry.land(outcome, self.started, &self.timing, self.chance);
    }
}
