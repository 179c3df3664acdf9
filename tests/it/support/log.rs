//! The log as the server writes it, kept for a test to read.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// Everything that was logged in this process, by whatever thread.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The log from now on. A process has one: to be called once.
    pub fn capture(level: tracing::Level) -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt().json().with_max_level(level).with_writer(move || writer.clone()).try_init().unwrap();
        log
    }

    /// What this thread logs, as long as the guard lives.
    pub fn of_this_thread(level: tracing::Level) -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber =
            tracing_subscriber::fmt().json().with_max_level(level).with_writer(move || writer.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// The text as it was written.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines of sigmint itself, of which each is an object.
    pub fn lines(&self) -> Vec<Value> {
        let text = self.text();
        let parsed = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        parsed.filter(|line| line["target"].as_str().is_some_and(|target| target.starts_with("sigmint"))).collect()
    }

    /// Those that have this in one of their fields.
    pub fn lines_with(&self, field: &str, value: &str) -> Vec<Value> {
        self.lines().into_iter().filter(|line| line["fields"][field] == value).collect()
    }
}
