//! The log in the member names of Fulcio's: `severity`, `ts`, `caller`, `message`, as its zap logger writes them.
//!
//! Owns the form alone. Fields of an event follow in its order; a request's id is `requestID`, as there.

use std::fmt::{self, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// One JSON object a line.
pub(super) struct Zap;

impl<S, N> FormatEvent<S, N> for Zap
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut members = Members::default();
        event.record(&mut members);
        let metadata = event.metadata();
        let caller = metadata.file().map(|file| format!("{}:{}", short(file), metadata.line().unwrap_or_default()));
        let caller = caller.unwrap_or_else(|| metadata.target().to_owned());
        writer.write_str(&object(severity(*metadata.level()), &caller, &members.message, &members.rest))
    }
}

/// A line that is not an event.
pub(super) fn line(severity: &str, message: &str, fields: &[(&str, Value)]) -> String {
    let mut members = Members::default();
    for (name, value) in fields {
        members.add(name, value);
    }
    object(severity, "sigmint", message, &members.rest)
}

fn object(severity: &str, caller: &str, message: &str, rest: &str) -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ts = format!("{}.{:06}", seconds.as_secs(), seconds.subsec_micros());
    let (caller, message) = (Value::from(caller), Value::from(message));
    format!("{{\"severity\":\"{severity}\",\"ts\":{ts},\"caller\":{caller},\"message\":{message}{rest}}}\n")
}

/// The file and its folder, as zap has it.
fn short(file: &str) -> &str {
    let mut slashes = file.rmatch_indices('/').map(|(index, _)| index + 1);
    let _ = slashes.next();
    slashes.next().and_then(|index| file.get(index..)).unwrap_or(file)
}

fn severity(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        _ => "debug",
    }
}

/// An event's fields: `,"name":value` each, and the message by itself.
#[derive(Default)]
struct Members {
    message: String,
    rest: String,
}

impl Members {
    fn add(&mut self, name: &str, value: &Value) {
        let name = if name == "request_id" { "requestID" } else { name };
        // Writing to a String cannot fail.
        let _ = write!(self.rest, ",{}:{value}", Value::from(name));
    }
}

impl Visit for Members {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.add(field.name(), &value.into());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field.name(), &value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field.name(), &value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field.name(), &value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field.name(), &value.into());
    }
}

#[cfg(test)]
mod tests;
