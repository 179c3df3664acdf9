//! What all users of a key store share: the issuers' entries, the queues before them, and the fetches.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::entry::{Completion, Entry, InFlight, Next};
use super::matched::{Group, Matched};
use super::queues::{FetchQueues, Queued};
use super::refresh::Reason;
use super::shares::Path;
use super::source::{self, Source};
use super::waiting::{Paths, WaitingRoom};
use super::{KeyError, KeySet, KeyTiming, LeftOut};
use crate::identity::fetch::{ClusterFiles, Fetcher};
use crate::identity::issuers::{Issuer, IssuerAddress, Issuers};
use crate::networks::Networks;
use crate::text::peer_text::{PeerText, bounded};

/// How often issuers are looked at at least, and how long a store's background work may outlive it.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);
/// How long the background work rests at least, whatever the life-times.
const SHORTEST_SLEEP: Duration = Duration::from_millis(10);

/// How many keys are said to be left out since the start, and how long one line of them is, in bytes: issuers choose both.
const MAX_TOLD: usize = 4096;
const MAX_LEFT_OUT: usize = 1000;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) fetcher: Fetcher,
    pub(super) cluster: ClusterFiles,
    pub(super) timing: KeyTiming,
    /// Fetches outlive the request that caused them, and the thread that it came in on.
    pub(super) runtime: Option<Handle>,
    /// The issuers that the file names. They are kept fresh whether they are asked for or not, and no other can drive them out.
    pub(super) kept: ArcSwap<HashMap<String, Arc<Entry>>>,
    pub(super) matched: Matched,
    pub(super) queues: FetchQueues,
    pub(super) waiting: WaitingRoom,
    pub(super) tickets: AtomicU64,
    /// Something has changed for the background work to look at.
    pub(super) changed: Arc<Notify>,
    pub(super) has_keeper: AtomicBool,
    /// Which keys were said to be left out, by hash.
    pub(super) told: Mutex<HashSet<u64>>,
    pub(super) chance: RandomState,
    pub(super) fetches: AtomicU64,
    pub(super) failed_fetches: AtomicU64,
}

impl Shared {
    /// An issuer that the file names, or that matched a pattern and has answered before.
    pub(super) fn known(&self, url: &str, issuer: &Arc<Issuer>) -> Option<Arc<Entry>> {
        let kept = self.kept.load().get(url).cloned();
        let entry = kept.or_else(|| self.matched.proven(url))?;
        entry.source.serves(issuer).then_some(entry)
    }

    pub(super) fn entry(&self, url: &str, issuer: &Arc<Issuer>) -> Arc<Entry> {
        self.known(url, issuer).unwrap_or_else(|| {
            let is_usable = |entry: &Entry| entry.source.serves(issuer);
            self.matched.unproven(url, is_usable, || self.new_entry(url, issuer))
        })
    }

    pub(super) fn new_entry(&self, url: &str, issuer: &Arc<Issuer>) -> Arc<Entry> {
        let source = Source::new(url, issuer);
        let group = Group {
            pattern: self.chance.hash_one(source.pattern().unwrap_or(url)),
            host: self.chance.hash_one(source.host()),
        };
        let entry = Arc::new(Entry::new(source, group));
        self.set_outage_window(&entry, issuer);
        entry
    }

    pub(super) fn set_outage_window(&self, entry: &Entry, issuer: &Issuer) {
        entry.set_outage_window(issuer.key_outage_window.unwrap_or(self.timing.stale));
    }

    /// The fetch under way, or a new one if there may be one. It waits for its turn on behalf of all clients that want it.
    pub(super) fn ask(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        reason: Reason,
        client: Option<Networks>,
    ) -> Option<InFlight> {
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

    pub(super) fn waiting_paths(&self, entry: &Entry, client: Option<Networks>) -> Paths {
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
        let mut told = self.told.lock();
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

    pub(super) fn tell_proxied_patterns(&self, issuers: &Issuers) {
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

    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
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
pub(super) async fn keep_fresh(store: Weak<Shared>, changed: Arc<Notify>) {
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
