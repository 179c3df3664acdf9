//! The noticing of replaced files.
//!
//! Refuses to know what is in them. A directory is watched rather than a file, because files are replaced by renaming,
//! and Kubernetes replaces all of a volume by renaming the `..data` link beside them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time;

/// When changed files are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// How often there is a look, besides being told of changes.
    pub(crate) poll: Duration,
    /// How long nothing may change before the files are read: those that belong together are seldom replaced in the same instant.
    pub(crate) quiet: Duration,
    /// How long that is waited for.
    pub(crate) max_quiet: Duration,
}

/// Files that are kept up with.
#[derive(Debug)]
pub(crate) struct Changes {
    changed: Arc<Notify>,
    pace: Pace,
    /// The system's watch lasts as long as this value.
    _watcher: Option<RecommendedWatcher>,
}

impl Changes {
    /// Starts to watch files that belong together; without the system's help there is still a look every `poll`.
    pub(crate) fn of(files: &[&Path], poll: Duration) -> Self {
        Self::at_pace(files, Pace { poll, quiet: Duration::from_millis(250), max_quiet: Duration::from_secs(5) })
    }

    pub(crate) fn at_pace(files: &[&Path], pace: Pace) -> Self {
        let changed = Arc::new(Notify::new());
        let watcher = watch_directories(&directories(files), &changed);
        // What changed between the first reading and this line was reported to nobody.
        changed.notify_one();
        Self { changed, pace, _watcher: watcher }
    }

    /// Waits until it is time to look at the files. The first time comes at once.
    pub(crate) async fn next(&self) {
        tokio::select! {
            () = self.changed.notified() => self.settle().await,
            () = time::sleep(self.pace.poll) => {}
        }
    }

    /// Waits until the files are left alone.
    async fn settle(&self) {
        let quiet = async { while time::timeout(self.pace.quiet, self.changed.notified()).await.is_ok() {} };
        let _ = time::timeout(self.pace.max_quiet, quiet).await;
    }
}

fn watch_directories(directories: &[PathBuf], changed: &Arc<Notify>) -> Option<RecommendedWatcher> {
    let changed = Arc::clone(changed);
    let handler = move |event: notify::Result<Event>| {
        // An error may stand for lost events, so it counts as one.
        if event.map_or(true, |event| is_change(event.kind)) {
            changed.notify_one();
        }
    };
    let watched = notify::recommended_watcher(handler).and_then(|mut watcher| {
        for directory in directories {
            watcher.watch(directory, RecursiveMode::NonRecursive)?;
        }
        Ok(watcher)
    });
    watched
        .inspect_err(|error| {
            tracing::warn!(%error, ?directories, "the system reports no file changes, they are noticed more slowly");
        })
        .ok()
}

/// Our own reading is reported too and must not lead to more reading.
fn is_change(kind: EventKind) -> bool {
    !kind.is_access() || kind == EventKind::Access(AccessKind::Close(AccessMode::Write))
}

fn directories(files: &[&Path]) -> Vec<PathBuf> {
    let directory = |path: &&Path| match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut directories: Vec<PathBuf> = files.iter().map(directory).collect();
    directories.sort();
    directories.dedup();
    directories
}
