//! Request messages of `dev.sigstore.fulcio.v2` in the protobuf JSON mapping (<https://protobuf.dev/programming-guides/json/>).
//!
//! Owns the mapping's reading rules: both spellings of a member, `null` as absent, unknown members ignored, enums as words or numbers,
//! bytes in either base64 alphabet. Knows the message, not what it is for.

pub mod v1;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};
use serde::de::{self, Deserialize, Deserializer, Visitor};

use super::messages::proto::{self, create_signing_certificate_request::Key};
use crate::failure::{Failure, FailureKind};
use crate::identity::token::MAX_TOKEN_BYTES;
use crate::possession::MAX_CSR_BYTES;
use crate::text::json_object::JsonObject;

/// The longest base64 text that is decoded: more than the longest signing request that is looked at.
const MAX_BASE64: usize = 2 * MAX_CSR_BYTES;
/// The longest text that is kept: more than the longest token, and than the longest key.
const MAX_TEXT: usize = 2 * MAX_TOKEN_BYTES;
/// How deep a body may be nested.
const MAX_DEPTH: usize = 10_000;

/// `CreateSigningCertificateRequest`
#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CreateSigningCertificateRequest {
    credentials: Option<JsonObject<Credentials>>,
    #[serde(alias = "public_key_request")]
    public_key_request: Option<JsonObject<PublicKeyRequest>>,
    #[serde(alias = "certificate_signing_request")]
    certificate_signing_request: Option<Bytes>,
}

#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Credentials {
    #[serde(alias = "oidc_identity_token")]
    oidc_identity_token: Option<Text>,
}

#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PublicKeyRequest {
    #[serde(alias = "public_key")]
    public_key: Option<JsonObject<PublicKey>>,
    #[serde(alias = "proof_of_possession")]
    proof_of_possession: Option<Bytes>,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct PublicKey {
    /// Read for its form and then ignored: the key says what it is.
    #[serde(rename = "algorithm")]
    _algorithm: Option<EnumWord>,
    content: Option<Text>,
}

/// Where reading stopped. Carries no part of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at line {line}, column {column} of the body")]
pub struct JsonProblem {
    problem: &'static str,
    line: usize,
    column: usize,
}

impl CreateSigningCertificateRequest {
    /// Reads a body into the message. An empty one, or one of white space, is an empty message.
    pub fn parse(body: &[u8]) -> Result<proto::CreateSigningCertificateRequest, Failure> {
        let sent: Self = read_message(body).map_err(JsonProblem::into_failure)?;
        let public_key = sent.public_key_request.map(|JsonObject(request)| {
            let content = request.public_key.and_then(|JsonObject(key)| key.content).unwrap_or_default().0;
            proto::PublicKeyRequest {
                public_key: Some(proto::PublicKey { content, ..proto::PublicKey::default() }),
                proof_of_possession: request.proof_of_possession.unwrap_or_default().0,
            }
        });
        let key = match (public_key, sent.certificate_signing_request) {
            (Some(_), Some(_)) => {
                return Err(Failure::new(FailureKind::RequestAmbiguous, "both a key and a signing request"));
            }
            (Some(request), None) => Some(Key::PublicKeyRequest(request)),
            (None, Some(Bytes(text))) => Some(Key::CertificateSigningRequest(text)),
            (None, None) => None,
        };
        let token = sent.credentials.and_then(|JsonObject(credentials)| credentials.oidc_identity_token);
        let credentials = token.map(|Text(text)| proto::Credentials {
            credentials: Some(proto::credentials::Credentials::OidcIdentityToken(text)),
        });
        Ok(proto::CreateSigningCertificateRequest { credentials, key })
    }
}

/// Reads a message. A body that is empty or of white space is an empty message.
fn read_message<T: Default + de::DeserializeOwned>(body: &[u8]) -> Result<T, JsonProblem> {
    if body.trim_ascii().is_empty() { Ok(T::default()) } else { read_first_value(body) }
}

/// Reads the first JSON value; what follows it is not looked at, as Fulcio's reader does not.
fn read_first_value<T: de::DeserializeOwned>(body: &[u8]) -> Result<T, JsonProblem> {
    if is_too_deep(body) {
        return Err(JsonProblem { problem: "the JSON is nested too deeply", line: 1, column: 1 });
    }
    // Members that are ignored are not checked by the reader; text that is not UTF-8 is refused wherever it stands.
    let Ok(text) = std::str::from_utf8(body) else {
        return Err(JsonProblem { problem: "the body is not UTF-8", line: 1, column: 1 });
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = JsonObject::deserialize(&mut reader).map(|JsonObject(message)| message);
    value.map_err(|error: serde_json::Error| JsonProblem {
        problem: match error.classify() {
            serde_json::error::Category::Data => "a member is of the wrong type, of the wrong form or a duplicate",
            serde_json::error::Category::Eof => "the JSON ends too early",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => "the JSON is not well-formed",
        },
        line: error.line(),
        column: error.column(),
    })
}

/// Members that are ignored are skipped without recursion; their depth is bounded nevertheless, as in other protobuf readers.
fn is_too_deep(body: &[u8]) -> bool {
    // Counting is many times faster than following, and enough for all bodies but hostile ones.
    if body.len() <= MAX_DEPTH || body.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() <= MAX_DEPTH {
        return false;
    }
    let (mut depth, mut in_text, mut escaped) = (0usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

/// An enum's word or number; unknown ones are as good as known ones.
struct EnumWord;

impl<'de> Deserialize<'de> for EnumWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordOrNumber;
        impl Visitor<'_> for WordOrNumber {
            type Value = EnumWord;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a word or a whole number")
            }
            fn visit_str<E>(self, _: &str) -> Result<EnumWord, E> {
                Ok(EnumWord)
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<EnumWord, E> {
                i32::try_from(number).map(|_| EnumWord).map_err(|_| E::custom("out of range"))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<EnumWord, E> {
                i32::try_from(number).map(|_| EnumWord).map_err(|_| E::custom("out of range"))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<EnumWord, E> {
                if number.fract() == 0.0 && number.abs() <= f64::from(i32::MAX) {
                    Ok(EnumWord)
                } else {
                    Err(E::custom("not whole"))
                }
            }
        }
        deserializer.deserialize_any(WordOrNumber)
    }
}

/// What is made of a string without keeping all of it.
struct Made<F>(&'static str, F);

impl<T, F: FnOnce(&str) -> Option<T>> Visitor<'_> for Made<F> {
    type Value = T;
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.1)(text).ok_or_else(|| E::custom(format_args!("not {}", self.0)))
    }
}

/// Text, of which no more is kept than is needed to see that it is too long for a token or a key.
#[derive(Default)]
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shortened = |text: &str| text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or(text).to_owned();
        deserializer.deserialize_str(Made("text", |text: &str| Some(Self(shortened(text)))))
    }
}

/// Bytes as base64 text: standard or URL-safe, padded or not.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Made("base64 text", |text: &str| decode(text).map(Self)))
    }
}

const fn engine(alphabet: &base64::alphabet::Alphabet, padding: DecodePaddingMode) -> GeneralPurpose {
    let rules = GeneralPurposeConfig::new().with_decode_padding_mode(padding).with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(alphabet, rules)
}

const PADDED: [GeneralPurpose; 2] = [
    engine(&base64::alphabet::STANDARD, DecodePaddingMode::RequireCanonical),
    engine(&base64::alphabet::URL_SAFE, DecodePaddingMode::RequireCanonical),
];
const UNPADDED: [GeneralPurpose; 2] = [
    engine(&base64::alphabet::STANDARD, DecodePaddingMode::RequireNone),
    engine(&base64::alphabet::URL_SAFE, DecodePaddingMode::RequireNone),
];

/// Text of a multiple of four characters is padded, other text is not; line ends count for that and are skipped otherwise.
fn decode(text: &str) -> Option<Vec<u8>> {
    // No key, proof or request is as long as this; what stands behind need not be read to be refused as too long.
    let text = text.get(..MAX_BASE64).unwrap_or(text);
    let [standard, url_safe] = if text.len().is_multiple_of(4) { &PADDED } else { &UNPADDED };
    let engine = if text.contains(['-', '_']) { url_safe } else { standard };
    if text.contains(['\r', '\n']) {
        engine.decode(text.replace(['\r', '\n'], "")).ok()
    } else {
        engine.decode(text).ok()
    }
}

/// Base64 as answers carry it.
pub fn encode(bytes: &[u8]) -> String {
    general_purpose::STANDARD.encode(bytes)
}

/// Writes bytes of a message as the mapping has them.
pub(crate) fn serialize_bytes<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&encode(bytes))
}

#[cfg(test)]
mod tests;
