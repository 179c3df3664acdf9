//! The audit files: those that are named, and those of a folder.
//!
//! Owns which they are. They are read as often as it takes.

use std::io;
use std::path::{Path, PathBuf};

use crate::audit::read::{Line, ReadError, each_line};

/// Why records were not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordsError {
    #[error("the audit file {0}")]
    File(#[from] ReadError),
    #[error("the folder {} has no audit file in it", .0.display())]
    Empty(PathBuf),
    #[error("{} is neither a file nor a folder", .0.display())]
    Special(PathBuf),
}

#[derive(Debug)]
pub(in crate::reconcile) struct SourceFiles(Vec<PathBuf>);

impl SourceFiles {
    /// The files named, and those of the folders named.
    pub(in crate::reconcile) fn find(named: &[PathBuf]) -> Result<Self, RecordsError> {
        let failed = |path: &Path, source| ReadError { path: path.to_owned(), source };
        let mut files = Vec::new();
        for path in named {
            let metadata = std::fs::metadata(path).map_err(|source| failed(path, source))?;
            if metadata.is_file() {
                files.push(path.clone());
            } else if metadata.is_dir() {
                let before = files.len();
                files.extend(files_in(path).map_err(|source| failed(path, source))?);
                if files.len() == before {
                    return Err(RecordsError::Empty(path.clone()));
                }
            } else {
                return Err(RecordsError::Special(path.clone()));
            }
        }
        files.sort_unstable();
        files.dedup();
        Ok(Self(files))
    }

    pub(super) fn len(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }

    /// Calls for every line that is not blank.
    pub(super) fn each_line(&self, take: &mut dyn FnMut(Line<'_>)) -> Result<(), RecordsError> {
        for path in &self.0 {
            each_line(path, |line| {
                if !line.bytes.trim_ascii().is_empty() {
                    take(line);
                }
            })?;
        }
        Ok(())
    }
}

/// Regular files whose names do not begin with a dot, and not those of folders below.
fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden && std::fs::metadata(entry.path())?.is_file() {
            found.push(entry.path());
        }
    }
    Ok(found)
}
