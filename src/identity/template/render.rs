//! From a parsed template and data to text.
//!
//! Owns evaluation in Go's order, and the limit on the text. Refuses to know syntax and where the data comes from.

use std::borrow::Cow;

use super::parse::{Expression, Node};
use super::{Lookup, OUTPUT_LIMIT, RenderError, Rendered};

/// Renders `nodes`; `length` is a guess at the text's length in bytes.
pub(super) fn render<'d>(
    nodes: &[Node],
    length: usize,
    lookup: &dyn Fn(&str) -> Lookup<'d>,
) -> Result<String, RenderError> {
    // Values tend to be longer than the actions that name them; twice the template mostly saves growing the text.
    let mut text = String::with_capacity(length.saturating_mul(2).min(OUTPUT_LIMIT));
    write_nodes(nodes, lookup, &mut |_, part| text.push_str(&part), &mut 0)?;
    Ok(text)
}

/// The same in pieces: each with the key whose value it is, if it is one.
pub(super) fn pieces<'v, 'd: 'v>(
    nodes: &'v [Node],
    lookup: &dyn Fn(&str) -> Lookup<'d>,
) -> Result<Vec<Rendered<'v>>, RenderError> {
    let mut pieces = Vec::new();
    write_nodes(nodes, lookup, &mut |key, part| pieces.push((key, part)), &mut 0)?;
    Ok(pieces)
}

/// Takes a piece of the text, and the key whose value it is.
type Sink<'s, 'v> = &'s mut dyn FnMut(Option<&'v str>, Cow<'v, str>);

fn write_nodes<'v, 'd: 'v>(
    nodes: &'v [Node],
    lookup: &dyn Fn(&str) -> Lookup<'d>,
    sink: Sink<'_, 'v>,
    length: &mut usize,
) -> Result<(), RenderError> {
    for node in nodes {
        match node {
            Node::Text(part) => append(sink, length, None, Cow::Borrowed(part))?,
            Node::Value(expression) => match evaluate(expression, lookup)? {
                Value::Text { key, text } => append(sink, length, key, text)?,
                Value::Boolean(value) => {
                    append(sink, length, None, Cow::Borrowed(if value { "true" } else { "false" }))?;
                }
            },
            Node::If { branches, otherwise } => {
                let mut chosen = otherwise;
                for branch in branches {
                    if evaluate(&branch.condition, lookup)?.truth() {
                        chosen = &branch.nodes;
                        break;
                    }
                }
                write_nodes(chosen, lookup, sink, length)?;
            }
        }
    }
    Ok(())
}

fn append<'v>(
    sink: Sink<'_, 'v>,
    length: &mut usize,
    key: Option<&'v str>,
    part: Cow<'v, str>,
) -> Result<(), RenderError> {
    *length = length.saturating_add(part.len());
    if *length > OUTPUT_LIMIT {
        return Err(RenderError::TooLong { limit: OUTPUT_LIMIT });
    }
    sink(key, part);
    Ok(())
}

enum Value<'v> {
    Text {
        /// The key whose value this is.
        key: Option<&'v str>,
        text: Cow<'v, str>,
    },
    Boolean(bool),
}

impl Value<'_> {
    /// A text is true when it is not empty; so the text "false" is true.
    fn truth(&self) -> bool {
        match self {
            Self::Text { text, .. } => !text.is_empty(),
            Self::Boolean(value) => *value,
        }
    }

    fn equals(&self, other: &Self) -> Result<bool, RenderError> {
        match (self, other) {
            (Self::Text { text: one, .. }, Self::Text { text: two, .. }) => Ok(one == two),
            (Self::Boolean(one), Self::Boolean(two)) => Ok(one == two),
            _ => Err(RenderError::MixedComparison),
        }
    }
}

fn evaluate<'v, 'd: 'v>(
    expression: &'v Expression,
    lookup: &dyn Fn(&str) -> Lookup<'d>,
) -> Result<Value<'v>, RenderError> {
    match expression {
        Expression::Text(text) => Ok(Value::Text { key: None, text: Cow::Borrowed(text) }),
        Expression::Boolean(value) => Ok(Value::Boolean(*value)),
        Expression::Key(key) => match lookup(key) {
            Lookup::Text(text) => Ok(Value::Text { key: Some(key), text }),
            Lookup::Missing => Err(RenderError::MissingKey(key.to_string())),
            Lookup::NotText(found) => Err(RenderError::NotText { key: key.to_string(), found }),
        },
        Expression::Not(operand) => Ok(Value::Boolean(!evaluate(operand, lookup)?.truth())),
        Expression::Equal { first, others } => {
            let first = evaluate(first, lookup)?;
            let mut equal = false;
            for other in others {
                // Go evaluates all arguments before it compares: a missing key refuses also behind a match.
                let other = evaluate(other, lookup)?;
                equal = equal || first.equals(&other)?;
            }
            Ok(Value::Boolean(equal))
        }
        Expression::FirstWith { truth, leading, last } => {
            for operand in leading {
                let value = evaluate(operand, lookup)?;
                if value.truth() == *truth {
                    return Ok(value);
                }
            }
            evaluate(last, lookup)
        }
    }
}
