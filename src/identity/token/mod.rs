//! A token's text, taken apart and typed, but not yet believed (RFC 7515 compact serialization, RFC 7519).
//!
//! Owns the form: sizes, parts, base64url, JOSE header, JSON of the claims. Knows no issuer, no key and no clock.

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::value::StrDeserializer;
use serde::de::{IgnoredAny, IntoDeserializer as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::claims::{ClaimError, Claims};
use super::token_type::TokenType;
use crate::text::json_object::JsonObject;
use crate::text::peer_text::JsonFault;

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// Signature algorithms of tokens that sigmint knows (RFC 7518 section 3.1, RFC 8037). No HMAC, no `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[allow(clippy::upper_case_acronyms, reason = "the registered names")]
pub enum TokenAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512
    RS512,
    /// RSASSA-PSS with SHA-256
    PS256,
    /// RSASSA-PSS with SHA-384
    PS384,
    /// RSASSA-PSS with SHA-512
    PS512,
    /// ECDSA P-256 with SHA-256
    ES256,
    /// ECDSA P-384 with SHA-384
    ES384,
    /// ECDSA P-521 with SHA-512
    ES512,
    /// Ed25519
    EdDSA,
    /// The same by the name that RFC 9864 gives it: what an issuer lists is a name.
    Ed25519,
}

impl TokenAlgorithm {
    /// The algorithm of a registered name; nothing for a name that is not trusted here.
    pub fn from_name(name: &str) -> Option<Self> {
        let name: StrDeserializer<'_, serde::de::value::Error> = name.into_deserializer();
        Self::deserialize(name).ok()
    }

    /// What makes and verifies the signatures. RFC 9864 gives the curve in the name, and Ed25519 is the only one that is known here by either.
    pub const fn scheme(self) -> Self {
        match self {
            Self::Ed25519 => Self::EdDSA,
            other => other,
        }
    }

    /// Whether RSA keys make its signatures.
    pub const fn is_rsa(self) -> bool {
        matches!(self, Self::RS256 | Self::RS384 | Self::RS512 | Self::PS256 | Self::PS384 | Self::PS512)
    }

    /// How long its signatures are, in bytes: of RSA as long as the modulus, 2048 to 4096 bits.
    const fn signature_lengths(self) -> RangeInclusive<usize> {
        match self {
            Self::RS256 | Self::RS384 | Self::RS512 | Self::PS256 | Self::PS384 | Self::PS512 => 256..=512,
            Self::ES256 | Self::EdDSA | Self::Ed25519 => 64..=64,
            Self::ES384 => 96..=96,
            Self::ES512 => 132..=132,
        }
    }
}

/// Why a string is not a token that could be verified. Carries no part of the token but names.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("the request carries no identity token")]
    Absent,
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    #[error("the token does not have the three parts of a signed token; encrypted tokens (JWE) are not accepted")]
    NotThreeParts,
    #[error("the token's {0} is not base64url without padding")]
    NotBase64(&'static str),
    #[error("the token's header is not valid: {0}")]
    Header(JsonFault),
    /// An algorithm that is unknown, symmetric or `none`.
    #[error("the token's signature algorithm is not accepted")]
    Algorithm,
    /// `crit` names extensions, none of which is understood here (RFC 7515 section 4.1.11).
    #[error("the token's header lists critical extensions")]
    Critical,
    /// The `typ` header names a use that is not to say who somebody is.
    #[error("the token's typ header, {0}, is registered for another use")]
    ForAnotherUse(&'static str),
    /// The claims are not a JSON object, or a member is a duplicate.
    #[error("the token's claims are not valid: {0}")]
    Claims(JsonFault),
    /// `iss` is missing, empty or no text.
    #[error(transparent)]
    Issuer(#[from] ClaimError),
}

/// A token that was taken apart. Nothing in it is trusted: the only way on is [`super::verify`].
// Neither text nor signature: a log must not hold a token that still works.
#[derive(derive_more::Debug)]
#[debug("UnverifiedToken {{ algorithm: {:?}, claims: {claims:?}, .. }}", jws.algorithm)]
pub struct UnverifiedToken {
    jws: CompactJws,
    claims: Claims,
}

/// What is signed and by whom it says it is, whatever its payload (RFC 7515 section 7.1).
pub struct CompactJws {
    algorithm: TokenAlgorithm,
    key_id: Option<String>,
    token_type: TokenType,
    signed: Box<str>,
    signature: Box<str>,
    payload: Vec<u8>,
}

/// The members of the JOSE header that matter. Keys that a token brings along (`jwk`, `jku`, `x5c`, `x5u`) are never looked at.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    typ: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
    /// RFC 7797: a payload that is not encoded. It would have to be listed in `crit`.
    #[serde(default)]
    b64: Option<Value>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl UnverifiedToken {
    /// Takes a token apart. White space around it is ignored: tokens are often read from files.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let mut jws = CompactJws::parse(text)?;
        if let TokenType::ForAnotherUse(typ) = jws.token_type {
            return Err(TokenError::ForAnotherUse(typ));
        }
        let claims =
            Claims::parse(&std::mem::take(&mut jws.payload)).map_err(|error| TokenError::Claims(error.into()))?;
        claims.non_empty_str("iss")?;
        Ok(Self { jws, claims })
    }

    /// The issuer that the token names; not yet believed.
    pub fn issuer(&self) -> &str {
        self.claims.get("iss").and_then(Value::as_str).unwrap_or_default()
    }

    /// What is signed, and how.
    pub const fn jws(&self) -> &CompactJws {
        &self.jws
    }

    /// The claims; not yet believed. Only [`super::verify`] has a use for them.
    pub(super) const fn claims(&self) -> &Claims {
        &self.claims
    }

    pub(super) fn into_claims(self) -> Claims {
        self.claims
    }
}

impl CompactJws {
    /// Takes a JWS apart, with the limits and the header rules of a token.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let text = text.trim_ascii();
        if text.is_empty() {
            return Err(TokenError::Absent);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(TokenError::NotThreeParts)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::NotThreeParts)?;
        if payload.contains('.') {
            return Err(TokenError::NotThreeParts);
        }
        let JsonObject(header): JsonObject<Header> =
            serde_json::from_slice(&decode(header, "header")?).map_err(|error| TokenError::Header(error.into()))?;
        if header.crit || header.b64 == Some(false.into()) {
            return Err(TokenError::Critical);
        }
        Ok(Self {
            algorithm: TokenAlgorithm::from_name(&header.alg).ok_or(TokenError::Algorithm)?,
            key_id: header.kid.filter(|kid| !kid.is_empty()),
            token_type: match &header.typ {
                None => TokenType::Jwt,
                // What is not a string names no type.
                Some(typ) => TokenType::parse(typ.as_str().unwrap_or_default()),
            },
            signed: signed.into(),
            signature: signature.into(),
            payload: decode(payload, "payload")?,
        })
    }

    /// The algorithm that it says it is signed with.
    pub const fn algorithm(&self) -> TokenAlgorithm {
        self.algorithm
    }

    /// The key that it says it is signed by.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// What it says that it is.
    pub const fn token_type(&self) -> &TokenType {
        &self.token_type
    }

    /// The text that is signed: header and payload, still encoded.
    pub fn signed_text(&self) -> &str {
        &self.signed
    }

    /// The signature, base64url.
    pub fn signature_text(&self) -> &str {
        &self.signature
    }

    /// Whether the signature has a length that its algorithm makes (RFC 7518 section 3, RFC 8037 section 3.1), in base64url.
    pub fn has_signature_form(&self) -> bool {
        URL_SAFE_NO_PAD
            .decode(&*self.signature)
            .is_ok_and(|signature| self.algorithm.signature_lengths().contains(&signature.len()))
    }
}

fn decode(part: &str, name: &'static str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::NotBase64(name))
}

#[cfg(test)]
mod tests;
