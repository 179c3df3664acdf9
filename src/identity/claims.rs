//! The claims of a token as JSON, strictly read (RFC 7519 section 4: claim names are unique).
//!
//! Owns the difference between a claim that is missing, one of the wrong type, and one that is usable. Knows no issuer.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A JSON object in which no member, at any depth, stands twice.
#[derive(Clone)]
pub struct Claims(Map<String, Value>);

/// Why a claim cannot be used. Names the claim, never its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// The claim is not in the token.
    #[error("the claim {0:?} is missing")]
    Missing(String),
    /// The claim is the empty text.
    #[error("the claim {0:?} is empty")]
    Empty(String),
    /// The claim is of another JSON type than the one needed.
    #[error("the claim {claim:?} is {found}, not {wanted}")]
    WrongType {
        /// The claim's name; members of an object are joined by dots.
        claim: String,
        /// What it is, in words.
        found: &'static str,
        /// What it must be, in words.
        wanted: &'static str,
    },
}

impl ClaimError {
    /// The name of the claim at fault.
    #[must_use]
    pub fn claim(&self) -> &str {
        match self {
            Self::Missing(claim) | Self::Empty(claim) | Self::WrongType { claim, .. } => claim,
        }
    }
}

impl Claims {
    /// Reads a token's payload.
    ///
    /// # Errors
    /// When it is not a JSON object, or a member stands twice at any depth.
    pub fn parse(payload: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(payload)
    }

    /// The claim as it stands, if it is there at all.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A claim that must be a text; it may be empty.
    ///
    /// # Errors
    /// When it is missing or not a text.
    pub fn text(&self, name: &str) -> Result<&str, ClaimError> {
        self.optional_text(name)?.ok_or_else(|| ClaimError::Missing(name.to_owned()))
    }

    /// A claim that must be a text with something in it.
    ///
    /// # Errors
    /// When it is missing, empty or not a text.
    pub fn filled_text(&self, name: &str) -> Result<&str, ClaimError> {
        match self.text(name)? {
            "" => Err(ClaimError::Empty(name.to_owned())),
            text => Ok(text),
        }
    }

    /// A claim that may be absent, but is a text if it is there.
    ///
    /// # Errors
    /// When it is there and not a text.
    pub fn optional_text(&self, name: &str) -> Result<Option<&str>, ClaimError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_type(name, other, "a text")),
        }
    }

    /// A claim that must be an object.
    ///
    /// # Errors
    /// When it is missing or not an object.
    pub fn object(&self, name: &str) -> Result<&Map<String, Value>, ClaimError> {
        match self.0.get(name) {
            None => Err(ClaimError::Missing(name.to_owned())),
            Some(Value::Object(members)) => Ok(members),
            Some(other) => Err(wrong_type(name, other, "an object")),
        }
    }

    /// All claims, for a JSONPath.
    #[must_use]
    pub fn to_value(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

/// A text with something in it, inside an object claim; `path` names it in errors.
///
/// # Errors
/// When it is missing, empty or not a text.
pub fn filled_member<'a>(object: &'a Map<String, Value>, member: &str, path: &str) -> Result<&'a str, ClaimError> {
    match object.get(member) {
        None => Err(ClaimError::Missing(path.to_owned())),
        Some(Value::String(text)) if text.is_empty() => Err(ClaimError::Empty(path.to_owned())),
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(wrong_type(path, other, "a text")),
    }
}

/// The error for a claim of the wrong JSON type.
#[must_use]
pub fn wrong_type(claim: &str, found: &Value, wanted: &'static str) -> ClaimError {
    ClaimError::WrongType { claim: claim.to_owned(), found: json_type(found), wanted }
}

/// A JSON value's type in words.
#[must_use]
pub const fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A scalar claim as text: a whole number without exponent or fraction, true and false as those words.
/// Nothing for null, a list or an object.
#[must_use]
pub fn scalar_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Bool(true) => Some(Cow::Borrowed("true")),
        Value::Bool(false) => Some(Cow::Borrowed("false")),
        Value::Number(number) => Some(Cow::Owned(number_text(number))),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn number_text(number: &Number) -> String {
    match number.as_f64() {
        // Rust writes a float with the fewest digits that round-trip, and never with an exponent.
        Some(float) if number.is_f64() => float.to_string(),
        _ => number.to_string(),
    }
}

impl fmt::Debug for Claims {
    /// Names only: claims are personal data.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match UniqueValue::deserialize(deserializer)?.0 {
            Value::Object(members) => Ok(Self(members)),
            other => Err(de::Error::custom(format_args!("claims are {}, not an object", json_type(&other)))),
        }
    }
}

/// A JSON value whose objects hold each member once; `serde_json::Value` alone would keep the last one silently.
struct UniqueValue(Value);

impl<'de> Deserialize<'de> for UniqueValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(UniqueValue(value)) = sequence.next_element()? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, UniqueValue(value))) = members.next_entry::<String, UniqueValue>()? {
            if object.insert(name, value).is_some() {
                return Err(de::Error::custom("a member stands twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(json: &str) -> Claims {
        Claims::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn a_member_that_stands_twice_is_refused_at_any_depth() {
        for json in [r#"{"a":1,"a":1}"#, r#"{"a":{"b":1,"b":2}}"#, r#"{"a":[{"b":1,"b":2}]}"#, r#"{"a":1,"\u0061":2}"#]
        {
            assert!(Claims::parse(json.as_bytes()).is_err(), "{json}");
        }
    }

    #[test]
    fn only_an_object_is_a_set_of_claims() {
        for json in ["[]", "null", "1", "\"a\"", "", "{", "{}x", "{\"a\":1e999}"] {
            assert!(Claims::parse(json.as_bytes()).is_err(), "{json}");
        }
        assert!(Claims::parse(b"{}").is_ok());
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
        assert!(Claims::parse(deep.as_bytes()).is_err(), "depth is bounded");
    }

    #[test]
    fn a_wrong_type_is_never_taken_for_absent() {
        let claims = claims(r#"{"n":null,"i":1,"l":[],"e":"","t":"x","o":{"m":"","k":"v","z":null}}"#);
        assert_eq!(claims.optional_text("absent"), Ok(None));
        assert!(claims.optional_text("n").is_err() && claims.optional_text("i").is_err());
        assert_eq!(claims.filled_text("e"), Err(ClaimError::Empty("e".into())));
        assert_eq!(claims.text("e"), Ok(""));
        assert_eq!(claims.filled_text("t"), Ok("x"));
        assert_eq!(claims.text("absent"), Err(ClaimError::Missing("absent".into())));
        assert!(claims.object("l").is_err());
        let object = claims.object("o").unwrap();
        assert_eq!(filled_member(object, "k", "o.k"), Ok("v"));
        for (member, claim) in [("m", "o.m"), ("z", "o.z"), ("gone", "o.gone")] {
            assert_eq!(filled_member(object, member, claim).unwrap_err().claim(), claim);
        }
    }

    #[test]
    fn numbers_are_written_in_full() {
        let cases = [
            ("42", "42"),
            ("-7", "-7"),
            ("12345678901", "12345678901"),
            ("18446744073709551615", "18446744073709551615"),
            ("1.0", "1"),
            ("1.5", "1.5"),
            ("1e21", "1000000000000000000000"),
            ("0.000001", "0.000001"),
            ("1e3", "1000"),
        ];
        for (json, text) in cases {
            let value: Value = serde_json::from_str(json).unwrap();
            assert_eq!(scalar_text(&value).unwrap(), text, "{json}");
        }
        assert_eq!(scalar_text(&Value::Bool(true)).unwrap(), "true");
        assert_eq!(scalar_text(&Value::Null), None);
        assert_eq!(scalar_text(&Value::Array(vec![])), None);
    }

    #[test]
    fn debug_shows_no_values() {
        let shown = format!("{:?}", claims(r#"{"email":"jane@example.com"}"#));
        assert!(shown.contains("email") && !shown.contains("jane"), "{shown}");
    }
}
