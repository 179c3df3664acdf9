//! From a parsed template and data to text.
//!
//! Owns evaluation in Go's order, and the limit on the text. Refuses to know syntax and where the data comes from.

use std::borrow::Cow;

use super::parse::{Expression, Node};
use super::{Lookup, OUTPUT_LIMIT, RenderError};

/// Renders `nodes`; `length` is a guess at the text's length in bytes.
pub(super) fn render<'d>(
    nodes: &[Node],
    length: usize,
    lookup: &dyn Fn(&str) -> Lookup<'d>,
) -> Result<String, RenderError> {
    // Values tend to be longer than the actions that name them; twice the template mostly saves growing the text.
    let mut text = String::with_capacity(length.saturating_mul(2).min(OUTPUT_LIMIT));
    write_nodes(nodes, lookup, &mut text)?;
    Ok(text)
}

fn write_nodes<'d>(nodes: &[Node], lookup: &dyn Fn(&str) -> Lookup<'d>, text: &mut String) -> Result<(), RenderError> {
    for node in nodes {
        match node {
            Node::Text(part) => append(text, part)?,
            Node::Value(expression) => match evaluate(expression, lookup)? {
                Value::Text(part) => append(text, &part)?,
                Value::Boolean(value) => append(text, if value { "true" } else { "false" })?,
            },
            Node::If { branches, otherwise } => {
                let mut chosen = otherwise;
                for branch in branches {
                    if evaluate(&branch.condition, lookup)?.truth() {
                        chosen = &branch.nodes;
                        break;
                    }
                }
                write_nodes(chosen, lookup, text)?;
            }
        }
    }
    Ok(())
}

fn append(text: &mut String, part: &str) -> Result<(), RenderError> {
    if text.len().saturating_add(part.len()) > OUTPUT_LIMIT {
        return Err(RenderError::TooLong { limit: OUTPUT_LIMIT });
    }
    text.push_str(part);
    Ok(())
}

enum Value<'v> {
    Text(Cow<'v, str>),
    Boolean(bool),
}

impl Value<'_> {
    /// A text is true when it is not empty; so the text "false" is true.
    fn truth(&self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty(),
            Self::Boolean(value) => *value,
        }
    }

    fn equals(&self, other: &Self) -> Result<bool, RenderError> {
        match (self, other) {
            (Self::Text(one), Self::Text(two)) => Ok(one == two),
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
        Expression::Text(text) => Ok(Value::Text(Cow::Borrowed(text))),
        Expression::Boolean(value) => Ok(Value::Boolean(*value)),
        Expression::Key(key) => match lookup(key) {
            Lookup::Text(text) => Ok(Value::Text(text)),
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
