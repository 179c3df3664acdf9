//! From a parsed template and data to text.
//!
//! Owns evaluation in Go's order, and the limits on text and work. Refuses to know syntax and where the data comes from.

use std::borrow::Cow;

use super::format::{self, Part, Verb};
use super::tree::{Branch, Escape, Expression, Node};
use super::{Lookup, OUTPUT_LIMIT, RenderError, Rendered};

/// How many repetitions, and pieces within them, `range` may render for one token. Outside of it a template's length is the bound.
const STEP_LIMIT: usize = 10_000;

/// Renders `nodes`; `length` is a guess at the text's length in bytes.
pub(super) fn render<'v, 'd: 'v>(
    nodes: &'v [Node],
    variables: usize,
    length: usize,
    lookup: &dyn Fn(&str) -> Lookup<'d>,
) -> Result<String, RenderError> {
    // Values tend to be longer than the actions that name them; twice the template mostly saves growing the text.
    let mut text = String::with_capacity(length.saturating_mul(2).min(OUTPUT_LIMIT));
    let mut renderer = Renderer::new(variables, lookup);
    renderer.write(nodes, &mut |_, part| text.push_str(&part))?;
    match renderer.absent {
        // What `index` does not find is empty text; beside other text it would be a hole that nobody sees.
        Some(key) if !text.is_empty() => Err(RenderError::MissingKey(key.to_owned())),
        _ => Ok(text),
    }
}

/// The same in pieces: each with the keys whose values made it. Here nothing may be missing.
pub(super) fn pieces<'v, 'd: 'v>(
    nodes: &'v [Node],
    variables: usize,
    lookup: &dyn Fn(&str) -> Lookup<'d>,
) -> Result<Vec<Rendered<'v>>, RenderError> {
    let mut pieces = Vec::new();
    let mut renderer = Renderer::new(variables, lookup);
    renderer.write(nodes, &mut |keys, part| pieces.push((keys, part)))?;
    renderer.absent.map_or(Ok(pieces), |key| Err(RenderError::MissingKey(key.to_owned())))
}

/// Takes a piece of the text, and the keys whose values made it.
type Sink<'s, 'v> = &'s mut dyn FnMut(Vec<&'v str>, Cow<'v, str>);

/// A text and where it is from.
#[derive(Clone, Default)]
struct Sourced<'v> {
    /// The keys whose values made it.
    keys: Vec<&'v str>,
    /// The key that `index` did not find, if the text has a hole there.
    absent: Option<&'v str>,
    text: Cow<'v, str>,
}

impl<'v> Sourced<'v> {
    fn literal(text: impl Into<Cow<'v, str>>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// The same sources with another text, within the limit.
    fn with(self, text: String) -> Result<Value<'v>, RenderError> {
        Self { text: Cow::Owned(text), ..self }.limited()
    }

    fn limited(self) -> Result<Value<'v>, RenderError> {
        within_limit(&self.text)?;
        Ok(Value::Text(self))
    }

    /// Adds the sources of another text.
    fn add(&mut self, other: &Self) {
        for key in &other.keys {
            if !self.keys.contains(key) {
                self.keys.push(key);
            }
        }
        self.absent = self.absent.or(other.absent);
    }
}

#[derive(Clone)]
enum Value<'v> {
    Text(Sourced<'v>),
    Boolean(bool),
    Integer(i64),
    List { key: &'v str, items: Vec<Cow<'v, str>> },
}

impl<'v> Value<'v> {
    /// A text is true when it is not empty; so the text "false" is true.
    fn truth(&self) -> bool {
        match self {
            Self::Text(text) => !text.text.is_empty(),
            Self::Boolean(value) => *value,
            Self::Integer(value) => *value != 0,
            Self::List { items, .. } => !items.is_empty(),
        }
    }

    fn equals(&self, other: &Self) -> Result<bool, RenderError> {
        match (self, other) {
            (Self::Text(one), Self::Text(two)) => Ok(one.text == two.text),
            (Self::Boolean(one), Self::Boolean(two)) => Ok(one == two),
            (Self::Integer(one), Self::Integer(two)) => Ok(one == two),
            (Self::List { key, .. }, _) | (_, Self::List { key, .. }) => Err(not_text(key)),
            _ => Err(RenderError::MixedComparison),
        }
    }

    /// As `{{ value }}` writes it.
    fn written(self) -> Result<Sourced<'v>, RenderError> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Boolean(value) => Ok(Sourced::literal(if value { "true" } else { "false" })),
            Self::Integer(value) => Ok(Sourced::literal(value.to_string())),
            Self::List { key, .. } => Err(not_text(key)),
        }
    }
}

fn not_text(key: &str) -> RenderError {
    RenderError::NotText { key: key.to_owned(), found: "a list" }
}

struct Renderer<'v, 'l, 'd> {
    lookup: &'l dyn Fn(&str) -> Lookup<'d>,
    variables: Vec<Option<Value<'v>>>,
    /// What `.` is; nothing outside `with` and `range`.
    dots: Vec<Value<'v>>,
    absent: Option<&'v str>,
    length: usize,
    steps: usize,
    /// How many `range` are being gone through.
    loops: usize,
}

impl<'v, 'l, 'd: 'v> Renderer<'v, 'l, 'd> {
    fn new(variables: usize, lookup: &'l dyn Fn(&str) -> Lookup<'d>) -> Self {
        Self { lookup, variables: vec![None; variables], dots: Vec::new(), absent: None, length: 0, steps: 0, loops: 0 }
    }

    fn write(&mut self, nodes: &'v [Node], sink: Sink<'_, 'v>) -> Result<(), RenderError> {
        for node in nodes {
            self.step()?;
            match node {
                Node::Text(part) => self.append(sink, Sourced::literal(part.as_ref()))?,
                Node::Value(expression) => {
                    let text = self.evaluate(expression)?.written()?;
                    self.append(sink, text)?;
                }
                Node::Set { slot, value } => {
                    let value = self.evaluate(value)?;
                    self.set(Some(*slot), &value);
                }
                Node::If { branches, otherwise } => self.write_first(branches, otherwise, sink)?,
                Node::Range { list, position, element, nodes, otherwise } => {
                    let (key, items) = match self.evaluate(list)? {
                        Value::List { key, items } => (key, items),
                        Value::Text(Sourced { absent: Some(key), .. }) => (key, Vec::new()),
                        Value::Text(text) => {
                            let key = text.keys.first().copied().unwrap_or_default().to_owned();
                            return Err(RenderError::NotAList { key });
                        }
                        Value::Boolean(_) | Value::Integer(_) => return Err(RenderError::WrongKind("range")),
                    };
                    if items.is_empty() {
                        self.write(otherwise, sink)?;
                    }
                    self.loops = self.loops.saturating_add(1);
                    for (place, item) in items.into_iter().enumerate() {
                        self.step()?;
                        let item = Value::Text(Sourced { keys: vec![key], absent: None, text: item });
                        self.set(*position, &Value::Integer(i64::try_from(place).unwrap_or(i64::MAX)));
                        self.set(*element, &item);
                        self.dots.push(item);
                        self.write(nodes, sink)?;
                        self.dots.pop();
                    }
                    self.loops = self.loops.saturating_sub(1);
                }
            }
        }
        Ok(())
    }

    fn write_first(
        &mut self,
        branches: &'v [Branch],
        otherwise: &'v [Node],
        sink: Sink<'_, 'v>,
    ) -> Result<(), RenderError> {
        for branch in branches {
            self.step()?;
            let value = self.evaluate(&branch.condition)?;
            self.set(branch.slot, &value);
            if value.truth() {
                if branch.is_with {
                    self.dots.push(value);
                }
                self.write(&branch.nodes, sink)?;
                if branch.is_with {
                    self.dots.pop();
                }
                return Ok(());
            }
        }
        self.write(otherwise, sink)
    }

    fn step(&mut self) -> Result<(), RenderError> {
        self.steps = self.steps.saturating_add(usize::from(self.loops > 0));
        if self.steps > STEP_LIMIT { Err(RenderError::TooMuchWork { limit: STEP_LIMIT }) } else { Ok(()) }
    }

    fn set(&mut self, slot: Option<usize>, value: &Value<'v>) {
        if let Some(variable) = slot.and_then(|slot| self.variables.get_mut(slot)) {
            *variable = Some(value.clone());
        }
    }

    fn append(&mut self, sink: Sink<'_, 'v>, part: Sourced<'v>) -> Result<(), RenderError> {
        self.length = self.length.saturating_add(part.text.len());
        if self.length > OUTPUT_LIMIT {
            return Err(RenderError::TooLong { limit: OUTPUT_LIMIT });
        }
        self.absent = self.absent.or(part.absent);
        sink(part.keys, part.text);
        Ok(())
    }

    fn evaluate(&mut self, expression: &'v Expression) -> Result<Value<'v>, RenderError> {
        match expression {
            Expression::Text(text) => Ok(Value::Text(Sourced::literal(text.as_ref()))),
            Expression::Boolean(value) => Ok(Value::Boolean(*value)),
            Expression::Integer(value) => Ok(Value::Integer(*value)),
            Expression::Key(key) => self.key(key)?.ok_or_else(|| RenderError::MissingKey(key.to_string())),
            Expression::Index(key) => {
                Ok(self.key(key)?.unwrap_or_else(|| Value::Text(Sourced { absent: Some(key), ..Sourced::default() })))
            }
            Expression::Dot => self.dots.last().cloned().ok_or(RenderError::WrongKind(".")),
            Expression::Variable(slot) => {
                self.variables.get(*slot).cloned().flatten().ok_or(RenderError::WrongKind("$"))
            }
            Expression::Not(operand) => Ok(Value::Boolean(!self.evaluate(operand)?.truth())),
            Expression::Equal { first, others } => {
                let first = self.evaluate(first)?;
                let mut equal = false;
                for other in others {
                    // Go evaluates all arguments before it compares: a missing key refuses also behind a match.
                    let other = self.evaluate(other)?;
                    equal = equal || first.equals(&other)?;
                }
                Ok(Value::Boolean(equal))
            }
            Expression::Compare { holds, left, right } => {
                let ordering = match (self.evaluate(left)?, self.evaluate(right)?) {
                    (Value::Text(left), Value::Text(right)) => left.text.cmp(&right.text),
                    (Value::Integer(left), Value::Integer(right)) => left.cmp(&right),
                    (Value::List { key, .. }, _) | (_, Value::List { key, .. }) => return Err(not_text(key)),
                    _ => return Err(RenderError::MixedComparison),
                };
                Ok(Value::Boolean(holds(ordering)))
            }
            Expression::FirstWith { truth, leading, last, is_piped } => {
                let piped = if *is_piped { Some(self.evaluate(last)?) } else { None };
                for operand in leading {
                    let value = self.evaluate(operand)?;
                    if value.truth() == *truth {
                        return Ok(value);
                    }
                }
                piped.map_or_else(|| self.evaluate(last), Ok)
            }
            _ => self.call(expression),
        }
    }

    fn call(&mut self, expression: &'v Expression) -> Result<Value<'v>, RenderError> {
        match expression {
            Expression::Length(value) => {
                let length = match self.evaluate(value)? {
                    Value::Text(text) => text.text.len(),
                    Value::List { items, .. } => items.len(),
                    Value::Boolean(_) | Value::Integer(_) => return Err(RenderError::WrongKind("len")),
                };
                Ok(Value::Integer(i64::try_from(length).unwrap_or(i64::MAX)))
            }
            Expression::Slice { text, from, to } => {
                let text = match self.evaluate(text)? {
                    Value::Text(text) => text,
                    other => return Err(wrong_kind(&other, "slice")),
                };
                let from = self.bound(from.as_deref(), 0)?;
                let to = self.bound(to.as_deref(), text.text.len())?;
                // Also refused: a cut inside a character, which would not be text.
                let part = text.text.get(from..to).ok_or(RenderError::OutOfRange)?.to_owned();
                text.with(part)
            }
            Expression::Print { values, is_line } => self.print(values, *is_line)?.limited(),
            Expression::Format(parts) => self.format(parts),
            Expression::Escape { how, values } => {
                let text = self.print(values, false)?;
                let escaped = match how {
                    Escape::UrlQuery => format::url_query(&text.text),
                    Escape::Html => format::html(&text.text),
                };
                text.with(escaped)
            }
            _ => Err(RenderError::WrongKind("a function")),
        }
    }

    fn key(&self, key: &'v str) -> Result<Option<Value<'v>>, RenderError> {
        match (self.lookup)(key) {
            Lookup::Text(text) => Ok(Some(Value::Text(Sourced { keys: vec![key], absent: None, text }))),
            Lookup::List(items) => Ok(Some(Value::List { key, items })),
            Lookup::Missing => Ok(None),
            Lookup::NotText(found) => Err(RenderError::NotText { key: key.to_owned(), found }),
        }
    }

    fn bound(&mut self, bound: Option<&'v Expression>, default: usize) -> Result<usize, RenderError> {
        let Some(bound) = bound else { return Ok(default) };
        match self.evaluate(bound)? {
            Value::Integer(value) => usize::try_from(value).map_err(|_| RenderError::OutOfRange),
            other => Err(wrong_kind(&other, "slice")),
        }
    }

    /// Go's `Sprint` and `Sprintln`: `Sprint` puts a space only between two values that are both not strings.
    fn print(&mut self, values: &'v [Expression], is_line: bool) -> Result<Sourced<'v>, RenderError> {
        let mut result = Sourced::default();
        let mut was_text = true;
        for (place, value) in values.iter().enumerate() {
            let value = self.evaluate(value)?;
            let is_text = matches!(value, Value::Text(_));
            let text = value.written()?;
            result.add(&text);
            let to = result.text.to_mut();
            if place > 0 && (is_line || !(is_text || was_text)) {
                to.push(' ');
            }
            to.push_str(&text.text);
            within_limit(to)?;
            was_text = is_text;
        }
        if is_line {
            result.text.to_mut().push('\n');
        }
        Ok(result)
    }

    fn format(&mut self, parts: &'v [Part]) -> Result<Value<'v>, RenderError> {
        let mut result = Sourced::default();
        for part in parts {
            match part {
                Part::Literal(text) => result.text.to_mut().push_str(text),
                Part::Verb { verb, is_left, width, precision, value } => {
                    let value = self.evaluate(value)?;
                    let fits = match verb {
                        Verb::Any => precision.is_none() || matches!(value, Value::Text(_)),
                        Verb::Text | Verb::Hexadecimal => matches!(value, Value::Text(_)),
                        Verb::Integer => matches!(value, Value::Integer(_)),
                        Verb::Boolean => matches!(value, Value::Boolean(_)),
                    };
                    if !fits {
                        return Err(wrong_kind(&value, "printf"));
                    }
                    let text = value.written()?;
                    result.add(&text);
                    let text = if *verb == Verb::Hexadecimal {
                        hex::encode(text.text.as_bytes())
                    } else {
                        text.text.into_owned()
                    };
                    result.text.to_mut().push_str(&format::fit(text, *is_left, *width, *precision));
                }
            }
            within_limit(&result.text)?;
        }
        Ok(Value::Text(result))
    }
}

fn within_limit(text: &str) -> Result<(), RenderError> {
    if text.len() > OUTPUT_LIMIT { Err(RenderError::TooLong { limit: OUTPUT_LIMIT }) } else { Ok(()) }
}

fn wrong_kind(value: &Value<'_>, function: &'static str) -> RenderError {
    match value {
        Value::List { key, .. } => not_text(key),
        _ => RenderError::WrongKind(function),
    }
}
