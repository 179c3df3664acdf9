//! The tree, and one value of it with its place.
//!
//! Duplicate keys stay in the tree, so that the judge can say where they are.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::error::{ConfigError, Mark, Place};

/// The key whose value, one mapping or a list of them, fills in what the mapping around it does not say.
pub(in crate::config) const MERGE_KEY: &str = "<<";

/// A value of the file. Copies share what is below.
#[derive(Clone, Debug)]
pub(in crate::config) struct Node {
    pub(in crate::config) mark: Mark,
    pub(in crate::config) value: Value,
}

#[derive(Clone, Debug)]
pub(in crate::config) enum Value {
    /// `null`, or nothing behind the colon.
    Absent,
    /// A string, a number, true or false, as it is spelled in the file.
    Text(Arc<str>),
    List(Arc<[Node]>),
    /// The entries in file order.
    Map(Arc<[(Key, Node)]>),
}

#[derive(Clone, Debug)]
pub(in crate::config) struct Key {
    pub(in crate::config) name: Arc<str>,
    pub(in crate::config) mark: Mark,
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(in crate::config) struct Field<'t> {
    pub(in crate::config) place: Place,
    pub(in crate::config) node: &'t Node,
}

impl<'t> Field<'t> {
    /// The string, if this is one.
    pub(in crate::config) fn string(&self) -> Option<&'t str> {
        match &self.node.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The string; empty if there is none.
    pub(in crate::config) fn text(&self) -> &'t str {
        self.string().unwrap_or_default()
    }

    pub(in crate::config) fn is_list(&self) -> bool {
        matches!(self.node.value, Value::List(_))
    }

    pub(in crate::config) fn is_absent(&self) -> bool {
        matches!(self.node.value, Value::Absent)
    }

    /// What stands in a list; what is not a list is its own only item.
    pub(in crate::config) fn items(&self) -> Vec<Self> {
        match &self.node.value {
            Value::List(nodes) => nodes.iter().map(|node| Self { place: self.place.item(node.mark), node }).collect(),
            _ => vec![self.clone()],
        }
    }

    /// The entries of a mapping as they were written: duplicates twice, merge keys not followed.
    pub(in crate::config) fn written_entries(&self) -> impl Iterator<Item = (&'t Arc<str>, Self)> {
        let entries: &'t [(Key, Node)] = match &self.node.value {
            Value::Map(entries) => entries,
            _ => &[],
        };
        entries
            .iter()
            .map(|(key, node)| (&key.name, Self { place: self.place.entry(&key.name, key.mark, node.mark), node }))
    }

    /// The entries of a mapping with free keys; none if the value is absent. An entry's own keys come before the merged ones.
    pub(in crate::config) fn entries(&self) -> Result<Vec<(&'t str, Self)>, ConfigError> {
        self.entries_spelled(|key| key)
    }

    /// As [`Self::entries`]; two keys are the same if `canonical` makes them so.
    pub(in crate::config) fn entries_spelled(
        &self,
        canonical: impl Fn(&'t str) -> &'t str + Copy,
    ) -> Result<Vec<(&'t str, Self)>, ConfigError> {
        if !matches!(self.node.value, Value::Map(_) | Value::Absent) {
            return Err(self.wrong_kind("a mapping", MAPPING_HINT));
        }
        let mut entries = Vec::new();
        self.gather(canonical, &mut BTreeSet::new(), &mut entries)?;
        Ok(entries)
    }

    fn gather(
        &self,
        canonical: impl Fn(&'t str) -> &'t str + Copy,
        taken: &mut BTreeSet<&'t str>,
        entries: &mut Vec<(&'t str, Self)>,
    ) -> Result<(), ConfigError> {
        match &self.node.value {
            Value::Map(_) => {
                let (mut here, mut merged) = (BTreeSet::new(), None);
                for (key, field) in self.written_entries() {
                    let name = canonical(key);
                    if !here.insert(name) {
                        let hint = "remove one of the two; the YAML and the JSON spelling of a key are the same key";
                        return Err(field.place.key().fault("duplicate key", hint));
                    }
                    if &**key == MERGE_KEY {
                        merged = Some(Self { place: self.place.item(field.node.mark), node: field.node });
                    } else if taken.insert(name) {
                        entries.push((key, field));
                    }
                }
                merged.map_or(Ok(()), |merged| merged.gather(canonical, taken, entries))
            }
            Value::List(_) => self.items().iter().try_for_each(|item| item.gather(canonical, taken, entries)),
            Value::Absent => Ok(()),
            Value::Text(_) => Err(self.wrong_kind("a mapping or a list of mappings", MAPPING_HINT)),
        }
    }

    /// A value of another kind than the one that belongs here.
    pub(in crate::config) fn wrong_kind(&self, expected: &str, hint: &str) -> ConfigError {
        let found = match &self.node.value {
            Value::Absent => "nothing",
            Value::Text(_) => "one value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        };
        self.place.fault(format!("found {found}, expected {expected}"), hint)
    }
}

const MAPPING_HINT: &str = "write key: value lines here, indented below their key";
