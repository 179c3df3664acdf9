//! Issuers' keys: the one module that fetches, parses, keeps and replaces them (OpenID Connect Discovery 1.0, RFC 7517).
//!
//! Owns which issuers' keys are held, and their renewal in the background. Knows signatures, but neither claims nor identities.

mod document;
mod entry;
mod error;
mod jwk;
mod matched;
mod material;
mod queues;
mod refresh;
mod set;
mod shares;
mod source;
mod timing;
mod waiting;

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::sync::Notify;

pub use error::KeyError;
pub use jwk::LeftOut;
pub use set::{KeyBudget, KeySet, SignatureCheck};
pub use timing::KeyTiming;

use self::entry::{Completion, Entry, Held, InFlight, Next};
use self::matched::{Group, Matched};
use self::queues::{FetchQueues, Queued};
use self::refresh::Reason;
use self::shares::Path;
use self::source::Source;
use self::waiting::{Paths, Place, WaitingRoom};
use super::fetch::{ClusterFiles, Fetcher, Reach};
use super::token::UnverifiedToken;
use super::verify::VerifyError;
use crate::identity::issuers::{Issuer, IssuerAddress, Issuers, KeyOrigin};
use crate::networks::Networks;
use crate::text::peer_text::{PeerText, bounded};

/// How often issuers are looked at at least, and how long a store's background work may outlive it.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);
/// How long the background work rests at least, whatever the life-times.
const SHORTEST_SLEEP: Duration = Duration::from_millis(10);

/// How many keys are said to be left out since the start, and how long one line of them is, in bytes: issuers choose both.
const MAX_TOLD: usize = 4096;
const MAX_LEFT_OUT: usize = 1000;

/// How far an issuer's clock may be ahead of ours for `iat` to say anything of when a token was made.
const CLOCKS_APART: Duration = Duration::from_mins(1);

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
    matched: Matched,
    queues: FetchQueues,
    waiting: WaitingRoom,
    tickets: AtomicU64,
    /// Something has changed for the background work to look at.
    changed: Arc<Notify>,
    has_keeper: AtomicBool,
    /// Which keys were said to be left out, by hash.
    told: Mutex<HashSet<u64>>,
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
    /// Requests that wait for an issuer's keys.
    pub waiting: usize,
    /// Requests that could not wait, because too many did.
    pub refused_waits: u64,
    pub fetches: u64,
    /// Those of them that failed.
    pub failed_fetches: u64,
}

/// What keys that are held and fresh say of a token.
#[derive(Clone, Copy, Debug)]
pub struct HeldCheck {
    pub check: SignatureCheck,
    /// When they were fetched; nothing of keys that stand in the issuer file.
    fetched: Option<Instant>,
}

/// The wait for an issuer's answer. Nobody needs to hold anything of the request meanwhile but what it takes to verify it then.
#[derive(Debug)]
pub struct KeyWait {
    issuer: String,
    flight: InFlight,
    patience: Duration,
    place: Place,
    /// Whether keys are held: what they said counts then if too many wait.
    has_keys: bool,
}

impl KeyWait {
    /// Waits until the issuer has answered, or for as long as anybody waits: then what is held counts.
    pub async fn over(self) -> Result<(), VerifyError> {
        let Self { issuer, flight, patience, place, has_keys } = self;
        match place.wait_for(flight.landed(patience)).await {
            Err(_) if !has_keys => {
                let source = Arc::new(KeyError::Crowded);
                Err(VerifyError::Keys { issuer: PeerText::of(&issuer), reach: Reach::Anywhere, source })
            }
            _ => Ok(()),
        }
    }
}

impl KeyStore {
    /// An empty store. Its fetches run where it is made.
    pub fn new(fetcher: Fetcher, cluster: ClusterFiles, timing: &KeyTiming) -> Self {
        Self(Arc::new(Shared {
            fetcher,
            cluster,
            timing: timing.clone(),
            runtime: Handle::try_current().ok(),
            kept: ArcSwap::default(),
            matched: Matched::new(),
            queues: FetchQueues::new(),
            waiting: WaitingRoom::default(),
            tickets: AtomicU64::new(0),
            changed: Arc::default(),
            has_keeper: AtomicBool::new(false),
            told: Mutex::default(),
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
            let entry = entry.unwrap_or_else(|| shared.new_entry(url, issuer));
            shared.set_outage_window(&entry, issuer);
            (url.clone(), entry)
        });
        shared.kept.store(Arc::new(kept.collect()));
        shared.matched.keep(|entry| {
            let issuer = issuers.find(&entry.source.url).first().filter(|issuer| entry.source.serves(issuer));
            issuer.inspect(|issuer| shared.set_outage_window(entry, issuer)).is_some()
        });
        shared.tell_proxied_patterns(issuers);
        if !shared.has_keeper.swap(true, Ordering::Relaxed) {
            shared.spawn(keep_fresh(Arc::downgrade(shared), Arc::clone(&shared.changed)));
        }
        shared.changed.notify_one();
    }

    /// Checks a token's signature with its issuer's keys, if they are held and not stale. Takes no lock, and waits for nothing.
    pub fn check_held(&self, token: &UnverifiedToken, issuer: &Arc<Issuer>) -> Option<HeldCheck> {
        if let KeyOrigin::Fixed(fixed) = &issuer.keys.origin {
            return Some(HeldCheck { check: fixed.keys().check(token.jws()), fetched: None });
        }
        let (shared, now) = (&self.0, Instant::now());
        let entry = shared.known(token.issuer(), issuer)?;
        let guard = entry.held(now)?;
        let held: &Held = guard.as_deref().filter(|held| now < held.expires)?;
        let check = held.keys.check(token.jws());
        // What others can make does not keep an issuer of a pattern in memory.
        if check == SignatureCheck::Good {
            entry.touch();
            if now >= held.refresh_at {
                shared.ask(&entry, Reason::Due, None);
            }
        }
        Some(HeldCheck { check, fetched: Some(held.fetched) })
    }

    /// Whether [`Self::ask`] would lead to an answer that could be another one: not so shortly after the last.
    pub fn may_ask(
        &self,
        token: &UnverifiedToken,
        issuer: &Arc<Issuer>,
        held: Option<HeldCheck>,
        now: SystemTime,
    ) -> bool {
        let entry = || self.0.known(token.issuer(), issuer);
        match reason(token, held, now) {
            None => false,
            Some(Reason::Due) => true,
            Some(reason) => entry().is_some_and(|entry| entry.may_fly(reason, &self.0.timing, Instant::now())),
        }
    }

    /// Asks the issuer because of a token that its keys do not verify, `held` being what they said. That makes sense only for a token that
    /// could pass, and it is done at most once per issuer and cool-down when there are keys: they may have been rotated.
    ///
    /// Returns what there is to wait for. An issuer that has just failed is asked in the background.
    pub fn ask(
        &self,
        token: &UnverifiedToken,
        issuer: &Arc<Issuer>,
        held: Option<HeldCheck>,
        now: SystemTime,
        client: Option<Networks>,
    ) -> Result<Option<KeyWait>, Arc<KeyError>> {
        let shared = &self.0;
        let Some(reason) = reason(token, held, now) else { return Ok(None) };
        let entry = shared.entry(token.issuer(), issuer);
        // Nobody waits for an issuer that has just failed: it is asked in the background.
        let failed_recently = entry.failed_recently(&shared.timing, Instant::now());
        let Some(flight) = shared.ask(&entry, reason, client).filter(|_| held.is_some() || !failed_recently) else {
            return Ok(None);
        };
        let (issuer, has_keys) = (entry.source.url.clone(), held.is_some());
        match shared.waiting.enter(shared.waiting_paths(&entry, client)) {
            Ok(place) => Ok(Some(KeyWait { issuer, flight, patience: shared.timing.patience, place, has_keys })),
            Err(_) if has_keys => Ok(None),
            Err(_) => Err(Arc::new(KeyError::Crowded)),
        }
    }

    /// Checks a token's signature with whatever keys are held: when the issuer does not answer, stale ones.
    pub fn check_any(&self, token: &UnverifiedToken, issuer: &Arc<Issuer>) -> Result<SignatureCheck, Arc<KeyError>> {
        let entry = self.0.entry(token.issuer(), issuer);
        let guard = entry.held(Instant::now());
        let check = guard.as_deref().and_then(Option::as_ref).map(|held| held.keys.check(token.jws()));
        if check == Some(SignatureCheck::Good) {
            entry.touch();
        }
        check.ok_or_else(|| entry.failure())
    }

    /// How the keys are now.
    pub fn reading(&self) -> KeyReading {
        let (shared, now) = (&self.0, Instant::now());
        let mut reading = KeyReading {
            matched: u64::try_from(shared.matched.count()).unwrap_or(u64::MAX),
            waiting: shared.waiting.occupied(),
            refused_waits: shared.waiting.refused(),
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
    /// An issuer that the file names, or that matched a pattern and has answered before.
    fn known(&self, url: &str, issuer: &Arc<Issuer>) -> Option<Arc<Entry>> {
        let kept = self.kept.load().get(url).cloned();
        let entry = kept.or_else(|| self.matched.proven(url))?;
        entry.source.serves(issuer).then_some(entry)
    }

    fn entry(&self, url: &str, issuer: &Arc<Issuer>) -> Arc<Entry> {
        self.known(url, issuer).unwrap_or_else(|| {
            let is_usable = |entry: &Entry| entry.source.serves(issuer);
            self.matched.unproven(url, is_usable, || self.new_entry(url, issuer))
        })
    }

    fn new_entry(&self, url: &str, issuer: &Arc<Issuer>) -> Arc<Entry> {
        let source = Source::new(url, issuer);
        let group = Group {
            pattern: self.chance.hash_one(source.pattern().unwrap_or(url)),
            host: self.chance.hash_one(source.host()),
        };
        let entry = Arc::new(Entry::new(source, group));
        self.set_outage_window(&entry, issuer);
        entry
    }

    fn set_outage_window(&self, entry: &Entry, issuer: &Issuer) {
        entry.set_outage_window(issuer.key_outage_window.unwrap_or(self.timing.stale));
    }

    /// The fetch under way, or a new one if there may be one. It waits for its turn on behalf of all clients that want it.
    fn ask(self: &Arc<Self>, entry: &Arc<Entry>, reason: Reason, client: Option<Networks>) -> Option<InFlight> {
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        let by_chance = (ticket, self.chance(&entry.source.url));
        let (flight, landing) = entry.flight(reason, &self.timing, Instant::now(), by_chance);
        if let Some(landing) = landing {
            let (queued, patience) = self.queue(entry, ticket, client);
            self.spawn(Arc::clone(self).fetch(landing, queued, patience));
        } else if let Some(flight) = &flight
            && self.is_new(entry)
        {
            self.queues.new.join(flight.ticket, &self.new_path(entry, client));
        }
        flight
    }

    /// A place in the right queue, and how long the fetch may stand there: nobody needs a new issuer's keys once those who wait are gone.
    fn queue(&self, entry: &Arc<Entry>, ticket: u64, client: Option<Networks>) -> (Queued, Option<Duration>) {
        let Group { pattern, host } = entry.group;
        if entry.source.pattern().is_none() {
            (self.queues.named.enter(ticket, &[host]), None)
        } else if self.is_new(entry) {
            (self.queues.new.enter(ticket, &self.new_path(entry, client)), Some(self.timing.patience))
        } else {
            (self.queues.known.enter(ticket, &[pattern, host]), None)
        }
    }

    /// Whether the issuer matched a pattern and never answered: it may be a stranger's invention.
    fn is_new(&self, entry: &Entry) -> bool {
        entry.source.pattern().is_some() && !entry.is_proven() && !self.matched.knows(self.name(&entry.source.url))
    }

    fn name(&self, url: &str) -> u64 {
        self.chance.hash_one(url)
    }

    fn new_path(&self, entry: &Entry, client: Option<Networks>) -> Path {
        let [wide, narrow] = self.networks(client);
        vec![entry.group.pattern, wide, narrow, entry.group.host]
    }

    fn waiting_paths(&self, entry: &Entry, client: Option<Networks>) -> Paths {
        let [wide, narrow] = self.networks(client);
        Paths {
            of_pattern: vec![entry.group.pattern, wide, narrow],
            of_issuer: vec![self.name(&entry.source.url), wide, narrow],
        }
    }

    fn networks(&self, client: Option<Networks>) -> [u64; 2] {
        client.map_or([0; 2], |client| [self.chance.hash_one(client.wide), self.chance.hash_one(client.narrow)])
    }

    async fn fetch(self: Arc<Self>, landing: Completion, queued: Queued, patience: Option<Duration>) {
        let entry = Arc::clone(landing.entry());
        let outcome = match queued.turn(patience).await {
            Ok(_turn) => self.answer(&entry).await,
            Err(busy) => Err(busy),
        };
        self.fetches.fetch_add(1, Ordering::Relaxed);
        if outcome.is_err() {
            self.failed_fetches.fetch_add(1, Ordering::Relaxed);
        }
        if let Ok(fetched) = &outcome {
            self.tell_left_out(&entry, &fetched.keys);
        }
        let was_new = !entry.is_proven();
        // Who waits shall find the issuer where it belongs: it goes there before they are told.
        if was_new && outcome.is_ok() && !self.kept.load().contains_key(&entry.source.url) {
            self.matched.prove(&entry, self.name(&entry.source.url));
        }
        landing.with(outcome);
        self.changed.notify_one();
    }

    /// The issuer's answer. Who was not chosen by the operator may not take his time.
    async fn answer(&self, entry: &Entry) -> Result<source::Fetched, KeyError> {
        let fetch = entry.source.fetch(&self.fetcher, &self.cluster);
        if entry.source.pattern().is_none() {
            return fetch.await;
        }
        let limit = self.timing.longest_fetch;
        tokio::time::timeout(limit, fetch).await.unwrap_or(Err(KeyError::Late(limit)))
    }

    /// Says which keys of a set are left out and why, each once. Of a pattern each reason is told once: strangers write the sets of its
    /// issuers.
    fn tell_left_out(&self, entry: &Entry, keys: &KeySet) {
        let source = &entry.source;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_new = |(id, reason): &(Option<&str>, LeftOut)| {
            let subject = source.pattern().map_or((source.url.as_str(), *id), |pattern| (pattern, None));
            told.len() < MAX_TOLD && told.insert(self.chance.hash_one((subject, reason)))
        };
        let new: Vec<String> = keys
            .left_out()
            .filter(|left_out| is_new(left_out))
            .map(|(id, reason)| format!("{}: {reason}", id.map_or("without id".to_owned(), |id| format!("\"{id}\""))))
            .collect();
        drop(told);
        if !new.is_empty() {
            let (issuer, left_out) = (PeerText::of(&source.url), bounded(new.join("; "), MAX_LEFT_OUT));
            tracing::warn!(%issuer, used = keys.len(), left_out, "keys of an issuer are left out: its tokens by them are refused");
        }
    }

    fn tell_proxied_patterns(&self, issuers: &Issuers) {
        let proxied = |issuer: &&Arc<Issuer>| match &issuer.address {
            IssuerAddress::Url(_) => false,
            // In a network of one's own, and so not behind the proxy.
            IssuerAddress::Pattern(_) if issuer.keys.ca_certificate.is_some() => false,
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
    let mut tidied = Instant::now();
    while let Some(shared) = store.upgrade() {
        let now = Instant::now();
        let mut wake = now + LONGEST_SLEEP;
        if now >= tidied + LONGEST_SLEEP {
            shared.matched.forget_idle();
            tidied = now;
        }
        for entry in shared.kept.load().values() {
            match entry.next(now) {
                Next::Completion => {}
                Next::Fetch(at) if at <= now => drop(shared.ask(entry, Reason::Due, None)),
                Next::Fetch(at) => wake = wake.min(at),
            }
        }
        drop(shared);
        tokio::time::sleep(SHORTEST_SLEEP).await;
        let _ = tokio::time::timeout_at(wake.into(), changed.notified()).await;
    }
}

/// Why the issuer would be asked, after its keys said this. Those that stand in the issuer file are final.
fn reason(token: &UnverifiedToken, held: Option<HeldCheck>, now: SystemTime) -> Option<Reason> {
    let Some(held) = held else { return Some(Reason::Due) };
    let fetched = held.fetched?;
    Some(Reason::UnknownKey { newer: age(token, now).is_some_and(|age| age < fetched.elapsed()) })
}

/// How long ago the token says that it was made (`iat`); zero if a little ahead of our clock. One that says it is to be made later says
/// nothing.
fn age(token: &UnverifiedToken, now: SystemTime) -> Option<Duration> {
    let issued = token.claims().get("iat")?.as_f64()?;
    let ago = now.duration_since(UNIX_EPOCH).ok()?.as_secs_f64() - issued;
    let is_said = ago >= -CLOCKS_APART.as_secs_f64();
    Duration::try_from_secs_f64(ago.max(0.0)).ok().filter(|_| is_said)
}
