//! The settings file (`-c`, `--config`): the flags of `serve` as one document: YAML, JSON, TOML or variables.
//!
//! Owns reading it. What a setting means is `settings`' business.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::flags::{self, Values};
use super::settings::SettingsError;
use super::slips;
use crate::files::{self, MAX_FILE_BYTES};

/// Adds the file's settings where nothing is set yet. A name that is none of ours is noted, unless it misspells one.
pub(super) fn add(values: &mut Values, path: &Path) -> Result<(), SettingsError> {
    let place = path.display();
    let refused =
        |message: String| SettingsError::new(place.to_string(), message, "see config/serve.yaml for an example");
    let text = files::read_text(path, MAX_FILE_BYTES).map_err(|error| refused(error.problem.to_string()))?;
    let entries = read(text.trim_start_matches('\u{feff}'), Form::of(path)).map_err(refused)?;
    let mut found: Vec<(&'static str, String, String)> = Vec::new();
    let mut unknown = BTreeSet::new();
    for (name, value) in entries {
        let Some(flag) = flags::find(&name) else {
            if flags::deprecated(&name).is_some() {
                values.note(flags::is_deprecated(&format!("{place} › {name}")));
            } else if let Some(flag) = slips::misspelled(&name) {
                return Err(refused(format!("{name}: no such setting; did you mean {:?}?", flag.name)));
            } else {
                // A whole section is said once.
                unknown.insert(name.split('.').next().unwrap_or_default().to_owned());
            }
            continue;
        };
        if let Some((_, other, _)) = found.iter().find(|(known, _, text)| *known == flag.name && *text != value) {
            return Err(refused(format!("{name}: duplicate key with different values, once as {other}")));
        }
        found.push((flag.name, name.clone(), value.clone()));
        values.add_from_file(flag, value, format!("{place} › {name}"));
    }
    for name in unknown {
        values.note(format!("{place} › {name} is not read: {}", meant(&name)));
    }
    Ok(())
}

/// What to do about a name that is none of ours.
fn meant(name: &str) -> String {
    if ["oidc-issuers", "oidcissuers", "meta-issuers", "metaissuers"].contains(&name.to_ascii_lowercase().as_str()) {
        return "issuers stand in a file of their own, which --config-path names".to_owned();
    }
    match slips::nearest(name) {
        Some(flag) => format!("did you mean {:?}?", flag.name),
        None => "`sigmint serve --help` lists the settings".to_owned(),
    }
}

/// What a file is written in, by the end of its name.
#[derive(Clone, Copy)]
enum Form {
    /// And JSON, which is YAML.
    Yaml,
    Toml,
    /// `NAME=value`, a line each.
    Variables,
}

impl Form {
    fn of(path: &Path) -> Self {
        let extension = path.extension().or(path.file_name()).unwrap_or_default().to_ascii_lowercase();
        match extension.to_str() {
            Some("toml") => Self::Toml,
            Some("env" | "dotenv" | ".env") => Self::Variables,
            _ => Self::Yaml,
        }
    }
}

fn read(text: &str, form: Form) -> Result<Vec<(String, String)>, String> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let read = match form {
        Form::Yaml => serde_yaml::from_str(text).map_err(|error| error.to_string()),
        Form::Toml => toml::from_str(text).map_err(|error| error.to_string()),
        Form::Variables => return variables(text),
    };
    read.map(|Entries(entries)| entries)
}

/// The lines of an environment file, as shells and `docker --env-file` have them.
fn variables(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut entries = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=').ok_or_else(|| format!("line {}: expected NAME=value", index + 1))?;
        let value = value.trim();
        let quoted = ['"', '\''].into_iter().find_map(|mark| value.strip_prefix(mark)?.strip_suffix(mark));
        let plain = || value.split_once(" #").map_or(value, |(value, _)| value.trim_end());
        entries.push((name.trim().to_owned(), quoted.unwrap_or_else(plain).to_owned()));
    }
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
        formatter.write_str("a string, a number, true, false, a list of strings or a map")
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

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Node, A::Error> {
        let mut list: Vec<String> = Vec::new();
        while let Some(entry) = sequence.next_element::<Node>()? {
            match entry {
                Node::Text(text) => list.push(text),
                Node::Null => {}
                Node::Map(_) => return Err(serde::de::Error::custom("expected a list of strings")),
            }
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
            entries.extend(below);
        }
        Ok(Node::Map(entries))
    }
}

#[cfg(test)]
mod tests;
