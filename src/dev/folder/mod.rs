//! A folder with files for clients, and with the keys that the next start uses again.
//!
//! Owns whose folder it may be: a new one, an empty one, or one that an earlier run made and no run has now. Knows no file's content.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::files::atomic::write_atomically;
use crate::files::{self, FileError, FileProblem, KIB};

/// In every folder of ours: what stands beside it may be written again. Locked for as long as a run has the folder.
const MARK: &str = ".sigmint-dev";
const MARK_TEXT: &[u8] = b"Written by `sigmint dev`; files in this folder are written again by it.\n";
/// The largest file that is read, in bytes: a key and two certificates.
const MAX_FILE_BYTES: usize = 64 * KIB;

/// Why there is no folder, or no file in it.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("{} is not empty, and was not made by `sigmint dev`", .0.display())]
    Foreign(PathBuf),
    #[error("another `sigmint dev` is running in {}", .0.display())]
    InUse(PathBuf),
    #[error("{} cannot be used: {problem}", path.display())]
    Damaged { path: PathBuf, problem: String },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the system has no randomness")]
    Random,
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    All,
    Owner,
}

impl Readers {
    pub(crate) const fn mode(self) -> u32 {
        match self {
            Self::All => 0o644,
            Self::Owner => 0o600,
        }
    }
}

/// A folder that files can be put into, and that no other run has.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The lock goes with it, also when the process is killed.
    _mark: File,
}

impl Folder {
    /// A new folder among the system's temporary files.
    pub fn temporary() -> Result<Self, FolderError> {
        let mut bytes = [0; 8];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| FolderError::Random)?;
        let path = std::env::temp_dir().join(format!("sigmint-dev-{:016x}", u64::from_be_bytes(bytes)));
        // A folder that is there already, no matter who put it there, is an error here.
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|source| FolderError::Write { path: path.clone(), source })?;
        Self::taken(path)
    }

    /// The folder at `path`: made if it is absent, taken if it is empty or was made here earlier.
    pub fn at(path: &Path) -> Result<Self, FolderError> {
        let refused = |source| FolderError::Write { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(refused)?;
        let path = fs::canonicalize(path).map_err(refused)?;
        let is_empty = fs::read_dir(&path).map_err(refused)?.next().is_none();
        let is_ours = path.join(MARK).symlink_metadata().is_ok_and(|mark| mark.is_file());
        if is_empty || is_ours { Self::taken(path) } else { Err(FolderError::Foreign(path)) }
    }

    fn taken(path: PathBuf) -> Result<Self, FolderError> {
        let refused = |source| FolderError::Write { path: path.join(MARK), source };
        let open = OpenOptions::new().append(true).create(true).mode(Readers::All.mode()).open(path.join(MARK));
        let mut mark = open.map_err(refused)?;
        match mark.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(FolderError::InUse(path)),
            // Some network file systems have no locks.
            Err(TryLockError::Error(error)) if error.kind() != io::ErrorKind::Unsupported => {
                return Err(refused(error));
            }
            _ => {}
        }
        if mark.metadata().map_err(refused)?.len() == 0 {
            mark.write_all(MARK_TEXT).map_err(refused)?;
        }
        Ok(Self { path, _mark: mark })
    }

    /// Where it is: an absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a file of an earlier run; nothing if there is none.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, FolderError> {
        match files::read(&self.path.join(name), MAX_FILE_BYTES) {
            Ok(content) => Ok(Some(content.to_vec())),
            Err(FileError { problem: FileProblem::Unreadable(error), .. })
                if error.kind() == io::ErrorKind::NotFound =>
            {
                Ok(None)
            }
            Err(error) => Err(self.damaged(name, format!("it {}", error.problem))),
        }
    }

    /// What is said of a file that is of no use.
    pub fn damaged(&self, name: &str, problem: impl Into<String>) -> FolderError {
        FolderError::Damaged { path: self.path.join(name), problem: problem.into() }
    }

    /// Takes a file away, if it is there.
    pub fn remove(&self, name: &str) -> Result<(), FolderError> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FolderError::Write { path, source: error }),
            _ => Ok(()),
        }
    }

    /// Writes a file for the owner that is there as a whole or not at all: for those who wait for it.
    pub fn put_whole(&self, name: &str, content: &[u8]) -> Result<(), FolderError> {
        let path = self.path.join(name);
        write_atomically(&path, content, Readers::Owner.mode()).map_err(|source| FolderError::Write { path, source })
    }

    /// Writes a file again. A link in its place is replaced, not followed.
    pub fn put(&self, name: &str, content: &[u8], readers: Readers) -> Result<(), FolderError> {
        let path = self.path.join(name);
        self.remove(name)?;
        let write =
            || OpenOptions::new().write(true).create_new(true).mode(readers.mode()).open(&path)?.write_all(content);
        write().map_err(|source| FolderError::Write { path: path.clone(), source })
    }
}

#[cfg(test)]
mod tests;
