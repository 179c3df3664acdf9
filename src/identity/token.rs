//! A token's text, taken apart and typed, but not yet believed (RFC 7515 compact serialization, RFC 7519).
//!
//! Owns the form: sizes, parts, base64url, JOSE header, JSON of the claims. Knows no issuer, no key and no clock.

use std::fmt;
use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::claims::{ClaimError, Claims};
use super::token_type::TokenType;
use crate::text::peer_text::JsonFault;

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// Signature algorithms of tokens that sigmint knows (RFC 7518 section 3.1, RFC 8037). No HMAC, no `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
        Some(match name {
            "RS256" => Self::RS256,
            "RS384" => Self::RS384,
            "RS512" => Self::RS512,
            "PS256" => Self::PS256,
            "PS384" => Self::PS384,
            "PS512" => Self::PS512,
            "ES256" => Self::ES256,
            "ES384" => Self::ES384,
            "ES512" => Self::ES512,
            "EdDSA" => Self::EdDSA,
            "Ed25519" => Self::Ed25519,
            _ => return None,
        })
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

/// Why a text is not a token that could be verified. Carries no part of the token but names.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("the request carries no identity token")]
    Absent,
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    #[error("the token does not have the three parts of a signed token; encrypted tokens (JWE) are not accepted")]
    NotThreeParts,
    /// A part is not base64url without padding.
    #[error("the token's {0} is not base64url without padding")]
    NotBase64(&'static str),
    /// The header is not a JSON object that we can read.
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
    /// The claims are not a JSON object, or a member stands twice.
    #[error("the token's claims are not valid: {0}")]
    Claims(JsonFault),
    /// `iss` is missing, empty or no text.
    #[error(transparent)]
    Issuer(#[from] ClaimError),
}

/// A token that was taken apart. Nothing in it is trusted: the only way on is [`super::verify`].
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

/// A header that is a JSON object: a derived reader would take a list of the members' values as well.
struct HeaderObject(Header);

impl<'de> Deserialize<'de> for HeaderObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor).map(Self)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Header, A::Error> {
        Header::deserialize(MapAccessDeserializer::new(members))
    }
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
        let HeaderObject(header) =
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

impl fmt::Debug for UnverifiedToken {
    /// Neither text nor signature: a log must not hold a token that still works.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("UnverifiedToken")
            .field("algorithm", &self.jws.algorithm)
            .field("claims", &self.claims)
            .finish_non_exhaustive()
    }
}

fn decode(part: &str, name: &'static str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::NotBase64(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(header: &str, payload: &str) -> String {
        format!("{}.{}.AAAA", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
    }

    const PAYLOAD: &str = r#"{"iss":"https://a.example"}"#;

    #[test]
    fn a_token_is_taken_apart() {
        let text = token(r#"{"alg":"ES256","kid":"k","typ":"JWT"}"#, PAYLOAD);
        let parsed = UnverifiedToken::parse(&format!(" {text}\n")).unwrap();
        assert_eq!(
            (parsed.issuer(), parsed.jws().key_id(), parsed.jws().algorithm()),
            ("https://a.example", Some("k"), TokenAlgorithm::ES256)
        );
        assert_eq!(format!("{}.{}", parsed.jws().signed_text(), parsed.jws().signature_text()), text);
        assert!(!format!("{parsed:?}").contains("a.example"));
    }

    #[test]
    fn a_token_for_another_use_is_refused_and_an_unknown_type_is_not() {
        let parse = |typ: &str| UnverifiedToken::parse(&token(&format!(r#"{{"alg":"ES256","typ":{typ}}}"#), PAYLOAD));
        for typ in [r#""logout+jwt""#, r#""application/DPoP+jwt""#, r#""secevent\u002bjwt""#] {
            assert!(matches!(parse(typ), Err(TokenError::ForAnotherUse(_))), "{typ}");
        }
        for (typ, expected) in [
            ("null", TokenType::Jwt),
            (r#""jwt""#, TokenType::Jwt),
            (r#""at+jwt""#, TokenType::AccessToken),
            (r#""foo+jwt""#, TokenType::Unknown("foo+jwt".into())),
            ("7", TokenType::Unknown("".into())),
            (r#"["logout+jwt"]"#, TokenType::Unknown("".into())),
        ] {
            assert_eq!(parse(typ).unwrap().jws().token_type(), &expected, "{typ}");
        }
        let twice = token(r#"{"alg":"ES256","typ":"JWT","typ":"logout+jwt"}"#, PAYLOAD);
        assert!(matches!(UnverifiedToken::parse(&twice), Err(TokenError::Header(_))));
    }

    #[test]
    fn an_empty_key_id_is_none() {
        let parsed = UnverifiedToken::parse(&token(r#"{"alg":"RS256","kid":""}"#, PAYLOAD)).unwrap();
        assert_eq!(parsed.jws().key_id(), None);
    }

    #[test]
    fn algorithms_that_need_no_key_of_the_issuer_are_refused() {
        for alg in ["none", "None", "HS256", "HS384", "HS512", "rs256", "", "dir", "RSA-OAEP", "ES256K"] {
            let text = token(&format!(r#"{{"alg":"{alg}"}}"#), PAYLOAD);
            assert!(matches!(UnverifiedToken::parse(&text), Err(TokenError::Algorithm)), "{alg}");
        }
    }

    #[test]
    fn critical_extensions_are_refused_whatever_they_are() {
        for crit in ["[\"b64\"]", "[\"exp\"]", "[]", "null", "1"] {
            let text = token(&format!(r#"{{"alg":"RS256","crit":{crit},"b64":false}}"#), PAYLOAD);
            assert!(matches!(UnverifiedToken::parse(&text), Err(TokenError::Critical)), "{crit}");
        }
        let unencoded = token(r#"{"alg":"RS256","b64":false}"#, PAYLOAD);
        assert!(matches!(UnverifiedToken::parse(&unencoded), Err(TokenError::Critical)));
    }

    #[test]
    fn odd_headers_are_refused() {
        for header in [
            "",
            "{}",
            "[]",
            r#"{"alg":1}"#,
            r#"{"alg":"RS256","kid":7}"#,
            r#"{"alg":"RS256","alg":"RS256"}"#,
            r#"{"alg":"RS256"}x"#,
        ] {
            assert!(matches!(UnverifiedToken::parse(&token(header, PAYLOAD)), Err(TokenError::Header(_))), "{header}");
        }
    }

    #[test]
    fn odd_claims_are_refused() {
        let header = r#"{"alg":"RS256"}"#;
        for payload in ["", "[]", "null", r#"{"iss":"a","iss":"b"}"#] {
            assert!(matches!(UnverifiedToken::parse(&token(header, payload)), Err(TokenError::Claims(_))), "{payload}");
        }
        for payload in ["{}", r#"{"iss":""}"#, r#"{"iss":null}"#, r#"{"iss":["https://a.example"]}"#, r#"{"iss":1}"#] {
            assert!(matches!(UnverifiedToken::parse(&token(header, payload)), Err(TokenError::Issuer(_))), "{payload}");
        }
    }

    #[test]
    fn other_numbers_of_parts_are_refused() {
        let good = token(r#"{"alg":"RS256"}"#, PAYLOAD);
        for text in ["garbage", "a.b", "..", ".", "a.b.c.d", &format!("{good}.AAAA"), &format!("{good}.A.A")] {
            assert!(UnverifiedToken::parse(text).is_err(), "{text}");
        }
        assert!(matches!(UnverifiedToken::parse(""), Err(TokenError::Absent)));
        assert!(matches!(UnverifiedToken::parse(" \n"), Err(TokenError::Absent)));
    }

    #[test]
    fn padding_and_other_alphabets_are_refused() {
        let good = token(r#"{"alg":"RS256"}"#, PAYLOAD);
        let (header, rest) = good.split_once('.').unwrap();
        assert!(matches!(UnverifiedToken::parse(&format!("{header}=.{rest}")), Err(TokenError::NotBase64("header"))));
        assert!(matches!(UnverifiedToken::parse(&format!("{header}+.{rest}")), Err(TokenError::NotBase64("header"))));
    }

    #[test]
    fn length_is_checked_before_anything_else() {
        let dots = ".".repeat(MAX_TOKEN_BYTES + 1);
        assert!(matches!(UnverifiedToken::parse(&dots), Err(TokenError::TooLong)));
        assert!(matches!(UnverifiedToken::parse(&dots[1..]), Err(TokenError::NotThreeParts)));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".*") {
            let _ = UnverifiedToken::parse(&text);
        }

        #[test]
        fn parsing_token_like_text_never_panics(header in ".*", payload in "\\{.*\\}", tail in "[A-Za-z0-9_.=-]*") {
            let _ = UnverifiedToken::parse(&format!("{}.{}.{tail}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload)));
        }

        #[test]
        fn what_parses_keeps_its_text(kid in "[a-z]{1,8}", sub in "[a-zA-Z0-9 ]*") {
            let text = token(&format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#), &format!(r#"{{"iss":"i","sub":"{sub}"}}"#));
            let parsed = UnverifiedToken::parse(&text).unwrap();
            prop_assert_eq!(format!("{}.{}", parsed.jws().signed_text(), parsed.jws().signature_text()), text);
            prop_assert_eq!(parsed.jws().key_id(), Some(kid.as_str()));
            prop_assert_eq!(parsed.claims().text("sub"), Ok(sub.as_str()));
        }
    }
}
