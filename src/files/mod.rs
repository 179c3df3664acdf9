//! Files that an operator names: reading them within a cap, seeing whether they changed, and [`watch`]ing them.
//!
//! Only regular files are read: opening a pipe would wait for its writer, and a device never ends. Knows nothing of what is in them. What
//! is read is wiped from memory afterwards: it may be a key.

pub(crate) mod atomic;
pub(crate) mod replace;
pub(crate) mod watch;
pub(crate) mod writable;

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use zeroize::Zeroizing;

pub const KIB: usize = 1024;
/// The cap on keys, chains, lists and settings, in bytes.
pub const MAX_FILE_BYTES: usize = 1024 * KIB;

/// The mode bits that let group or others read or write.
const OTHERS: u32 = 0o066;

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{} {problem}", path.display())]
pub struct FileError {
    pub path: PathBuf,
    pub problem: FileProblem,
}

/// What is wrong with a file, to be read behind its name.
#[derive(Debug, thiserror::Error)]
pub enum FileProblem {
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("is {0}, not a file")]
    NotRegular(&'static str),
    /// Holds the cap.
    #[error("is larger than {}", size(*.0))]
    TooLarge(usize),
    #[error("is not UTF-8")]
    NotText,
}

fn size(bytes: usize) -> String {
    let kib = bytes.div_ceil(KIB);
    if kib.is_multiple_of(KIB) { format!("{} MiB", kib / KIB) } else { format!("{kib} KiB") }
}

/// Reads a file of at most `cap` bytes.
pub fn read(path: &Path, cap: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
    read_within(path, cap).map_err(|problem| FileError { path: path.to_owned(), problem })
}

/// Reads a text file of at most `cap` bytes.
pub fn read_text(path: &Path, cap: usize) -> Result<Zeroizing<String>, FileError> {
    let mut bytes = read(path, cap)?;
    let text = String::from_utf8(std::mem::take(&mut *bytes));
    text.map(Zeroizing::new).map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        FileError { path: path.to_owned(), problem: FileProblem::NotText }
    })
}

/// As [`read`] or [`read_text`], where waiting for a disk would hold up others. Needs a Tokio runtime.
pub async fn read_apart<T: Send + 'static>(
    read: fn(&Path, usize) -> Result<T, FileError>,
    path: PathBuf,
    cap: usize,
) -> Result<T, FileError> {
    let named = path.clone();
    let read = tokio::task::spawn_blocking(move || read(&path, cap)).await;
    read.unwrap_or_else(|_| Err(FileError { path: named, problem: io::Error::from(io::ErrorKind::Interrupted).into() }))
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether there is a file that can be read, by opening it.
pub(crate) fn check(path: &Path) -> Result<(), FileProblem> {
    open(path).map(drop)
}

fn read_within(path: &Path, cap: usize) -> Result<Zeroizing<Vec<u8>>, FileProblem> {
    let mut file = open(path)?;
    let length = file.metadata()?.len();
    // Room for all of it at once: a buffer that grows leaves unwiped copies of a key behind.
    let room = usize::try_from(length).unwrap_or(usize::MAX).min(cap).saturating_add(1);
    let mut content = Zeroizing::new(Vec::with_capacity(room));
    let most = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
    let read = file.by_ref().take(most).read_to_end(&mut content)?;
    if read > cap { Err(FileProblem::TooLarge(cap)) } else { Ok(content) }
}

/// A regular file, judged by what was opened: what a name stands for may change.
fn open(path: &Path) -> Result<File, FileProblem> {
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() {
        return Ok(file);
    }
    Err(FileProblem::NotRegular(match kind {
        _ if kind.is_dir() => "a folder",
        _ if kind.is_fifo() => "a pipe",
        _ if kind.is_char_device() || kind.is_block_device() => "a device",
        _ => "something else",
    }))
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
    pub fn now(path: &Path) -> Self {
        Self { path: path.to_owned(), hash: hash(path) }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn has_changed(&self) -> bool {
        hash(&self.path) != self.hash
    }
}

fn hash(path: &Path) -> Option<[u8; 32]> {
    digest::digest(&digest::SHA256, &read(path, MAX_FILE_BYTES).ok()?).as_ref().try_into().ok()
}

/// Warns of a secret that others than its owner may read or write. Kubernetes mounts secrets so by default, so it is never a refusal.
pub fn warn_if_shared(path: &Path) {
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

#[cfg(test)]
mod tests;
