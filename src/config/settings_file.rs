//! The settings file (`-c`, `--config`): the flags of `serve` as one YAML or JSON document.
//!
//! Owns reading it. What a setting means is `settings`' business.

use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::flags::{self, Values};
use super::settings::SettingsError;
use super::slips;

/// The largest settings file, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// Adds the file's settings where nothing is set yet.
pub(super) fn add(values: &mut Values, path: &Path) -> Result<(), SettingsError> {
    let refused = |message: String| {
        SettingsError::new(path.display().to_string(), message, "see config/serve.yaml for an example")
    };
    let length = std::fs::metadata(path).map_err(|error| refused(error.to_string()))?.len();
    if length > MAX_BYTES {
        return Err(refused(format!("larger than {MAX_BYTES} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    for (name, value) in read(&text).map_err(|error| refused(error.to_string()))? {
        let flag = flags::find(&name).ok_or_else(|| {
            let meant = match slips::nearest(&name) {
                Some(flag) => format!("did you mean {:?}?", flag.name),
                None => "`sigmint serve --help` lists them".to_owned(),
            };
            refused(format!("{name}: no such setting; {meant}"))
        })?;
        values.add_from_file(flag, value, format!("{} › {name}", path.display()));
    }
    Ok(())
}

fn read(text: &str) -> Result<Vec<(String, String)>, serde_yaml::Error> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let Entries(entries) = serde_yaml::from_str(text)?;
    Ok(entries)
}

/// Names and values in order. A map below a name is the name with a dot: `ct-log: {tls-ca-cert: x}`.
pub(super) struct Entries(pub(super) Vec<(String, String)>);

enum Node {
    /// Nothing after the colon: the setting counts as not written, as with Fulcio.
    Null,
    Text(String),
    Map(Vec<(String, String)>),
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Node::deserialize(deserializer)? {
            Node::Map(entries) => Ok(Self(entries)),
            Node::Null | Node::Text(_) => Err(serde::de::Error::custom("expected settings as `name: value`")),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text, a number, true, false, a list of texts or a map")
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Node, A::Error> {
        let mut list: Vec<String> = Vec::new();
        while let Some(entry) = sequence.next_element()? {
            list.push(entry);
        }
        Ok(Node::Text(list.join(",")))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries: Vec<(String, String)> = Vec::new();
        while let Some((name, node)) = map.next_entry::<String, Node>()? {
            let below = match node {
                Node::Null => Vec::new(),
                Node::Text(text) => vec![(name, text)],
                Node::Map(below) => below.into_iter().map(|(inner, text)| (format!("{name}.{inner}"), text)).collect(),
            };
            for (name, text) in below {
                if entries.iter().any(|(known, _)| *known == name) {
                    return Err(serde::de::Error::custom(format_args!("{name}: stands twice")));
                }
                entries.push((name, text));
            }
        }
        Ok(Node::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_form_become_texts() {
        let text = "ca: fileca\nport: 5555\nfileca-watch: false\nct-log-url:\nct-log-origin: ''\nct-log:\n  tls-ca-cert: x\nclient-signing-algorithms: [ed25519, a]\n";
        let expected = [
            ("ca", "fileca"),
            ("port", "5555"),
            ("fileca-watch", "false"),
            ("ct-log-origin", ""),
            ("ct-log.tls-ca-cert", "x"),
            ("client-signing-algorithms", "ed25519,a"),
        ];
        assert_eq!(read(text).unwrap(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(read("{\"ca\": \"ephemeralca\", \"port\": 1}").unwrap().len(), 2);
        assert_eq!(read(" \n").unwrap(), []);
    }

    #[test]
    fn duplicates_and_other_documents_are_refused_with_their_place() {
        assert!(read("a: 1\na: 2\n").unwrap_err().to_string().contains("stands twice"));
        let error = read("a: 1\nb: [{}]\n").unwrap_err();
        assert_eq!(error.location().map(|place| place.line()), Some(2));
        assert!(read("- a\n").is_err());
    }
}
