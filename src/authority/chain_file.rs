//! Owns the reading of chains from files.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::certificate::chain::{ChainError, IssuingChain};
use crate::files::{FileError, read_file};

/// Why a chain cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ChainFileError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It holds no usable chain.
    #[error("the certificate chain in {} is refused", path.display())]
    Chain {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: ChainError,
    },
}

/// Reads a chain to issue under with this key, DER `SubjectPublicKeyInfo`: see [`IssuingChain::from_pem_for_key`].
///
/// # Errors
/// When the file cannot be read or the chain is refused.
pub fn read_chain(path: &Path, key: Option<&[u8]>, now: SystemTime) -> Result<IssuingChain, ChainFileError> {
    IssuingChain::from_pem_for_key(&read_file(path)?, key, now)
        .map_err(|source| ChainFileError::Chain { path: path.to_owned(), source })
}

/// Reads a chain that is only to be trusted: see [`IssuingChain::trusted_from_pem`].
///
/// # Errors
/// When the file cannot be read or the chain is refused.
pub fn read_trusted_chain(path: &Path, now: SystemTime) -> Result<IssuingChain, ChainFileError> {
    IssuingChain::trusted_from_pem(&read_file(path)?, now)
        .map_err(|source| ChainFileError::Chain { path: path.to_owned(), source })
}
