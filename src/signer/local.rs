//! Owns the signer whose key is in this process's memory.
//!
//! Refuses to know files, encodings other than DER, and passwords: `key_file` takes those off.

use aws_lc_rs::{
    encoding::{AsDer as _, PublicKeyX509Der},
    rand::SystemRandom,
    rsa,
    signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _},
};

use super::{KeyLocation, SignatureAlgorithm, Signer, SignerError, Signing};

/// A private key in memory; the cryptographic library wipes it when it is dropped.
#[derive(derive_more::Debug)]
pub struct LocalSigner {
    #[debug(skip)]
    key: Key,
    algorithm: SignatureAlgorithm,
}

enum Key {
    Ecdsa(EcdsaKeyPair),
    Rsa(Box<rsa::KeyPair>),
    Ed25519(Ed25519KeyPair),
}

/// The bytes are not a private key of the algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the private key is malformed or of the wrong type")]
pub struct KeyRejected;

impl LocalSigner {
    /// Reads a PKCS#8 `PrivateKeyInfo` (RFC 5958) in DER.
    pub fn from_pkcs8(algorithm: SignatureAlgorithm, der: &[u8]) -> Result<Self, KeyRejected> {
        let key = match algorithm.ecdsa_signing() {
            Some(signing) => EcdsaKeyPair::from_pkcs8(signing, der).map(Key::Ecdsa),
            None if algorithm == SignatureAlgorithm::Ed25519 => {
                // Without a public key in the file there is nothing to compare; the certificate's key is compared later.
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Key::Ed25519)
            }
            None => rsa::KeyPair::from_pkcs8(der).map(|key| Key::Rsa(Box::new(key))),
        };
        key.map(|key| Self { key, algorithm }).map_err(|_| KeyRejected)
    }

    /// Reads a SEC 1 `ECPrivateKey` (RFC 5915) in DER.
    pub fn from_sec1(algorithm: SignatureAlgorithm, der: &[u8]) -> Result<Self, KeyRejected> {
        let signing = algorithm.ecdsa_signing().ok_or(KeyRejected)?;
        let key = EcdsaKeyPair::from_private_key_der(signing, der).map_err(|_| KeyRejected)?;
        Ok(Self { key: Key::Ecdsa(key), algorithm })
    }

    /// Reads a PKCS#1 `RSAPrivateKey` (RFC 8017, appendix A.1.2) in DER.
    pub fn from_pkcs1(der: &[u8]) -> Result<Self, KeyRejected> {
        let key = rsa::KeyPair::from_der(der).map_err(|_| KeyRejected)?;
        Ok(Self { key: Key::Rsa(Box::new(key)), algorithm: SignatureAlgorithm::RsaPkcs1Sha256 })
    }

    /// The public half, DER `SubjectPublicKeyInfo`.
    pub fn spki_der(&self) -> Result<Vec<u8>, KeyRejected> {
        let encoded: Result<PublicKeyX509Der<'_>, _> = match &self.key {
            Key::Ecdsa(key) => key.public_key().as_der(),
            Key::Rsa(key) => key.public_key().as_der(),
            Key::Ed25519(key) => key.public_key().as_der(),
        };
        Ok(encoded.map_err(|_| KeyRejected)?.as_ref().to_vec())
    }

    fn sign_now(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        let random = SystemRandom::new();
        match &self.key {
            Key::Ecdsa(key) => key.sign(&random, message).map(|signature| signature.as_ref().to_vec()),
            Key::Ed25519(key) => key.try_sign(message).map(|signature| signature.as_ref().to_vec()),
            Key::Rsa(key) => {
                let mut bytes = vec![0; key.public_modulus_len()];
                key.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut bytes).map(|()| bytes)
            }
        }
        .map_err(|_| SignerError::Library)
    }
}

impl Signer for LocalSigner {
    fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    fn location(&self) -> KeyLocation {
        KeyLocation::InProcess
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a> {
        Box::pin(async move { self.sign_now(message) })
    }
}

impl SignatureAlgorithm {
    pub(super) fn ecdsa_signing(self) -> Option<&'static EcdsaSigningAlgorithm> {
        match self {
            Self::EcdsaP256Sha256 => Some(&signature::ECDSA_P256_SHA256_ASN1_SIGNING),
            Self::EcdsaP384Sha384 => Some(&signature::ECDSA_P384_SHA384_ASN1_SIGNING),
            Self::EcdsaP521Sha512 => Some(&signature::ECDSA_P521_SHA512_ASN1_SIGNING),
            Self::RsaPkcs1Sha256 | Self::Ed25519 => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::Ed25519KeyPair;

    use super::{KeyRejected, LocalSigner};
    use crate::crypto::algorithm::SignatureAlgorithm;

    #[test]
    fn a_key_is_refused_for_another_algorithm_and_is_not_printed() {
        let der = Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap();
        for algorithm in SignatureAlgorithm::ALL {
            let read = LocalSigner::from_pkcs8(algorithm, der.as_ref());
            assert_eq!(read.is_ok(), algorithm == SignatureAlgorithm::Ed25519, "{algorithm}");
        }
        assert_eq!(LocalSigner::from_sec1(SignatureAlgorithm::Ed25519, der.as_ref()).err(), Some(KeyRejected));
        assert_eq!(LocalSigner::from_pkcs1(der.as_ref()).err(), Some(KeyRejected));
        let signer = LocalSigner::from_pkcs8(SignatureAlgorithm::Ed25519, der.as_ref()).unwrap();
        assert_eq!(format!("{signer:?}"), "LocalSigner { algorithm: Ed25519, .. }");
    }
}
