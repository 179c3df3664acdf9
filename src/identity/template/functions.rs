//! The functions of templates: how many arguments each takes, and which kinds it compares or gives.
//!
//! Refuses to know how a command is written (see `parse`).

use std::cmp::Ordering;

use super::TemplateError;
use super::action::Operand;
use super::format;
use super::scan::refused;
use super::tree::{Escape, Expression, Kind};

/// An operand that must have a value of its own.
pub(super) fn expression(at: usize, operand: Operand<'_>) -> Result<Expression, TemplateError> {
    match operand {
        Operand::Value(value) => Ok(value),
        Operand::Root => Err(refused(at, "`.` or `$` alone is all keys together, not a value")),
        Operand::Function(name) => {
            Err(refused(at, &format!("the function `{name}` must stand in parentheses to be an argument")))
        }
    }
}

/// Any function but `index`.
pub(super) fn function(
    at: usize,
    name: &str,
    mut values: Vec<(usize, Expression)>,
    is_piped: bool,
) -> Result<Expression, TemplateError> {
    let count = |wanted| refused(at, &format!("`{name}` takes {wanted}"));
    let plain = |values: Vec<(usize, Expression)>| values.into_iter().map(|(_, value)| value).collect::<Vec<_>>();
    match name {
        "not" | "len" => match (values.pop(), values.is_empty()) {
            (Some((_, value)), true) if name == "not" => Ok(Expression::Not(Box::new(value))),
            (Some((at, value)), true) => match value.kind() {
                Kind::Text | Kind::Any => Ok(Expression::Length(Box::new(value))),
                Kind::Boolean | Kind::Integer => Err(refused(at, "`len` takes a string or a list")),
            },
            _ => Err(count("one value")),
        },
        "eq" if values.len() > 1 => equal(at, values),
        "eq" => Err(count("two values or more")),
        "ne" if values.len() == 2 => Ok(Expression::Not(Box::new(equal(at, values)?))),
        "ne" => Err(count("two values")),
        "lt" | "le" | "gt" | "ge" => {
            let holds = match name {
                "lt" => Ordering::is_lt,
                "le" => Ordering::is_le,
                "gt" => Ordering::is_gt,
                _ => Ordering::is_ge,
            };
            match (values.pop(), values.pop(), values.is_empty()) {
                (Some((at, right)), Some((_, left)), true) => compare(at, holds, left, right),
                _ => Err(count("two values")),
            }
        }
        "slice" => slice(at, plain(values)),
        "print" | "println" => Ok(Expression::Print { values: plain(values), is_line: name == "println" }),
        "printf" => {
            let mut values = plain(values).into_iter();
            match values.next() {
                Some(Expression::Text(format)) => format::parts(at, &format, values.collect()).map(Expression::Format),
                _ => Err(refused(at, "`printf` takes a format, which is a literal text, and values")),
            }
        }
        "urlquery" => Ok(Expression::Escape { how: Escape::UrlQuery, values: plain(values) }),
        "html" => Ok(Expression::Escape { how: Escape::Html, values: plain(values) }),
        _ => {
            let (_, last) = values.pop().ok_or_else(|| count("one value or more"))?;
            let leading = plain(values);
            Ok(Expression::FirstWith { truth: name == "or", leading, last: Box::new(last), is_piped })
        }
    }
}

fn slice(at: usize, values: Vec<Expression>) -> Result<Expression, TemplateError> {
    let wrong = || refused(at, "`slice` takes a string and one or two positions, in bytes");
    let mut values = values.into_iter();
    let text = values.next().filter(|text| matches!(text.kind(), Kind::Text | Kind::Any)).ok_or_else(wrong)?;
    let positions: Vec<Expression> = values.collect();
    if positions.len() > 2 || positions.iter().any(|position| !matches!(position.kind(), Kind::Integer | Kind::Any)) {
        return Err(wrong());
    }
    let mut positions = positions.into_iter().map(Box::new);
    Ok(Expression::Slice { text: Box::new(text), from: positions.next(), to: positions.next() })
}

fn compare(
    at: usize,
    holds: fn(Ordering) -> bool,
    left: Expression,
    right: Expression,
) -> Result<Expression, TemplateError> {
    match (left.kind(), right.kind()) {
        (Kind::Boolean, _) | (_, Kind::Boolean) => Err(refused(at, "a boolean has no order")),
        (Kind::Text, Kind::Integer) | (Kind::Integer, Kind::Text) => Err(refused(at, MIXED)),
        _ => Ok(Expression::Compare { holds, left: Box::new(left), right: Box::new(right) }),
    }
}

const MIXED: &str =
    "a string is compared with a number or a boolean; a claim is always a string, such as \"true\" or \"5\"";

/// `eq` of two values or more. Go finds a comparison of different kinds only on the way that is taken; a configuration
/// is better refused when it is read.
fn equal(at: usize, values: Vec<(usize, Expression)>) -> Result<Expression, TemplateError> {
    let mut values = values.into_iter();
    let (_, first) = values.next().ok_or_else(|| refused(at, "a value is missing"))?;
    let kind = first.kind();
    let mut others = Vec::with_capacity(values.len());
    for (at, other) in values {
        if kind != Kind::Any && other.kind() != Kind::Any && kind != other.kind() {
            return Err(refused(at, MIXED));
        }
        others.push(other);
    }
    Ok(Expression::Equal { first: Box::new(first), others })
}

/// A word that is not supported in this place, named as what it is in Go.
pub(super) fn unknown(at: usize, word: &str) -> TemplateError {
    let what = match word {
        "if" | "else" | "end" | "range" | "with" => format!("`{word}` must stand at the front of an action"),
        "define" | "block" | "template" | "break" | "continue" => {
            format!("`{{{{ {word} }}}}` is not supported")
        }
        "nil" => "`nil` is not supported".to_owned(),
        "call" | "js" => format!("the function `{word}` is not supported"),
        _ => format!("`{word}` is not a function; a key has a dot before it: `{{{{ .{word} }}}}`"),
    };
    refused(at, &what)
}
