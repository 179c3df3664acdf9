//! Issuers' keys: the one module that fetches, parses, keeps and replaces them (OpenID Connect Discovery 1.0, RFC 7517).
//!
//! Owns which issuers' keys are held, and their renewal in the background. Knows signatures, but neither claims nor identities.

mod document;
mod entry;
mod error;
mod jwk;
mod matched;
mod material;
mod probe;
mod queues;
mod refresh;
mod set;
mod shared;
mod shares;
mod source;
mod timing;
mod waiting;

use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use tokio::runtime::Handle;

pub use error::KeyError;
pub use jwk::LeftOut;
pub use probe::{Probed, probe};
pub use set::{KeyBudget, KeySet, SignatureCheck};
pub use timing::KeyTiming;

use self::entry::{Held, InFlight};
use self::matched::Matched;
use self::queues::FetchQueues;
use self::refresh::Reason;
use self::shared::{Shared, keep_fresh};
use self::waiting::{Place, WaitingRoom};
use super::fetch::{ClusterFiles, Fetcher, Reach};
use super::token::UnverifiedToken;
use super::verify::VerifyError;
use crate::identity::issuers::{Issuer, IssuerAddress, Issuers, KeyOrigin};
use crate::networks::Networks;
use crate::text::peer_text::PeerText;

/// How far an issuer's clock may be ahead of ours for `iat` to say anything of when a token was made.
const CLOCKS_APART: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub struct KeyStore(Arc<Shared>);

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
            told: parking_lot::Mutex::default(),
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
