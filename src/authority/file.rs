//! Owns the certificate authority whose chain and key are files.
//!
//! Refuses to know what makes a chain or a key good: `chain` and `key_file` judge that; and their replacement, which is
//! `rotation`'s.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use secrecy::SecretString;

use super::chain::IssuingChain;
use super::files::{FileError, read_chain, read_file};
use super::key_file::{self, KeyFileError};
use super::local::LocalSigner;
use super::{Authority, AuthorityError};

/// Where the files are.
#[derive(Clone, Debug)]
pub struct FileAuthority {
    /// The PEM chain, the issuing CA first.
    pub cert_path: PathBuf,
    /// The PEM private key of the chain's first certificate.
    pub key_path: PathBuf,
    /// The key's password; none or an empty one if the key is not encrypted.
    pub password: Option<SecretString>,
}

/// Why the files make no authority.
#[derive(Debug, thiserror::Error)]
pub enum FileAuthorityError {
    /// A file cannot be read, or the chain is refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// The key is refused.
    #[error("the private key in {} is refused", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: KeyFileError,
    },
    /// Chain and key are sound but do not belong together.
    #[error("{} and {} do not belong together", cert_path.display(), key_path.display())]
    Mismatch {
        /// The chain.
        cert_path: PathBuf,
        /// The key.
        key_path: PathBuf,
        /// The reason.
        source: AuthorityError,
    },
    /// The task that reads was ended, as happens when the server stops.
    #[error("reading the certificate authority's files was interrupted")]
    Interrupted,
}

impl FileAuthority {
    /// Reads the files and makes an authority of them. Needs a Tokio runtime.
    ///
    /// # Errors
    /// [`FileAuthorityError`] naming the file and what to mend.
    pub async fn open(self, now: SystemTime) -> Result<Authority, FileAuthorityError> {
        let (cert_path, key_path) = (self.cert_path.clone(), self.key_path.clone());
        // Reading waits for a disk, and deriving a key from a password is meant to be slow.
        let read = tokio::task::spawn_blocking(move || self.read(now)).await;
        let (chain, signer) = read.map_err(|_| FileAuthorityError::Interrupted)??;
        Authority::new(chain, Arc::new(signer)).await.map_err(|source| FileAuthorityError::Mismatch {
            cert_path,
            key_path,
            source,
        })
    }

    fn read(&self, now: SystemTime) -> Result<(IssuingChain, LocalSigner), FileAuthorityError> {
        Ok((read_chain(&self.cert_path, now)?, read_key(&self.key_path, self.password.as_ref())?))
    }
}

/// Reads a private key file.
///
/// # Errors
/// When it cannot be read or holds no usable key.
pub fn read_key(path: &Path, password: Option<&SecretString>) -> Result<LocalSigner, FileAuthorityError> {
    key_file::read(&read_file(path)?, password)
        .map_err(|source| FileAuthorityError::Key { path: path.to_owned(), source })
}
