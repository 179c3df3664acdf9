//! Reads the text of an issuer file into a tree of strings, guided by the known shapes, without judging it.
//!
//! Unknown keys and duplicate keys stay in the tree, so that the judge can say where they are. Refuses only
//! what has no place in the tree: broken YAML, a mapping where a string belongs, and more entries than any real file has.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{Deserialize as _, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::fault::{Fault, Place};
use super::loose::Loose;
use super::shape::{Setting, Shape};

/// The key whose value, one mapping or a list of them, fills in what the mapping around it does not say.
pub(super) const MERGE_KEY: &str = "<<";

/// Entries in a whole file, with aliases followed: bounds what a few lines of nested aliases can blow up to.
const MAX_ENTRIES: usize = 1_000_000;
/// Entries with a wrong kind of value that are looked past: each takes another walk through the file.
const MAX_MISSHAPEN: usize = 20;

/// One value of the file.
#[derive(Debug)]
pub(super) enum Node {
    /// `null`, or nothing behind the colon.
    Absent,
    /// A scalar as it stands in the file.
    Text(String),
    /// The entries in file order, duplicates twice.
    Map(Vec<(String, Self)>),
    /// Behind a merge key, or where one mapping or more may stand.
    List(Vec<Self>),
    Ignored,
    /// An entry of a table with a wrong kind of value somewhere.
    Misshapen(Box<Misshapen>),
}

/// What is wrong in an entry, and the entry as far as it can be read without knowing what it should be.
#[derive(Debug)]
pub(super) struct Misshapen {
    pub(super) entry: Node,
    error: WrongKind,
}

/// A value of the wrong kind.
#[derive(Clone, Debug)]
struct WrongKind {
    names: Vec<String>,
    steps: Vec<usize>,
    cause: String,
}

impl Misshapen {
    pub(super) fn fault(&self) -> Fault {
        let WrongKind { names, steps, cause } = self.error.clone();
        Place::at(names, steps).fault(super::without_place(&cause), super::hint_for_syntax(&cause))
    }
}

/// A text that cannot be read.
#[derive(Debug)]
pub(super) struct Unreadable {
    /// The keys on the way to the place.
    pub(super) names: Vec<String>,
    /// The same way, by how many entries come before at each level.
    steps: Vec<usize>,
    /// What the reader of YAML or JSON says.
    pub(super) cause: String,
    /// Line and column from 1, if the reader knows them.
    pub(super) place: Option<(usize, usize)>,
}

/// Reads a whole file. A wrong kind of value in an entry of a table spoils that entry alone.
pub(super) fn read(text: &str, settings: &'static [Setting]) -> Result<Node, Unreadable> {
    let mut misshapen = Vec::new();
    loop {
        match read_once(text, settings, &misshapen) {
            Err(unreadable) if unreadable.is_in_new_entry(settings, &misshapen) => {
                let Unreadable { names, steps, cause, .. } = unreadable;
                misshapen.push(WrongKind { names, steps, cause });
            }
            result => return result,
        }
    }
}

impl Unreadable {
    /// Whether this is a wrong kind of value in an entry of a table in which none was found yet.
    fn is_in_new_entry(&self, settings: &'static [Setting], found: &[WrongKind]) -> bool {
        let ([table, entry, ..], Some(steps)) = (self.names.as_slice(), self.steps.get(..2)) else { return false };
        self.cause.contains(WRONG_KIND)
            && Setting::find(settings, table).is_some_and(|known| matches!(known.shape, Shape::Table(_)))
            && entry != MERGE_KEY
            && found.len() < MAX_MISSHAPEN
            && !found.iter().any(|other| other.steps.starts_with(steps))
    }
}

fn read_once(text: &str, settings: &'static [Setting], misshapen: &[WrongKind]) -> Result<Node, Unreadable> {
    if is_json_only(text) {
        let mut json = serde_json::Deserializer::from_str(text);
        return read_by(&mut json, settings, misshapen).map_err(|(names, steps, error)| Unreadable {
            names,
            steps,
            cause: error.to_string(),
            place: Some((error.line(), error.column())),
        });
    }
    read_by(serde_yaml::Deserializer::from_str(text), settings, misshapen).map_err(|(names, steps, cause)| {
        // Broken YAML further down explains more than a value of the wrong kind that it led to.
        let (names, steps, cause) = match IgnoredAny::deserialize(serde_yaml::Deserializer::from_str(text)) {
            Err(broken) if broken.to_string() != cause.to_string() => (Vec::new(), Vec::new(), broken),
            _ => (names, steps, cause),
        };
        let place = cause.location().map(|location| (location.line(), location.column()));
        Unreadable { names, steps, cause: cause.to_string(), place }
    })
}

/// Whether the text is JSON that is not also YAML, as with `\ud83d\ude00` or a line break before a colon.
pub(super) fn is_json_only(text: &str) -> bool {
    text.trim_start().starts_with('{')
        && IgnoredAny::deserialize(serde_yaml::Deserializer::from_str(text)).is_err()
        && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Where reading ended, by the keys on the way and by how many entries come before at each level, and why.
type Failed<E> = (Vec<String>, Vec<usize>, E);

fn read_by<'de, D: Deserializer<'de>>(
    deserializer: D,
    settings: &'static [Setting],
    misshapen: &[WrongKind],
) -> Result<Node, Failed<D::Error>> {
    let (names, steps) = Default::default();
    let progress = Progress { names, steps, left: Cell::new(MAX_ENTRIES), misshapen };
    let reader = Reader { shape: Shape::Settings(settings), merged: false, progress: &progress };
    reader.deserialize(deserializer).map_err(|error| (progress.names.take(), progress.steps.take(), error))
}

struct Progress<'m> {
    /// The keys on the way to what is being read; a failure leaves them as they are.
    names: RefCell<Vec<String>>,
    /// The same way, by how many entries come before at each level.
    steps: RefCell<Vec<usize>>,
    /// How many more entries may come.
    left: Cell<usize>,
    /// Where an earlier walk found a wrong kind of value.
    misshapen: &'m [WrongKind],
}

impl Progress<'_> {
    /// What is wrong in the entry of a table that comes now.
    fn wrong_here(&self) -> Option<WrongKind> {
        let steps = self.steps.borrow();
        let mut found = self.misshapen.iter().filter(|_| steps.len() == 2);
        found.find(|error| error.steps.starts_with(&steps)).cloned()
    }
}

pub(super) fn take_one<E: Error>(left: &Cell<usize>) -> Result<(), E> {
    left.set(left.get().checked_sub(1).ok_or_else(|| E::custom(TOO_MANY))?);
    Ok(())
}

#[derive(Clone, Copy)]
struct Reader<'p> {
    shape: Shape,
    /// Whether this is what stands behind a merge key.
    merged: bool,
    progress: &'p Progress<'p>,
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
            Shape::Text | Shape::Ignored => "a string",
            Shape::Texts => "a string or a list of strings",
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
            // Asked for a string, the YAML reader hands out numbers and booleans as they are spelled.
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
            take_one(&self.progress.left)?;
            let merged = key == MERGE_KEY;
            let shape = if merged { self.shape.of_one() } else { self.shape.behind(&key) };
            self.progress.names.borrow_mut().push(key.clone());
            self.progress.steps.borrow_mut().push(entries.len());
            let node = match self.progress.wrong_here() {
                Some(error) => {
                    let entry = map.next_value_seed(Loose { left: &self.progress.left })?;
                    Node::Misshapen(Box::new(Misshapen { entry, error }))
                }
                None => map.next_value_seed(Self { shape, merged, ..self })?,
            };
            self.progress.names.borrow_mut().pop();
            self.progress.steps.borrow_mut().pop();
            entries.push((key, node));
        }
        Ok(Node::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        let shape = self.shape.of_one();
        self.progress.steps.borrow_mut().push(0);
        while let Some(node) = seq.next_element_seed(Self { shape, merged: false, ..self })? {
            nodes.push(node);
            if let Some(before) = self.progress.steps.borrow_mut().last_mut() {
                *before = nodes.len();
            }
        }
        self.progress.steps.borrow_mut().pop();
        Ok(Node::List(nodes))
    }
}

/// What the readers of YAML and JSON say of a wrong kind of value.
const WRONG_KIND: &str = "invalid type: ";
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

/// Reads a key of a mapping.
pub(super) struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = String;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string as the key")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}
