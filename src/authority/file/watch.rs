//! Owns the noticing of replaced files and the swap to what they hold.
//!
//! Refuses to know what is in them. A directory is watched rather than a file, because files are replaced by renaming,
//! and Kubernetes replaces all of a volume by renaming the `..data` link beside them.

use std::{
    error::Error as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode},
};
use tokio::{sync::Notify, task::JoinHandle, time};
use tracing::{error, info, warn};

use super::{FileAuthorityError, Fingerprint, Source};
use crate::authority::Authority;

/// How long nothing may change before the files are read: chain and key are seldom replaced in the same instant.
const QUIET: Duration = Duration::from_millis(250);
/// How many changes are waited for before the files are read in spite of them.
const MAX_CHANGES: usize = 20;

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
        let changed = Arc::new(Notify::new());
        let events = watch_directories(&source, &changed);
        // What changed between the first reading and this line was reported to nobody.
        changed.notify_one();
        let mut reloader = Reloader::new(source, current, serving);
        let task = tokio::spawn(async move {
            // The system's watch lasts as long as this value, and this value as long as the task.
            let _events = events;
            loop {
                tokio::select! {
                    () = changed.notified() => settle(&changed).await,
                    () = time::sleep(poll) => {}
                }
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

/// Waits until the files are left alone.
async fn settle(changed: &Notify) {
    for _ in 0..MAX_CHANGES {
        if time::timeout(QUIET, changed.notified()).await.is_err() {
            return;
        }
    }
}

/// Asks the system to report changes; without its help there is still the slow look.
fn watch_directories(source: &Source, changed: &Arc<Notify>) -> Option<RecommendedWatcher> {
    let changed = Arc::clone(changed);
    let handler = move |event: notify::Result<Event>| {
        // An error may stand for lost events, so it counts as one.
        if event.map_or(true, |event| is_change(event.kind)) {
            changed.notify_one();
        }
    };
    let directories = directories(&source.options.cert_path, &source.options.key_path);
    let watched = notify::recommended_watcher(handler).and_then(|mut watcher| {
        for directory in &directories {
            watcher.watch(directory, RecursiveMode::NonRecursive)?;
        }
        Ok(watcher)
    });
    watched
        .inspect_err(|error| {
            warn!(%error, ?directories, "the system reports no file changes, they are noticed more slowly");
        })
        .ok()
}

/// Our own reading is reported too and must not lead to more reading.
fn is_change(kind: EventKind) -> bool {
    !kind.is_access() || kind == EventKind::Access(AccessKind::Close(AccessMode::Write))
}

fn directories(cert_path: &Path, key_path: &Path) -> Vec<PathBuf> {
    let directory = |path: &Path| match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut directories = vec![directory(cert_path), directory(key_path)];
    directories.dedup();
    directories
}

/// An error and what led to it, in one line.
fn with_sources(error: &FileAuthorityError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
