//! The keys of TUF metadata: those that every client verifies.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::signed::canonical;
use crate::crypto::curve::Curve;
use crate::crypto::pem;
use crate::crypto::sha256;
use crate::crypto::signature_check::{BadSignature, SignatureCheck};
use crate::crypto::spki::{self, KeyBits};
use crate::text;

/// A public key with its identifier.
#[derive(Clone, Debug)]
pub struct TufKey {
    id: String,
    form: KeyForm,
    check: SignatureCheck,
}

/// Why a key cannot be one of TUF metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableKey {
    #[error(
        "TUF metadata are signed with ECDSA on P-256 or Ed25519: of other keys, not every client verifies signatures"
    )]
    Kind,
    #[error("the public key is malformed")]
    Malformed,
}

/// A key as the root metadata have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeyForm {
    keytype: String,
    scheme: String,
    keyval: KeyValue,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeyValue {
    /// PEM of an ECDSA key, hexadecimal of an Ed25519 key.
    public: String,
}

const ECDSA: (&str, &str) = ("ecdsa", "ecdsa-sha2-nistp256");
const ED25519: (&str, &str) = ("ed25519", "ed25519");

impl TufKey {
    /// Takes a DER `SubjectPublicKeyInfo`.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, UnusableKey> {
        let ((keytype, scheme), public) = match KeyBits::parse(der).map_err(|_| UnusableKey::Kind)? {
            KeyBits::Ec { curve: Curve::P256, .. } => (ECDSA, text::pem("PUBLIC KEY", der)),
            KeyBits::Ed25519(key) => (ED25519, hex::encode(key)),
            KeyBits::Ec { .. } | KeyBits::Rsa { .. } => return Err(UnusableKey::Kind),
        };
        let form = KeyForm { keytype: keytype.to_owned(), scheme: scheme.to_owned(), keyval: KeyValue { public } };
        let check = SignatureCheck::from_spki_der(der).map_err(|_| UnusableKey::Malformed)?;
        Ok(Self { id: form.id(), form, check })
    }

    /// Reads a key of root metadata.
    pub(super) fn from_form(form: &KeyForm) -> Result<Self, UnusableKey> {
        let public = form.keyval.public.as_bytes();
        let der = match (form.keytype.as_str(), form.scheme.as_str()) {
            ECDSA => {
                let block = pem::parse(public).into_iter().next().ok_or(UnusableKey::Malformed)?;
                block.data().map_err(|_| UnusableKey::Malformed)?.to_vec()
            }
            ED25519 => {
                let key = hex::decode(public).map_err(|_| UnusableKey::Malformed)?;
                spki::of_ed25519(&key).map_err(|_| UnusableKey::Malformed)?
            }
            _ => return Err(UnusableKey::Kind),
        };
        Self::from_spki_der(&der)
    }

    /// The SHA-256 of the key's canonical form.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) const fn form(&self) -> &KeyForm {
        &self.form
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        self.check.verify(message, signature)
    }
}

impl KeyForm {
    pub(super) fn id(&self) -> String {
        let value: Value =
            json!({"keytype": self.keytype, "scheme": self.scheme, "keyval": {"public": self.keyval.public}});
        hex::encode(sha256(&canonical(&value)))
    }
}
