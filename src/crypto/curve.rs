//! The elliptic curves of ECDSA keys.

use der::asn1::ObjectIdentifier;

use super::algorithm::SignatureAlgorithm;
use super::oid;

/// How the encoding of a point begins that is not compressed (SEC 1, section 2.3.3).
pub(crate) const UNCOMPRESSED: u8 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    pub(crate) const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    /// Its name in an `AlgorithmIdentifier` (RFC 5480, section 2.1.1.1).
    pub(crate) const fn oid(self) -> ObjectIdentifier {
        match self {
            Self::P256 => oid::P256,
            Self::P384 => oid::P384,
            Self::P521 => oid::P521,
        }
    }

    pub(crate) fn from_oid(oid: ObjectIdentifier) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| curve.oid() == oid)
    }

    /// What a CA with a key on it signs with.
    pub(crate) const fn signature_algorithm(self) -> SignatureAlgorithm {
        match self {
            Self::P256 => SignatureAlgorithm::EcdsaP256Sha256,
            Self::P384 => SignatureAlgorithm::EcdsaP384Sha384,
            Self::P521 => SignatureAlgorithm::EcdsaP521Sha512,
        }
    }

    /// The length of a coordinate, and of the private key, in bytes.
    pub(crate) const fn coordinate(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The length of an uncompressed point, in bytes.
    pub(crate) const fn point(self) -> usize {
        1 + 2 * self.coordinate()
    }
}
