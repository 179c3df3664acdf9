//! What operators see of a running server: its log.
//!
//! Owns the log's form. What is logged, and that it holds no secret, is decided where it is logged; how lines get out is `sink`'s.

pub mod endpoint;
pub mod metrics;
mod panics;
pub mod sink;

use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsFd as _;
use std::time::{Duration, SystemTime};

use sink::LogSink;
use tracing_subscriber::EnvFilter;

/// The form of the log (`--log_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Dev,
    /// One JSON object a line.
    Prod,
}

/// What is logged when `RUST_LOG` does not say otherwise.
const DEFAULT_FILTER: &str = "info,actix_server=warn";
/// How long the end of the process waits for lines that are not written yet.
const LAST_LINES: Duration = Duration::from_secs(2);

/// The running log. Dropping it waits for the lines that are not written yet, but not for long.
#[must_use = "the last lines are written when this is dropped"]
#[derive(Debug)]
pub struct Log(LogSink);

impl Log {
    /// Where its lines go.
    #[must_use]
    pub const fn sink(&self) -> &LogSink {
        &self.0
    }

    /// Adds a message that is not an event, for people: why the server does not start.
    pub fn print(&self, message: &str) {
        self.0.push(format!("{message}\n").as_bytes());
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.0.flush(LAST_LINES);
    }
}

/// Starts logging to standard error, panics included. A second call changes nothing.
pub fn start_log(format: LogFormat) -> Log {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let sink = LogSink::new();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(sink.clone())
        .with_target(false)
        // It would write to standard error by itself, and panic if that is gone.
        .log_internal_errors(false);
    // A log that is already running is not a failure: tests and `sigmint dev` may have started it.
    let started = match format {
        LogFormat::Dev => log.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Prod => log.json().flatten_event(true).try_init(),
    };
    if started.is_ok() {
        let report = match format {
            LogFormat::Dev => lost_for_people,
            LogFormat::Prod => lost_for_programs,
        };
        // Without a thread nothing is logged, and the server serves all the same.
        let _ = sink.start(standard_error(), report);
        panics::go_into(sink.clone(), format);
    }
    Log(sink)
}

/// Standard error without the lock that every other writer of this process takes.
fn standard_error() -> Box<dyn Write + Send> {
    match io::stderr().as_fd().try_clone_to_owned() {
        Ok(descriptor) => Box::new(File::from(descriptor)),
        Err(_) => Box::new(io::stderr()),
    }
}

const LOST: &str = "log lines were lost: standard error did not take them";

fn lost_for_people(lost: u64) -> String {
    format!("{}  WARN {LOST} lines={lost}\n", now())
}

fn lost_for_programs(lost: u64) -> String {
    let line = serde_json::json!({"timestamp": now(), "level": "WARN", "message": LOST, "lines": lost});
    format!("{line}\n")
}

fn now() -> String {
    humantime::format_rfc3339_micros(SystemTime::now()).to_string()
}
