//! Owns the reading of small files.
//!
//! Refuses to know what is in them. What is read is wiped from memory afterwards: it may be a key.

pub mod watch;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use zeroize::Zeroizing;

/// The largest file read, in bytes.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The mode bits that let group or others read or write.
const OTHERS: u32 = 0o066;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It is too large to be what it should be.
    #[error("{} is larger than {MAX_FILE_BYTES} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// It is not text.
    #[error("{} is not UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
}

/// A file as it was at one moment, to see later whether it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenFile {
    path: PathBuf,
    /// Nothing when it could not be read.
    hash: Option<[u8; 32]>,
}

impl SeenFile {
    /// Looks at a file. Look first and use it then: what changes in between is seen at the next look.
    #[must_use]
    pub fn now(path: &Path) -> Self {
        Self { path: path.to_owned(), hash: hash(path) }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its content is another by now.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        hash(&self.path) != self.hash
    }
}

fn hash(path: &Path) -> Option<[u8; 32]> {
    digest::digest(&digest::SHA256, &read_file(path).ok()?).as_ref().try_into().ok()
}

/// Reads a file whole.
///
/// # Errors
/// When it cannot be read or is larger than [`MAX_FILE_BYTES`].
pub fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let error = |source| FileError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(error)?;
    let length = file.metadata().map_err(error)?.len().min(MAX_FILE_BYTES);
    // Room for all of it at once: a buffer that grows leaves unwiped copies of a key behind.
    let mut content = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1));
    let read = file.take(MAX_FILE_BYTES + 1).read_to_end(&mut content).map_err(error)?;
    if u64::try_from(read).is_ok_and(|read| read <= MAX_FILE_BYTES) {
        return Ok(content);
    }
    Err(FileError::TooLarge { path: path.to_owned() })
}

/// Warns of a secret that others than its owner may read or write. Kubernetes mounts secrets so by default, so it is never a refusal.
pub fn warn_if_shared(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(metadata) = std::fs::metadata(path) else { return };
    let mode = metadata.permissions().mode() & 0o777;
    if metadata.is_file() && mode & OTHERS != 0 {
        tracing::warn!(
            file = %path.display(),
            mode = format!("{mode:04o}"),
            "a secret file can be read or written by its group or by everybody: chmod 600, or defaultMode: 0400 of its volume"
        );
    }
}
