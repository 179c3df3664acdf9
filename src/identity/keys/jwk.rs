//! One JWK (RFC 7517, RFC 7518 section 6, RFC 8037): which keys can verify tokens, and how they do it.
//!
//! Owns the cryptography of token signatures. Knows no issuer and no claims.

use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use crate::identity::token::{TokenAlgorithm, UnverifiedToken};

/// The longest member of a key, in characters: an RSA modulus of 8192 bits. Issuers that strangers run shall not fill the memory.
const MAX_MEMBER: usize = 1366;

/// One key of an issuer.
#[derive(Debug)]
pub(super) struct VerificationKey {
    pub(super) id: Option<String>,
    /// The algorithm that the key is meant for, when the issuer says so.
    pub(super) algorithm: Option<TokenAlgorithm>,
    material: KeyMaterial,
}

enum KeyMaterial {
    /// What jsonwebtoken verifies.
    Jwt(DecodingKey),
    /// ES512, which jsonwebtoken lacks: the uncompressed point.
    P521(Vec<u8>),
}

impl std::fmt::Debug for KeyMaterial {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Jwt(_) => "Jwt",
            Self::P521(_) => "P521",
        })
    }
}

impl VerificationKey {
    /// Whether this key made the token's signature.
    pub(super) fn verifies(&self, token: &UnverifiedToken) -> bool {
        let signed = token.signed_text().as_bytes();
        match (&self.material, library_algorithm(token.algorithm())) {
            (KeyMaterial::Jwt(key), Some(algorithm)) => {
                // An error here is a key of another family, or a signature that is not base64url: no match either way.
                jsonwebtoken::crypto::verify(token.signature_text(), signed, key, algorithm).unwrap_or(false)
            }
            (KeyMaterial::P521(point), None) => URL_SAFE_NO_PAD.decode(token.signature_text()).is_ok_and(|signature| {
                UnparsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, point).verify(signed, &signature).is_ok()
            }),
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
        TokenAlgorithm::ES256 => Algorithm::ES256,
        TokenAlgorithm::ES384 => Algorithm::ES384,
        TokenAlgorithm::EdDSA => Algorithm::EdDSA,
        TokenAlgorithm::ES512 => return None,
    })
}

/// The members of a JWK that matter (RFC 7517 section 4, RFC 7518 section 6, RFC 8037).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
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
    let usable = jwk.usage.as_deref().is_none_or(|usage| usage == "sig");
    let algorithm = jwk.alg.as_deref().map(TokenAlgorithm::from_name);
    // A key that is meant for an algorithm that we do not know is not ours to use for another.
    let (true, Some(material), None | Some(Some(_))) = (usable, material(&jwk), algorithm) else {
        skipped("its type, use or algorithm is not one that verifies tokens");
        return None;
    };
    Some(VerificationKey { id: jwk.kid, algorithm: algorithm.flatten(), material })
}

fn material(jwk: &Jwk) -> Option<KeyMaterial> {
    match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => DecodingKey::from_rsa_components(jwk.n.as_deref()?, jwk.e.as_deref()?).ok().map(KeyMaterial::Jwt),
        ("EC", Some("P-256" | "P-384")) => {
            DecodingKey::from_ec_components(jwk.x.as_deref()?, jwk.y.as_deref()?).ok().map(KeyMaterial::Jwt)
        }
        ("EC", Some("P-521")) => p521_point(jwk.x.as_deref()?, jwk.y.as_deref()?).map(KeyMaterial::P521),
        ("OKP", Some("Ed25519")) => DecodingKey::from_ed_components(jwk.x.as_deref()?).ok().map(KeyMaterial::Jwt),
        _ => None,
    }
}

/// The uncompressed point (SEC 1 section 2.3.3) of two coordinates of 66 octets.
fn p521_point(x: &str, y: &str) -> Option<Vec<u8>> {
    let mut point = vec![4];
    for coordinate in [x, y] {
        point.extend(URL_SAFE_NO_PAD.decode(coordinate).ok().filter(|octets| octets.len() == 66)?);
    }
    Some(point)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rsa() -> serde_json::Value {
        json!({"kty": "RSA", "kid": "a", "n": URL_SAFE_NO_PAD.encode([0xAB; 256]), "e": "AQAB"})
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
        assert!(!usable(with(rsa(), "n", &"q".repeat(1368))));
        assert!(!usable(with(rsa(), "kid", &"k".repeat(1367))));
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
