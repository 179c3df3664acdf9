//! Looks at one mapping of the tree: every key known, none twice, merge keys followed.
//!
//! Knows nothing of what the values mean.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::fault::{Fault, Place};
use super::hint;
use super::shape::{self, Setting};
use super::tree::{MERGE_KEY, Node};

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Field<'t> {
    pub(super) place: Place,
    pub(super) node: &'t Node,
}

/// What becomes of a key that is not known and is not a misspelled one.
#[derive(Clone, Copy)]
pub(super) enum Foreign<'w> {
    /// It is passed over, as Fulcio does, and told: tools write keys of their own.
    Told(&'w RefCell<Vec<Fault>>),
    /// It is a fault: in what restricts, nothing may be lost.
    Refused,
}

/// A mapping with known keys.
#[derive(Debug)]
pub(super) struct Record<'t> {
    pub(super) place: Place,
    fields: Vec<(&'static Setting, Field<'t>)>,
}

impl<'t> Field<'t> {
    /// The text; empty if there is none.
    pub(super) fn text(&self) -> &'t str {
        match self.node {
            Node::Text(text) => text,
            _ => "",
        }
    }

    /// What stands in a list; what is not a list is its own only item.
    pub(super) fn items(&self) -> Vec<Self> {
        match self.node {
            Node::List(nodes) => {
                nodes.iter().enumerate().map(|(before, node)| Self { place: self.place.item(before), node }).collect()
            }
            _ => vec![self.clone()],
        }
    }

    /// The entries of a mapping with free keys. An entry's own keys come before the merged ones.
    pub(super) fn entries(&self) -> Result<Vec<(&'t str, Self)>, Fault> {
        self.entries_spelled(|key| key)
    }

    /// As [`Self::entries`]; two keys are the same if `canonical` makes them so.
    pub(super) fn entries_spelled(
        &self,
        canonical: impl Fn(&'t str) -> &'t str + Copy,
    ) -> Result<Vec<(&'t str, Self)>, Fault> {
        let mut entries = Vec::new();
        gather(self, canonical, &mut BTreeSet::new(), &mut entries)?;
        Ok(entries)
    }
}

fn gather<'t>(
    field: &Field<'t>,
    canonical: impl Fn(&'t str) -> &'t str + Copy,
    taken: &mut BTreeSet<&'t str>,
    entries: &mut Vec<(&'t str, Field<'t>)>,
) -> Result<(), Fault> {
    match field.node {
        Node::Map(map) => {
            let mut here = BTreeSet::new();
            for (before, (key, node)) in map.iter().enumerate() {
                let place = field.place.entry(before, key);
                let name = canonical(key);
                if !here.insert(name) {
                    let hint = "remove one of the two; the YAML and the JSON spelling of a key are the same key";
                    return Err(place.key().fault("stands here twice", hint));
                }
                if key != MERGE_KEY && taken.insert(name) {
                    entries.push((key, Field { place, node }));
                }
            }
            for (before, (key, node)) in map.iter().enumerate() {
                if key == MERGE_KEY {
                    gather(&Field { place: field.place.item(before), node }, canonical, taken, entries)?;
                }
            }
        }
        Node::List(nodes) => {
            for (before, node) in nodes.iter().enumerate() {
                gather(&Field { place: field.place.item(before), node }, canonical, taken, entries)?;
            }
        }
        Node::Misshapen(misshapen) => return Err(misshapen.fault()),
        Node::Absent | Node::Text(_) | Node::Ignored => {}
    }
    Ok(())
}

impl<'t> Record<'t> {
    /// Checks the keys against the known ones.
    pub(super) fn read(field: &Field<'t>, settings: &'static [Setting], foreign: Foreign<'_>) -> Result<Self, Fault> {
        let canonical = |key: &'t str| Setting::find(settings, key).map_or(key, |setting| setting.yaml);
        let mut fields = Vec::new();
        for (key, field) in field.entries_spelled(canonical)? {
            let Some(setting) = Setting::find(settings, key) else {
                unknown_key(&field, key, settings.iter().map(|known| (known.yaml, known.json)), foreign)?;
                continue;
            };
            fields.push((setting, field));
        }
        Ok(Self { place: field.place.clone(), fields })
    }

    /// The value behind a key in its YAML spelling, unless it is absent.
    pub(super) fn get(&self, yaml: &str) -> Option<&Field<'t>> {
        let (_, field) = self.fields.iter().find(|(setting, _)| setting.yaml == yaml)?;
        (!matches!(field.node, Node::Absent)).then_some(field)
    }

    /// As [`Self::get`], also if nothing stands behind the key: for settings that nobody may switch off by accident.
    pub(super) fn written(&self, yaml: &str) -> Option<&Field<'t>> {
        self.fields.iter().find(|(setting, _)| setting.yaml == yaml).map(|(_, field)| field)
    }

    /// The text behind a key; empty if there is none.
    pub(super) fn text(&self, yaml: &str) -> &'t str {
        self.get(yaml).map_or("", Field::text)
    }

    /// Where to point to about a key: its value, or the whole entry's key if it is absent.
    pub(super) fn place_of(&self, yaml: &str) -> Place {
        self.get(yaml).map_or_else(|| self.place.key(), |field| field.place.clone())
    }

    /// The key as this file spells its keys, for messages.
    pub(super) fn spelled(&self, yaml: &'static str) -> &'static str {
        let json = |(setting, field): &(&'static Setting, Field<'_>)| {
            setting.yaml != setting.json && field.place.last_name() == Some(setting.json)
        };
        if !self.fields.iter().any(json) {
            return yaml;
        }
        [shape::ISSUER, shape::RESTRICT, shape::NAME_POLICY, shape::METADATA]
            .into_iter()
            .flatten()
            .find(|s| s.yaml == yaml)
            .map_or(yaml, |s| s.json)
    }
}

/// A key that nobody knows: a fault with the nearest known one in the same manner of spelling, if that was meant.
pub(super) fn unknown_key(
    field: &Field<'_>,
    key: &str,
    known: impl Iterator<Item = (&'static str, &'static str)> + Clone,
    foreign: Foreign<'_>,
) -> Result<(), Fault> {
    let json = key.starts_with(|first: char| first.is_ascii_uppercase());
    let known = known.map(|(yaml_name, json_name)| if json { json_name } else { yaml_name });
    match (hint::misspelled(key, known.clone()), foreign) {
        (None, Foreign::Told(warnings)) => {
            let hint = "it is passed over; remove it if nothing else reads it";
            warnings.borrow_mut().push(field.place.key().fault("unknown key", hint));
            Ok(())
        }
        (Some(_), _) | (None, Foreign::Refused) => {
            Err(field.place.key().fault("unknown key", hint::for_unknown(key, known)))
        }
    }
}
