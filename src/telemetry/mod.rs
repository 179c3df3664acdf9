//! What operators see of a running server: its log.
//!
//! Owns the log's form. What is logged, and that it holds no secret, is decided where it is logged; how lines get out is `sink`'s.

pub(crate) mod collected;
pub(crate) mod endpoint;
pub mod metrics;
mod panics;
pub(crate) mod sink;
mod zap;

use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsFd as _;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use sink::LogSink;
use tracing_subscriber::EnvFilter;

/// The form of the log (`--log_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Dev,
    /// One JSON object a line.
    Prod,
    /// The same with the member names of Fulcio's log.
    Zap,
}

/// How bad what a line tells is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
enum Severity {
    Warn,
    Error,
    /// The process ends because of it.
    Fatal,
}

impl LogFormat {
    /// A line that is not an event.
    fn line(self, severity: Severity, message: &str, fields: &[(&str, Value)]) -> String {
        let level = if severity == Severity::Warn { "WARN" } else { "ERROR" };
        match self {
            Self::Dev => {
                let fields: Vec<String> = fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
                format!("{} {level:>5} {message}{}\n", now(), fields.concat())
            }
            Self::Prod => {
                let mut line = json!({"timestamp": now(), "level": level, "message": message});
                for (name, value) in fields {
                    if let Some(members) = line.as_object_mut() {
                        members.insert((*name).to_owned(), value.clone());
                    }
                }
                format!("{line}\n")
            }
            Self::Zap => zap::line(severity.into(), message, fields),
        }
    }
}

/// What is logged when `RUST_LOG` does not say otherwise.
const DEFAULT_FILTER: &str = "info,actix_server=warn";
/// How long the end of the process waits for lines that are not written yet.
const LAST_LINES: Duration = Duration::from_secs(2);

/// The running log. Dropping it waits for the lines that are not written yet, but not for long.
#[must_use = "the last lines are written when this is dropped"]
#[derive(Debug)]
pub struct Log {
    sink: LogSink,
    format: LogFormat,
}

impl Log {
    pub const fn sink(&self) -> &LogSink {
        &self.sink
    }

    /// The last line: why the server does not start, or ended. What stands below the cause (its hint) goes behind it, because
    /// anyone who looks at one line looks at the last one.
    pub fn end(&self, cause: &str) {
        let line = match self.format {
            LogFormat::Dev => format!("sigmint: {}\n", one_line(cause)),
            format => format.line(Severity::Fatal, &one_line(cause), &[]),
        };
        self.sink.push_last(line.as_bytes());
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.sink.flush(LAST_LINES);
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
        LogFormat::Zap => log.event_format(zap::Zap).try_init(),
    };
    if started.is_ok() {
        // Without a thread nothing is logged, and the server serves all the same.
        let _ = sink.start(standard_error(), Box::new(move |lost| lost_lines(format, lost)));
        panics::go_into(sink.clone(), format);
    }
    Log { sink, format }
}

/// Standard error without the lock that every other writer of this process takes.
fn standard_error() -> Box<dyn Write + Send> {
    match io::stderr().as_fd().try_clone_to_owned() {
        Ok(descriptor) => Box::new(File::from(descriptor)),
        Err(_) => Box::new(io::stderr()),
    }
}

const LOST: &str = "log lines were lost: standard error did not take them";

fn lost_lines(format: LogFormat, lost: u64) -> String {
    format.line(Severity::Warn, LOST, &[("lines", lost.into())])
}

/// A message of several lines on one.
pub fn one_line(message: &str) -> String {
    message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

fn now() -> String {
    humantime::format_rfc3339_micros(SystemTime::now()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_has_its_line() {
        assert!(lost_lines(LogFormat::Dev, 7).ends_with(&format!("Z  WARN {LOST} lines=7\n")));
        let prod: Value = serde_json::from_str(&lost_lines(LogFormat::Prod, 7)).unwrap();
        assert_eq!((&prod["level"], &prod["message"], &prod["lines"]), (&"WARN".into(), &LOST.into(), &7.into()));
        let zap: Value = serde_json::from_str(&lost_lines(LogFormat::Zap, 7)).unwrap();
        assert_eq!((&zap["severity"], &zap["message"], &zap["lines"]), (&"warn".into(), &LOST.into(), &7.into()));
    }

    #[test]
    fn a_hint_goes_behind_its_cause() {
        assert_eq!(one_line("--ca: is not set\n  hint: set it\n"), "--ca: is not set; hint: set it");
    }
}
