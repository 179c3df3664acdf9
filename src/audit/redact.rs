//! Replaces e-mail addresses by a keyed hash, so that the log tells people apart without naming them.
//!
//! Owns what an address looks like inside other strings. Who holds the key can compute an address's hash and search for it.

use std::borrow::Cow;
use std::fmt;

use aws_lc_rs::hmac;
use serde_json::Value;

/// What stands in place of an address, before its hash.
const PREFIX: &str = "hmac-sha256:";
/// A shorter key is guessed as easily as an address.
pub(crate) const SHORTEST_KEY: usize = 32;

/// Hashes addresses with a key.
#[derive(Clone)]
pub struct Redaction(hmac::Key);

impl Redaction {
    /// Nothing if the key is shorter than 32 bytes.
    pub fn new(key: &[u8]) -> Option<Self> {
        (key.len() >= SHORTEST_KEY).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, key)))
    }

    /// What stands in place of this address.
    pub fn hash(&self, address: &str) -> String {
        format!("{PREFIX}{}", hex::encode(hmac::sign(&self.0, address.as_bytes())))
    }

    /// The same string with each address replaced.
    pub(super) fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut redacted = String::new();
        let mut rest = text;
        while let Some((before, address, behind)) = next_address(rest) {
            redacted.push_str(before);
            redacted.push_str(&self.hash(address));
            rest = behind;
        }
        if redacted.is_empty() && rest.len() == text.len() {
            return Cow::Borrowed(text);
        }
        redacted.push_str(rest);
        Cow::Owned(redacted)
    }

    /// The same for every string of a value.
    pub(super) fn redact_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.redact(text).into_owned()),
            Value::Array(list) => Value::Array(list.iter().map(|one| self.redact_value(one)).collect()),
            Value::Object(members) => Value::Object(
                members.iter().map(|(name, one)| (self.redact(name).into_owned(), self.redact_value(one))).collect(),
            ),
            other => other.clone(),
        }
    }
}

impl fmt::Debug for Redaction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Redaction(..)")
    }
}

/// What stands before the first address, the address, and what stands behind it. A name with a dot and letters at its end makes an
/// address of what is around an `@`: `build.yml@refs/heads/main` and `action@v1.2` are none.
fn next_address(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(found) = text.get(from..)?.find('@') {
        let at = from + found;
        let (left, right) = (text.get(..at)?, text.get(at + 1..)?);
        let begin = left.rfind(|character| !is_local(character)).map_or(0, |place| {
            place + left.get(place..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8)
        });
        let end = right.find(|character| !is_host(character)).unwrap_or(right.len());
        let host = right.get(..end)?.trim_end_matches(['.', '-']);
        if begin < at && is_host_name(host) {
            let end = at + 1 + host.len();
            return Some((text.get(..begin)?, text.get(begin..end)?, text.get(end..)?));
        }
        from = at + 1;
    }
    None
}

/// What an address may have before the `@` (RFC 5322 atext and dots; RFC 6531 for the rest of the world), but for the slash, which
/// separates parts of URIs.
fn is_local(character: char) -> bool {
    character.is_alphanumeric() || "!#$%&'*+-=?^_`{|}~.".contains(character)
}

fn is_host(character: char) -> bool {
    character.is_alphanumeric() || character == '-' || character == '.'
}

fn is_host_name(host: &str) -> bool {
    let Some((name, top)) = host.rsplit_once('.') else { return false };
    !name.is_empty() && top.chars().count() >= 2 && !top.chars().any(|character| character.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn redaction() -> Redaction {
        Redaction::new(&[7; 32]).unwrap()
    }

    #[test]
    fn addresses_are_replaced_wherever_they_stand() {
        let redaction = redaction();
        let hash = redaction.hash("dev@example.com");
        assert!(hash.starts_with(PREFIX) && hash.len() == PREFIX.len() + 64, "{hash}");
        for (text, expected) in [
            ("dev@example.com", hash.clone()),
            ("mailto:dev@example.com", format!("mailto:{hash}")),
            ("<dev@example.com>, x", format!("<{hash}>, x")),
            ("a dev@example.com. b dev@example.com", format!("a {hash}. b {hash}")),
        ] {
            assert_eq!(redaction.redact(text), expected, "{text}");
        }
        assert_ne!(redaction.redact("jürgen@bücher.example"), "jürgen@bücher.example");
        let value = json!({"email": "dev@example.com", "list": ["dev@example.com", 1], "n": null});
        assert_eq!(redaction.redact_value(&value), json!({"email": hash, "list": [hash, 1], "n": null}));
    }

    #[test]
    fn what_is_no_address_stays() {
        for text in [
            "",
            "@",
            "dev@localhost",
            "https://github.com/o/r/.github/workflows/build.yml@refs/heads/main",
            "https://github.com/o/r/.github/workflows/build.yml@refs/tags/v1.2.3",
            "actions/checkout@v4.1.7",
            "o/r@9f1c2b3a",
            "spiffe://example.org/ns/a",
        ] {
            assert!(matches!(redaction().redact(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn another_key_gives_another_hash_and_short_keys_are_refused() {
        let other = Redaction::new(&[8; 32]).unwrap();
        assert_ne!(redaction().hash("dev@example.com"), other.hash("dev@example.com"));
        assert!(Redaction::new(&[7; 31]).is_none());
    }
}
