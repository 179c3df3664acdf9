//! The JSON documents of issuers: discovery (OpenID Connect Discovery 1.0 section 3) and the form that they share with key sets.
//!
//! Owns how odd their JSON may be. It is read as Go reads it, which most of these documents were tried with: of duplicate members the last
//! one counts, and null is absent. A token's JSON is not read here: in it, both would hide something.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};

/// The members of a discovery document that matter.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Discovery {
    pub(super) issuer: Option<String>,
    pub(super) jwks_uri: Option<String>,
    /// `id_token_signing_alg_values_supported`.
    pub(super) algorithms: Vec<String>,
}

impl Discovery {
    pub(super) fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        read(text, DiscoveryVisitor)
    }
}

/// Reads an object from a document: after a byte order mark if there is one, and with U+FFFD for what is not UTF-8.
pub(super) fn read<T>(text: &[u8], visitor: impl for<'de> Visitor<'de, Value = T>) -> Result<T, serde_json::Error> {
    let text = String::from_utf8_lossy(text);
    let mut reader = serde_json::Deserializer::from_str(text.strip_prefix('\u{feff}').unwrap_or(&text));
    let value = reader.deserialize_map(visitor)?;
    reader.end().map(|()| value)
}

struct DiscoveryVisitor;

impl<'de> Visitor<'de> for DiscoveryVisitor {
    type Value = Discovery;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a discovery document")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Discovery, A::Error> {
        let mut found = Discovery::default();
        while let Some(name) = members.next_key::<String>()? {
            match name.to_ascii_lowercase().as_str() {
                "issuer" => found.issuer = members.next_value()?,
                "jwks_uri" => found.jwks_uri = members.next_value()?,
                "id_token_signing_alg_values_supported" => {
                    let listed = members.next_value::<Option<Vec<Option<String>>>>()?;
                    found.algorithms = listed.unwrap_or_default().into_iter().flatten().collect();
                }
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_discovery_documents_are_read_as_go_reads_them() {
        let expected =
            Discovery { issuer: Some("i".into()), jwks_uri: Some("k".into()), algorithms: vec!["ES256".into()] };
        for text in [
            r#"{"issuer": "i", "jwks_uri": "k", "id_token_signing_alg_values_supported": ["ES256"]}"#,
            "\u{feff}{\"issuer\": \"i\", \"jwks_uri\": \"k\", \"id_token_signing_alg_values_supported\": [\"ES256\"]}\r\n",
            r#"{"issuer": "x", "Issuer": "i", "jwks_uri": "k", "jwks_uri": "k", "a": null, "a": "\ud83d",
                "id_token_signing_alg_values_supported": [], "id_token_signing_alg_values_supported": [null, "ES256"]}"#,
        ] {
            assert_eq!(Discovery::parse(text.as_bytes()).unwrap(), expected, "{text}");
        }
        let nothing = r#"{"issuer": null, "id_token_signing_alg_values_supported": null}"#;
        assert_eq!(Discovery::parse(nothing.as_bytes()).unwrap(), Discovery::default());
        for text in [
            "",
            "null",
            "[]",
            "{} {}",
            "<html>",
            r#"{"issuer": 7}"#,
            r#"{"id_token_signing_alg_values_supported": "RS256"}"#,
        ] {
            assert!(Discovery::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
