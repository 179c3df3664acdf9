//! Owns the certificate authority whose chain and key are files, and their replacement while the server runs.
//!
//! Refuses to know what makes a chain or a key good: `chain` and `key_file` judge that. Chain and key are read, checked
//! and swapped in together; a request that has taken [`FileAuthority::current`] keeps what it took.

mod watch;

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use aws_lc_rs::digest;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{
    Authority, AuthorityError,
    chain::{ChainError, IssuingChain},
    key_file::{self, KeyFileError},
};

/// The largest certificate or key file read, in bytes.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Where the files are and how they are kept up with.
#[derive(Clone, Debug)]
pub struct FileAuthorityOptions {
    /// The PEM chain, the issuing CA first.
    pub cert_path: PathBuf,
    /// The PEM private key of the chain's first certificate.
    pub key_path: PathBuf,
    /// The key's password; none or an empty one if the key is not encrypted.
    pub password: Option<SecretString>,
    /// Whether replaced files are noticed.
    pub watch: Watch,
    /// Tells the time of day, by which certificates are valid.
    pub clock: fn() -> SystemTime,
}

/// Whether replaced files are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// What was read at the start is served until the end.
    Off,
    /// Replaced files are read when the system reports a change, and looked at every `poll` in case it does not.
    On {
        /// The longest time until a change is noticed where the system reports none, such as on network file systems.
        poll: Duration,
    },
}

/// A certificate authority in two files. Dropping it ends the watching.
#[derive(Debug)]
pub struct FileAuthority {
    current: Arc<ArcSwap<Authority>>,
    _watcher: Option<watch::Watcher>,
}

/// Why the files make no authority.
#[derive(Debug, thiserror::Error)]
pub enum FileAuthorityError {
    /// A file cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file is too large to be what it should be.
    #[error("{} is larger than {MAX_FILE_BYTES} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The chain is refused.
    #[error("the certificate chain in {} is refused", path.display())]
    Chain {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: ChainError,
    },
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
    /// Reads the files and, if asked to, starts to watch them. Needs a Tokio runtime.
    ///
    /// # Errors
    /// [`FileAuthorityError`] naming the file and what to mend.
    pub async fn open(options: FileAuthorityOptions) -> Result<Self, FileAuthorityError> {
        let watch = options.watch;
        let source = Arc::new(Source { options });
        let Some(loaded) = source.load_unless(None).await? else { return Err(FileAuthorityError::Interrupted) };
        let current = Arc::new(ArcSwap::new(loaded.authority));
        let watcher = match watch {
            Watch::Off => None,
            Watch::On { poll } => Some(watch::Watcher::start(source, Arc::clone(&current), loaded.fingerprint, poll)),
        };
        Ok(Self { current, _watcher: watcher })
    }

    /// The authority as of now. Take it once for each certificate: precertificate and certificate need the same.
    #[must_use]
    pub fn current(&self) -> Arc<Authority> {
        self.current.load_full()
    }
}

/// The files' content in one number.
type Fingerprint = [u8; 32];

/// What was read, together with the content that it was read from.
struct Loaded {
    authority: Arc<Authority>,
    fingerprint: Fingerprint,
}

/// The two files and what is needed to read them.
#[derive(Debug)]
struct Source {
    options: FileAuthorityOptions,
}

impl Source {
    /// Reads the files and makes an authority of them, unless their content is the one `known`.
    async fn load_unless(self: &Arc<Self>, known: Option<Fingerprint>) -> Result<Option<Loaded>, FileAuthorityError> {
        let source = Arc::clone(self);
        // Reading waits for a disk, and deriving a key from a password is meant to be slow.
        let read = tokio::task::spawn_blocking(move || source.read_unless(known)).await;
        let Some((chain, signer, fingerprint)) = read.map_err(|_| FileAuthorityError::Interrupted)?? else {
            return Ok(None);
        };
        let authority = Authority::new(chain, Arc::new(signer)).await.map_err(|source| {
            let (cert_path, key_path) = (self.options.cert_path.clone(), self.options.key_path.clone());
            FileAuthorityError::Mismatch { cert_path, key_path, source }
        })?;
        Ok(Some(Loaded { authority: Arc::new(authority), fingerprint }))
    }

    fn read_unless(
        &self,
        known: Option<Fingerprint>,
    ) -> Result<Option<(IssuingChain, super::local::LocalSigner, Fingerprint)>, FileAuthorityError> {
        let (cert_path, key_path) = (&self.options.cert_path, &self.options.key_path);
        let (chain, key) = (read_file(cert_path)?, read_file(key_path)?);
        let fingerprint = fingerprint(&chain, &key);
        if known == Some(fingerprint) {
            return Ok(None);
        }
        let chain = IssuingChain::from_pem(&chain, (self.options.clock)())
            .map_err(|source| FileAuthorityError::Chain { path: cert_path.clone(), source })?;
        let signer = key_file::read(&key, self.options.password.as_ref())
            .map_err(|source| FileAuthorityError::Key { path: key_path.clone(), source })?;
        Ok(Some((chain, signer, fingerprint)))
    }
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileAuthorityError> {
    let error = |source| FileAuthorityError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(error)?;
    let length = file.metadata().map_err(error)?.len().min(MAX_FILE_BYTES);
    // Room for all of it at once: a buffer that grows leaves unwiped copies of a key behind.
    let mut content = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1));
    let read = file.take(MAX_FILE_BYTES + 1).read_to_end(&mut content).map_err(error)?;
    if u64::try_from(read).is_ok_and(|read| read <= MAX_FILE_BYTES) {
        return Ok(content);
    }
    Err(FileAuthorityError::TooLarge { path: path.to_owned() })
}

/// A hash of both hashes, so that no byte can move from one file to the other unnoticed.
fn fingerprint(chain: &[u8], key: &[u8]) -> Fingerprint {
    let hash = |bytes: &[u8]| digest::digest(&digest::SHA256, bytes);
    let both = [hash(chain).as_ref(), hash(key).as_ref()].concat();
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(hash(&both).as_ref());
    fingerprint
}

#[cfg(test)]
mod tests;
