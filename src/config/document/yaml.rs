//! YAML and JSON become a tree.
//!
//! Owns what a few lines may blow up to: depth and entries are counted with aliases followed, and an alias shares what it repeats.

use std::collections::{BTreeMap, BTreeSet};

use granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, ScanError, Tag, options};

use super::error::{ConfigError, Mark, Place};
use super::node::{Key, Node, Value};

/// Mappings and lists within each other; real files need about six.
const MAX_DEPTH: usize = 64;
/// Entries in a whole file, with aliases followed.
const MAX_ENTRIES: usize = 1_000_000;

/// Reads a text of one document. Empty ones may come after it: tools that join documents leave a `---`.
pub(super) fn read(file: &Place, text: &str) -> Result<Node, ConfigError> {
    check_characters(file, text)?;
    let exact = |mark| mark;
    parse(file, text, &exact).or_else(|error| match with_apart_colons(text) {
        Some((text, inserted)) => parse(file, &text, &|mark| before_insertion(mark, &inserted)),
        None => Err(error),
    })
}

/// Refuses what editors do not show.
fn check_characters(file: &Place, text: &str) -> Result<(), ConfigError> {
    let is_refused = |character: char| character.is_control() && !matches!(character, '\t' | '\u{85}');
    for (row, line) in text.lines().enumerate() {
        if let Some((column, character)) = line.chars().enumerate().find(|(_, character)| is_refused(*character)) {
            let message = format!("control character U+{:04X}", u32::from(character));
            let hint = "remove it, or write it as an escape in double quotes";
            return Err(file.at(Mark::new(row + 1, column + 1)).fault(message, hint));
        }
    }
    Ok(())
}

/// Where a blank was inserted: of each line, the columns in order.
type Inserted = BTreeMap<u32, Vec<u32>>;

/// The text with `*name:` written as `*name :` where a key can stand; none if there is no such key.
///
/// In YAML 1.2 the colon belongs to the name. Go's reader takes it for the end of the key, and Fulcio's own file has such keys.
fn with_apart_colons(text: &str) -> Option<(String, Inserted)> {
    let end_of_name = |text: &str| text.find(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c)));
    let names: BTreeSet<&str> = text.split('&').skip(1).filter_map(|rest| rest.get(..end_of_name(rest)?)).collect();
    let (mut apart, mut inserted) = (String::with_capacity(text.len() + 64), Inserted::new());
    for (row, line) in text.split_inclusive('\n').enumerate() {
        let (mut done, mut column) = (0, 1);
        for (star, _) in line.match_indices('*') {
            let (before, rest) = (line.get(..star)?, line.get(star + 1..)?);
            let Some((name, behind)) = end_of_name(rest).and_then(|end| rest.split_at_checked(end)) else { continue };
            let is_end = behind.strip_prefix(':').is_some_and(|rest| rest.starts_with([' ', '\t', '\r', '\n']));
            if is_end && names.contains(name) && (before.is_empty() || before.ends_with([' ', '{', ','])) {
                let colon = star + 1 + name.len();
                let part = line.get(done..colon)?;
                apart.push_str(part);
                apart.push(' ');
                done = colon;
                column += part.chars().count();
                let Mark { line, column: at } = Mark::new(row + 1, column);
                inserted.entry(line).or_default().push(at);
                column += 1;
            }
        }
        apart.push_str(line.get(done..)?);
    }
    (!inserted.is_empty()).then_some((apart, inserted))
}

/// The same place in the text as the operator wrote it.
fn before_insertion(mark: Mark, inserted: &Inserted) -> Mark {
    let blanks = inserted.get(&mark.line).map_or(0, |columns| columns.partition_point(|at| *at < mark.column));
    Mark { column: mark.column.saturating_sub(u32::try_from(blanks).unwrap_or_default()), ..mark }
}

fn parse(file: &Place, text: &str, original: &dyn Fn(Mark) -> Mark) -> Result<Node, ConfigError> {
    let limits = options! { flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH };
    let mark = |marker: &Marker| original(Mark::new(marker.line(), marker.col() + 1));
    let mut builder =
        Builder { file, open: Vec::new(), anchors: BTreeMap::new(), entries: 0, document: Mark::FIRST, root: None };
    for event in Parser::new_from_str_with_options(text, limits) {
        let (event, span) = event.map_err(|error| unreadable(file, mark(error.marker()), &error))?;
        let mark = mark(&span.start);
        match event {
            Event::DocumentStart(..) => builder.document = mark,
            Event::Scalar(text, style, anchor, tag) => {
                let value = builder.scalar(&text, style, tag.as_deref());
                builder.count(mark, 1)?;
                builder.add(Node { mark, value }, anchor, Extent { entries: 1, depth: 0 })?;
            }
            Event::SequenceStart(_, anchor, _) => builder.open(mark, anchor, Collection::List(Vec::new()))?,
            Event::MappingStart(_, anchor, _) => builder.open(mark, anchor, Collection::Map(Vec::new(), None))?,
            Event::SequenceEnd | Event::MappingEnd => builder.close()?,
            Event::Alias(anchor) => builder.alias(mark, anchor)?,
            _ => {}
        }
    }
    Ok(builder.root.unwrap_or(Node { mark: Mark::FIRST, value: Value::Absent }))
}

/// What the parser says, in words that say what to do.
fn unreadable(file: &Place, mark: Mark, error: &ScanError) -> ConfigError {
    let place = file.at(mark);
    match error.kind() {
        ErrorKind::UnknownAnchor => {
            place.fault("unknown anchor", "define the anchor (&name) above the place that uses it (*name)")
        }
        ErrorKind::RecursionLimitExceeded => too_deep(&place),
        _ => place
            .fault(error.info(), "look at the indentation, the colons and the quotes on this line and the one above"),
    }
}

fn too_deep(place: &Place) -> ConfigError {
    place.fault(
        format!("more than {MAX_DEPTH} brackets, lists and mappings deep"),
        "a file needs about six: close the brackets before, and let no alias repeat what it is in",
    )
}

struct Builder<'f> {
    file: &'f Place,
    /// The collections that have begun, the outermost first.
    open: Vec<Open>,
    anchors: BTreeMap<usize, (Node, Extent)>,
    /// So many came so far.
    entries: usize,
    /// Where the document begins that is being read.
    document: Mark,
    root: Option<Node>,
}

struct Open {
    mark: Mark,
    anchor: usize,
    collection: Collection,
    /// The entries that came before it.
    before: usize,
    /// The depth of what is in it.
    depth: usize,
}

enum Collection {
    List(Vec<Node>),
    /// With the key whose value comes next.
    Map(Vec<(Key, Node)>, Option<Key>),
}

/// What a node counts, with aliases followed.
#[derive(Clone, Copy)]
struct Extent {
    entries: usize,
    depth: usize,
}

impl Builder<'_> {
    fn is_key_next(&self) -> bool {
        matches!(self.open.last(), Some(Open { collection: Collection::Map(_, None), .. }))
    }

    /// A key is a string, whatever it looks like.
    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
        let is_null = style == ScalarStyle::Plain
            && !tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"))
            && matches!(text, "" | "~" | "null" | "Null" | "NULL");
        if is_null && !self.is_key_next() { Value::Absent } else { Value::Text(text.into()) }
    }

    /// Keys do not count: their values do.
    fn count(&mut self, mark: Mark, entries: usize) -> Result<(), ConfigError> {
        if !self.is_key_next() {
            self.entries = self.entries.saturating_add(entries);
        }
        if self.entries > MAX_ENTRIES {
            let message = format!("more than {MAX_ENTRIES} entries, with aliases followed");
            return Err(self.file.at(mark).fault(message, "aliases repeat too much of the file: write it out"));
        }
        Ok(())
    }

    fn open(&mut self, mark: Mark, anchor: usize, collection: Collection) -> Result<(), ConfigError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(&self.file.at(mark)));
        }
        if self.is_key_next() {
            return Err(self.no_key(mark));
        }
        let before = self.entries;
        self.count(mark, 1)?;
        self.open.push(Open { mark, anchor, collection, before, depth: 0 });
        Ok(())
    }

    fn close(&mut self) -> Result<(), ConfigError> {
        let Some(Open { mark, anchor, collection, before, depth }) = self.open.pop() else { return Ok(()) };
        let value = match collection {
            Collection::List(nodes) => Value::List(nodes.into()),
            Collection::Map(entries, _) => Value::Map(entries.into()),
        };
        let extent = Extent { entries: self.entries - before, depth: depth + 1 };
        self.add(Node { mark, value }, anchor, extent)
    }

    fn alias(&mut self, mark: Mark, anchor: usize) -> Result<(), ConfigError> {
        let Some((node, extent)) = self.anchors.get(&anchor).cloned() else {
            let message = "an alias stands inside of what it repeats";
            return Err(self.file.at(mark).fault(message, "give the alias another anchor, or write it out"));
        };
        if self.open.len() + extent.depth > MAX_DEPTH {
            return Err(too_deep(&self.file.at(mark)));
        }
        self.count(mark, extent.entries)?;
        self.add(Node { mark, ..node }, 0, extent)
    }

    /// Puts a whole node where it belongs.
    fn add(&mut self, node: Node, anchor: usize, extent: Extent) -> Result<(), ConfigError> {
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), extent));
        }
        if self.is_key_next() && !matches!(node.value, Value::Text(_)) {
            return Err(self.no_key(node.mark));
        }
        let Some(open) = self.open.last_mut() else {
            return self.add_document(node);
        };
        open.depth = open.depth.max(extent.depth);
        match (&mut open.collection, node) {
            (Collection::List(nodes), node) => nodes.push(node),
            (Collection::Map(_, next @ None), Node { mark, value: Value::Text(name) }) => {
                *next = Some(Key { name, mark });
            }
            (Collection::Map(entries, next), node) => entries.extend(next.take().map(|key| (key, node))),
        }
        Ok(())
    }

    fn add_document(&mut self, node: Node) -> Result<(), ConfigError> {
        match (&self.root, &node.value) {
            (_, Value::Absent) => {}
            (Some(_), _) => {
                let hint = "keep one document: remove the --- line";
                return Err(self.file.at(self.document).fault("more than one document", hint));
            }
            (None, _) => self.root = Some(node),
        }
        self.anchors.clear();
        Ok(())
    }

    fn no_key(&self, mark: Mark) -> ConfigError {
        self.file.at(mark).fault("a list or a mapping, expected a string as the key", "write key: value")
    }
}
