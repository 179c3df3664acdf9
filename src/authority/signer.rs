//! Owns what a signing key is to the rest of the program: an algorithm, a place and one asynchronous operation.
//!
//! Refuses to know certificates and chains, and where a key comes from: each backend implements [`Signer`] in its own
//! file.

use crate::panics::Panicked;
use std::{fmt, future::Future, pin::Pin};

use super::unfit::Unfit;

/// What a [`Signer`] is asked for: the future of one signature.
pub type Signing<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, SignerError>> + Send + 'a>>;

/// A private key that can sign and cannot be read.
pub trait Signer: Send + Sync + fmt::Debug {
    /// The one algorithm that this key signs with.
    fn algorithm(&self) -> SignatureAlgorithm;

    /// Where the key lives.
    fn location(&self) -> KeyLocation;

    /// The longest message that can be signed, in bytes, where the backend is sent the message and not its hash.
    fn longest_message(&self) -> Option<usize> {
        None
    }

    /// Signs `message`, hashing it as [`Signer::algorithm`] says.
    ///
    /// The answer is the content of an X.509 `signatureValue`: for ECDSA the DER `Ecdsa-Sig-Value` (RFC 3279, section
    /// 2.2.3), for RSA and Ed25519 the bare octets. A remote backend bounds its own calls in time and number.
    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a>;
}

/// Where a signing key lives, which decides how far its answers are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyLocation {
    /// In this process: the cryptographic library has checked its own work.
    InProcess,
    /// In another process or device: every answer is verified before it is used.
    Remote,
}

/// The signature algorithms of a certificate authority; ECDSA takes the hash that belongs to its curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256Sha256,
    /// ECDSA on P-384 with SHA-384.
    EcdsaP384Sha384,
    /// ECDSA on P-521 with SHA-512.
    EcdsaP521Sha512,
    /// RSA PKCS#1 v1.5 with SHA-256, 2048 to 8192 bits.
    RsaPkcs1Sha256,
    /// Ed25519, the message unhashed.
    Ed25519,
}

impl SignatureAlgorithm {
    /// Each algorithm, for tables and tests.
    pub const ALL: [Self; 5] =
        [Self::EcdsaP256Sha256, Self::EcdsaP384Sha384, Self::EcdsaP521Sha512, Self::RsaPkcs1Sha256, Self::Ed25519];

    /// The DER `AlgorithmIdentifier` of a certificate.
    ///
    /// ECDSA (RFC 5758, section 3.2) and Ed25519 (RFC 8410, section 3) have no parameters; RSA has NULL (RFC 4055,
    /// section 5).
    #[must_use]
    pub fn algorithm_identifier_der(self) -> &'static [u8] {
        match self {
            Self::EcdsaP256Sha256 => b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02",
            Self::EcdsaP384Sha384 => b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03",
            Self::EcdsaP521Sha512 => b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04",
            Self::RsaPkcs1Sha256 => b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00",
            Self::Ed25519 => b"\x30\x05\x06\x03\x2b\x65\x70",
        }
    }

    /// The name that people know it by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "ECDSA P-256 with SHA-256",
            Self::EcdsaP384Sha384 => "ECDSA P-384 with SHA-384",
            Self::EcdsaP521Sha512 => "ECDSA P-521 with SHA-512",
            Self::RsaPkcs1Sha256 => "RSA PKCS#1 v1.5 with SHA-256",
            Self::Ed25519 => "Ed25519",
        }
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Why there is no signature.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The backend could not be reached or did not answer in time; trying again may help.
    #[error("the signing backend is unavailable: {0}")]
    Unavailable(String),
    /// The backend answered and said no; trying again will not help.
    #[error("the signing backend refused: {0}")]
    Rejected(String),
    /// The backend answered with something that is no signature of the message by the certificate's key.
    #[error("the signing backend answered with a signature that the CA certificate's key does not verify")]
    WrongSignature,
    /// The backend cannot sign this message, and signs others.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// A library that signs, or asks the backend, panicked.
    #[error("signing ended in {0}")]
    Panicked(#[from] Panicked),
    /// The cryptographic library in this process failed.
    #[error("signing in this process failed")]
    Library,
}

#[cfg(test)]
mod tests {
    use super::SignatureAlgorithm;
    use x509_parser::prelude::FromDer as _;
    use x509_parser::x509::AlgorithmIdentifier;

    #[test]
    fn each_identifier_is_whole_der_with_the_right_oid_and_parameters() {
        let expected = [
            ("1.2.840.10045.4.3.2", false),
            ("1.2.840.10045.4.3.3", false),
            ("1.2.840.10045.4.3.4", false),
            ("1.2.840.113549.1.1.11", true),
            ("1.3.101.112", false),
        ];
        for (algorithm, (oid, parameters)) in SignatureAlgorithm::ALL.into_iter().zip(expected) {
            let (rest, parsed) = AlgorithmIdentifier::from_der(algorithm.algorithm_identifier_der()).unwrap();
            assert!(rest.is_empty(), "{algorithm}");
            assert_eq!(parsed.algorithm.to_id_string(), oid);
            assert_eq!(parsed.parameters.is_some(), parameters, "{algorithm}");
        }
    }
}
