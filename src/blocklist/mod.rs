//! Who gets no certificate, whatever token and key they have: the operator's block list and list of blocked public keys.
//!
//! Owns what an entry is compared with, and the two cells that are replaced as wholes, each by itself. Knows no file; which step of the
//! pipeline asks is `issuance`'s business.

mod entries;
mod entry;
mod public_keys;

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;

pub use entries::{BlockEntries, Candidate};
pub use entry::{BlockEntry, ClaimValue, Conditions, KeyHash};
pub use public_keys::{BlockedKeys, BlockedKeysError};

use crate::identity::kinds::{Principal, SubjectAlternativeName};
use crate::identity::verify::VerifiedClaims;
use crate::possession::{KeyRequest, ProvenKey, public_key};

/// What is blocked at the moment. The default blocks nobody.
#[derive(Debug, Default)]
pub struct BlockList {
    entries: ArcSwap<BlockEntries>,
    public_keys: ArcSwap<BlockedKeys>,
}

/// Why a request is refused: for the log. The client reads a constant message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// An entry of the block list.
    #[error("blocked, and the reason is: {reason}")]
    Entry { reason: String },
    /// A key of the list of public keys.
    #[error("the public key is blocked")]
    PublicKey,
}

impl BlockList {
    pub fn entries(&self) -> Arc<BlockEntries> {
        self.entries.load_full()
    }

    pub fn public_keys(&self) -> Arc<BlockedKeys> {
        self.public_keys.load_full()
    }

    pub fn replace_entries(&self, entries: BlockEntries) {
        self.entries.store(Arc::new(entries));
    }

    pub fn replace_public_keys(&self, keys: BlockedKeys) {
        self.public_keys.store(Arc::new(keys));
    }

    /// Refuses a key that an entry blocks whoever holds it: before the token is looked at, and before anybody is asked because of it.
    pub fn check_key(&self, request: &KeyRequest, now: SystemTime) -> Result<(), Blocked> {
        let entries = self.entries.load();
        if !entries.has_bare_keys() {
            return Ok(());
        }
        // A key that cannot be read is refused later, for that.
        let Ok(key) = public_key(request) else { return Ok(()) };
        refuse(entries.find_key(&KeyHash::of_spki(key.spki()), now))
    }

    /// Refuses whom an entry blocks, and keys of the list of public keys.
    pub fn check(
        &self,
        claims: &VerifiedClaims,
        principal: &Principal,
        key: &ProvenKey,
        now: SystemTime,
    ) -> Result<(), Blocked> {
        let (entries, public_keys) = (self.entries.load(), self.public_keys.load());
        if entries.is_empty() && public_keys.is_empty() {
            return Ok(());
        }
        let key_sha256 = KeyHash::of_spki(key.public_key().spki());
        if public_keys.contains(&key_sha256) {
            return Err(Blocked::PublicKey);
        }
        let candidate = Candidate {
            issuer: claims.issuer_url(),
            name: principal.name(),
            claims: claims.claims(),
            key_sha256: &key_sha256,
        };
        refuse(entries.find(&candidate, now))
    }
}

fn refuse(found: Option<&BlockEntry>) -> Result<(), Blocked> {
    found.map_or(Ok(()), |entry| Err(Blocked::Entry { reason: entry.reason.clone() }))
}

/// The name as it is compared.
fn name_of(name: &SubjectAlternativeName) -> &str {
    match name {
        SubjectAlternativeName::Email(text) | SubjectAlternativeName::OtherName(text) => text,
        SubjectAlternativeName::Uri(uri) => uri.as_str(),
    }
}
