//! Issuers' keys: the one module that fetches, parses, keeps and replaces them (OpenID Connect Discovery 1.0, RFC 7517).
//!
//! Owns which issuers' keys are held, and their renewal in the background. Knows signatures, but neither claims nor identities.

mod entry;
mod error;
mod jwk;
mod lanes;
mod life;
mod set;
mod source;
mod timing;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::runtime::Handle;
use tokio::sync::Notify;

pub use error::KeyError;
pub use set::{KeySet, SignatureCheck};
pub use timing::KeyTiming;

use self::entry::{Entry, Flight, Held, Landing, Next};
use self::lanes::{Lane, Lanes};
use self::life::Reason;
use self::source::Source;
use super::fetch::{ClusterFiles, Fetcher};
use super::token::UnverifiedToken;
use crate::config::issuers::{Issuer, IssuerAddress, Issuers, KeyOrigin};

/// How many issuers of patterns are held that have answered; the one that was not needed for the longest time goes first.
const MAX_PROVEN: u64 = 1000;
/// How many are remembered that never answered: anybody can invent them.
const MAX_UNPROVEN: u64 = 1000;
/// After this time without a token an issuer of a pattern is forgotten.
const IDLE: Duration = Duration::from_hours(1);
/// The same, of one that never answered.
const IDLE_UNPROVEN: Duration = Duration::from_mins(5);
/// How often issuers are looked at at least, and how long a store's background work may outlive it.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);
/// How long the background work rests at least, whatever the life-times.
const SHORTEST_SLEEP: Duration = Duration::from_millis(10);

/// All issuers' keys.
#[derive(Debug)]
pub struct KeyStore(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    fetcher: Fetcher,
    cluster: ClusterFiles,
    timing: KeyTiming,
    /// Fetches outlive the request that caused them, and the thread that it came in on.
    runtime: Option<Handle>,
    /// The issuers that the file names. They are kept fresh whether they are asked for or not, and no other can drive them out.
    kept: ArcSwap<HashMap<String, Arc<Entry>>>,
    proven: Cache<String, Arc<Entry>>,
    unproven: Cache<String, Arc<Entry>>,
    lanes: Lanes,
    /// Something has changed for the background work to look at.
    changed: Arc<Notify>,
    has_keeper: AtomicBool,
    chance: RandomState,
    fetches: AtomicU64,
    failed_fetches: AtomicU64,
}

/// What can be told of the keys at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyReading {
    /// Issuers of the file without keys: their tokens are refused.
    pub without: usize,
    /// Issuers of the file whose keys are stale: used because the issuer does not answer.
    pub stale: usize,
    /// Issuers of patterns whose keys are held.
    pub matched: u64,
    /// Fetches that ended.
    pub fetches: u64,
    /// Those of them that failed.
    pub failed_fetches: u64,
}

impl KeyStore {
    /// An empty store. Its fetches run where it is made.
    #[must_use]
    pub fn new(fetcher: Fetcher, cluster: ClusterFiles, timing: &KeyTiming) -> Self {
        let cache = |capacity, idle| {
            Cache::builder().max_capacity(capacity).time_to_idle(idle).eviction_policy(EvictionPolicy::lru()).build()
        };
        Self(Arc::new(Shared {
            fetcher,
            cluster,
            timing: timing.clone(),
            runtime: Handle::try_current().ok(),
            kept: ArcSwap::default(),
            proven: cache(MAX_PROVEN, IDLE),
            unproven: cache(MAX_UNPROVEN, IDLE_UNPROVEN),
            lanes: Lanes::new(),
            changed: Arc::default(),
            has_keeper: AtomicBool::new(false),
            chance: RandomState::new(),
            fetches: AtomicU64::new(0),
            failed_fetches: AtomicU64::new(0),
        }))
    }

    /// Fetches the keys of the issuers that the file names, now and whenever they are due, in the background. Those of issuers that are
    /// not in the file any more, or are in it otherwise, are dropped; the others stay.
    pub fn keep(&self, issuers: &Issuers) {
        let shared = &self.0;
        let before = shared.kept.load();
        let named = issuers.iter().filter_map(|issuer| match (&issuer.address, &issuer.keys.origin) {
            (IssuerAddress::Pattern(_), _) | (_, KeyOrigin::Fixed(_)) => None,
            (IssuerAddress::Url(url), _) => Some((url, issuer)),
        });
        let kept = named.map(|(url, issuer)| {
            let entry = before.get(url).filter(|entry| entry.source.serves(issuer)).cloned();
            (url.clone(), entry.unwrap_or_else(|| Arc::new(Entry::new(Source::new(url, issuer)))))
        });
        shared.kept.store(Arc::new(kept.collect()));
        for cache in [&shared.proven, &shared.unproven] {
            for (url, entry) in cache {
                if !issuers.find(&url).first().is_some_and(|issuer| entry.source.serves(issuer)) {
                    cache.invalidate(url.as_ref());
                }
            }
        }
        shared.tell_proxied_patterns(issuers);
        shared.lanes.keep(|pattern| issuers.iter().any(|issuer| issuer.address.as_str() == pattern));
        if !shared.has_keeper.swap(true, Ordering::Relaxed) {
            shared.spawn(keep_fresh(Arc::downgrade(shared), Arc::clone(&shared.changed)));
        }
        shared.changed.notify_one();
    }

    /// Checks a token's signature with its issuer's keys. When none fits, the keys may have been rotated: they are fetched once more, at
    /// most once per issuer and cool-down.
    ///
    /// # Errors
    /// When the issuer's keys cannot be had. An issuer that failed before is not waited for.
    pub async fn check(
        &self,
        token: &UnverifiedToken,
        issuer: &Arc<Issuer>,
        now: SystemTime,
    ) -> Result<SignatureCheck, Arc<KeyError>> {
        if let KeyOrigin::Fixed(fixed) = &issuer.keys.origin {
            return Ok(fixed.keys().check(token.jws()));
        }
        let shared = &self.0;
        let entry = shared.entry(token.issuer(), issuer);
        let (outcome, fetched) = match shared.outcome(&entry, token) {
            Some(outcome) => outcome,
            None => shared.first_outcome(&entry, token).await?,
        };
        if outcome == SignatureCheck::Good {
            return Ok(outcome);
        }
        let newer = age(token, now).is_some_and(|age| age < fetched.elapsed());
        let Some(flight) = shared.ask(&entry, Reason::Doubt { newer }) else { return Ok(outcome) };
        flight.landed(shared.timing.patience).await;
        Ok(entry
            .held(Instant::now())
            .as_deref()
            .and_then(Option::as_ref)
            .map_or(outcome, |held| held.keys.check(token.jws())))
    }

    /// How the keys are now.
    #[must_use]
    pub fn reading(&self) -> KeyReading {
        let (shared, now) = (&self.0, Instant::now());
        let mut reading = KeyReading {
            matched: shared.proven.entry_count(),
            fetches: shared.fetches.load(Ordering::Relaxed),
            failed_fetches: shared.failed_fetches.load(Ordering::Relaxed),
            ..KeyReading::default()
        };
        for entry in shared.kept.load().values() {
            match entry.held(now).as_deref().and_then(Option::as_ref) {
                None => reading.without += 1,
                Some(held) if now >= held.expires => reading.stale += 1,
                Some(_) => {}
            }
        }
        reading
    }
}

impl Shared {
    fn entry(&self, url: &str, issuer: &Arc<Issuer>) -> Arc<Entry> {
        let serves = |entry: &&Arc<Entry>| entry.source.serves(issuer);
        if let Some(entry) = self.kept.load().get(url).filter(serves) {
            return Arc::clone(entry);
        }
        if let Some(entry) = self.proven.get(url).filter(|entry| entry.source.serves(issuer)) {
            return entry;
        }
        let fresh = || Arc::new(Entry::new(Source::new(url, issuer)));
        let entry = self.unproven.entry_by_ref(url).or_insert_with(fresh).into_value();
        if entry.source.serves(issuer) {
            return entry;
        }
        let entry = fresh();
        self.unproven.insert(url.to_owned(), Arc::clone(&entry));
        entry
    }

    /// What keys say that are held and not stale, and when they were fetched.
    fn outcome(self: &Arc<Self>, entry: &Arc<Entry>, token: &UnverifiedToken) -> Option<(SignatureCheck, Instant)> {
        let now = Instant::now();
        let guard = entry.held(now)?;
        let held: &Held = guard.as_deref().filter(|held| now < held.expires)?;
        if now >= held.refresh_at {
            self.ask(entry, Reason::Due);
        }
        Some((held.keys.check(token.jws()), held.fetched))
    }

    /// What the keys say once the issuer has answered. If it does not: what stale keys say.
    async fn first_outcome(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        token: &UnverifiedToken,
    ) -> Result<(SignatureCheck, Instant), Arc<KeyError>> {
        // Nobody waits for an issuer that failed: it is asked in the background.
        let failed_before = entry.failure().is_some();
        if let Some(flight) = self.ask(entry, Reason::Due)
            && !failed_before
        {
            flight.landed(self.timing.patience).await;
        }
        match entry.held(Instant::now()).as_deref().and_then(Option::as_ref) {
            Some(held) => Ok((held.keys.check(token.jws()), held.fetched)),
            None => Err(entry.failure().unwrap_or_else(|| Arc::new(KeyError::Slow))),
        }
    }

    /// The fetch under way, or a new one if there may be one.
    fn ask(self: &Arc<Self>, entry: &Arc<Entry>, reason: Reason) -> Option<Flight> {
        let now = Instant::now();
        let (flight, landing) = entry.flight(reason, &self.timing, now, self.chance(&entry.source.url));
        if let Some(landing) = landing {
            self.spawn(Arc::clone(self).fetch(landing));
        }
        flight
    }

    async fn fetch(self: Arc<Self>, landing: Landing) {
        let entry = Arc::clone(landing.entry());
        let lane = match entry.source.pattern() {
            None => Lane::Named,
            Some(_) if entry.is_proven() => Lane::Known,
            Some(pattern) => Lane::New(pattern),
        };
        let outcome = match self.lanes.turn(lane, self.timing.patience).await {
            Ok(_turn) => entry.source.fetch(&self.fetcher, &self.cluster).await,
            Err(busy) => Err(busy),
        };
        self.fetches.fetch_add(1, Ordering::Relaxed);
        if outcome.is_err() {
            self.failed_fetches.fetch_add(1, Ordering::Relaxed);
        }
        let was_new = !entry.is_proven();
        landing.with(outcome);
        let url = &entry.source.url;
        if was_new && entry.is_proven() && !self.kept.load().contains_key(url) {
            self.proven.insert(url.clone(), Arc::clone(&entry));
        }
        self.changed.notify_one();
    }

    fn tell_proxied_patterns(&self, issuers: &Issuers) {
        let proxied = |issuer: &&Arc<Issuer>| match &issuer.address {
            IssuerAddress::Url(_) => false,
            IssuerAddress::Pattern(pattern) => self.fetcher.is_proxied(&pattern.as_str().replace('*', "x")),
        };
        for issuer in issuers.iter().filter(proxied) {
            tracing::warn!(
                pattern = issuer.address.as_str(),
                "issuers of this pattern are reached by a proxy: that they are not on a private address is up to it"
            );
        }
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        match &self.runtime {
            Some(runtime) => drop(runtime.spawn(work)),
            None => drop(tokio::spawn(work)),
        }
    }

    /// A number from 0 to 1, another each time.
    #[allow(clippy::cast_precision_loss, reason = "a number of 32 bits")]
    fn chance(&self, url: &str) -> f64 {
        let drawn = self.chance.hash_one((url, self.fetches.load(Ordering::Relaxed)));
        (drawn >> 32) as f64 / f64::from(u32::MAX)
    }
}

/// Asks the issuers that the file names whenever they are due, for as long as the store lives.
async fn keep_fresh(store: Weak<Shared>, changed: Arc<Notify>) {
    while let Some(shared) = store.upgrade() {
        let now = Instant::now();
        let mut wake = now + LONGEST_SLEEP;
        for entry in shared.kept.load().values() {
            match entry.next(now) {
                Next::Landing => {}
                Next::Fetch(at) if at <= now => drop(shared.ask(entry, Reason::Due)),
                Next::Fetch(at) => wake = wake.min(at),
            }
        }
        drop(shared);
        tokio::time::sleep(SHORTEST_SLEEP).await;
        let _ = tokio::time::timeout_at(wake.into(), changed.notified()).await;
    }
}

/// How long ago the token says that it was made (`iat`); zero if ahead of our clock.
fn age(token: &UnverifiedToken, now: SystemTime) -> Option<Duration> {
    let issued = token.claims().get("iat")?.as_f64()?;
    let now = now.duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
    Duration::try_from_secs_f64((now - issued).max(0.0)).ok()
}
