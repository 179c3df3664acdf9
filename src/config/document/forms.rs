//! TOML and variables become the same tree as YAML.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Mark, Place, end_of};
use super::node::{Key, Node, Value};

pub(super) fn toml(file: &Place, text: &str) -> Result<Node, ConfigError> {
    let lines = Lines::of(text);
    let table = DeTable::parse(text).map_err(|error| {
        let mark = error.span().map_or(Mark::FIRST, |span| lines.mark(span.start));
        file.at(mark).fault(error.message(), "look at the quotes, the equal signs and the brackets on this line")
    })?;
    Ok(Node { mark: Mark::FIRST, value: of_table(table.get_ref(), &lines) })
}

fn of_table(table: &DeTable<'_>, lines: &Lines<'_>) -> Value {
    let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let name: &std::borrow::Cow<'_, str> = key.get_ref();
        (Key { name: name.as_ref().into(), mark: lines.mark(key.span().start) }, of_value(value, lines))
    };
    Value::Map(table.iter().map(entry).collect())
}

fn of_value(value: &Spanned<DeValue<'_>>, lines: &Lines<'_>) -> Node {
    let text = |text: &str| Value::Text(text.into());
    let tree = match value.get_ref() {
        DeValue::String(string) => text(string),
        DeValue::Integer(number) => {
            let decimal = i64::from_str_radix(number.as_str(), number.radix()).map(|number| number.to_string());
            text(decimal.as_deref().unwrap_or(number.as_str()))
        }
        DeValue::Float(number) => text(number.as_str()),
        DeValue::Boolean(truth) => text(&truth.to_string()),
        DeValue::Datetime(time) => text(&time.to_string()),
        DeValue::Array(values) => Value::List(values.iter().map(|value| of_value(value, lines)).collect()),
        DeValue::Table(table) => of_table(table, lines),
    };
    Node { mark: lines.mark(value.span().start), value: tree }
}

/// Where each line begins.
struct Lines<'t> {
    text: &'t str,
    is_ascii: bool,
    begins: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        let behind_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, is_ascii: text.is_ascii(), begins: std::iter::once(0).chain(behind_breaks).collect() }
    }

    fn mark(&self, byte: usize) -> Mark {
        let line = self.begins.partition_point(|begin| *begin <= byte);
        let begin = self.begins.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let before = self.text.get(begin..byte).unwrap_or_default();
        // Counting characters for each value of one long line takes its time.
        Mark::new(line, 1 + if self.is_ascii { before.len() } else { before.chars().count() })
    }
}

/// The lines of an environment file, as shells and `docker --env-file` have them.
pub(super) fn variables(file: &Place, text: &str) -> Result<Node, ConfigError> {
    let mut entries = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let assignment = line.trim_start();
        if assignment.is_empty() || assignment.starts_with('#') {
            continue;
        }
        let assignment = assignment.strip_prefix("export ").unwrap_or(assignment);
        let column = |rest: &str| end_of(line.strip_suffix(rest).unwrap_or(line)).column;
        let mark = |rest: &str| Mark { column: column(rest), ..Mark::new(index + 1, 1) };
        let (name, value) = assignment.split_once('=').ok_or_else(|| {
            file.at(mark(assignment)).fault("expected NAME=value", "write one variable a line, or # before a comment")
        })?;
        let key = Key { name: name.trim().into(), mark: mark(assignment) };
        let (value, mark) = (value.trim(), mark(value.trim_start()));
        let quoted = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
        let plain = || value.split_once(" #").map_or(value, |(value, _)| value.trim_end());
        entries.push((key, Node { mark, value: Value::Text(quoted.unwrap_or_else(plain).into()) }));
    }
    Ok(Node { mark: Mark::FIRST, value: Value::Map(entries.into()) })
}
