//! What a start would warn of, collected rather than written: for commands that report it in their own form.
//!
//! Owns WARN and ERROR events as values. Information is left out.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// The events since the last look. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct CollectedLog(Arc<Mutex<Vec<CollectedEvent>>>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CollectedEvent {
    pub is_error: bool,
    /// The message with its fields behind it.
    pub text: String,
}

/// Collects what this process logs from now on. Of a second call, or if there is a log already, nothing is collected.
pub(crate) fn collect_log() -> CollectedLog {
    let log = CollectedLog::default();
    // Without it, what is not collected is not seen; everything else is as it was.
    let _ = tracing_subscriber::registry().with(log.clone().with_filter(LevelFilter::WARN)).try_init();
    log
}

impl CollectedLog {
    /// Takes the events that are there.
    pub(crate) fn take(&self) -> Vec<CollectedEvent> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Subscriber> Layer<S> for CollectedLog {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut words = Words::default();
        event.record(&mut words);
        let Words { message, fields } = words;
        let text = if fields.is_empty() { message } else { format!("{message} ({})", fields.join(", ")) };
        let is_error = *event.metadata().level() == Level::ERROR;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(CollectedEvent { is_error, text });
    }
}

#[derive(Default)]
struct Words {
    message: String,
    fields: Vec<String>,
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.fields.push(format!("{}: {value}", field.name()));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // A string takes whatever is written to it.
        let _ = write!(text, "{value:?}");
        self.record_str(field, &text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_and_errors_are_kept_with_their_fields() {
        let log = CollectedLog::default();
        let subscriber = tracing_subscriber::registry().with(log.clone().with_filter(LevelFilter::WARN));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("not this");
            tracing::warn!(file = %"a.yaml", count = 3, "odd");
            tracing::error!("broken");
        });
        let texts: Vec<_> = log.take().into_iter().map(|event| (event.is_error, event.text)).collect();
        assert_eq!(texts, [(false, "odd (file: a.yaml, count: 3)".to_owned()), (true, "broken".to_owned())]);
        assert!(log.take().is_empty());
    }
}
