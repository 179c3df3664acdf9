//! Owns the token that every call carries: where it comes from, and that a file's newest one is used.
//!
//! Refuses to know what a token is good for.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

use crate::files::{KIB, read_apart, read_text, warn_if_shared};
use crate::signer::backend::BackendError;

/// How often a file is looked at while calls succeed. An agent replaces a token long before it expires.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The longest token file, in bytes.
const MAX_FILE: usize = 64 * KIB;

/// Where a token comes from.
#[derive(Debug)]
pub(super) enum TokenSource {
    /// The same one until the end.
    Fixed(SecretString),
    /// The one that a file holds at the time.
    File(PathBuf),
}

/// The token of the moment, ready to be sent.
#[derive(Debug)]
pub(super) struct Token {
    file: Option<PathBuf>,
    /// Marked as sensitive: its `Debug` has no byte of it.
    held: ArcSwap<HeaderValue>,
    opened: Instant,
    /// When the file was looked at last, in milliseconds since `opened`.
    looked: AtomicU64,
}

impl Token {
    pub(super) async fn open(source: &TokenSource) -> Result<Self, BackendError> {
        let (file, token) = match source {
            TokenSource::Fixed(token) => (None, header(token.expose_secret())),
            TokenSource::File(file) => {
                warn_if_shared(file);
                (Some(file.clone()), read(file).await)
            }
        };
        let place = file.as_ref().map_or_else(|| "VAULT_TOKEN".to_owned(), |file| file.display().to_string());
        let token = token.map_err(|problem| {
            BackendError::refused(
                format!("{place}: {problem}"),
                "it has to hold one token and nothing else, readable by this user",
            )
        })?;
        Ok(Self { file, held: ArcSwap::from_pointee(token), opened: Instant::now(), looked: AtomicU64::new(0) })
    }

    /// Whether nothing can replace it.
    pub(super) fn is_fixed(&self) -> bool {
        self.file.is_none()
    }

    /// The token for the next call.
    pub(super) async fn current(&self) -> Arc<HeaderValue> {
        if let Some(file) = &self.file {
            let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
            let looked = self.looked.load(Ordering::Relaxed);
            let due = u128::from(now.saturating_sub(looked)) >= LOOK_EVERY.as_millis();
            // One of many calls looks; the others go on with what there is.
            if due && self.looked.compare_exchange(looked, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                self.look(file).await;
            }
        }
        self.held.load_full()
    }

    /// Whether there is another token than the one that was refused, which is looked for now.
    pub(super) async fn replaces(&self, refused: &HeaderValue) -> bool {
        if let Some(file) = &self.file {
            self.look(file).await;
        }
        **self.held.load() != *refused
    }

    /// A file that is gone or half written keeps the old token in use: it may well be good still.
    async fn look(&self, file: &Path) {
        match read(file).await {
            Ok(token) if token != **self.held.load() => self.held.store(Arc::new(token)),
            Ok(_) => {}
            Err(problem) => tracing::warn!(file = %file.display(), %problem, "the Vault token's file cannot be read"),
        }
    }
}

async fn read(file: &Path) -> Result<HeaderValue, String> {
    let text = read_apart(read_text, file.to_owned(), MAX_FILE).await.map_err(|error| error.problem.to_string())?;
    header(&text)
}

fn header(text: &str) -> Result<HeaderValue, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("there is no token in it".to_owned());
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a token has no spaces, and ASCII characters only".to_owned());
    }
    let mut value = HeaderValue::try_from(text).map_err(|error| error.to_string())?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests;
