//! How many certificates one token may make, for issuers that limit it.
//!
//! Owns what makes two tokens the same, the count of their uses, and what happens when the count is unavailable. Knows no transport and
//! nothing of certificates but their serial numbers, by which a use can be taken back.

mod memory;
mod redis;

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::certificate::Serial;
use crate::identity::claims::{ClaimError, Claims, wrong_type};
use crate::identity::verify::{VerifiedClaims, expires_at};
use crate::text::peer_text::PeerText;
pub use memory::CAPACITY;
use memory::MemoryStore;
pub use redis::{RedisOptions, RedisSetupError, RedisStore};

/// The most that `max-certificates-per-token` may say: a count, not a rate.
pub const MAX_USES: NonZeroU32 = NonZeroU32::new(1000).unwrap();

/// How long a token that is counted may have until it expires: it is remembered for as long. Tokens for one use live for minutes.
pub const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// What happens to a request whose token's uses cannot be counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenUnknown {
    /// It is refused, and may be tried again.
    #[default]
    Refuse,
    /// It passes: an outage of the store costs the limit and no certificates.
    Pass,
}

#[derive(Debug)]
pub struct SingleUse {
    store: Store,
    when_unknown: WhenUnknown,
    uncounted: AtomicU64,
}

#[derive(Debug)]
enum Store {
    Memory(MemoryStore),
    Redis(RedisStore),
}

/// A token as it is counted. Says nothing about whom it is for: issuer and `jti` are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counted {
    key: [u8; 32],
    /// Seconds since 1970; the token is worth nothing from then on, and the count neither.
    expires: u64,
    limit: NonZeroU32,
    /// Whose it is, for the memory's shares: the issuer.
    issuer: Party,
    /// The same for all issuers of one entry of the issuer file.
    entry: Party,
}

/// Who has a share of the memory, by hash.
type Party = u128;

/// One use of a token. It counts unless it is given back.
#[derive(Debug)]
#[must_use = "a use that made no certificate is to be given back"]
pub struct Use {
    token: Counted,
    serial: Serial,
}

/// Why a token does not make another certificate.
#[derive(Debug, thiserror::Error)]
pub enum SingleUseError {
    /// `jti` is there but no text.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    #[error("the token is counted, and expires in more than {}", humantime::format_duration(LONGEST_LIFE))]
    LivesTooLong,
    #[error("the token has made as many certificates as its issuer's setting allows")]
    Spent,
    #[error("the uses of the token cannot be counted")]
    Unknown(#[source] StoreError),
}

/// Why a count is unavailable.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the issuer has its share of the {CAPACITY} tokens that are remembered")]
    Full,
    #[error("the store did not answer within {}", humantime::format_duration(*.0))]
    Late(Duration),
    #[error("the store failed: {0}")]
    Failed(PeerText),
}

impl Default for SingleUse {
    fn default() -> Self {
        Self::in_memory(WhenUnknown::default())
    }
}

impl SingleUse {
    /// Counts in this process: for one replica.
    pub fn in_memory(when_unknown: WhenUnknown) -> Self {
        Self::new(Store::Memory(MemoryStore::new(CAPACITY)), when_unknown)
    }

    /// Counts in Redis or Valkey: for any number of replicas.
    pub const fn in_redis(store: RedisStore, when_unknown: WhenUnknown) -> Self {
        Self::new(Store::Redis(store), when_unknown)
    }

    const fn new(store: Store, when_unknown: WhenUnknown) -> Self {
        Self { store, when_unknown, uncounted: AtomicU64::new(0) }
    }

    /// How many uses passed though they could not be counted.
    pub fn uncounted(&self) -> u64 {
        self.uncounted.load(Ordering::Relaxed)
    }

    /// Whether the issuer's tokens are counted at all.
    pub fn counts(claims: &VerifiedClaims) -> bool {
        claims.issuer().max_certificates_per_token.is_some()
    }

    /// Takes one of the token's uses for the certificate with this serial number; none when its issuer sets no limit.
    ///
    /// Errors: See [`SingleUseError`]; without a count only when that is what [`WhenUnknown`] says.
    pub async fn take(
        &self,
        claims: &VerifiedClaims,
        serial: &Serial,
        now: SystemTime,
    ) -> Result<Option<Use>, SingleUseError> {
        let Some(token) = Counted::of(claims)? else { return Ok(None) };
        check_life(token.expires, now)?;
        let counted = match &self.store {
            Store::Memory(store) => store.take(&token, seconds(now)),
            Store::Redis(store) => store.take(&token, serial).await,
        };
        match counted {
            Ok(true) => Ok(Some(Use { token, serial: serial.clone() })),
            Ok(false) => Err(SingleUseError::Spent),
            Err(error) => self.without_a_count(error, &token, serial),
        }
    }

    fn without_a_count(
        &self,
        error: StoreError,
        token: &Counted,
        serial: &Serial,
    ) -> Result<Option<Use>, SingleUseError> {
        match self.when_unknown {
            WhenUnknown::Pass => {
                self.uncounted.fetch_add(1, Ordering::Relaxed);
                let error = error.to_string();
                tracing::error!(error, "a token's uses cannot be counted; it passes, as --single-use-failure says");
                Ok(None)
            }
            WhenUnknown::Refuse => {
                // The use may have been counted though the answer was lost.
                if let Store::Redis(store) = &self.store {
                    store.give_back_later(token, serial);
                }
                Err(SingleUseError::Unknown(error))
            }
        }
    }

    /// Gives back a use that made no certificate. A store that cannot be reached keeps it: the limit is never exceeded for that.
    pub async fn give_back(&self, taken: Option<Use>) {
        let Some(taken) = taken else { return };
        match &self.store {
            Store::Memory(store) => store.give_back(&taken.token),
            Store::Redis(store) => {
                if let Err(error) = store.give_back(&taken.token, &taken.serial).await {
                    let error = error.to_string();
                    tracing::warn!(error, "a token's use that made no certificate stays counted");
                }
            }
        }
    }
}

impl Counted {
    /// The token that the claims are of, if its issuer sets a limit: known by `jti` (RFC 7519 section 4.1.7), else by what was signed.
    fn of(claims: &VerifiedClaims) -> Result<Option<Self>, ClaimError> {
        let (Some(limit), Some(digest)) = (claims.issuer().max_certificates_per_token, claims.signing_input_digest())
        else {
            return Ok(None);
        };
        let (kind, name) = match token_id(claims.claims())? {
            None => (0, digest.as_slice()),
            Some(id) => (1, id.as_bytes()),
        };
        let issuer = claims.issuer_url().as_bytes();
        // The issuer's length keeps one issuer's names apart from those of another.
        let hash = Sha256::new_with_prefix([kind]).chain_update((issuer.len() as u64).to_be_bytes());
        let key = hash.chain_update(issuer).chain_update(name).finalize().into();
        let expires = expiry(claims.expires_at());
        let entry = party(claims.issuer().address.as_str().as_bytes());
        Ok(Some(Self { key, expires, limit, issuer: party(issuer), entry }))
    }
}

/// What `jti` names the token by, if it does.
pub(crate) fn token_id(claims: &Claims) -> Result<Option<&str>, ClaimError> {
    match claims.get("jti") {
        None => Ok(None),
        Some(Value::String(id)) => Ok(Some(id.as_str()).filter(|id| !id.is_empty())),
        Some(other) => Err(wrong_type("jti", other, "a string")),
    }
}

/// Whether a token with these claims can be counted, whatever was counted before.
pub(crate) fn check_countable(claims: &Claims, now: SystemTime) -> Result<(), SingleUseError> {
    token_id(claims)?;
    check_life(expiry(expires_at(claims)), now)
}

fn check_life(expires: u64, now: SystemTime) -> Result<(), SingleUseError> {
    if expires > seconds(now + LONGEST_LIFE).saturating_add(1) { Err(SingleUseError::LivesTooLong) } else { Ok(()) }
}

/// The second from which on the token is worth nothing.
fn expiry(expires_at: SystemTime) -> u64 {
    seconds(expires_at).saturating_add(1)
}

fn party(name: &[u8]) -> Party {
    Sha256::digest(name).iter().take(16).fold(0, |number, byte| number << 8 | Party::from(*byte))
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests;
