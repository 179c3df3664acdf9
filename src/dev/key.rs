//! The development issuer's key.
//!
//! Owns the JOSE forms: JWK (RFC 7517), its thumbprint (RFC 7638) and compact signing (RFC 7515). Knows no claim.

use aws_lc_rs::digest;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// A P-256 key that signs tokens with ES256.
pub(super) struct TokenKey {
    pair: EcdsaKeyPair,
    id: String,
    x: String,
    y: String,
}

impl TokenKey {
    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, Unspecified> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map_err(|_| Unspecified)?;
        // 4 || x || y: SEC 1 section 2.3.3.
        let point = pair.public_key().as_ref().get(1..).ok_or(Unspecified)?;
        let (x, y) = point.split_at_checked(32).ok_or(Unspecified)?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let thumbprint = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let id = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, thumbprint.as_bytes()));
        Ok(Self { pair, id, x, y })
    }

    /// The public half as a JWK set.
    pub(super) fn key_set(&self) -> Value {
        json!({"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id, "x": self.x, "y": self.y}]})
    }

    /// A signed token with these claims.
    pub(super) fn sign(&self, claims: &Map<String, Value>) -> Result<String, Unspecified> {
        let header = json!({"alg": "ES256", "kid": self.id, "typ": "JWT"});
        let payload = serde_json::to_vec(claims).map_err(|_| Unspecified)?;
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::kept_key;
    use super::*;
    use jsonwebtoken::jwk::JwkSet;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

    #[test]
    fn another_library_verifies_the_token_with_the_published_key() {
        let new = || TokenKey::from_pkcs8(&kept_key::new().unwrap()).unwrap();
        let key = new();
        let claims = json!({"iss": "https://i.example", "aud": "sigstore", "exp": 4_000_000_000_u64});
        let token = key.sign(claims.as_object().unwrap()).unwrap();
        let set: JwkSet = serde_json::from_value(key.key_set()).unwrap();
        let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
        let decoding = DecodingKey::from_jwk(set.find(&kid).unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&["sigstore"]);
        assert_eq!(decode::<Value>(&token, &decoding, &validation).unwrap().claims, claims);
        let other: JwkSet = serde_json::from_value(new().key_set()).unwrap();
        assert!(decode::<Value>(&token, &DecodingKey::from_jwk(&other.keys[0]).unwrap(), &validation).is_err());
    }
}
