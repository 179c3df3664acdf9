//! What a repository hands to clients: the documents of a folder, by the names that clients look for.

use std::path::Path;

use serde_json::Value;

use crate::cli::error::CommandError;
use crate::cli::files::shown;
use crate::failure::with_sources;
use crate::files::{self, MAX_FILE_BYTES};
use crate::trust::tuf::{SIGNING_CONFIG_TARGET, Target};
use crate::trust::{SIGNING_CONFIG, TRUSTED_ROOT};

/// File, name of the target, and how its media type begins.
const DOCUMENTS: [(&str, &str, &str); 2] = [
    (TRUSTED_ROOT, TRUSTED_ROOT, "application/vnd.dev.sigstore.trustedroot"),
    (SIGNING_CONFIG, SIGNING_CONFIG_TARGET, "application/vnd.dev.sigstore.signingconfig.v0.2"),
];

/// Reads both documents. What is not one of them would be noticed by clients only, all of them at once.
pub(super) fn read(folder: &Path) -> Result<Vec<Target>, CommandError> {
    DOCUMENTS.into_iter().map(|(file, name, media_type)| target(&folder.join(file), name, media_type)).collect()
}

fn target(path: &Path, name: &str, media_type: &str) -> Result<Target, CommandError> {
    let hint = "write it with `sigmint trust files`";
    let content =
        files::read(path, MAX_FILE_BYTES).map_err(|error| CommandError::usage(with_sources(&error)).hint(hint))?;
    let document: Option<Value> = serde_json::from_slice(&content).ok();
    let stated = document.as_ref().and_then(|document| document.get("mediaType")).and_then(Value::as_str);
    if !stated.is_some_and(|stated| stated.starts_with(media_type)) {
        return Err(CommandError::usage(format!("{} is not of the media type {media_type}", shown(path))).hint(hint));
    }
    Ok(Target { name: name.to_owned(), content: content.to_vec() })
}
