//! The settings file (`-c`, `--config`): the flags of `serve` as one document: YAML, JSON, TOML or variables.
//!
//! Owns reading it. What a setting means is `settings`' business.

use std::collections::BTreeMap;
use std::path::Path;

use super::document::{self, ConfigError, Document, Field, Place};
use super::flags::{self, Values};
use super::slips;
use crate::files::MAX_FILE_BYTES;

/// Adds the file's settings where nothing is set yet. A name that is none of ours is noted, unless it misspells one.
pub(super) fn add(values: &mut Values, path: &Path) -> Result<(), ConfigError> {
    let document = document::load(path, MAX_FILE_BYTES, EXAMPLE, |file, text| read(path, file, text))?;
    let mut found: BTreeMap<&'static str, Entry> = BTreeMap::new();
    let mut unknown: BTreeMap<String, Place> = BTreeMap::new();
    let root = document.root();
    for entry in entries(&root)? {
        let Some(flag) = flags::find(&entry.name) else {
            if flags::deprecated(&entry.name).is_some() {
                values.note(flags::is_deprecated(&entry.place.key().to_string()));
            } else if let Some(flag) = slips::misspelled(&entry.name) {
                return Err(entry.place.key().fault("no such setting", format!("did you mean {:?}?", flag.name)));
            } else {
                // A whole section is said once.
                let section = entry.name.split('.').next().unwrap_or_default();
                let written = root.written_entries().find(|(key, _)| &***key == section);
                let place = written.map_or(entry.place, |(_, field)| field.place);
                unknown.insert(section.to_owned(), place.key());
            }
            continue;
        };
        match found.get(flag.name) {
            Some(other) if other.text != entry.text => {
                let message = format!("duplicate key with different values, once as {}", other.name);
                return Err(entry.place.key().fault(message, "remove one of the two"));
            }
            _ => {
                values.add_from_file(flag, entry.text.clone(), entry.place.clone());
                found.insert(flag.name, entry);
            }
        }
    }
    for (name, place) in unknown {
        values.note(format!("{place} is not read: {}", meant(&name)));
    }
    Ok(())
}

const EXAMPLE: &str = "see config/serve.yaml for an example";

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

/// Reads a file by the end of its name.
fn read(path: &Path, file: &str, text: &str) -> Result<Document, ConfigError> {
    let extension = path.extension().or(path.file_name()).unwrap_or_default().to_ascii_lowercase();
    match extension.to_str() {
        Some("toml") => Document::toml(file, text),
        Some("env" | "dotenv" | ".env") => Document::variables(file, text),
        _ => Document::yaml(file, text),
    }
}

/// A setting as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// A mapping below a name is the name with a dot: `ct-log: {tls-ca-cert: x}`.
    pub(super) name: String,
    /// The values of a list with commas between them.
    pub(super) text: String,
    pub(super) place: Place,
}

/// The settings of a mapping, in order. Where nothing stands behind the colon, none is written, as with Fulcio.
pub(super) fn entries(mapping: &Field<'_>) -> Result<Vec<Entry>, ConfigError> {
    if mapping.is_list() || mapping.string().is_some() {
        return Err(mapping.wrong_kind("settings as `name: value`", EXAMPLE));
    }
    let mut entries = Vec::new();
    gather(mapping, "", &mut entries)?;
    Ok(entries)
}

fn gather(mapping: &Field<'_>, section: &str, entries: &mut Vec<Entry>) -> Result<(), ConfigError> {
    for (key, field) in mapping.written_entries() {
        let name = format!("{section}{key}");
        if field.is_list() {
            let items = field.items();
            if let Some(item) = items.iter().find(|item| item.string().is_none() && !item.is_absent()) {
                return Err(item.wrong_kind("a list of strings", "write one value, or a list of them"));
            }
            let text = items.iter().filter_map(Field::string).collect::<Vec<_>>().join(",");
            entries.push(Entry { name, text, place: field.place });
        } else if let Some(text) = field.string() {
            entries.push(Entry { name, text: text.to_owned(), place: field.place });
        } else {
            gather(&field, &format!("{name}."), entries)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
