//! The templates of `ci-provider` issuers: a small, compiled subset of Go's text/template over a map of text to text.
//!
//! Owns the syntax that is accepted, the errors in plain words and the bounds on size and depth. Refuses to know where
//! the data comes from (claims, defaults) and what the text becomes (a name, an extension).
//!
//! What is accepted gives what Go gives with `missingkey=error`, checked against Go's own results in
//! `tests/go-templates`. Everything else of Go's language is refused when the configuration is read, not when a token
//! arrives. The differences are on purpose, and each only refuses: a key that `index` does not find is empty, as in Go, but
//! nothing else may stand beside it, and it is refused in a name; `index` takes its key only as a literal, so that no claim
//! can choose which claim is read; what can never work (a boolean compared with a string, a wrong count of arguments) is
//! refused at once, also where Go would not come to it. `range` and `len` also take lists, which Fulcio's data never holds.

mod action;
mod ambiguity;
mod format;
mod functions;
mod parse;
mod render;
mod scan;
mod tree;

use std::borrow::Cow;

pub use ambiguity::KnownName;
use tree::Node;

/// The longest text, in bytes, that a template may produce. No name or extension of a certificate comes near it.
pub const OUTPUT_LIMIT: usize = 16 * 1024;

/// How deep `{{ if }}` and parentheses may nest, taken together; bounds the stack in parsing, rendering and dropping.
pub const DEPTH_LIMIT: usize = 64;

/// A compiled template. Rendering does not parse again.
#[derive(Clone, Debug)]
pub struct Template {
    source: Box<str>,
    nodes: Vec<Node>,
    variables: usize,
    keys: Vec<Box<str>>,
    known_name: Option<&'static KnownName>,
}

/// What the data holds under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<'d> {
    /// A text; numbers and booleans come as the text they are written as.
    Text(Cow<'d, str>),
    /// A list of such strings, for `range` and `len`.
    List(Vec<Cow<'d, str>>),
    Missing,
    /// Something that has no text; the words name it, such as "null", "a list" or "an object".
    NotText(&'static str),
}

/// A piece of rendered text, and the keys whose values made it; what the template itself says has none.
pub type Rendered<'v> = (Vec<&'v str>, Cow<'v, str>);

/// Why a template was refused when the configuration was read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {message}")]
pub struct TemplateError {
    /// Byte in the template, counted from 1.
    pub column: usize,
    /// What is wrong and what is supported, for the person who writes the configuration.
    pub message: String,
}

/// Why a template gave no text for some data. The words name keys, never values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    #[error("the key {0:?} is missing")]
    MissingKey(String),
    #[error("the key {key:?} holds {found} where a string is needed")]
    NotText {
        key: String,
        /// What it holds, in words.
        found: &'static str,
    },
    #[error("the text is longer than {limit} bytes")]
    TooLong {
        /// The most that is allowed, in bytes.
        limit: usize,
    },
    #[error("a string, a number and a boolean cannot be compared with each other")]
    MixedComparison,
    #[error("`range` needs a list, and {key:?} is a string")]
    NotAList { key: String },
    #[error("{0:?} met a value that it does not take")]
    WrongKind(&'static str),
    #[error("`slice` is out of range or cuts a character")]
    OutOfRange,
    #[error("the template needs more than {limit} steps")]
    TooMuchWork {
        /// The most that is allowed.
        limit: usize,
    },
}

impl RenderError {
    /// The key at fault, when there is one.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::MissingKey(key) | Self::NotText { key, .. } | Self::NotAList { key } => Some(key),
            Self::TooLong { .. }
            | Self::MixedComparison
            | Self::WrongKind(_)
            | Self::OutOfRange
            | Self::TooMuchWork { .. } => None,
        }
    }
}

impl Template {
    /// Compiles a template.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        let parse::Parsed { nodes, keys, variables } = parse::parse(source)?;
        let known_name = ambiguity::known_name(&nodes);
        Ok(Self { source: source.into(), nodes, variables, keys, known_name })
    }

    /// The text that the template was compiled from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Every key that the template can ask for, in order of appearance, each once.
    pub fn keys(&self) -> Vec<&str> {
        self.keys.iter().map(AsRef::as_ref).collect()
    }

    /// Renders the template. `lookup` is asked only for keys on the way that is taken: neither a branch that is not
    /// chosen nor an operand that `and` or `or` does not reach is evaluated, as in Go.
    pub fn render<'d>(&self, lookup: &dyn Fn(&str) -> Lookup<'d>) -> Result<String, RenderError> {
        render::render(&self.nodes, self.variables, self.source.len(), lookup)
    }

    /// The rendered text in pieces, each with the keys whose values made it; what the template itself says has none.
    pub fn pieces<'v, 'd: 'v>(&'v self, lookup: &dyn Fn(&str) -> Lookup<'d>) -> Result<Vec<Rendered<'v>>, RenderError> {
        render::pieces(&self.nodes, self.variables, lookup)
    }

    /// Set for the name template of a provider whose claims are known (Fulcio's and ours): claims are then refused that contain what
    /// separates them.
    pub const fn known_name(&self) -> Option<&'static KnownName> {
        self.known_name
    }

    /// Where different claims can give the same name, in sentences; none for known names. A value that `has_default` is taken to be the
    /// operator's.
    pub fn ambiguities(&self, has_default: &dyn Fn(&str) -> bool) -> Vec<String> {
        if self.known_name.is_some() { Vec::new() } else { ambiguity::find(&self.nodes, has_default) }
    }
}

#[cfg(test)]
mod bounds_tests;
#[cfg(test)]
mod tests;
