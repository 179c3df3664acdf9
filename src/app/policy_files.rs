//! Keeps the issuance policy as its files are (`--policy-path`).
//!
//! Owns when the files are read. Files that are broken or gone change nothing: the policy stays as it was. Knows nothing of rules.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::failure::with_sources;
use crate::files::watch::Changes;
use crate::issuance::Issuance;
use crate::policy::{Policy, PolicyFileError, Warning};
use crate::telemetry::one_line;

/// How often replaced files are looked for, besides being told of them.
const POLL: Duration = Duration::from_mins(1);

/// Reads the files, and says what is in use and worth a look.
pub fn load(path: &Path) -> Result<Policy, PolicyFileError> {
    let (policy, warnings) = Policy::load(path)?;
    announce(path, &policy, &warnings);
    Ok(policy)
}

fn announce(path: &Path, policy: &Policy, warnings: &[Warning]) {
    tracing::info!(path = %path.display(), rules = policy.rules().len(), "an issuance policy is in use");
    for warning in warnings {
        tracing::warn!(
            warning = one_line(&warning.to_string()),
            "the policy is used as it is, and should be looked at"
        );
    }
}

/// The files that an issuance's policy comes from.
#[derive(Debug)]
pub struct PolicyFiles {
    path: PathBuf,
    complaint: Mutex<Option<String>>,
}

impl PolicyFiles {
    /// Enforces the policy of a file or a folder, and loads it again whenever that is replaced, for as long as there is the issuance.
    pub fn start(path: PathBuf, issuance: &Arc<Issuance>) -> Result<Arc<Self>, PolicyFileError> {
        enforce(issuance, load(&path)?);
        let files = Arc::new(Self { path, complaint: Mutex::new(None) });
        files.watch(issuance);
        Ok(files)
    }

    fn watch(self: &Arc<Self>, issuance: &Arc<Issuance>) {
        let (files, issuance) = (Arc::clone(self), Arc::downgrade(issuance));
        tokio::spawn(async move {
            // What is watched is the folder that a file is in.
            let inside = if files.path.is_dir() { files.path.join("*") } else { files.path.clone() };
            let changes = Changes::of(&[&inside], POLL);
            loop {
                changes.next().await;
                let Some(issuance) = issuance.upgrade() else { return };
                files.reload(&issuance).await;
            }
        });
    }

    /// Loads the files again. A problem is logged once.
    pub async fn reload(self: &Arc<Self>, issuance: &Issuance) {
        let files = Arc::clone(self);
        let Ok(outcome) = tokio::task::spawn_blocking(move || Policy::load(&files.path)).await else { return };
        let problem = match outcome {
            Ok((policy, warnings)) => {
                let known = issuance.policy.load();
                // What did not change is not announced.
                if known.as_ref().is_none_or(|known| known.fingerprint() != policy.fingerprint()) {
                    announce(&self.path, &policy, &warnings);
                    enforce(issuance, policy);
                }
                None
            }
            Err(error) => Some(with_sources(&error)),
        };
        issuance.metrics.policy_refused(problem.is_some());
        let mut complaint = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cause) = problem.as_ref().filter(|cause| complaint.as_ref() != Some(*cause)) {
            tracing::error!(cause = one_line(cause), "the policy files are bad, the policy stays as it was");
        }
        *complaint = problem;
    }
}

fn enforce(issuance: &Issuance, policy: Policy) {
    issuance.metrics.policy_rules(policy.rules().len());
    issuance.policy.store(Some(Arc::new(policy)));
}
