//! YAML as a tree in which every key and value knows where it stands. Nothing but mappings, lists and plain values: anchors, tags and
//! further documents have no use in a policy.
//!
//! Knows nothing of rules.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

/// Lists and mappings within each other.
const MAX_DEPTH: usize = 16;
/// Values in one file.
const MAX_NODES: usize = 200_000;

/// A place in the file's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// From 1.
    pub(super) line: usize,
    /// From 1, in characters.
    pub(super) column: usize,
    /// In characters from the beginning.
    pub(super) index: usize,
}

impl From<Marker> for Mark {
    fn from(marker: Marker) -> Self {
        Self { line: marker.line(), column: marker.col() + 1, index: marker.index() }
    }
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: Mark,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    Text {
        text: String,
        is_block: bool,
    },
    List(Vec<Node>),
    /// Keys are unique.
    Map(Vec<(Key, Node)>),
}

#[derive(Debug)]
pub(super) struct Key {
    pub(super) at: Mark,
    pub(super) text: String,
}

/// Why the text is no such tree.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) at: Mark,
    pub(super) message: String,
    pub(super) hint: Option<&'static str>,
}

impl Value {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Text { .. } => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// Reads the one document of a file; nothing if the file has none.
pub(super) fn parse(text: &str) -> Result<Option<Node>, Problem> {
    let mut reader = Reader { parser: Parser::new_from_str(text), nodes: 0 };
    let mut document = None;
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamEnd => return Ok(document),
            Event::DocumentStart(_) if document.is_some() => {
                return Err(problem(span, "a second document begins", Some("put it into a file of its own")));
            }
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            event => {
                let node = reader.node(event, span, 0)?;
                let is_empty = matches!(&node.value, Value::Text { text, .. } if text.is_empty() || text == "~");
                document = (!is_empty).then_some(node);
            }
        }
    }
}

struct Reader<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    nodes: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), Problem> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(Problem {
                at: (*error.marker()).into(),
                message: format!("not valid YAML: {}", error.info()),
                hint: Some("a condition with quotes, colons or # goes on a line of its own, behind |"),
            }),
            None => Ok((Event::StreamEnd, Span::empty(Marker::new(0, 1, 0)))),
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Problem> {
        self.nodes += 1;
        if self.nodes > MAX_NODES || depth > MAX_DEPTH {
            return Err(problem(span, "the file is too large or too deep", None));
        }
        let at = span.start.into();
        match event {
            Event::Scalar(_, _, anchor, _) | Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _)
                if anchor != 0 =>
            {
                Err(problem(span, "anchors are not used in policy files", Some("write the value out")))
            }
            Event::Scalar(.., Some(_)) => Err(problem(
                span,
                "a value begins with !, which is a tag in YAML",
                Some("put the condition in quotes, or on a line of its own behind |"),
            )),
            Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                Err(problem(span, "tags are not used in policy files", None))
            }
            Event::Scalar(text, style, ..) => {
                let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                Ok(Node { at, value: Value::Text { text: text.into_owned(), is_block } })
            }
            Event::SequenceStart(..) => self.list(depth).map(|list| Node { at, value: Value::List(list) }),
            Event::MappingStart(..) => self.map(depth).map(|map| Node { at, value: Value::Map(map) }),
            Event::Alias(_) => Err(problem(
                span,
                "aliases are not used in policy files",
                Some("write the value out, in quotes if it begins with *"),
            )),
            _ => Err(problem(span, "the file ends too early", None)),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Problem> {
        let mut list = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(list),
                (event, span) => list.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(Key, Node)>, Problem> {
        let mut map = Vec::<(Key, Node)>::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(map);
            }
            let key = self.node(event, span, depth + 1)?;
            let Value::Text { text, .. } = key.value else {
                return Err(problem(span, "a key is not a single value", None));
            };
            if map.iter().any(|(known, _)| known.text == text) {
                return Err(problem(span, &format!("the key {text:?} is a duplicate"), None));
            }
            let (event, value) = self.next()?;
            let value = self.node(event, value, depth + 1)?;
            map.push((Key { at: key.at, text }, value));
        }
    }
}

fn problem(span: Span, message: &str, hint: Option<&'static str>) -> Problem {
    Problem { at: span.start.into(), message: message.to_owned(), hint }
}

/// The line and column in the file of a byte of a value: the value's characters are found one after the other from where it begins, and
/// what YAML leaves out or adds (indentation, folded line breaks, escapes) is passed over. The end of a value is behind its last character.
pub(super) fn place(file: &str, value_at: Mark, is_block: bool, value: &str, byte: usize) -> (usize, usize) {
    let (before, behind) = value.split_at_checked(byte).unwrap_or((value, ""));
    let is_seen = |character: &char| !character.is_whitespace();
    let target = behind.chars().find(is_seen);
    let mut before = before.chars().filter(is_seen).peekable();
    let (mut line, mut column) = (value_at.line, value_at.column);
    let mut in_header = is_block && file.chars().nth(value_at.index).is_some_and(|first| "|>".contains(first));
    let mut is_behind = false;
    for character in file.chars().skip(value_at.index) {
        let next = before.peek().copied().or(target);
        if is_behind && next.is_none() {
            return (line, column);
        }
        if !in_header && Some(character) == next {
            is_behind = before.next().is_some();
            if !is_behind {
                return (line, column);
            }
        }
        if character == '\n' {
            (line, column, in_header) = (line + 1, 1, false);
        } else {
            column += 1;
        }
    }
    if is_behind && before.peek().is_none() { (line, column) } else { (value_at.line, value_at.column) }
}
