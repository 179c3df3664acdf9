//! Reads the text of an issuer file into a tree of texts, guided by the known shapes, without judging it.
//!
//! Unknown keys and keys that stand twice stay in the tree, so that whoever judges can say where they are. Refuses only
//! what has no place in the tree: broken YAML, a mapping where a text belongs, and more entries than any real file has.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{Deserialize as _, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::shape::{Setting, Shape};

/// The key whose value, one mapping or a list of them, fills in what the mapping around it does not say.
pub(super) const MERGE_KEY: &str = "<<";

/// Entries in a whole file, with aliases followed: bounds what a few lines of nested aliases can blow up to.
const MAX_ENTRIES: usize = 1_000_000;

/// One value of the file.
#[derive(Debug)]
pub(super) enum Node {
    /// `null`, or nothing behind the colon.
    Absent,
    /// A scalar as it stands in the file.
    Text(String),
    /// The entries in file order, twice what stands twice.
    Map(Vec<(String, Self)>),
    /// Behind a merge key, or where one mapping or more may stand.
    List(Vec<Self>),
    /// What nobody looks at.
    Ignored,
}

/// A text that cannot be read.
#[derive(Debug)]
pub(super) struct Unreadable {
    /// The keys on the way to the place.
    pub(super) names: Vec<String>,
    /// What the reader of YAML or JSON says.
    pub(super) cause: String,
    /// Line and column from 1, if the reader knows them.
    pub(super) place: Option<(usize, usize)>,
}

/// Reads a whole file.
pub(super) fn read(text: &str, settings: &'static [Setting]) -> Result<Node, Unreadable> {
    if is_json_only(text) {
        let mut json = serde_json::Deserializer::from_str(text);
        return read_by(&mut json, settings).map_err(|(names, error)| Unreadable {
            names,
            cause: error.to_string(),
            place: Some((error.line(), error.column())),
        });
    }
    read_by(serde_yaml::Deserializer::from_str(text), settings).map_err(|(names, cause)| {
        // Broken YAML further down explains more than a value of the wrong kind that it led to.
        let (names, cause) = match IgnoredAny::deserialize(serde_yaml::Deserializer::from_str(text)) {
            Err(broken) if broken.to_string() != cause.to_string() => (Vec::new(), broken),
            _ => (names, cause),
        };
        let place = cause.location().map(|location| (location.line(), location.column()));
        Unreadable { names, cause: cause.to_string(), place }
    })
}

/// Whether the text is JSON that is not also YAML, as with `\ud83d\ude00` or a line break before a colon.
pub(super) fn is_json_only(text: &str) -> bool {
    text.trim_start().starts_with('{')
        && IgnoredAny::deserialize(serde_yaml::Deserializer::from_str(text)).is_err()
        && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

fn read_by<'de, D: Deserializer<'de>>(
    deserializer: D,
    settings: &'static [Setting],
) -> Result<Node, (Vec<String>, D::Error)> {
    let progress = Progress { names: RefCell::new(Vec::new()), left: Cell::new(MAX_ENTRIES) };
    let reader = Reader { shape: Shape::Settings(settings), merged: false, progress: &progress };
    reader.deserialize(deserializer).map_err(|error| (progress.names.take(), error))
}

struct Progress {
    /// The keys on the way to what is being read; a failure leaves them as they are.
    names: RefCell<Vec<String>>,
    /// How many more entries may come.
    left: Cell<usize>,
}

#[derive(Clone, Copy)]
struct Reader<'p> {
    shape: Shape,
    /// Whether this is what stands behind a merge key.
    merged: bool,
    progress: &'p Progress,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        if matches!(self.shape, Shape::Ignored) {
            return deserializer.deserialize_ignored_any(IgnoredAny).map(|_| Node::Ignored);
        }
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.shape {
            Shape::Text | Shape::Ignored => "a text",
            Shape::Texts => "a text or a list of texts",
            Shape::OneOrMore(_) => "a mapping or a list of mappings",
            Shape::Settings(_) | Shape::Table(_) if self.merged => "a mapping or a list of mappings",
            Shape::Settings(_) | Shape::Table(_) => "a mapping",
        })
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Absent)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        match self.shape {
            // Asked for a text, the YAML reader hands out numbers and booleans as they are spelled.
            Shape::Text | Shape::Ignored => deserializer.deserialize_str(self),
            Shape::Texts | Shape::OneOrMore(_) => deserializer.deserialize_any(self),
            Shape::Settings(_) | Shape::Table(_) if self.merged => deserializer.deserialize_any(self),
            Shape::Settings(_) | Shape::Table(_) => deserializer.deserialize_map(self),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        match self.shape {
            Shape::Text | Shape::Texts => Ok(Node::Text(text.to_owned())),
            _ => Err(E::invalid_type(serde::de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        if matches!(self.shape, Shape::Texts) {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Map, &self));
        }
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(Key)? {
            let left = self.progress.left.get().checked_sub(1);
            self.progress.left.set(left.ok_or_else(|| A::Error::custom(TOO_MANY))?);
            let merged = key == MERGE_KEY;
            let shape = if merged { self.shape.of_one() } else { self.shape.behind(&key) };
            self.progress.names.borrow_mut().push(key.clone());
            let node = map.next_value_seed(Self { shape, merged, ..self })?;
            self.progress.names.borrow_mut().pop();
            entries.push((key, node));
        }
        Ok(Node::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        let shape = self.shape.of_one();
        while let Some(node) = seq.next_element_seed(Self { shape, merged: false, ..self })? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }
}

/// The message of a file with more than [`MAX_ENTRIES`].
pub(super) const TOO_MANY: &str = "more than 1000000 entries, with aliases followed";

impl Shape {
    /// The shape of one mapping where a list of them may stand.
    const fn of_one(self) -> Self {
        match self {
            Self::OneOrMore(settings) => Self::Settings(settings),
            Self::Texts => Self::Text,
            other => other,
        }
    }

    /// The shape of the value behind a key of a mapping of this shape.
    fn behind(self, key: &str) -> Self {
        match self {
            Self::Settings(settings) | Self::OneOrMore(settings) => {
                Setting::find(settings, key).map_or(Self::Ignored, |setting| setting.shape)
            }
            Self::Table(shape) => *shape,
            Self::Text | Self::Texts | Self::Ignored => Self::Ignored,
        }
    }
}

struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = String;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text as the key")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}
