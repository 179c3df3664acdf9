//! Looks at one mapping of the tree: every key known and of the right kind, none a duplicate, merge keys followed.
//!
//! Knows nothing of what the values mean.

use std::cell::RefCell;

use super::error::{ConfigError, Place};
use super::hint;
use super::node::{Field, Value};

/// A key that a mapping may have.
#[derive(Debug)]
pub(in crate::config) struct Setting {
    /// The spelling of YAML files.
    pub(in crate::config) yaml: &'static str,
    /// The spelling of JSON files.
    pub(in crate::config) json: &'static str,
    pub(in crate::config) shape: Shape,
}

/// What kind of value is expected behind a key.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) enum Shape {
    /// A string, a number, true or false.
    Text,
    /// One string or a list of strings.
    Texts,
    /// Anything: whoever looks at it checks it.
    Other,
}

impl Setting {
    pub(in crate::config) const fn new(yaml: &'static str, json: &'static str, shape: Shape) -> Self {
        Self { yaml, json, shape }
    }

    /// The known key that `key` spells, in any letter case, as Go's readers take it.
    pub(in crate::config) fn find(settings: &'static [Self], key: &str) -> Option<&'static Self> {
        let is_meant = |name: &str| name.eq_ignore_ascii_case(key);
        settings.iter().find(|setting| is_meant(setting.yaml) || is_meant(setting.json))
    }
}

impl Shape {
    /// Refuses a value of another kind.
    pub(in crate::config) fn check(self, field: &Field<'_>) -> Result<(), ConfigError> {
        let hint = "write one value here; put it in quotes if it contains special characters";
        match (self, &field.node.value) {
            (Self::Other, _) | (_, Value::Absent | Value::Text(_)) => Ok(()),
            (Self::Text, _) => Err(field.wrong_kind("a string", hint)),
            (Self::Texts, Value::List(_)) => field.items().iter().try_for_each(|item| Self::Text.check(item)),
            (Self::Texts, Value::Map(_)) => Err(field.wrong_kind("a string or a list of strings", hint)),
        }
    }
}

/// What becomes of a key that is not known and is not a misspelled one.
#[derive(Clone, Copy)]
pub(in crate::config) enum Foreign<'w> {
    /// It is passed over, as Fulcio does, and told: tools write keys of their own.
    Told(&'w RefCell<Vec<ConfigError>>),
    /// It is a fault: in what restricts, nothing may be lost.
    Refused,
}

/// A mapping with known keys.
#[derive(Debug)]
pub(in crate::config) struct Record<'t> {
    pub(in crate::config) place: Place,
    settings: &'static [Setting],
    fields: Vec<(&'static Setting, Field<'t>)>,
}

impl<'t> Record<'t> {
    /// Checks the keys against the known ones.
    pub(in crate::config) fn read(
        field: &Field<'t>,
        settings: &'static [Setting],
        foreign: Foreign<'_>,
    ) -> Result<Self, ConfigError> {
        let canonical = |key: &'t str| Setting::find(settings, key).map_or(key, |setting| setting.yaml);
        let mut fields = Vec::new();
        for (key, field) in field.entries_spelled(canonical)? {
            let Some(setting) = Setting::find(settings, key) else {
                unknown_key(&field, key, settings.iter().map(|known| (known.yaml, known.json)), foreign)?;
                continue;
            };
            setting.shape.check(&field)?;
            fields.push((setting, field));
        }
        Ok(Self { place: field.place.clone(), settings, fields })
    }

    /// The value behind a key in its YAML spelling, unless it is absent.
    pub(in crate::config) fn get(&self, yaml: &str) -> Option<&Field<'t>> {
        self.written(yaml).filter(|field| !field.is_absent())
    }

    /// As [`Self::get`], also if nothing stands behind the key: for settings that nobody may switch off by accident.
    pub(in crate::config) fn written(&self, yaml: &str) -> Option<&Field<'t>> {
        self.fields.iter().find(|(setting, _)| setting.yaml == yaml).map(|(_, field)| field)
    }

    /// The string behind a key; empty if there is none.
    pub(in crate::config) fn text(&self, yaml: &str) -> &'t str {
        self.get(yaml).map_or("", Field::text)
    }

    /// Where to point to about a key: its value, or the whole entry's key if it is absent.
    pub(in crate::config) fn place_of(&self, yaml: &str) -> Place {
        self.get(yaml).map_or_else(|| self.place.key(), |field| field.place.clone())
    }

    /// The key as this file spells its keys, for messages.
    pub(in crate::config) fn spelled(&self, yaml: &'static str) -> &'static str {
        let is_json = |(setting, field): &(&'static Setting, Field<'_>)| {
            setting.yaml != setting.json && field.place.last_name() == Some(setting.json)
        };
        let known = self.settings.iter().find(|setting| setting.yaml == yaml);
        known.filter(|_| self.fields.iter().any(is_json)).map_or(yaml, |setting| setting.json)
    }
}

/// A key that nobody knows: a fault with the nearest known one in the same manner of spelling, if that was meant.
pub(in crate::config) fn unknown_key(
    field: &Field<'_>,
    key: &str,
    known: impl Iterator<Item = (&'static str, &'static str)> + Clone,
    foreign: Foreign<'_>,
) -> Result<(), ConfigError> {
    let json = key.starts_with(|first: char| first.is_ascii_uppercase());
    let known = known.map(|(yaml_name, json_name)| if json { json_name } else { yaml_name });
    match (hint::misspelled(key, known.clone()), foreign) {
        (None, Foreign::Told(warnings)) => {
            let hint = "it is passed over; remove it if nothing else reads it";
            warnings.borrow_mut().push(field.place.key().fault("unknown key", hint));
            Ok(())
        }
        (Some(_), _) | (None, Foreign::Refused) => {
            Err(field.place.key().fault("unknown key", hint::for_unknown(key, known)))
        }
    }
}
