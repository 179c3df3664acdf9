//! Reads an entry that has a wrong kind of value somewhere, to find out whose tokens it is about.
//!
//! Takes every kind of value. Knows nothing of settings; nobody is trusted by what it reads.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::tree::{Key, Node, take_one};

#[derive(Clone, Copy)]
pub(super) struct Loose<'p> {
    /// How many more entries the file may have.
    pub(super) left: &'p Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Loose<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Loose<'_> {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string, a list or a mapping")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Ignored)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Ignored)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Ignored)
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<Node, E> {
        Ok(Node::Ignored)
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<Node, E> {
        Ok(Node::Ignored)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Ignored)
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Absent)
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Absent)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(Key)? {
            take_one(self.left)?;
            entries.push((key, map.next_value_seed(self)?));
        }
        Ok(Node::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = seq.next_element_seed(self)? {
            take_one(self.left)?;
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }
}
