//! Owns the reading of chains from files.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::certificate::chain::{ChainError, IssuingChain};
use crate::files::{self, FileError, MAX_FILE_BYTES};

/// Why a chain cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ChainFileError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the certificate chain in {} is refused", path.display())]
    Chain { path: PathBuf, source: ChainError },
}

/// Reads a chain to issue under with this key, DER `SubjectPublicKeyInfo`: see [`IssuingChain::from_pem_for_key`].
pub(crate) fn read_chain(path: &Path, key: Option<&[u8]>, now: SystemTime) -> Result<IssuingChain, ChainFileError> {
    IssuingChain::from_pem_for_key(&files::read(path, MAX_FILE_BYTES)?, key, now)
        .map_err(|source| ChainFileError::Chain { path: path.to_owned(), source })
}

/// Reads a chain that is only to be trusted: see [`IssuingChain::trusted_from_pem`].
pub(crate) fn read_trusted_chain(path: &Path, now: SystemTime) -> Result<IssuingChain, ChainFileError> {
    IssuingChain::trusted_from_pem(&files::read(path, MAX_FILE_BYTES)?, now)
        .map_err(|source| ChainFileError::Chain { path: path.to_owned(), source })
}
