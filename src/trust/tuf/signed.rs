//! Metadata in their envelope: what signatures are over, signing by several keys, and whether enough of them have.

use std::collections::BTreeSet;
use std::time::SystemTime;

use olpc_cjson::CanonicalFormatter;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::key::TufKey;
use super::metadata::Metadata;
use super::{Role, TufError, TufSigner};

/// One document of the repository.
#[derive(Clone, Debug)]
pub(super) struct Signed<T> {
    pub(super) content: T,
    pub(super) bytes: Vec<u8>,
}

/// Keys of a role, and how many of them have to sign.
#[derive(Clone, Debug)]
pub(super) struct RoleKeys {
    pub(super) keys: Vec<TufKey>,
    pub(super) threshold: usize,
}

#[derive(Deserialize)]
struct Envelope {
    signatures: Vec<Signature>,
    signed: Value,
}

#[derive(Serialize, Deserialize)]
struct Signature {
    keyid: String,
    sig: String,
}

/// The bytes that signatures are over.
pub(super) fn canonical(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, CanonicalFormatter::new());
    // Metadata have neither fractions nor keys that are not strings: the form has room for all else. No bytes verify as nothing.
    if value.serialize(&mut serializer).is_err() {
        bytes.clear();
    }
    bytes
}

/// Signs by every one of these signers that has one of the roles' keys, and refuses if one role has too few.
pub(super) async fn sign<T: Metadata>(
    content: T,
    roles: &[&RoleKeys],
    signers: &[TufSigner],
) -> Result<Signed<T>, TufError> {
    let message = canonical(&content);
    let mut signatures: Vec<Signature> = Vec::new();
    for TufSigner { key, signer } in signers {
        let is_of_role = roles.iter().any(|role| role.has(key.id()));
        if !is_of_role || signatures.iter().any(|signature| signature.keyid == key.id()) {
            continue;
        }
        let signature = signer.sign(&message).await.map_err(|source| TufError::Signer { role: T::ROLE, source })?;
        key.verify(&message, &signature).map_err(|source| TufError::WrongSignature { role: T::ROLE, source })?;
        signatures.push(Signature { keyid: key.id().to_owned(), sig: hex::encode(signature) });
    }
    for role in roles {
        let given = signatures.iter().filter(|signature| role.has(&signature.keyid)).count();
        if given < role.threshold {
            return Err(TufError::TooFewKeys { role: T::ROLE, needed: role.threshold, given });
        }
    }
    let text = format!("{:#}\n", json!({"signatures": signatures, "signed": content}));
    Ok(Signed { content, bytes: text.into_bytes() })
}

/// Reads a document whose signatures were or will be verified with [`verify`].
pub(super) fn parse<T: Metadata + DeserializeOwned>(bytes: &[u8]) -> Result<Signed<T>, TufError> {
    let malformed = |problem: String| TufError::Malformed { role: T::ROLE, problem };
    let envelope: Envelope =
        serde_json::from_slice(bytes).map_err(|error| malformed(format!("cannot be read: {error}")))?;
    let content: T = T::deserialize(&envelope.signed).map_err(|error| malformed(format!("cannot be read: {error}")))?;
    if content.role() != T::ROLE {
        return Err(malformed(format!("say that they are {}", content.role().name())));
    }
    Ok(Signed { content, bytes: bytes.to_vec() })
}

/// Whether enough of the role's keys signed the document.
pub(super) fn verify<T: Metadata>(document: &Signed<T>, keys: &RoleKeys) -> Result<(), TufError> {
    let unreadable = |error: serde_json::Error| TufError::Malformed { role: T::ROLE, problem: error.to_string() };
    let envelope: Envelope = serde_json::from_slice(&document.bytes).map_err(unreadable)?;
    let message = canonical(&envelope.signed);
    let mut signed_by: BTreeSet<&str> = BTreeSet::new();
    for Signature { keyid, sig } in &envelope.signatures {
        let key = keys.keys.iter().find(|key| key.id() == keyid);
        let is_good = |key: &&TufKey| hex::decode(sig).is_ok_and(|signature| key.verify(&message, &signature).is_ok());
        signed_by.extend(key.filter(is_good).map(TufKey::id));
    }
    if signed_by.len() < keys.threshold {
        return Err(TufError::Unsigned { role: T::ROLE, needed: keys.threshold });
    }
    Ok(())
}

/// Refuses what clients do not read any more.
pub(super) fn check_end<T: Metadata>(document: &Signed<T>, now: SystemTime) -> Result<(), TufError> {
    let end = document.content.end()?;
    if end <= now { Err(TufError::Expired { role: T::ROLE, end }) } else { Ok(()) }
}

impl RoleKeys {
    pub(super) fn new(role: Role, keys: Vec<TufKey>, threshold: usize) -> Result<Self, TufError> {
        let distinct: BTreeSet<&str> = keys.iter().map(TufKey::id).collect();
        if distinct.len() != keys.len() {
            return Err(TufError::DuplicateKey { role });
        }
        if threshold == 0 || threshold > keys.len() {
            return Err(TufError::Threshold { role, threshold, keys: keys.len() });
        }
        Ok(Self { keys, threshold })
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id() == id)
    }
}
