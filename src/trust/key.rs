//! A public key with the name that Sigstore's documents have for its kind.

use crate::crypto::curve::Curve;
use crate::crypto::pem;
use crate::crypto::sha256;
use crate::crypto::spki::{self, KeyBits, bit_length};
use crate::text;

/// A log's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    spki_der: Vec<u8>,
    details: &'static str,
    /// Of an Ed25519 key.
    ed25519: Option<Vec<u8>>,
}

/// A key that Sigstore's documents have no name for, or that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key is neither ECDSA on P-256, P-384 or P-521, nor Ed25519, nor RSA of 2048, 3072 or 4096 bits")]
pub struct UnknownKeyKind;

impl PublicKey {
    /// Reads a DER `SubjectPublicKeyInfo`.
    pub fn from_spki_der(spki_der: &[u8]) -> Result<Self, UnknownKeyKind> {
        let bits = KeyBits::parse(spki_der).map_err(|_| UnknownKeyKind)?;
        let ed25519 = if let KeyBits::Ed25519(key) = bits { Some(key.to_vec()) } else { None };
        Ok(Self { spki_der: spki_der.to_vec(), details: details(&bits)?, ed25519 })
    }

    /// Reads the first PEM block `PUBLIC KEY` or `RSA PUBLIC KEY` (PKCS #1); what is around it does not count.
    pub fn from_pem(text: &[u8]) -> Result<Self, UnknownKeyKind> {
        let is_key = |label: &str| matches!(label, "PUBLIC KEY" | "RSA PUBLIC KEY");
        let block = pem::parse(text).into_iter().find(|block| is_key(&block.label)).ok_or(UnknownKeyKind)?;
        let data = block.data().map_err(|_| UnknownKeyKind)?;
        if block.label == "PUBLIC KEY" {
            return Self::from_spki_der(data);
        }
        Self::from_spki_der(&spki::of_pkcs1(data).map_err(|_| UnknownKeyKind)?)
    }

    /// The key in PEM.
    pub fn to_pem(&self) -> String {
        text::pem("PUBLIC KEY", &self.spki_der)
    }

    pub fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    /// `dev.sigstore.common.v1.PublicKeyDetails`.
    pub(super) const fn details(&self) -> &'static str {
        self.details
    }

    /// The identifier of an RFC 6962 log and of a Rekor log of version 1.
    pub(super) fn sha256(&self) -> [u8; 32] {
        sha256(&self.spki_der)
    }

    /// The identifier of a log whose checkpoints are signed notes (C2SP signed-note): an Ed25519 key's depends on the log's name, an
    /// ECDSA key's does not.
    pub(super) fn checkpoint_id(&self, origin: &str) -> [u8; 32] {
        /// The signature type of Ed25519.
        const ED25519: u8 = 1;
        let Some(key) = &self.ed25519 else { return self.sha256() };
        sha256(&[origin.as_bytes(), b"\n", &[ED25519], key].concat())
    }
}

fn details(bits: &KeyBits<'_>) -> Result<&'static str, UnknownKeyKind> {
    Ok(match bits {
        KeyBits::Ec { curve: Curve::P256, .. } => "PKIX_ECDSA_P256_SHA_256",
        KeyBits::Ec { curve: Curve::P384, .. } => "PKIX_ECDSA_P384_SHA_384",
        KeyBits::Ec { curve: Curve::P521, .. } => "PKIX_ECDSA_P521_SHA_512",
        KeyBits::Ed25519(_) => "PKIX_ED25519",
        KeyBits::Rsa { modulus, .. } => match bit_length(modulus) {
            2048 => "PKIX_RSA_PKCS1V15_2048_SHA256",
            3072 => "PKIX_RSA_PKCS1V15_3072_SHA256",
            4096 => "PKIX_RSA_PKCS1V15_4096_SHA256",
            _ => return Err(UnknownKeyKind),
        },
    })
}
