//! What operators see of a running server: its log.
//!
//! Owns the log's form. What is logged, and that it holds no secret, is decided where it is logged.

pub mod endpoint;
pub mod metrics;

use std::io::IsTerminal as _;

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

/// Starts logging to standard error. A second call changes nothing.
pub fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A log that is already running is no failure: tests and `sigmint dev` may have started it.
    let _ = match format {
        LogFormat::Dev => log.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Prod => log.json().flatten_event(true).try_init(),
    };
}
