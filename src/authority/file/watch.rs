//! Owns the swap to what replaced files hold.
//!
//! Refuses to know what is in them, and how a replacement is noticed.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use tokio::task::JoinHandle;
use tracing::{error, info};

use super::{FileAuthorityError, Fingerprint, Source};
use crate::authority::Authority;
use crate::config::watch::Changes;
use crate::failure::with_sources;

/// The task that watches; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Watcher {
    task: JoinHandle<()>,
}

/// What looking at the files led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The content is the one that is served.
    Unchanged,
    /// The new content is served from now on.
    Replaced,
    /// The new content is bad, and the old goes on being served; that was logged.
    Refused,
    /// It still is, for the same reason; that was not logged again.
    StillRefused,
}

/// What the task knows between two looks.
pub(super) struct Reloader {
    source: Arc<Source>,
    current: Arc<ArcSwap<Authority>>,
    serving: Fingerprint,
    complaint: Option<String>,
}

impl Watcher {
    pub(super) fn start(
        source: Arc<Source>,
        current: Arc<ArcSwap<Authority>>,
        serving: Fingerprint,
        poll: Duration,
    ) -> Self {
        let changes = Changes::of(&[&source.options.cert_path, &source.options.key_path], poll);
        let mut reloader = Reloader::new(source, current, serving);
        let task = tokio::spawn(async move {
            loop {
                changes.next().await;
                reloader.look().await;
            }
        });
        Self { task }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reloader {
    pub(super) fn new(source: Arc<Source>, current: Arc<ArcSwap<Authority>>, serving: Fingerprint) -> Self {
        Self { source, current, serving, complaint: None }
    }

    /// Reads the files and swaps in what they hold if it is new and good.
    pub(super) async fn look(&mut self) -> Outcome {
        match self.source.load_unless(Some(self.serving)).await {
            Ok(None) => {
                self.complaint = None;
                Outcome::Unchanged
            }
            Ok(Some(loaded)) => {
                let chain = loaded.authority.chain();
                info!(
                    subject = chain.subject(),
                    not_after_unix = unix_seconds(chain.not_after()),
                    file = %self.source.options.cert_path.display(),
                    "the certificate authority was replaced"
                );
                self.serving = loaded.fingerprint;
                self.complaint = None;
                self.current.store(loaded.authority);
                Outcome::Replaced
            }
            Err(error) => self.refuse(&error),
        }
    }

    fn refuse(&mut self, error: &FileAuthorityError) -> Outcome {
        let cause = with_sources(error);
        if self.complaint.as_ref() == Some(&cause) {
            return Outcome::StillRefused;
        }
        error!(cause, "the certificate authority's new files are bad, the old ones stay in use");
        self.complaint = Some(cause);
        Outcome::Refused
    }
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
