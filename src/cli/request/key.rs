//! The key that a certificate is asked for: made here, kept or forgotten here.
//!
//! Owns generation, the proof of possession and the PKCS #8 form. Knows no token.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _,
};
use zeroize::Zeroizing;

use crate::text;

/// A kind of key that can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum RequestKeyKind {
    /// ECDSA on P-256
    P256,
    /// ECDSA on P-384
    P384,
    /// Ed25519
    Ed25519,
}

/// A new key pair.
pub(super) enum ClientKey {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl ClientKey {
    pub(super) fn generate(kind: RequestKeyKind) -> Result<Self, Unspecified> {
        let ecdsa = |algorithm: &'static EcdsaSigningAlgorithm| EcdsaKeyPair::generate(algorithm).map(Self::Ecdsa);
        match kind {
            RequestKeyKind::P256 => ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING),
            RequestKeyKind::P384 => ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING),
            RequestKeyKind::Ed25519 => Ed25519KeyPair::generate().map(Self::Ed25519),
        }
    }

    /// The signature over the challenge that shows who holds the key.
    pub(super) fn prove(&self, challenge: &str) -> Result<Vec<u8>, Unspecified> {
        match self {
            Self::Ecdsa(pair) => Ok(pair.sign(&SystemRandom::new(), challenge.as_bytes())?.as_ref().to_vec()),
            Self::Ed25519(pair) => Ok(pair.sign(challenge.as_bytes()).as_ref().to_vec()),
        }
    }

    /// `SubjectPublicKeyInfo`, PEM.
    pub(super) fn public_pem(&self) -> Result<String, Unspecified> {
        let der: PublicKeyX509Der<'_> = match self {
            Self::Ecdsa(pair) => pair.public_key().as_der()?,
            Self::Ed25519(pair) => pair.public_key().as_der()?,
        };
        Ok(text::pem("PUBLIC KEY", der.as_ref()))
    }

    /// PKCS #8, PEM, in the first version: OpenSSL reads no other for Ed25519.
    pub(super) fn private_pem(&self) -> Result<Zeroizing<String>, Unspecified> {
        let document = match self {
            Self::Ecdsa(pair) => pair.to_pkcs8v1()?,
            Self::Ed25519(pair) => pair.to_pkcs8v1()?,
        };
        Ok(Zeroizing::new(text::pem("PRIVATE KEY", document.as_ref())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::possession::{KeyRequest, PermittedAlgorithms, prove};

    #[test]
    fn the_server_accepts_proofs_of_every_kind_of_key() {
        for kind in [RequestKeyKind::P256, RequestKeyKind::P384, RequestKeyKind::Ed25519] {
            let key = ClientKey::generate(kind).unwrap();
            let (content, proof) = (key.public_pem().unwrap().into_bytes(), key.prove("dev@example.com").unwrap());
            let request = KeyRequest::PublicKey { content, proof };
            assert!(prove(&request, "dev@example.com", &PermittedAlgorithms::default()).is_ok(), "{kind:?}");
            assert!(prove(&request, "eve@example.com", &PermittedAlgorithms::default()).is_err(), "{kind:?}");
        }
    }

    #[test]
    fn the_private_key_can_be_read_back() {
        for kind in [RequestKeyKind::P256, RequestKeyKind::P384, RequestKeyKind::Ed25519] {
            let key = ClientKey::generate(kind).unwrap();
            let block = pem::parse(key.private_pem().unwrap().as_bytes()).unwrap();
            assert_eq!(block.tag(), "PRIVATE KEY");
            let public = |pair: &dyn AsRef<[u8]>| pair.as_ref().to_vec();
            let (before, after) = match &key {
                ClientKey::Ecdsa(pair) => {
                    let algorithm = if kind == RequestKeyKind::P256 {
                        &ECDSA_P256_SHA256_ASN1_SIGNING
                    } else {
                        &ECDSA_P384_SHA384_ASN1_SIGNING
                    };
                    (
                        public(pair.public_key()),
                        public(EcdsaKeyPair::from_pkcs8(algorithm, block.contents()).unwrap().public_key()),
                    )
                }
                ClientKey::Ed25519(pair) => (
                    public(pair.public_key()),
                    public(Ed25519KeyPair::from_pkcs8(block.contents()).unwrap().public_key()),
                ),
            };
            assert_eq!(before, after, "{kind:?}");
        }
    }
}
