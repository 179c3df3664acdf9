//! Finds the line and column of a place in an issuer file.
//!
//! The YAML reader tells positions in errors only. So this reads the text once more, walks to the place by counting
//! entries, and fails there on purpose. Knows nothing of why somebody wants to know.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::tree::is_json_only;

/// The half of an entry that is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Key,
    Value,
}

/// Line and column (from 1) of the entry that `steps` lead to: at each level, how many entries come before it.
///
/// In JSON that is not also YAML this is where the reader stood: right behind what comes before.
pub(super) fn locate(text: &str, steps: &[usize], part: Part) -> Option<(usize, usize)> {
    let walk = Walk { steps, part };
    if is_json_only(text) {
        let error = walk.deserialize(&mut serde_json::Deserializer::from_str(text)).err()?;
        return Some((error.line(), error.column()));
    }
    let error = walk.deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
    error.location().map(|location| (location.line(), location.column()))
}

struct Walk<'s> {
    steps: &'s [usize],
    part: Part,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.steps.is_empty() { Here.deserialize(deserializer) } else { deserializer.deserialize_any(self) }
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the mapping that was here before")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((before, steps)) = self.steps.split_first() else { return Ok(()) };
        for _ in 0..*before {
            map.next_entry::<IgnoredAny, IgnoredAny>()?;
        }
        if steps.is_empty() && self.part == Part::Key {
            map.next_key_seed(Here)?;
        } else {
            map.next_key::<IgnoredAny>()?;
            map.next_value_seed(Walk { steps, part: self.part })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Some((before, steps)) = self.steps.split_first() else { return Ok(()) };
        for _ in 0..*before {
            seq.next_element::<IgnoredAny>()?;
        }
        seq.next_element_seed(Walk { steps, part: self.part })?;
        Ok(())
    }
}

/// Fails at the value that comes next.
///
/// An ordinary error inside a value is placed where an alias points to. Nesting newtypes, which take no text, until the
/// reader's depth limit stops it fails at the alias itself: where the operator wrote it.
struct Here;

impl<'de> DeserializeSeed<'de> for Here {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_newtype_struct("", NestedHere { left: 200 })
    }
}

struct NestedHere {
    /// Levels to go: more than the reader allows, and an end if it ever stops counting.
    left: u8,
}

impl<'de> Visitor<'de> for NestedHere {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("nothing")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.left.checked_sub(1) {
            Some(left) => deserializer.deserialize_newtype_struct("", Self { left }),
            None => Err(D::Error::custom("here")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "define:\n  - &name widgets\n  - &base {size: 1}\na:\n  *name :\n    kind: *name\n    <<: [*base, {b: 2}]\n";

    #[test]
    fn finds_keys_values_aliases_and_merged_entries() {
        for (steps, part, expected) in [
            (&[][..], Part::Value, (1, 1)),
            (&[1], Part::Key, (4, 1)),
            (&[1], Part::Value, (5, 3)),
            (&[1, 0], Part::Key, (5, 3)),
            (&[1, 0], Part::Value, (6, 5)),
            (&[1, 0, 0], Part::Value, (6, 11)),
            (&[1, 0, 1, 1, 0], Part::Value, (7, 21)),
            (&[1, 0, 1, 0], Part::Value, (7, 10)),
            (&[1, 0, 1, 0, 0], Part::Key, (3, 12)),
        ] {
            assert_eq!(locate(TEXT, steps, part), Some(expected), "{steps:?} {part:?}");
        }
    }
}
