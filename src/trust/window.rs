//! When a key or a service is in use.

use std::time::SystemTime;

use humantime::format_rfc3339_seconds;
use serde_json::{Map, Value};

/// From when and until when; without an end it is in use for as long as the document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    start: SystemTime,
    end: Option<SystemTime>,
}

/// A window that nothing can be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the end is not after the start")]
pub struct EndBeforeStart;

impl Window {
    pub const fn since(start: SystemTime) -> Self {
        Self { start, end: None }
    }

    pub fn new(start: SystemTime, end: Option<SystemTime>) -> Result<Self, EndBeforeStart> {
        if end.is_some_and(|end| end <= start) { Err(EndBeforeStart) } else { Ok(Self { start, end }) }
    }

    pub const fn start(&self) -> SystemTime {
        self.start
    }

    pub const fn end(&self) -> Option<SystemTime> {
        self.end
    }

    /// The shortest window that holds both.
    pub(super) fn joined(self, other: Self) -> Self {
        let end = self.end.zip(other.end).map(|(one, another)| one.max(another));
        Self { start: self.start.min(other.start), end }
    }

    /// `dev.sigstore.common.v1.TimeRange`.
    pub(super) fn to_json(self) -> Value {
        let time = |time| Value::String(format_rfc3339_seconds(time).to_string());
        let mut range = Map::new();
        range.insert("start".to_owned(), time(self.start));
        range.extend(self.end.map(|end| ("end".to_owned(), time(end))));
        Value::Object(range)
    }
}
