//! A JSON object's members, written one after the other into one buffer.
//!
//! Owns commas and escapes. Knows no record.

use std::io::{self, Write as _};
use std::time::SystemTime;

use serde::Serialize;

/// Members, each with a comma in front: they go behind others.
#[derive(Clone, Debug, Default)]
pub(super) struct Members(Vec<u8>);

impl Members {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Adds a member. `name` needs no escapes.
    pub(super) fn add(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        self.name(name);
        // Our values have string keys and no floats but JSON's own: they can be written, and a buffer takes all.
        let _ = serde_json::to_writer(&mut self.0, value);
    }

    /// Adds a member whose name others chose.
    pub(super) fn add_any(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        self.0.push(b',');
        let _ = serde_json::to_writer(&mut self.0, name);
        self.0.push(b':');
        let _ = serde_json::to_writer(&mut self.0, value);
    }

    /// Adds a member that is there only sometimes.
    pub(super) fn add_some(&mut self, name: &str, value: Option<&(impl Serialize + ?Sized)>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }

    /// Adds bytes in hexadecimal.
    pub(super) fn add_hex(&mut self, name: &str, bytes: &[u8]) {
        self.name(name);
        let _ = write!(self.0, "\"{}\"", hex::encode(bytes));
    }

    /// Adds a time in UTC with milliseconds (RFC 3339).
    pub(super) fn add_time(&mut self, name: &str, time: SystemTime) {
        self.name(name);
        let _ = write!(self.0, "\"{}\"", humantime::format_rfc3339_millis(time));
    }

    /// Adds an object, whose members `write` writes.
    pub(super) fn add_object(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.name(name);
        let begin = self.0.len();
        write(self);
        match self.0.get_mut(begin) {
            // The first member's comma.
            Some(comma) => *comma = b'{',
            None => self.0.push(b'{'),
        }
        self.0.push(b'}');
    }

    /// Adds members that are there already.
    pub(super) fn extend(&mut self, others: &Self) {
        self.0.extend_from_slice(&others.0);
    }

    fn name(&mut self, name: &str) {
        let _: io::Result<()> = write!(self.0, ",\"{name}\":");
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn members_make_an_object() {
        let mut members = Members::default();
        members.add("text", "a\"b");
        members.add_some("none", None::<&str>);
        members.add_object("empty", |_| {});
        members.add_object("inner", |inner| {
            inner.add("one", &1);
            inner.add_hex("two", &[0xab]);
        });
        members.add_time("time", SystemTime::UNIX_EPOCH);
        let text = format!("{{{}}}", std::str::from_utf8(&members.as_bytes()[1..]).unwrap());
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            json!({"text": "a\"b", "empty": {}, "inner": {"one": 1, "two": "ab"}, "time": "1970-01-01T00:00:00.000Z"})
        );
    }
}
