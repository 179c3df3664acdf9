//! The claims of a token as JSON, strictly read (RFC 7519 section 4: claim names are unique).
//!
//! Owns the difference between a claim that is missing, one of the wrong type, and one that is usable. Knows no issuer.

mod number;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::text::has_control_character;

/// Numbers from here on are not times, in seconds: some thirty million years. A float has every whole number below in full.
const BEYOND_TIME: f64 = 1e15;

/// A JSON object without a duplicate member at any depth.
#[derive(Clone)]
pub struct Claims {
    members: Map<String, Value>,
    /// The members' numbers that a float may have rounded, as they were written. Most tokens have none.
    written: BTreeMap<String, Box<str>>,
}

/// Why a claim cannot be used. Names the claim, never its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    #[error("the claim {0:?} is missing")]
    Missing(String),
    #[error("the claim {0:?} is empty")]
    Empty(String),
    /// The claim has a control character (C0, C1 or DEL), which must not reach a certificate.
    #[error("the claim {0:?} contains a control character")]
    ControlCharacter(String),
    #[error("the claim {claim:?} is {found}, not {wanted}")]
    WrongType {
        /// The claim's name; members of an object are joined by dots.
        claim: String,
        found: &'static str,
        wanted: &'static str,
    },
}

impl ClaimError {
    /// The name of the claim at fault.
    pub fn claim(&self) -> &str {
        match self {
            Self::Missing(claim)
            | Self::Empty(claim)
            | Self::ControlCharacter(claim)
            | Self::WrongType { claim, .. } => claim,
        }
    }
}

impl Claims {
    /// Reads a token's payload.
    pub fn parse(payload: &[u8]) -> Result<Self, serde_json::Error> {
        let members = match serde_json::from_slice::<UniqueValue>(payload)?.0 {
            Value::Object(members) => members,
            other => {
                let found = json_type(&other);
                return Err(de::Error::custom(format_args!("claims are {found}, not an object")));
            }
        };
        let written = if members.values().any(Value::is_f64) { written_numbers(payload) } else { BTreeMap::new() };
        Ok(Self { members, written })
    }

    /// The claim's value. A claim that is null is absent, as it is to Go: many providers write null for what does not apply.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// The names of all claims.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// A claim that must be a string without control characters; it may be empty.
    pub fn text(&self, name: &str) -> Result<&str, ClaimError> {
        self.optional_text(name)?.ok_or_else(|| ClaimError::Missing(name.to_owned()))
    }

    /// A claim that must be a string with something in it.
    pub fn non_empty_str(&self, name: &str) -> Result<&str, ClaimError> {
        match self.text(name)? {
            "" => Err(ClaimError::Empty(name.to_owned())),
            text => Ok(text),
        }
    }

    /// A claim that may be absent, but is a string if it is there.
    pub fn optional_text(&self, name: &str) -> Result<Option<&str>, ClaimError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => printable(text, name).map(Some),
            Some(other) => Err(wrong_type(name, other, "a string")),
        }
    }

    /// A claim as a string, if it is there: a number in full, with all of its digits and without an exponent, true and false as those
    /// words.
    pub fn scalar(&self, name: &str) -> Result<Option<Cow<'_, str>>, ClaimError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let wrong = |found| ClaimError::WrongType { claim: name.to_owned(), found, wanted: "a string" };
        match value {
            Value::String(text) => printable(text, name).map(|text| Some(Cow::Borrowed(text))),
            Value::Bool(true) => Ok(Some(Cow::Borrowed("true"))),
            Value::Bool(false) => Ok(Some(Cow::Borrowed("false"))),
            Value::Number(number) if number.is_f64() => {
                let text = self.written.get(name).and_then(|written| number::in_full(written));
                text.map(|text| Some(Cow::Owned(text))).ok_or_else(|| wrong("a number of too many digits"))
            }
            Value::Number(number) => Ok(Some(Cow::Owned(number.to_string()))),
            Value::Null | Value::Array(_) | Value::Object(_) => Err(wrong(json_type(value))),
        }
    }

    /// The strings of a claim that is a list of strings, booleans and whole numbers; none if it is anything else.
    pub fn scalars(&self, name: &str) -> Result<Option<Vec<Cow<'_, str>>>, ClaimError> {
        let Some(Value::Array(values)) = self.get(name) else { return Ok(None) };
        let mut texts = Vec::with_capacity(values.len());
        for value in values {
            texts.push(match value {
                Value::String(text) => Cow::Borrowed(printable(text, name)?),
                Value::Bool(value) => Cow::Owned(value.to_string()),
                Value::Number(number) if !number.is_f64() => Cow::Owned(number.to_string()),
                _ => return Ok(None),
            });
        }
        Ok(Some(texts))
    }

    /// Seconds since 1970, possibly fractional (RFC 7519 section 2, NumericDate), if the claim is there.
    pub fn numeric_date(&self, name: &str) -> Result<Option<f64>, ClaimError> {
        let is_a_time = |seconds: &f64| seconds.abs() < BEYOND_TIME;
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_f64().filter(is_a_time).map(Some).ok_or_else(|| wrong_type(name, value, "a point in time"))
    }

    /// A claim that must be an object.
    pub fn object(&self, name: &str) -> Result<&Map<String, Value>, ClaimError> {
        match self.get(name) {
            None => Err(ClaimError::Missing(name.to_owned())),
            Some(Value::Object(members)) => Ok(members),
            Some(other) => Err(wrong_type(name, other, "an object")),
        }
    }

    /// All claims, for a JSONPath.
    pub fn to_value(&self) -> Value {
        Value::Object(self.members.clone())
    }
}

/// A text with something in it, inside an object claim; `path` names it in errors.
pub(crate) fn filled_member<'a>(
    object: &'a Map<String, Value>,
    member: &str,
    path: &str,
) -> Result<&'a str, ClaimError> {
    match object.get(member) {
        None | Some(Value::Null) => Err(ClaimError::Missing(path.to_owned())),
        Some(Value::String(text)) if text.is_empty() => Err(ClaimError::Empty(path.to_owned())),
        Some(Value::String(text)) => printable(text, path),
        Some(other) => Err(wrong_type(path, other, "a string")),
    }
}

/// The error for a claim of the wrong JSON type.
pub(crate) fn wrong_type(claim: &str, found: &Value, wanted: &'static str) -> ClaimError {
    ClaimError::WrongType { claim: claim.to_owned(), found: json_type(found), wanted }
}

/// A JSON value's type in words.
pub(crate) const fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn printable<'t>(text: &'t str, name: &str) -> Result<&'t str, ClaimError> {
    if has_control_character(text) { Err(ClaimError::ControlCharacter(name.to_owned())) } else { Ok(text) }
}

/// The numbers among an object's members, as they are written.
fn written_numbers(payload: &[u8]) -> BTreeMap<String, Box<str>> {
    let decoded = number::members_of(payload).into_iter().filter_map(|(name, number)| {
        Some((serde_json::from_slice::<String>(name).ok()?, Box::from(std::str::from_utf8(number).ok()?)))
    });
    decoded.collect()
}

impl fmt::Debug for Claims {
    /// Names only: claims are personal data.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.members.keys()).finish()
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
                return Err(de::Error::custom("a member is a duplicate"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests;
