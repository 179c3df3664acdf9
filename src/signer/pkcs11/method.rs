//! Owns the PKCS#11 mechanisms for our signatures: what each is given, and what it gives.
//!
//! Refuses to know sessions. Source: PKCS #11 v3.0, Current Mechanisms, sections 2.1 (RSA) and 2.3 (elliptic curves).

use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};

use super::super::remote::{RemoteError, SigningRequest, ecdsa_der};
use crate::crypto::algorithm::SignatureAlgorithm;

/// RFC 8017, section 9.2, note 1: the DER of a SHA-256 `DigestInfo` up to the digest, which `CKM_RSA_PKCS` wants whole.
const SHA256_DIGEST_INFO: [u8; 19] =
    [0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20];

/// One way to have a token sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// `CKM_ECDSA`: a digest in, r and s out.
    Ecdsa,
    /// `CKM_RSA_PKCS`: a `DigestInfo` in.
    RsaDigest,
    /// `CKM_SHA256_RSA_PKCS`: the message in. For TPMs, where the above is decryption, which a key for signing refuses.
    RsaMessage,
    /// `CKM_EDDSA`: the message in.
    Eddsa,
}

impl Method {
    /// The methods for an algorithm, best first: what Fulcio's library uses, which its keys are known to allow.
    pub(super) fn candidates(algorithm: SignatureAlgorithm) -> Vec<Self> {
        match algorithm {
            SignatureAlgorithm::EcdsaP256Sha256
            | SignatureAlgorithm::EcdsaP384Sha384
            | SignatureAlgorithm::EcdsaP521Sha512 => vec![Self::Ecdsa],
            SignatureAlgorithm::RsaPkcs1Sha256 => vec![Self::RsaDigest, Self::RsaMessage],
            SignatureAlgorithm::Ed25519 => vec![Self::Eddsa],
        }
    }

    pub(super) fn mechanism(self) -> Mechanism<'static> {
        match self {
            Self::Ecdsa => Mechanism::Ecdsa,
            Self::RsaDigest => Mechanism::RsaPkcs,
            Self::RsaMessage => Mechanism::Sha256RsaPkcs,
            Self::Eddsa => Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519)),
        }
    }

    /// What the token is given.
    pub(super) fn input(self, request: &SigningRequest<'_>) -> Vec<u8> {
        match self {
            Self::Ecdsa => request.digest.to_vec(),
            Self::RsaDigest => [SHA256_DIGEST_INFO.as_slice(), request.digest].concat(),
            Self::RsaMessage | Self::Eddsa => request.message.to_vec(),
        }
    }

    /// What a certificate has, of what the token gave.
    pub(super) fn output(self, signature: Vec<u8>) -> Result<Vec<u8>, RemoteError> {
        match self {
            Self::Ecdsa => ecdsa_der(&signature),
            Self::RsaDigest | Self::RsaMessage | Self::Eddsa => Ok(signature),
        }
    }
}
