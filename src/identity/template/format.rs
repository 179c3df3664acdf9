//! The formats of `printf`: read when the configuration is, and applied to values.
//!
//! Owns which verbs, widths and precisions exist. What Go writes as `%!d(string=a)` is refused.

use std::fmt::Write as _;

use super::TemplateError;
use super::scan::refused;
use super::tree::{Expression, Kind};

/// The greatest width and precision.
const WIDTH_LIMIT: usize = 1000;

/// A piece of a format.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Literal(Box<str>),
    Verb { verb: Verb, is_left: bool, width: usize, precision: Option<usize>, value: Expression },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// `%v`
    Any,
    /// `%s`
    Text,
    /// `%d`
    Integer,
    /// `%t`
    Boolean,
    /// `%x`
    Hexadecimal,
}

impl Part {
    /// Whether the value stands in the result as it is.
    pub(super) fn is_plain(&self) -> bool {
        match self {
            Self::Literal(_) => true,
            Self::Verb { verb, width, precision, value, .. } => {
                matches!(verb, Verb::Any | Verb::Text)
                    && *width == 0
                    && precision.is_none()
                    && value.kind() == Kind::Text
            }
        }
    }
}

impl Verb {
    fn takes(self, kind: Kind) -> bool {
        kind == Kind::Any
            || match self {
                Self::Any => true,
                Self::Text | Self::Hexadecimal => kind == Kind::Text,
                Self::Integer => kind == Kind::Integer,
                Self::Boolean => kind == Kind::Boolean,
            }
    }
}

/// Reads a format and gives each verb its value.
pub(super) fn parts(at: usize, format: &str, values: Vec<Expression>) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    let mut values = values.into_iter();
    let mut literal = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        literal.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            literal.push('%');
            rest = after;
            continue;
        }
        let unflagged = after.trim_start_matches('-');
        let is_left = unflagged.len() < after.len();
        let (width, after) = number(at, unflagged)?;
        let (precision, after) = match after.strip_prefix('.') {
            Some(after) => {
                let (precision, after) = number(at, after)?;
                (Some(precision.unwrap_or(0)), after)
            }
            None => (None, after),
        };
        let mut characters = after.chars();
        let verb = match characters.next() {
            Some('v') => Verb::Any,
            Some('s') => Verb::Text,
            Some('d') => Verb::Integer,
            Some('t') => Verb::Boolean,
            Some('x') => Verb::Hexadecimal,
            _ => {
                return Err(refused(
                    at,
                    "`printf` supports the verbs %s, %v, %d, %t, %x and %%, with `-`, a width and a precision",
                ));
            }
        };
        rest = characters.as_str();
        let value = values.next().ok_or_else(|| refused(at, "`printf` has more verbs than values"))?;
        if !verb.takes(value.kind()) || (precision.is_some() && value.kind() != Kind::Text) {
            return Err(refused(at, "a verb of `printf` does not fit its value: claims are strings, for %s or %v"));
        }
        if precision.is_some() && !matches!(verb, Verb::Any | Verb::Text) {
            return Err(refused(at, "`printf` supports a precision only with %s and %v"));
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal).into()));
        }
        parts.push(Part::Verb { verb, is_left, width: width.unwrap_or(0), precision, value });
    }
    if values.next().is_some() {
        return Err(refused(at, "`printf` has more values than verbs"));
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Literal(literal.into()));
    }
    Ok(parts)
}

fn number(at: usize, from: &str) -> Result<(Option<usize>, &str), TemplateError> {
    let rest = from.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let digits = from.strip_suffix(rest).unwrap_or_default();
    if digits.is_empty() {
        return Ok((None, rest));
    }
    match digits.parse::<usize>() {
        Ok(number) if number <= WIDTH_LIMIT && (digits == "0" || !digits.starts_with('0')) => Ok((Some(number), rest)),
        _ => Err(refused(
            at,
            &format!("a width or precision of `printf` is at most {WIDTH_LIMIT}, without leading zeros"),
        )),
    }
}

/// Applies a precision and a width, both in characters.
pub(super) fn fit(text: String, is_left: bool, width: usize, precision: Option<usize>) -> String {
    let text = match precision {
        Some(precision) => text.chars().take(precision).collect(),
        None => text,
    };
    if is_left { format!("{text:<width$}") } else { format!("{text:>width$}") }
}

/// `urlquery`: Go's `url.QueryEscape`.
pub(super) fn url_query(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => escaped.push(char::from(byte)),
            b' ' => escaped.push('+'),
            // A string takes whatever is written to it.
            other => drop(write!(escaped, "%{other:02X}")),
        }
    }
    escaped
}

/// `html`
pub(super) fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\0' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}
