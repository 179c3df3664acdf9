//! Keeps the list of blocked public keys as its file is (`--blocked-public-keys`).
//!
//! Owns when the file is read. A file that is broken or gone changes nothing: the list stays as it was. Knows nothing of the list's form.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::failure::with_sources;
use crate::files::watch::Changes;
use crate::files::{self, FileError, MAX_FILE_BYTES};
use crate::issuance::Issuance;
use crate::possession::{BlockedKeys, BlockedKeysError};

/// How often a replaced file is looked for, besides being told of it.
const POLL: Duration = Duration::from_mins(1);

/// Why the list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BlockedKeysFileError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{} (--blocked-public-keys)", path.display())]
    List { path: PathBuf, source: BlockedKeysError },
}

/// Reads the file.
pub fn load(path: &Path) -> Result<BlockedKeys, BlockedKeysFileError> {
    let keys = BlockedKeys::parse(&files::read(path, MAX_FILE_BYTES)?)
        .map_err(|source| BlockedKeysFileError::List { path: path.to_owned(), source })?;
    if keys.is_empty() {
        tracing::warn!(file = %path.display(), "the list of blocked public keys is empty");
    } else {
        tracing::info!(file = %path.display(), keys = keys.len(), "public keys are blocked");
    }
    Ok(keys)
}

/// The file that an issuance's list comes from.
#[derive(Debug)]
pub struct BlockedKeysFile {
    path: PathBuf,
    complaint: Mutex<Option<String>>,
}

impl BlockedKeysFile {
    /// Blocks the keys in a file, and loads it again whenever it is replaced, for as long as there is the issuance.
    pub fn start(path: PathBuf, issuance: &Arc<Issuance>) -> Result<Arc<Self>, BlockedKeysFileError> {
        issuance.blocked_keys.store(Arc::new(load(&path)?));
        let file = Arc::new(Self { path, complaint: Mutex::new(None) });
        file.watch(issuance);
        Ok(file)
    }

    fn watch(self: &Arc<Self>, issuance: &Arc<Issuance>) {
        let (file, issuance) = (Arc::clone(self), Arc::downgrade(issuance));
        tokio::spawn(async move {
            let changes = Changes::of(&[&file.path], POLL);
            loop {
                changes.next().await;
                let Some(issuance) = issuance.upgrade() else { return };
                file.reload(&issuance).await;
            }
        });
    }

    /// Loads the file again. A problem is logged once.
    pub async fn reload(self: &Arc<Self>, issuance: &Issuance) {
        let (file, known) = (Arc::clone(self), issuance.blocked_keys.load_full());
        let reading = tokio::task::spawn_blocking(move || {
            // What did not change is not announced.
            match files::read(&file.path, MAX_FILE_BYTES).ok().and_then(|list| BlockedKeys::parse(&list).ok()) {
                Some(keys) if keys == *known => Ok(None),
                _ => load(&file.path).map(Some),
            }
        });
        let Ok(outcome) = reading.await else { return };
        let problem = match outcome {
            Ok(keys) => {
                if let Some(keys) = keys {
                    issuance.blocked_keys.store(Arc::new(keys));
                }
                None
            }
            Err(error) => Some(with_sources(&error)),
        };
        issuance.metrics.blocked_keys_refused(problem.is_some());
        let mut complaint = self.complaint.lock();
        if let Some(cause) = problem.as_ref().filter(|cause| complaint.as_ref() != Some(*cause)) {
            tracing::error!(cause, "the list of blocked public keys is bad, the old one stays in use");
        }
        *complaint = problem;
    }
}
