//! Panics' messages, which go where the log goes.
//!
//! Owns that a panic never blocks on standard error, and never panics again because it is gone: both would end more than one request.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::thread;

use super::sink::LogSink;
use super::{LogFormat, Severity, now};

/// The longest message, in characters.
const LONGEST: usize = 1000;
/// The longest backtrace, in characters. There is one when `RUST_BACKTRACE` is set.
const LONGEST_BACKTRACE: usize = 16_000;

/// Sends them there from now on.
pub(super) fn go_into(sink: LogSink, format: LogFormat) {
    panic::set_hook(Box::new(move |panic| sink.try_push(line(panic, format).as_bytes())));
}

fn line(panic: &PanicHookInfo<'_>, format: LogFormat) -> String {
    let message = cut(panic.payload_as_str().unwrap_or("(no message)"), LONGEST);
    let place = panic.location().map_or_else(|| "?".to_owned(), ToString::to_string);
    let thread = thread::current();
    let thread = thread.name().unwrap_or("?");
    let backtrace = Backtrace::capture();
    let has_backtrace = backtrace.status() == BacktraceStatus::Captured;
    let backtrace = if has_backtrace { cut(&backtrace.to_string(), LONGEST_BACKTRACE) } else { String::new() };
    if format == LogFormat::Dev {
        return format!("{} ERROR thread '{thread}' panicked at {place}: {message}\n{backtrace}", now());
    }
    let fields = [
        ("thread", thread.into()),
        ("place", place.into()),
        ("cause", message.into()),
        ("backtrace", backtrace.into()),
    ];
    format.line(Severity::Error, "a thread panicked", &fields)
}

fn cut(text: &str, longest: usize) -> String {
    text.chars().take(longest).collect()
}
