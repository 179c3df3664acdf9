//! One concrete issuer: the keys that are held of it, and the one fetch that may be under way.
//!
//! Owns single flight. Tokens whose key is held take no lock here. Knows neither who else is held nor how many.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use super::error::KeyError;
use super::life::{Life, Reason};
use super::set::KeySet;
use super::source::{Fetched, Source};
use super::timing::KeyTiming;

/// One issuer.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) source: Source,
    held: ArcSwapOption<Held>,
    /// Whether the issuer ever answered well.
    proven: AtomicBool,
    state: Mutex<State>,
}

/// Keys, and their times.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) keys: KeySet,
    /// When the issuer was asked for them.
    pub(super) fetched: Instant,
    /// When they are fetched anew.
    pub(super) refresh_at: Instant,
    /// From then on they are stale: used only while the issuer does not answer.
    pub(super) expires: Instant,
    /// From then on they are not used at all.
    dead_at: Instant,
}

#[derive(Debug, Default)]
struct State {
    life: Life,
    flight: Option<Flight>,
}

/// A fetch under way. It has landed when the channel is closed.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    started: Instant,
    landed: watch::Receiver<()>,
}

/// The duty to say how a fetch ended. Dropped without, it failed.
#[derive(Debug)]
pub(super) struct Landing {
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
    Landing,
    /// A fetch at this time.
    Fetch(Instant),
}

impl Entry {
    pub(super) fn new(source: Source) -> Self {
        Self { source, held: ArcSwapOption::empty(), proven: AtomicBool::new(false), state: Mutex::default() }
    }

    /// The keys that may be used now, stale ones too.
    pub(super) fn held(&self, now: Instant) -> Option<arc_swap::Guard<Option<Arc<Held>>>> {
        let held = self.held.load();
        held.as_ref().is_some_and(|held| now < held.dead_at).then_some(held)
    }

    pub(super) fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Relaxed)
    }

    /// Why the last fetch failed, if it did.
    pub(super) fn failure(&self) -> Option<Arc<KeyError>> {
        self.state().life.failure().cloned()
    }

    /// The fetch under way; else a new one, which the caller has to carry out, if there may be one.
    pub(super) fn flight(
        self: &Arc<Self>,
        reason: Reason,
        timing: &KeyTiming,
        now: Instant,
        chance: f64,
    ) -> (Option<Flight>, Option<Landing>) {
        let mut state = self.state();
        if let Some(flight) = &state.flight {
            return (Some(flight.clone()), None);
        }
        if !state.life.permits(reason, timing, now) {
            return (None, None);
        }
        let (sender, landed) = watch::channel(());
        let flight = Flight { started: now, landed };
        state.life.asked(reason, now);
        state.flight = Some(flight.clone());
        drop(state);
        let (entry, timing) = (Arc::clone(self), timing.clone());
        (Some(flight), Some(Landing { entry, started: now, timing, chance, outcome: None, _landed: sender }))
    }

    /// What is to be done to keep the keys fresh.
    pub(super) fn next(&self, now: Instant) -> Next {
        let state = self.state();
        if state.flight.is_some() {
            return Next::Landing;
        }
        let due = self.held.load().as_ref().map_or(now, |held| held.refresh_at);
        Next::Fetch(state.life.retry_at().unwrap_or(due))
    }

    fn land(&self, outcome: Result<Fetched, KeyError>, started: Instant, timing: &KeyTiming, chance: f64) {
        let now = Instant::now();
        let mut state = self.state();
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
            Err(error) => {
                if matches!(error, KeyError::NoUsableKey(_)) {
                    self.held.store(None);
                }
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
            Some(_) => tracing::warn!(issuer, error, "an issuer's keys cannot be fetched anew yet"),
            None if self.source.pattern().is_none() || self.is_proven() => {
                tracing::warn!(issuer, error, "an issuer's keys cannot be fetched: its tokens are refused");
            }
            None => tracing::debug!(issuer, error, "a new issuer's keys cannot be fetched"),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
            dead_at: started + lifetime.max(timing.stale),
        }
    }
}

impl Flight {
    /// Waits until the fetch has landed, but not for longer than `patience` after its start: who comes late to a fetch that hangs does not
    /// wait at all.
    pub(super) async fn landed(mut self, patience: Duration) {
        let deadline = tokio::time::Instant::from_std(self.started + patience);
        let _ = tokio::time::timeout_at(deadline, self.landed.changed()).await;
    }
}

impl Landing {
    pub(super) const fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    /// The fetch ended like this.
    pub(super) fn with(mut self, outcome: Result<Fetched, KeyError>) {
        self.outcome = Some(outcome);
    }
}

impl Drop for Landing {
    /// A task that panics, or whose runtime ends, lands as well: otherwise the issuer would never be asked again.
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or(Err(KeyError::GivenUp));
        self.entry.land(outcome, self.started, &self.timing, self.chance);
    }
}
