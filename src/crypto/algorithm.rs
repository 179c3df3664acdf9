//! The signature algorithms of a certificate authority.

use std::fmt;

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
