//! The signature algorithms of a certificate authority.

use aws_lc_rs::signature::{self, VerificationAlgorithm};
use x509_parser::der_parser::{Oid, oid};

/// The signature algorithms of a certificate authority; ECDSA takes the hash that belongs to its curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, derive_more::Display)]
#[display("{}", self.name())]
pub enum SignatureAlgorithm {
    EcdsaP256Sha256,
    EcdsaP384Sha384,
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
    pub fn algorithm_identifier_der(self) -> &'static [u8] {
        match self {
            Self::EcdsaP256Sha256 => b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02",
            Self::EcdsaP384Sha384 => b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03",
            Self::EcdsaP521Sha512 => b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04",
            Self::RsaPkcs1Sha256 => b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00",
            Self::Ed25519 => b"\x30\x05\x06\x03\x2b\x65\x70",
        }
    }

    pub const fn hash(self) -> Hash {
        match self {
            Self::EcdsaP256Sha256 | Self::RsaPkcs1Sha256 => Hash::Sha256,
            Self::EcdsaP384Sha384 => Hash::Sha384,
            Self::EcdsaP521Sha512 => Hash::Sha512,
            Self::Ed25519 => Hash::None,
        }
    }

    /// The name that people know it by.
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

/// The hash that a signature is made over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hash {
    /// The message itself: Ed25519.
    None,
    Sha256,
    Sha384,
    Sha512,
}

/// The function that verifies signatures of such a key over this hash; nothing for pairs that make no sense.
pub(crate) fn verification(key: SignatureAlgorithm, hash: Hash) -> Option<&'static dyn VerificationAlgorithm> {
    use SignatureAlgorithm::{EcdsaP256Sha256, EcdsaP384Sha384, EcdsaP521Sha512, Ed25519, RsaPkcs1Sha256};
    Some(match (key, hash) {
        (EcdsaP256Sha256, Hash::Sha256) => &signature::ECDSA_P256_SHA256_ASN1,
        (EcdsaP256Sha256, Hash::Sha384) => &signature::ECDSA_P256_SHA384_ASN1,
        (EcdsaP256Sha256, Hash::Sha512) => &signature::ECDSA_P256_SHA512_ASN1,
        (EcdsaP384Sha384, Hash::Sha256) => &signature::ECDSA_P384_SHA256_ASN1,
        (EcdsaP384Sha384, Hash::Sha384) => &signature::ECDSA_P384_SHA384_ASN1,
        (EcdsaP384Sha384, Hash::Sha512) => &signature::ECDSA_P384_SHA512_ASN1,
        (EcdsaP521Sha512, Hash::Sha256) => &signature::ECDSA_P521_SHA256_ASN1,
        (EcdsaP521Sha512, Hash::Sha384) => &signature::ECDSA_P521_SHA384_ASN1,
        (EcdsaP521Sha512, Hash::Sha512) => &signature::ECDSA_P521_SHA512_ASN1,
        (RsaPkcs1Sha256, Hash::Sha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
        (RsaPkcs1Sha256, Hash::Sha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
        (RsaPkcs1Sha256, Hash::Sha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
        (Ed25519, Hash::None) => &signature::ED25519,
        _ => return None,
    })
}

/// The hash of a signature algorithm that such a key can use (RFC 5758, RFC 8017, RFC 8410).
pub(crate) fn hash_of(key: SignatureAlgorithm, algorithm: &Oid<'_>) -> Option<Hash> {
    let hashes = match key {
        SignatureAlgorithm::RsaPkcs1Sha256 => [
            (oid!(1.2.840.113549.1.1.11), Hash::Sha256),
            (oid!(1.2.840.113549.1.1.12), Hash::Sha384),
            (oid!(1.2.840.113549.1.1.13), Hash::Sha512),
        ],
        SignatureAlgorithm::Ed25519 => return (*algorithm == oid!(1.3.101.112)).then_some(Hash::None),
        _ => [
            (oid!(1.2.840.10045.4.3.2), Hash::Sha256),
            (oid!(1.2.840.10045.4.3.3), Hash::Sha384),
            (oid!(1.2.840.10045.4.3.4), Hash::Sha512),
        ],
    };
    hashes.into_iter().find_map(|(known, hash)| (known == *algorithm).then_some(hash))
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
