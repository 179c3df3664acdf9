//! Places in an issuer file, what is wrong at one, and the error that an operator reads.
//!
//! Knows how to say it, not what is right or wrong.

use std::fmt;

use super::locate::{Part, locate};

/// Why an issuer file cannot be used: the first fault found, with its place and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerFileError {
    /// The file as it was named.
    pub file: String,
    /// From 1; 0 if the file could not be read at all.
    pub line: usize,
    /// In characters, from 1; 0 if the file could not be read at all.
    pub column: usize,
    /// The keys on the way to the place, joined by ` › `; empty for the file as a whole.
    pub path: String,
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl fmt::Display for IssuerFileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.file)?;
        if self.line > 0 {
            write!(formatter, ":{}:{}", self.line, self.column)?;
        }
        if !self.path.is_empty() {
            write!(formatter, ": {}", self.path)?;
        }
        write!(formatter, ": {}\n  hint: {}", self.message, self.hint)
    }
}

impl IssuerFileError {
    /// The same for a line of the log.
    pub(super) fn on_one_line(&self) -> String {
        self.to_string().replace("\n  hint: ", "; ")
    }
}

impl std::error::Error for IssuerFileError {}

/// A value in the file, or its key.
#[derive(Clone, Debug)]
pub(super) struct Place {
    names: Vec<String>,
    steps: Vec<usize>,
    part: Part,
}

/// What is wrong at a place.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    place: Place,
    message: String,
    hint: String,
}

impl Place {
    pub(super) const fn root() -> Self {
        Self { names: Vec::new(), steps: Vec::new(), part: Part::Value }
    }

    /// The value that these keys, and so many entries before it at each level, lead to.
    pub(super) const fn at(names: Vec<String>, steps: Vec<usize>) -> Self {
        Self { names, steps, part: Part::Value }
    }

    /// The value of the entry that has `before` others before it.
    pub(super) fn entry(&self, before: usize, name: &str) -> Self {
        let mut place = self.item(before);
        place.names.push(name.to_owned());
        place
    }

    /// As [`Self::entry`], of what has no name to show: a mapping in a list, or what stands behind a merge key.
    pub(super) fn item(&self, before: usize) -> Self {
        let mut place = Self { part: Part::Value, ..self.clone() };
        place.steps.push(before);
        place
    }

    /// The key that was written here.
    pub(super) fn last_name(&self) -> Option<&str> {
        self.names.last().map(String::as_str)
    }

    /// The key of this value.
    pub(super) fn key(&self) -> Self {
        Self { part: Part::Key, ..self.clone() }
    }

    pub(super) fn fault(&self, message: impl Into<String>, hint: impl Into<String>) -> Fault {
        Fault { place: self.clone(), message: message.into(), hint: hint.into() }
    }
}

impl Fault {
    /// The fault without line and column, which take a walk through the text to find.
    pub(super) fn without_line(self, file: &str) -> IssuerFileError {
        let Self { place, message, hint } = self;
        IssuerFileError { file: file.to_owned(), line: 0, column: 0, path: place.names.join(" › "), message, hint }
    }

    /// The fault with its line and column in the text.
    pub(super) fn into_error(self, file: &str, text: &str) -> IssuerFileError {
        let Place { names, steps, part } = self.place;
        // The first character stands for the file as a whole, which may be empty.
        let found = if steps.is_empty() { None } else { locate(text, &steps, part) };
        let (line, column) = found.unwrap_or((1, 1));
        IssuerFileError {
            file: file.to_owned(),
            line,
            column,
            path: names.join(" › "),
            message: self.message,
            hint: self.hint,
        }
    }
}
