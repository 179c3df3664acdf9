//! A file that an operator wrote, as a tree in which every key and value knows its line and column.
//!
//! Owns reading YAML, JSON, TOML and variables into the tree, looking at a mapping of it by known keys, and the error that an operator
//! reads. Knows nothing of what any key means. [`Record`] is the usual way to read a mapping.

mod error;
mod forms;
pub(super) mod hint;
mod node;
mod record;
#[cfg(test)]
mod tests;
mod yaml;

use std::path::Path;

use self::error::end_of;
pub(crate) use self::error::{ConfigError, Mark, Place};
use self::node::Node;
pub(super) use self::node::{Field, MERGE_KEY};
pub(super) use self::record::{Foreign, Record, Setting, Shape, unknown_key};
use crate::files::{self, FileProblem};

/// A file as it was read.
#[derive(Debug)]
pub(super) struct Document {
    /// The file as a whole.
    place: Place,
    root: Node,
}

impl Document {
    /// YAML, and JSON in any layout.
    pub(super) fn yaml(file: &str, text: &str) -> Result<Self, ConfigError> {
        Self::read(file, text, yaml::read)
    }

    pub(super) fn toml(file: &str, text: &str) -> Result<Self, ConfigError> {
        Self::read(file, text, forms::toml)
    }

    /// `NAME=value`, a line each.
    pub(super) fn variables(file: &str, text: &str) -> Result<Self, ConfigError> {
        Self::read(file, text, forms::variables)
    }

    fn read(
        file: &str,
        text: &str,
        form: impl Fn(&Place, &str) -> Result<Node, ConfigError>,
    ) -> Result<Self, ConfigError> {
        let place = Place::of(file).at(Mark::FIRST);
        let root = form(&place, text.strip_prefix('\u{feff}').unwrap_or(text))?;
        Ok(Self { place, root })
    }

    /// Everything in the file.
    pub(super) fn root(&self) -> Field<'_> {
        Field { place: self.place.clone(), node: &self.root }
    }
}

/// Reads a file of at most so many bytes and parses it. `hint` says what to do about one that cannot be read.
pub(super) fn load<T>(
    path: &Path,
    cap: usize,
    hint: &str,
    parse: impl FnOnce(&str, &str) -> Result<T, ConfigError>,
) -> Result<T, ConfigError> {
    let file = path.display().to_string();
    let bytes = files::read(path, cap).map_err(|error| {
        let hint = match error.problem {
            FileProblem::TooLarge(_) => hint,
            _ => "check the path and its permissions",
        };
        Place::of(&file).fault(error.problem.to_string(), hint)
    })?;
    parse(&file, utf8(&file, &bytes)?)
}

/// The text of a file.
pub(super) fn utf8<'b>(file: &str, bytes: &'b [u8]) -> Result<&'b str, ConfigError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let sound = String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default());
        Place::of(file).at(end_of(&sound)).fault("not UTF-8", "save the file as UTF-8")
    })
}
