//! A key's numbers, what is known against them, and the verification of signatures with them.
//!
//! Owns the cryptography of token signatures. Knows neither JSON nor issuers.

use std::sync::OnceLock;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, EcdsaVerificationAlgorithm,
    ParsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};

use super::jwk::{EXPONENT, LeftOut, Read};
use crate::crypto::curve::Curve;
use crate::crypto::weak_keys::{ed25519, rsa};
use crate::identity::token::{CompactJws, TokenAlgorithm};

/// What a key takes in memory besides its numbers and its id, in bytes: what the library keeps of it when it has been used.
const OVERHEAD: usize = 1024;

/// The numbers of a public key, in the form that the libraries want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// The exponent is 65537.
    Rsa {
        modulus: Vec<u8>,
    },
    Ec {
        curve: Curve,
        /// Uncompressed (SEC 1 section 2.3.3).
        point: Vec<u8>,
    },
    Ed25519([u8; 32]),
}

const fn verification(curve: Curve) -> &'static EcdsaVerificationAlgorithm {
    match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED,
        Curve::P521 => &ECDSA_P521_SHA512_FIXED,
    }
}

impl Numbers {
    /// The one algorithm that fits the key, if there is but one.
    pub(super) const fn algorithm(&self) -> Option<TokenAlgorithm> {
        match self {
            Self::Rsa { .. } => None,
            Self::Ec { curve: Curve::P256, .. } => Some(TokenAlgorithm::ES256),
            Self::Ec { curve: Curve::P384, .. } => Some(TokenAlgorithm::ES384),
            Self::Ec { curve: Curve::P521, .. } => Some(TokenAlgorithm::ES512),
            Self::Ed25519(_) => Some(TokenAlgorithm::EdDSA),
        }
    }

    const fn len(&self) -> usize {
        match self {
            Self::Rsa { modulus: bytes } | Self::Ec { point: bytes, .. } => bytes.len(),
            Self::Ed25519(bytes) => bytes.len(),
        }
    }
}

/// One key of an issuer. It is examined when it is used first, or before that by [`Self::usable`]: of a large set, few keys ever are.
#[derive(Debug)]
pub(super) struct VerificationKey {
    pub(super) id: Option<String>,
    algorithm: Option<TokenAlgorithm>,
    numbers: Numbers,
    material: OnceLock<Result<Material, LeftOut>>,
}

#[derive(derive_more::Debug)]
enum Material {
    /// RSA and Ed25519: what jsonwebtoken verifies.
    #[debug("Jwt")]
    Jwt(DecodingKey),
    /// ECDSA. Without jsonwebtoken, which lacks ES512 and takes a key of one curve for another's.
    #[debug("Ec")]
    Ec(ParsedPublicKey),
}

impl VerificationKey {
    pub(super) fn new(Read { id, algorithm, numbers }: Read) -> Self {
        Self { id, algorithm, numbers, material: OnceLock::new() }
    }

    /// How much memory the key takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        OVERHEAD + self.numbers.len() + self.id.as_ref().map_or(0, String::len)
    }

    /// Whether the key can have made a signature of this algorithm.
    pub(super) fn fits(&self, algorithm: TokenAlgorithm) -> bool {
        // A key without an algorithm of its own is an RSA key: it fits all algorithms of RSA.
        self.algorithm.map_or(algorithm.is_rsa(), |own| own.scheme() == algorithm.scheme())
    }

    /// Whether its JWK names the algorithm as RFC 9864 does.
    pub(super) fn says_ed25519(&self) -> bool {
        self.algorithm == Some(TokenAlgorithm::Ed25519)
    }

    /// Whether the key can be used at all, with everything that is known against keys.
    pub(super) fn usable(&self) -> Result<(), LeftOut> {
        self.material().map(drop)
    }

    fn material(&self) -> Result<&Material, LeftOut> {
        self.material.get_or_init(|| Material::new(&self.numbers)).as_ref().map_err(|reason| *reason)
    }

    /// Whether this key made the signature.
    pub(super) fn verifies(&self, token: &CompactJws) -> Result<bool, LeftOut> {
        let signed = token.signed_text().as_bytes();
        Ok(match (self.material()?, library_algorithm(token.algorithm())) {
            (Material::Jwt(key), Some(algorithm)) => {
                // An error here is a key of another family, or a signature that is not base64url: no match either way.
                jsonwebtoken::crypto::verify(token.signature_text(), signed, key, algorithm).unwrap_or(false)
            }
            // The key is of the algorithm's curve: [`Self::fits`] compares it.
            (Material::Ec(key), None) => URL_SAFE_NO_PAD
                .decode(token.signature_text())
                .is_ok_and(|signature| key.verify_sig(signed, &signature).is_ok()),
            _ => false,
        })
    }
}

impl Material {
    fn new(numbers: &Numbers) -> Result<Self, LeftOut> {
        match numbers {
            Numbers::Rsa { modulus } => match rsa::find(modulus) {
                Some(weakness) => Err(LeftOut::WeakModulus(weakness)),
                None => Ok(Self::Jwt(DecodingKey::from_rsa_raw_components(modulus, &EXPONENT))),
            },
            // The library refuses points that are not on the curve.
            Numbers::Ec { curve, point } => {
                ParsedPublicKey::new(verification(*curve), point).map(Self::Ec).map_err(|_| LeftOut::Point)
            }
            Numbers::Ed25519(point) if ed25519::is_of_small_order(point) => Err(LeftOut::Point),
            Numbers::Ed25519(point) => Ok(Self::Jwt(DecodingKey::from_ed_der(point))),
        }
    }
}

const fn library_algorithm(algorithm: TokenAlgorithm) -> Option<Algorithm> {
    Some(match algorithm {
        TokenAlgorithm::RS256 => Algorithm::RS256,
        TokenAlgorithm::RS384 => Algorithm::RS384,
        TokenAlgorithm::RS512 => Algorithm::RS512,
        TokenAlgorithm::PS256 => Algorithm::PS256,
        TokenAlgorithm::PS384 => Algorithm::PS384,
        TokenAlgorithm::PS512 => Algorithm::PS512,
        TokenAlgorithm::EdDSA | TokenAlgorithm::Ed25519 => Algorithm::EdDSA,
        TokenAlgorithm::ES256 | TokenAlgorithm::ES384 | TokenAlgorithm::ES512 => return None,
    })
}
