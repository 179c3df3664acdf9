//! One JWK (RFC 7517, RFC 7518 section 6, RFC 8037): which keys can verify tokens, and how they do it.
//!
//! Owns the cryptography of token signatures. Knows no issuer and no claims.

use std::ops::RangeInclusive;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ParsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use num_bigint::BigUint;
use serde::Deserialize;

use crate::identity::token::{CompactJws, TokenAlgorithm};
use crate::weak_keys::{ed25519, rsa};

/// The longest member of a key, in characters: an RSA modulus of 4096 bits. Issuers that strangers run shall not fill the memory.
const MAX_MEMBER: usize = 684;

/// How large an RSA key may be: above, a verification costs an attacker less than it costs us.
const MODULUS_BITS: RangeInclusive<u64> = 2048..=4096;
/// The one exponent that issuers use. A larger one makes every verification dearer, a smaller one forgeries easier.
const EXPONENT: u32 = 65537;

/// One key of an issuer.
#[derive(Debug)]
pub(super) struct VerificationKey {
    pub(super) id: Option<String>,
    /// The algorithm that the key is meant for, when the issuer says so.
    algorithm: Option<TokenAlgorithm>,
    material: KeyMaterial,
}

enum KeyMaterial {
    /// RSA and Ed25519: what jsonwebtoken verifies.
    Jwt(DecodingKey),
    /// ECDSA. Without jsonwebtoken, which lacks ES512 and takes a key of one curve for another's.
    Ec(ParsedPublicKey),
}

impl std::fmt::Debug for KeyMaterial {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Jwt(_) => "Jwt",
            Self::Ec(_) => "Ec",
        })
    }
}

impl VerificationKey {
    /// Whether the key can have made a signature of this algorithm.
    pub(super) fn fits(&self, algorithm: TokenAlgorithm) -> bool {
        let is_of_the_family = match self.material {
            KeyMaterial::Jwt(_) => library_algorithm(algorithm).is_some(),
            KeyMaterial::Ec(_) => library_algorithm(algorithm).is_none(),
        };
        // A key without an algorithm of its own is an RSA key: it fits all algorithms of RSA.
        is_of_the_family && self.algorithm.map_or(algorithm != TokenAlgorithm::EdDSA, |own| own == algorithm)
    }

    /// Whether this key made the signature.
    pub(super) fn verifies(&self, token: &CompactJws) -> bool {
        let signed = token.signed_text().as_bytes();
        match (&self.material, library_algorithm(token.algorithm())) {
            (KeyMaterial::Jwt(key), Some(algorithm)) => {
                // An error here is a key of another family, or a signature that is not base64url: no match either way.
                jsonwebtoken::crypto::verify(token.signature_text(), signed, key, algorithm).unwrap_or(false)
            }
            // The key is of the algorithm's curve: `VerificationKey::algorithm` says which, and the set compares it.
            (KeyMaterial::Ec(key), None) => URL_SAFE_NO_PAD
                .decode(token.signature_text())
                .is_ok_and(|signature| key.verify_sig(signed, &signature).is_ok()),
            _ => false,
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
        TokenAlgorithm::EdDSA => Algorithm::EdDSA,
        TokenAlgorithm::ES256 | TokenAlgorithm::ES384 | TokenAlgorithm::ES512 => return None,
    })
}

/// The members of a JWK that matter (RFC 7517 section 4, RFC 7518 section 6, RFC 8037).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Jwk {
    fn is_short(&self) -> bool {
        let members = [&self.kid, &self.n, &self.e, &self.x, &self.y];
        members.into_iter().flatten().all(|member| member.len() <= MAX_MEMBER)
    }
}

/// A key that can verify tokens; nothing for one of another use or an unknown type, so that it does not spoil the set.
pub(super) fn verification_key(issuer: &str, jwk: serde_json::Value) -> Option<VerificationKey> {
    let skipped = |reason: &str| tracing::debug!(issuer, reason, "skipped a key of an issuer");
    let Ok(jwk) = serde_json::from_value::<Jwk>(jwk) else {
        skipped("it is not a JWK");
        return None;
    };
    if !jwk.is_short() {
        skipped("it is larger than any key that verifies tokens");
        return None;
    }
    let usable = jwk.usage.as_deref().is_none_or(|usage| usage == "sig")
        && jwk.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|operation| operation == "verify"));
    let meant = jwk.alg.as_deref().map(TokenAlgorithm::from_name);
    let key = match (usable, material(&jwk), meant) {
        // A key that is meant for an algorithm that we do not know, or that is not its curve's, is not ours to use for another.
        (_, _, Some(None)) => None,
        (_, Some((_, Some(own))), Some(Some(meant))) if own != meant => None,
        (true, Some((material, own)), meant) => Some((material, own.or(meant.flatten()))),
        _ => None,
    };
    let Some((material, algorithm)) = key else {
        skipped("its type, strength, use or algorithm is not one that verifies tokens");
        return None;
    };
    Some(VerificationKey { id: jwk.kid, algorithm, material })
}

/// The key, and the one algorithm that fits it if there is but one.
fn material(jwk: &Jwk) -> Option<(KeyMaterial, Option<TokenAlgorithm>)> {
    let (x, y) = (jwk.x.as_deref(), jwk.y.as_deref());
    let curve = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => return rsa_key(jwk.n.as_deref()?, jwk.e.as_deref()?).map(|key| (KeyMaterial::Jwt(key), None)),
        ("OKP", Some("Ed25519")) => {
            let octets = URL_SAFE_NO_PAD.decode(x?).ok().filter(|octets| octets.len() == 32)?;
            if ed25519::is_of_small_order(&octets) {
                return None;
            }
            let key = DecodingKey::from_ed_components(x?).ok()?;
            return Some((KeyMaterial::Jwt(key), Some(TokenAlgorithm::EdDSA)));
        }
        ("EC", Some("P-256")) => (&ECDSA_P256_SHA256_FIXED, 32, TokenAlgorithm::ES256),
        ("EC", Some("P-384")) => (&ECDSA_P384_SHA384_FIXED, 48, TokenAlgorithm::ES384),
        ("EC", Some("P-521")) => (&ECDSA_P521_SHA512_FIXED, 66, TokenAlgorithm::ES512),
        _ => return None,
    };
    let (verification, length, algorithm) = curve;
    // The library refuses points that are not on the curve.
    let key = ParsedPublicKey::new(verification, uncompressed_point(x?, y?, length)?).ok()?;
    Some((KeyMaterial::Ec(key), Some(algorithm)))
}

/// The uncompressed point (SEC 1 section 2.3.3) of two coordinates of this many octets (RFC 7518 section 6.2.1.2).
fn uncompressed_point(x: &str, y: &str, length: usize) -> Option<Vec<u8>> {
    let mut point = vec![4];
    for coordinate in [x, y] {
        point.extend(URL_SAFE_NO_PAD.decode(coordinate).ok().filter(|octets| octets.len() == length)?);
    }
    Some(point)
}

/// An RSA key of 2048 to 4096 bits with the exponent 65537 that nobody is known to be able to factor.
fn rsa_key(modulus: &str, exponent: &str) -> Option<DecodingKey> {
    let number = |text| URL_SAFE_NO_PAD.decode(text).ok().map(|octets| BigUint::from_bytes_be(&octets));
    let (n, e) = (number(modulus)?, number(exponent)?);
    let strong = MODULUS_BITS.contains(&n.bits()) && e == BigUint::from(EXPONENT);
    if !strong || rsa::find(&n.to_bytes_be()).is_some() {
        return None;
    }
    DecodingKey::from_rsa_components(modulus, exponent).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rsa() -> serde_json::Value {
        let spki = pem::parse(include_str!("../../../tests/fixtures/keys/rsa2048.pub.pem")).unwrap();
        // The modulus is 256 octets before the exponent's five.
        let modulus = spki.contents().len() - 261;
        json!({"kty": "RSA", "kid": "a", "n": URL_SAFE_NO_PAD.encode(&spki.contents()[modulus..][..256]), "e": "AQAB"})
    }

    fn with(mut jwk: serde_json::Value, name: &str, value: &str) -> serde_json::Value {
        jwk.as_object_mut().unwrap().insert(name.to_owned(), json!(value));
        jwk
    }

    #[test]
    fn keys_of_other_types_uses_and_algorithms_are_skipped() {
        let usable = |jwk| verification_key("i", jwk).is_some();
        assert!(usable(rsa()));
        assert!(usable(with(rsa(), "use", "sig")));
        assert!(usable(with(rsa(), "alg", "PS256")));
        assert!(!usable(with(rsa(), "use", "enc")));
        assert!(!usable(with(rsa(), "alg", "RSA-OAEP")));
        assert!(!usable(with(rsa(), "alg", "none")));
        assert!(!usable(with(rsa(), "n", &"q".repeat(685))));
        assert!(!usable(with(rsa(), "kid", &"k".repeat(685))));
        for weak in ["Aw", "AQ", "AA", "AQAA", "", "AQAD", "Af____8", "AAEAAQ__"] {
            assert!(!usable(with(rsa(), "e", weak)), "exponent {weak}");
        }
        assert!(!usable(with(rsa(), "n", &URL_SAFE_NO_PAD.encode([0xAB; 256]))), "divisible by three");
        assert!(!usable(with(rsa(), "n", &URL_SAFE_NO_PAD.encode(vec![0xAB; 128]))), "1024 bits");
        let larger = BigUint::from(757u32).pow(430);
        assert_eq!(larger.bits(), 4113);
        assert!(!usable(with(rsa(), "n", &URL_SAFE_NO_PAD.encode(larger.to_bytes_be()))), "more than 4096 bits");
        for (operations, expected) in [(json!(["verify"]), true), (json!(["encrypt"]), false), (json!([]), false)] {
            let mut jwk = rsa();
            jwk["key_ops"] = operations;
            assert_eq!(usable(jwk.clone()), expected, "{jwk}");
        }
        for jwk in [
            json!({"kty": "oct", "k": "AAAA"}),
            json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"}),
            json!({"kty": "RSA"}),
            json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
            json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}),
            json!({"kty": "RSA", "n": "*", "e": "AQAB"}),
            json!({"kid": "x"}),
            json!("RSA"),
            json!(null),
        ] {
            assert!(!usable(jwk.clone()), "{jwk}");
        }
    }
}
