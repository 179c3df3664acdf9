//! Whether the block list or the list of public keys refuses somebody.
//!
//! Owns reading both files for one look. Which entry matches, the list says.

use std::time::SystemTime;

use crate::app::AppError;
use crate::app::block_lists::BlockListFileError;
use crate::blocklist::{Blocked, BlockedKeys, Candidate, KeyHash};
use crate::config::block_file::{self, conditions_shown};
use crate::config::settings::Settings;
use crate::files::{self, MAX_FILE_BYTES};
use crate::identity::explain::{Certified, Presented};
use crate::possession::PublicKey;

use super::refusal::Refusal;

/// One list, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlockReport {
    /// The flag that names the file.
    pub setting: &'static str,
    pub file: String,
    /// What was compared: how many entries, and with what.
    pub compared: String,
    /// The entry that matches: its conditions.
    pub matched: Option<String>,
}

/// Compares with the files that the settings name. Without the key, entries about keys match nobody.
pub(super) fn look(
    settings: &Settings,
    presented: &Presented,
    certified: &Certified,
    key: Option<&PublicKey>,
    at: SystemTime,
) -> Result<(Vec<BlockReport>, Option<Refusal>), AppError> {
    let (mut reports, mut refusal) = (Vec::new(), None);
    let hash = key.map(|key| KeyHash::of_spki(key.spki()));
    let with = if key.is_some() { "the key, too" } else { "not the key, which --key would give" };
    if let (Some(path), Some(hash)) = (&settings.blocked_public_keys, hash) {
        let keys = files::read(path, MAX_FILE_BYTES).map_err(BlockListFileError::from)?;
        let keys = BlockedKeys::parse(&keys)
            .map_err(|source| BlockListFileError::PublicKeys { path: path.clone(), source })?;
        let is_blocked = keys.contains(&hash);
        if is_blocked {
            let cause = format!("the public key is in {} (--blocked-public-keys)", path.display());
            let change = "have the client make another key, or remove this one from the list".to_owned();
            refusal = Some(Refusal::new(&Blocked::PublicKey.into(), cause, change));
        }
        reports.push(BlockReport {
            setting: "--blocked-public-keys",
            file: path.display().to_string(),
            compared: format!("the key with {} keys", keys.len()),
            matched: is_blocked.then(|| format!("key {hash}")),
        });
    }
    let Some(path) = &settings.block_path else { return Ok((reports, refusal)) };
    let entries = block_file::load(path).map_err(BlockListFileError::Entries)?;
    let key_sha256 = hash.unwrap_or(KeyHash([0; 32]));
    let candidate = Candidate {
        issuer: presented.issuer_url(),
        name: &certified.san,
        claims: presented.claims(),
        key_sha256: &key_sha256,
    };
    let entry = entries.find(&candidate, at);
    if let Some(entry) = entry {
        let change = format!(
            "remove the entry with {} from {} if it is not meant: `sigmint block remove`",
            conditions_shown(&entry.conditions),
            path.display()
        );
        let blocked = Blocked::Entry { reason: entry.reason.clone() };
        let cause = blocked.to_string();
        refusal = refusal.or_else(|| Some(Refusal::new(&blocked.into(), cause, change)));
    }
    reports.push(BlockReport {
        setting: "--block-path",
        file: path.display().to_string(),
        compared: format!("issuer, name and claims with {} entries; {with}", entries.in_effect(at)),
        matched: entry.map(|entry| conditions_shown(&entry.conditions)),
    });
    Ok((reports, refusal))
}
