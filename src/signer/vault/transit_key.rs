//! Owns the description of a transit key as the engine gives it, and which of its versions can be signed with.
//!
//! Refuses to know how it is fetched.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use super::error::Place;
use crate::crypto::spki;
use crate::signer::backend::BackendError;
use crate::signer::remote::{RemoteError, RemotePublicKey};

/// `data` of `GET transit/keys/KEY`, as far as it matters.
#[derive(Debug, Deserialize)]
pub(super) struct KeyData {
    #[serde(rename = "type")]
    kind: String,
    supports_signing: bool,
    /// An Ed25519 key that is another one for each context.
    #[serde(default)]
    derived: bool,
    /// OpenBao: taken out of use, can be brought back.
    #[serde(default)]
    soft_deleted: bool,
    latest_version: u32,
    /// The first version that may sign; 0 if only the latest may. Older versions may not.
    #[serde(default)]
    min_encryption_version: u32,
    /// From `min_decryption_version` on. What stands for a key that is not asymmetric is a number.
    keys: BTreeMap<u32, Value>,
}

impl KeyData {
    /// The public key of a version, the latest one if none is given, once it is sure that it may sign.
    pub(super) fn select(
        &self,
        version: Option<u32>,
        place: Place<'_>,
    ) -> Result<(u32, RemotePublicKey), BackendError> {
        let version = version.unwrap_or(self.latest_version);
        self.check_use(place)?;
        self.check_version(version, place)?;
        let public = self.public_key(version).map_err(|problem| BackendError {
            problem: RemoteError::Unusable(problem.into()),
            hint: format!(
                "use a key of type ecdsa-p256, ecdsa-p384, ecdsa-p521, rsa-2048, rsa-3072, rsa-4096 or ed25519: \
                 this one is of type {}",
                self.kind
            ),
        })?;
        Ok((version, public))
    }

    fn check_use(&self, Place { mount, key }: Place<'_>) -> Result<(), BackendError> {
        let another = format!("make another key: `vault write -f {mount}/keys/NAME type=ecdsa-p384`");
        if !self.supports_signing {
            return Err(BackendError::refused(format!("a key of type {} cannot sign", self.kind), another));
        }
        if self.derived {
            return Err(BackendError::refused("a derived key has no one public key", another));
        }
        if self.soft_deleted {
            let hint = format!("`bao write -f {mount}/keys/{key}/soft-delete-restore` brings it back");
            return Err(BackendError::refused("the key is soft-deleted", hint));
        }
        Ok(())
    }

    fn check_version(&self, version: u32, Place { mount, key }: Place<'_>) -> Result<(), BackendError> {
        if !self.keys.contains_key(&version) {
            let first = self.keys.keys().next().copied().unwrap_or_default();
            let hint = format!(
                "name one of these in hashivault://{key}?version=N; an older one may be brought back with \
                 `vault write {mount}/keys/{key}/config min_decryption_version=N`"
            );
            let problem = format!("it has no version {version}, but {first} to {}", self.latest_version);
            return Err(BackendError::refused(problem, hint));
        }
        let first = self.min_encryption_version;
        if version < first {
            let hint = format!(
                "name a version from {first} on, or allow it again: \
                 `vault write {mount}/keys/{key}/config min_encryption_version={version}`"
            );
            let problem = format!("version {version} may not sign any more: min_encryption_version is {first}");
            return Err(BackendError::refused(problem, hint));
        }
        Ok(())
    }

    fn public_key(&self, version: u32) -> Result<RemotePublicKey, String> {
        let text = self.keys.get(&version).and_then(|entry| entry.get("public_key")?.as_str());
        let text = text.filter(|text| !text.is_empty()).ok_or("the server gives no public key for it")?;
        let spki = if self.kind == "ed25519" { ed25519_spki(text) } else { pem_spki(text) };
        let spki = spki.ok_or("its public key is malformed")?;
        RemotePublicKey::from_spki_der(spki).map_err(|error| error.to_string())
    }
}

/// The engine gives the bare bytes in base64.
fn ed25519_spki(text: &str) -> Option<Vec<u8>> {
    spki::of_ed25519(&STANDARD.decode(text).ok()?).ok()
}

fn pem_spki(text: &str) -> Option<Vec<u8>> {
    pem::parse(text).ok().map(pem::Pem::into_contents)
}
