//! The key of a development log.
//!
//! Owns signing, and the forms of the public half. Knows neither entries nor trees.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

use crate::crypto::sha256;

/// A P-256 key that signs timestamps, tree heads and checkpoints.
pub(super) struct SigningKey {
    pair: EcdsaKeyPair,
    spki: Vec<u8>,
    id: [u8; 32],
}

impl SigningKey {
    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, Unspecified> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der).map_err(|_| Unspecified)?;
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
        let spki = public.as_ref().to_vec();
        let id = sha256(&spki);
        Ok(Self { pair, spki, id })
    }

    /// The SHA-256 of the DER `SubjectPublicKeyInfo`: how logs are named (RFC 6962 section 3.2).
    pub(super) const fn id(&self) -> [u8; 32] {
        self.id
    }

    /// The DER `SubjectPublicKeyInfo`.
    pub(super) fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// ECDSA with SHA-256 over the bytes, DER.
    pub(super) fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, Unspecified> {
        Ok(self.pair.sign(&SystemRandom::new(), bytes)?.as_ref().to_vec())
    }
}
