//! What `serve` hands to clients that want to trust it: made at the start, and made again while it runs.
//!
//! A look every few seconds costs less than being told of each of the files, and of the CA's rotation, and misses none of them. What cannot
//! be used leaves what is served as it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time;

use super::{TrustError, deployment, read_file};
use crate::authority::AuthoritySet;
use crate::config::settings::LogsSettings;
use crate::failure::with_sources;
use crate::issuance::Issuance;
use crate::trust::ServedDocuments;

/// How often it is looked whether anything has changed.
const EVERY: Duration = Duration::from_secs(10);

/// What the documents are made of, besides the CA's chains.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    pub(crate) file: PathBuf,
    pub(crate) logs: Option<LogsSettings>,
}

/// Makes the documents, and keeps up with what they are made of.
pub(in crate::app) async fn start(sources: Sources, issuance: &Arc<Issuance>) -> Result<(), TrustError> {
    let documents = make(sources.clone(), issuance.authority.all()).await?;
    issuance.trust.store(Some(Arc::new(documents)));
    tracing::info!(file = %sources.file.display(), "clients are told whom to trust, below /trust/");
    let issuance = Arc::downgrade(issuance);
    tokio::spawn(async move {
        let mut complaint = None;
        loop {
            time::sleep(EVERY).await;
            let Some(issuance) = issuance.upgrade() else { return };
            look(&sources, &issuance, &mut complaint).await;
        }
    });
    Ok(())
}

/// Makes the documents again, and swaps them in if they are others.
async fn look(sources: &Sources, issuance: &Issuance, complaint: &mut Option<String>) {
    match make(sources.clone(), issuance.authority.all()).await {
        Ok(documents) => {
            *complaint = None;
            if issuance.trust.load().as_deref() != Some(&documents) {
                tracing::info!("clients are told of another trust: the documents were replaced");
                issuance.trust.store(Some(Arc::new(documents)));
            }
        }
        Err(error) => {
            let cause = with_sources(&error);
            // The same is said once.
            if complaint.as_ref() != Some(&cause) {
                tracing::error!(cause, "the new trust documents cannot be made, the old ones stay in use");
                *complaint = Some(cause);
            }
        }
    }
}

async fn make(sources: Sources, set: Arc<AuthoritySet>) -> Result<ServedDocuments, TrustError> {
    let made = tokio::task::spawn_blocking(move || of_files(&sources.file, sources.logs, &set)).await;
    made.map_err(|error| TrustError::Authority(error.into()))?
}

/// The documents of the files as they are now.
pub(in crate::app) fn of_files(
    file: &Path,
    logs: Option<LogsSettings>,
    set: &AuthoritySet,
) -> Result<ServedDocuments, TrustError> {
    Ok(ServedDocuments::of(&deployment(set, logs, read_file(file)?, SystemTime::now())?))
}
