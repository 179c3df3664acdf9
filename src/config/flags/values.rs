//! The values that were set: on the command line, in the environment or in the settings file, and where each came from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::{DEPRECATED, Flag, all, find, is_deprecated};
use crate::config::document::{ConfigError, Place};
use crate::config::slips::PREFIX;

/// The values that were set, and where each came from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    set: BTreeMap<&'static str, Value>,
    /// Where values that are not set would have been, when not on the command line.
    within: Option<Place>,
    /// What is odd about what was given, and was taken or left out all the same.
    odd: Vec<String>,
}

#[derive(Clone, Debug)]
struct Value {
    text: String,
    origin: Place,
}

impl Values {
    /// Values of the command line and of the environment, the former first.
    pub(crate) fn from_command_line(matches: &ArgMatches, variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut values = Self::default();
        let old = DEPRECATED.iter().filter(|name| matches.value_source(name) == Some(ValueSource::CommandLine));
        values.odd.extend(old.map(|name| is_deprecated(&format!("--{name}"))));
        for flag in all() {
            if let Some(text) = matches.get_one::<String>(flag.name) {
                values.set(flag, text.clone(), Place::of(&format!("--{}", flag.name)));
            } else if let Some((name, text)) = from_environment(flag, variable) {
                values.set(flag, text, Place::of(&name));
            }
        }
        values
    }

    /// No values yet, of this part of a file.
    pub(in crate::config) fn within(origin: &Place) -> Self {
        Self { within: Some(origin.clone()), ..Self::default() }
    }

    /// Adds what a settings file says, where nothing is set yet.
    pub(in crate::config) fn add_from_file(&mut self, flag: &'static Flag, text: String, origin: Place) {
        if !self.set.contains_key(flag.name) {
            self.set(flag, text, origin);
        }
    }

    /// Adds what is odd and was taken all the same.
    pub(in crate::config) fn note(&mut self, oddity: String) {
        self.odd.push(oddity);
    }

    /// What is odd and was taken all the same.
    pub(crate) fn oddities(&self) -> &[String] {
        &self.odd
    }

    /// Whether the value stands on the command line.
    pub(in crate::config) fn is_on_command_line(&self, name: &str) -> bool {
        self.set.get(name).is_some_and(|value| value.origin.source.starts_with("--"))
    }

    fn set(&mut self, flag: &'static Flag, text: String, origin: Place) {
        self.set.insert(flag.name, Value { text, origin });
    }

    /// The values of a list, separated by commas; none when it is empty.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        self.text(name).split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect()
    }

    /// The value, or the default; empty when there is neither.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.set.get(name).map_or_else(|| find(name).map_or("", |flag| flag.default), |value| &value.text)
    }

    /// The file that is named, if one is.
    pub(in crate::config) fn path(&self, name: &str) -> Option<PathBuf> {
        self.is_set(name).then(|| PathBuf::from(self.text(name)))
    }

    /// Whether a value was given, empty or not.
    pub(in crate::config) fn is_given(&self, name: &str) -> bool {
        self.set.contains_key(name)
    }

    /// Whether a value was set to something.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.set.get(name).is_some_and(|value| !value.text.is_empty())
    }

    /// Whether a value was given, and is empty.
    pub(in crate::config) fn is_given_empty(&self, name: &str) -> bool {
        self.set.get(name).is_some_and(|value| value.text.is_empty())
    }

    /// Where the value came from, for messages.
    pub(crate) fn origin(&self, name: &str) -> Place {
        match (self.set.get(name), &self.within) {
            (Some(value), _) => value.origin.clone(),
            (None, Some(place)) => place.below(name),
            (None, None) => Place::of(&format!("--{name}")),
        }
    }

    /// What is wrong with a value, or with its absence.
    pub(in crate::config) fn fault(
        &self,
        name: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> ConfigError {
        self.origin(name).fault(message, hint)
    }
}

/// `FULCIO_SERVE_` and the name in upper case, with underscores or as it is. An empty variable counts as not set.
fn from_environment(flag: &Flag, variable: &dyn Fn(&str) -> Option<String>) -> Option<(String, String)> {
    flag.variables().find_map(|name| {
        let name = format!("{PREFIX}{name}");
        variable(&name).filter(|text| !text.is_empty() && !flag.is_service_link(text)).map(|text| (name, text))
    })
}
