//! One entry of the block list: its conditions, and how each is compared.
//!
//! When in doubt an entry matches: who is blocked by mistake complains, who is not blocked signs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use serde_json::{Number, Value};
use sha2::{Digest as _, Sha256};

use super::{Candidate, name_of};
use crate::identity::claims::Claims;
use crate::identity::kinds::SubjectAlternativeName;

/// Who is blocked, why, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockEntry {
    pub conditions: Conditions,
    /// For the log.
    pub reason: String,
    /// From when on the entry counts no more.
    pub until: Option<SystemTime>,
}

/// What must be so for an entry to match: all that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// The token's `iss`, compared without slashes at the end.
    pub issuer: Option<String>,
    /// The certificate's name as a whole. E-mail addresses are compared without regard to ASCII letter case.
    pub san: Option<String>,
    pub claims: BTreeMap<String, ClaimValue>,
    pub key_sha256: Option<KeyHash>,
}

/// What a claim is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimValue {
    /// A string, number, `true` or `false`, as it is written.
    Scalar(String),
    /// Members of an object. Others may be there.
    Members(BTreeMap<String, ClaimValue>),
}

/// SHA-256 of a key's DER SubjectPublicKeyInfo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyHash(pub [u8; 32]);

/// Not a key's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the SHA-256 of a public key: 64 hexadecimal digits")]
pub struct KeyHashError;

impl KeyHash {
    /// Keys have one DER encoding each, so a hash cannot be dodged by another one.
    pub fn of_spki(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }
}

impl FromStr for KeyHash {
    type Err = KeyHashError;

    fn from_str(digits: &str) -> Result<Self, KeyHashError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map(|()| Self(bytes)).map_err(|_| KeyHashError)
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl BlockEntry {
    /// Whether the entry counts at this time.
    pub fn is_in_effect(&self, now: SystemTime) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl Conditions {
    /// Whether there is none: such an entry would block everybody.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The key, if nothing else matters.
    pub(super) fn bare_key(&self) -> Option<KeyHash> {
        let rest = Self { key_sha256: None, ..self.clone() };
        self.key_sha256.filter(|_| rest.is_empty())
    }

    pub(super) fn matches(&self, candidate: &Candidate<'_>) -> bool {
        !self.is_empty()
            && self.key_sha256.as_ref().is_none_or(|hash| hash == candidate.key_sha256)
            && self
                .issuer
                .as_ref()
                .is_none_or(|issuer| comparable_issuer(issuer) == comparable_issuer(candidate.issuer))
            && self.san.as_ref().is_none_or(|san| is_name(san, candidate.name))
            && self
                .claims
                .iter()
                .all(|(name, value)| claim(candidate.claims, name).is_some_and(|claim| value.matches(&claim)))
    }
}

/// An issuer's URL as it is compared: with or without a slash at the end it is the same to people.
pub(super) fn comparable_issuer(issuer: &str) -> &str {
    issuer.trim_end_matches('/')
}

fn is_name(san: &str, name: &SubjectAlternativeName) -> bool {
    match name {
        SubjectAlternativeName::Email(address) => address.eq_ignore_ascii_case(san),
        SubjectAlternativeName::Uri(_) | SubjectAlternativeName::OtherName(_) => name_of(name) == san,
    }
}

impl ClaimValue {
    /// A list matches if one of its elements does, an object if the named members do. Null matches nothing.
    fn matches(&self, claim: &Value) -> bool {
        match (self, claim) {
            (_, Value::Array(elements)) => elements.iter().any(|element| self.matches(element)),
            (Self::Members(members), Value::Object(object)) => {
                members.iter().all(|(name, value)| object.get(name).is_some_and(|member| value.matches(member)))
            }
            (Self::Scalar(written), Value::Bool(truth)) => is_truth(written, *truth),
            (Self::Scalar(written), claim) => as_written(claim).is_some_and(|claim| claim == written.as_str()),
            (Self::Members(_), _) => false,
        }
    }
}

/// A claim, of a number that a float would round the digits.
pub(super) fn claim<'a>(claims: &'a Claims, name: &str) -> Option<Cow<'a, Value>> {
    let value = claims.get(name)?;
    let written = if value.is_f64() { claims.scalar(name).ok().flatten() } else { None };
    Some(written.map_or(Cow::Borrowed(value), |digits| Cow::Owned(Value::String(digits.into_owned()))))
}

/// In the letter cases that YAML has.
fn is_truth(written: &str, truth: bool) -> bool {
    truths(truth).contains(&written)
}

/// What is written for a boolean.
pub(super) const fn truths(truth: bool) -> [&'static str; 3] {
    if truth { ["true", "True", "TRUE"] } else { ["false", "False", "FALSE"] }
}

/// A scalar as a string. What is a number in a file is often a string in a token (GitHub's `repository_id`), and the other way round: no
/// entry misses because of quotation marks.
pub(super) fn as_written(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Bool(true) => Some(Cow::Borrowed("true")),
        Value::Bool(false) => Some(Cow::Borrowed("false")),
        Value::Number(number) => Some(Cow::Owned(number_as_written(number))),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A whole number without fraction and exponent, however the token writes it.
fn number_as_written(number: &Number) -> String {
    let text = number.to_string();
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}
