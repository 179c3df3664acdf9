//! Where something was set, and the error that an operator reads about it.
//!
//! Knows how to say it, not what is right or wrong.

use std::fmt;
use std::sync::Arc;

/// Line and column, from 1; columns are counted in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub line: u32,
    pub column: u32,
}

/// Where something was set: in a file, by a flag or by a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file as it was named, the flag with its dashes, or the variable.
    pub source: Arc<str>,
    /// In a file that could be read.
    pub mark: Option<Mark>,
    /// The keys on the way there; none for the file as a whole.
    pub path: Vec<Arc<str>>,
    /// Where the key of this value is, if it has one.
    key: Option<Mark>,
}

/// What is wrong at a place, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}\n  hint: {hint}")]
pub struct ConfigError {
    pub place: Place,
    pub message: String,
    pub hint: String,
}

impl Mark {
    pub(super) const FIRST: Self = Self { line: 1, column: 1 };

    /// From 1.
    pub(super) fn new(line: usize, column: usize) -> Self {
        let saturating = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self { line: saturating(line), column: saturating(column) }
    }
}

/// Right behind a text.
pub(super) fn end_of(text: &str) -> Mark {
    let last = text.rsplit('\n').next().unwrap_or_default();
    Mark::new(text.matches('\n').count() + 1, last.chars().count() + 1)
}

impl Place {
    /// A flag, a variable, or a file as a whole.
    pub(in crate::config) fn of(source: &str) -> Self {
        Self { source: source.into(), mark: None, path: Vec::new(), key: None }
    }

    pub(super) fn at(&self, mark: Mark) -> Self {
        Self { mark: Some(mark), ..self.clone() }
    }

    /// The value behind a key of the mapping that is here.
    pub(super) fn entry(&self, name: &Arc<str>, key: Mark, value: Mark) -> Self {
        let mut place = self.below(name);
        (place.mark, place.key) = (Some(value), Some(key));
        place
    }

    /// A key that is missing from the mapping that is here.
    pub(in crate::config) fn below(&self, name: &str) -> Self {
        let mut place = self.clone();
        place.path.push(name.into());
        place
    }

    /// What has no name to show: a mapping in a list, or what stands behind a merge key.
    pub(super) fn item(&self, mark: Mark) -> Self {
        Self { mark: Some(mark), key: None, ..self.clone() }
    }

    /// The key that was written here.
    pub(super) fn last_name(&self) -> Option<&str> {
        self.path.last().map(AsRef::as_ref)
    }

    /// The key of this value; the value itself if it has none.
    pub(in crate::config) fn key(&self) -> Self {
        Self { mark: self.key.or(self.mark), ..self.clone() }
    }

    pub(in crate::config) fn fault(&self, message: impl Into<String>, hint: impl Into<String>) -> ConfigError {
        ConfigError { place: self.clone(), message: message.into(), hint: hint.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.source)?;
        if let Some(mark) = self.mark {
            write!(formatter, ":{}:{}", mark.line, mark.column)?;
        }
        if self.path.is_empty() { Ok(()) } else { write!(formatter, ": {}", self.path.join(" › ")) }
    }
}

impl ConfigError {
    /// The same for a line of the log.
    pub(in crate::config) fn on_one_line(&self) -> String {
        self.to_string().replace("\n  hint: ", "; ")
    }
}
