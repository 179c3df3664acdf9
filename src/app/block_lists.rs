//! Keeps what is blocked as its files are: the block list (`--block-path`) and the list of public keys (`--blocked-public-keys`).
//!
//! Owns when a file is read. A file that is broken or gone changes nothing: its list stays as it was. Each file is by itself: neither
//! waits for the other, nor for the issuer file or the CA. Knows nothing of the lists' form.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time;

use crate::blocklist::{BlockEntries, BlockedKeys, BlockedKeysError};
use crate::config::block_file::{self, ConfigError};
use crate::config::settings::Settings;
use crate::crypto::sha256;
use crate::failure::with_sources;
use crate::files::watch::{Changes, Pace};
use crate::files::{self, FileError, MAX_FILE_BYTES};
use crate::issuance::Issuance;
use crate::panics::caught_in;
use crate::telemetry::one_line;

/// A changed file is in effect within a second, also where the system reports no changes, and while others in its folder change.
const PACE: Pace =
    Pace { poll: Duration::from_millis(500), quiet: Duration::from_millis(20), max_quiet: Duration::from_millis(200) };
/// How long reading may take before it is said.
const SLOW: Duration = Duration::from_secs(5);

/// Which of the two lists a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockListKind {
    /// `--block-path`
    Entries,
    /// `--blocked-public-keys`
    PublicKeys,
}

/// Why a list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BlockListFileError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{0} (--block-path)")]
    Entries(ConfigError),
    #[error("{} (--blocked-public-keys)", path.display())]
    PublicKeys { path: PathBuf, source: BlockedKeysError },
    #[error("{} cannot be used: {problem}", path.display())]
    Unreadable { path: PathBuf, problem: &'static str },
}

/// A list that was read and is not in force yet.
enum Loaded {
    Entries(Box<BlockEntries>),
    PublicKeys(BlockedKeys),
}

/// The file that one of an issuance's lists comes from.
#[derive(Debug)]
pub struct BlockListFile {
    kind: BlockListKind,
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// SHA-256 of the content that is in force.
    in_force: Option<[u8; 32]>,
    complaint: Option<String>,
}

/// Whether what is loaded is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Announced {
    Yes,
    /// When it is put in force.
    Later,
}

/// The files that the settings name.
pub(super) fn files(settings: &Settings) -> Vec<(BlockListKind, PathBuf)> {
    let entries = settings.block_path.clone().map(|path| (BlockListKind::Entries, path));
    let public_keys = settings.blocked_public_keys.clone().map(|path| (BlockListKind::PublicKeys, path));
    entries.into_iter().chain(public_keys).collect()
}

/// Whether the files can be used.
pub(super) fn check(settings: &Settings, announced: Announced) -> Result<(), BlockListFileError> {
    for (kind, path) in files(settings) {
        let loaded = parse(kind, &path, &files::read(&path, MAX_FILE_BYTES)?)?;
        if announced == Announced::Yes {
            loaded.announce(&path);
        }
    }
    Ok(())
}

/// Blocks whom the files name, and keeps up with them.
pub(super) fn start(
    files: Vec<(BlockListKind, PathBuf)>,
    issuance: &Arc<Issuance>,
) -> Result<Vec<Arc<BlockListFile>>, BlockListFileError> {
    files.into_iter().map(|(kind, path)| BlockListFile::start(kind, path, issuance)).collect()
}

fn parse(kind: BlockListKind, path: &Path, content: &[u8]) -> Result<Loaded, BlockListFileError> {
    match kind {
        BlockListKind::Entries => {
            let entries = caught_in(|| block_file::parse(&path.display().to_string(), content)).map_err(|_| {
                BlockListFileError::Unreadable { path: path.to_owned(), problem: "an ERROR line above says where" }
            })?;
            entries.map(|entries| Loaded::Entries(Box::new(entries))).map_err(BlockListFileError::Entries)
        }
        BlockListKind::PublicKeys => BlockedKeys::parse(content)
            .map(Loaded::PublicKeys)
            .map_err(|source| BlockListFileError::PublicKeys { path: path.to_owned(), source }),
    }
}

impl Loaded {
    fn announce(&self, path: &Path) {
        let file = path.display();
        match self {
            Self::Entries(entries) => {
                let now = SystemTime::now();
                tracing::info!(%file, entries = entries.in_effect(now), "the block list is in effect");
                for problem in block_file::warnings(entries, now) {
                    tracing::warn!(%file, problem, "the block list has an odd entry");
                }
            }
            Self::PublicKeys(keys) if keys.is_empty() => {
                tracing::warn!(%file, "the list of blocked public keys is empty");
            }
            Self::PublicKeys(keys) => tracing::info!(%file, keys = keys.len(), "public keys are blocked"),
        }
    }

    fn put_in_force(self, issuance: &Issuance) {
        match self {
            Self::Entries(entries) => issuance.blocklist.replace_entries(*entries),
            Self::PublicKeys(keys) => issuance.blocklist.replace_public_keys(keys),
        }
    }
}

impl BlockListFile {
    /// Blocks whom a file names, and loads it again whenever it changes, for as long as there is the issuance.
    pub fn start(
        kind: BlockListKind,
        path: PathBuf,
        issuance: &Arc<Issuance>,
    ) -> Result<Arc<Self>, BlockListFileError> {
        let file = Arc::new(Self { kind, path, state: Mutex::default() });
        file.look(issuance)?;
        file.watch(issuance);
        Ok(file)
    }

    fn watch(self: &Arc<Self>, issuance: &Arc<Issuance>) {
        let (file, issuance) = (Arc::clone(self), Arc::downgrade(issuance));
        tokio::spawn(async move {
            let changes = Changes::at_pace(&[&file.path], PACE);
            loop {
                changes.next().await;
                let Some(issuance) = issuance.upgrade() else { return };
                file.reload(&issuance).await;
            }
        });
    }

    /// Loads the file again if it changed. A problem is logged once.
    pub async fn reload(self: &Arc<Self>, issuance: &Arc<Issuance>) {
        let (file, theirs) = (Arc::clone(self), Arc::clone(issuance));
        let mut looking = tokio::task::spawn_blocking(move || {
            let outcome = file.look(&theirs);
            file.record(&theirs, outcome.err().map(|error| with_sources(&error)));
        });
        if time::timeout(SLOW, &mut looking).await.is_err() {
            tracing::error!(file = %self.path.display(), "{}", self.kind.is_slow());
            self.set_gauge(issuance, true);
            // No second look begins before the first one ends. One that panicked is looked at again.
            let _ = looking.await;
        }
    }

    /// One at a time, so that an older content never replaces a newer one.
    fn look(&self, issuance: &Issuance) -> Result<(), BlockListFileError> {
        let mut state = self.state();
        let content = files::read(&self.path, MAX_FILE_BYTES)?;
        let hash = Some(sha256(&content));
        if hash != state.in_force {
            let loaded = parse(self.kind, &self.path, &content)?;
            loaded.announce(&self.path);
            loaded.put_in_force(issuance);
            state.in_force = hash;
        }
        Ok(())
    }

    fn record(&self, issuance: &Issuance, problem: Option<String>) {
        self.set_gauge(issuance, problem.is_some());
        let mut state = self.state();
        if let Some(cause) = problem.as_ref().filter(|cause| state.complaint.as_ref() != Some(*cause)) {
            tracing::error!(cause = one_line(cause), "{}", self.kind.is_bad());
        }
        state.complaint = problem;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_gauge(&self, issuance: &Issuance, refused: bool) {
        match self.kind {
            BlockListKind::Entries => issuance.metrics.block_list_refused(refused),
            BlockListKind::PublicKeys => issuance.metrics.blocked_keys_refused(refused),
        }
    }
}

impl BlockListKind {
    const fn is_bad(self) -> &'static str {
        match self {
            Self::Entries => "the block list cannot be used, the last good one stays in effect",
            Self::PublicKeys => "the list of blocked public keys is bad, the old one stays in use",
        }
    }

    const fn is_slow(self) -> &'static str {
        match self {
            Self::Entries => "the block list has not been read for 5 seconds, the last good one stays in effect",
            Self::PublicKeys => {
                "the list of blocked public keys has not been read for 5 seconds, the old one stays in use"
            }
        }
    }
}
