//! The development log's key.
//!
//! Owns signing (RFC 6962 section 2.1.4) and the forms of the public half. Knows neither entries nor trees.

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

/// TLS `HashAlgorithm.sha256` and `SignatureAlgorithm.ecdsa` (RFC 5246 section 7.4.1.4.1).
const SHA256_ECDSA: [u8; 2] = [4, 3];

/// A P-256 key that signs timestamps and tree heads.
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
        let id = digest::digest(&digest::SHA256, &spki).as_ref().try_into().map_err(|_| Unspecified)?;
        Ok(Self { pair, spki, id })
    }

    /// The log's identifier (RFC 6962 section 3.2).
    pub(super) const fn id(&self) -> [u8; 32] {
        self.id
    }

    /// The DER `SubjectPublicKeyInfo`.
    pub(super) fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// A TLS `DigitallySigned` over the bytes.
    pub(super) fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let signature = self.pair.sign(&SystemRandom::new(), bytes)?;
        let length = u16::try_from(signature.as_ref().len()).map_err(|_| Unspecified)?;
        Ok([&SHA256_ECDSA[..], &length.to_be_bytes(), signature.as_ref()].concat())
    }
}
