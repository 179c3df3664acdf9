//! The repository's folder: read whole and verified, written file by file in the given order.
//!
//! Only one process writes at a time: it holds a lock on the folder itself, so that nothing is there that is not for clients.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::de::DeserializeOwned;

use super::metadata::{Metadata, Root, Snapshot, Targets, Timestamp};
use super::signed::{Signed, parse, verify};
use super::{Role, TufError};
use crate::files::atomic::write_atomically;
use crate::files::{self, FileError, MAX_FILE_BYTES};

/// More roots than any repository has had; a bound for reading.
const MAX_ROOTS: u64 = 10_000;
const PUBLIC: u32 = 0o644;

/// A file to write, by its path in the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    pub path: String,
    pub content: Vec<u8>,
}

/// A repository as it is, every signature verified.
#[derive(Debug)]
pub struct Repository {
    pub(super) root: Signed<Root>,
    pub(super) targets: Signed<Targets>,
    pub(super) snapshot: Signed<Snapshot>,
    pub(super) timestamp: Signed<Timestamp>,
    folder: Folder,
}

/// A folder that no other process writes to.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    _lock: File,
}

/// Why there is no repository.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    #[error("{} has files already: a new repository needs a folder of its own", .0.display())]
    NotEmpty(PathBuf),
    #[error("{} is not a TUF repository: it has no 1.root.json", .0.display())]
    None(PathBuf),
    #[error("another process is writing to {}", .0.display())]
    InUse(PathBuf),
    #[error(transparent)]
    Read(#[from] FileError),
    #[error("{} cannot be used", path.display())]
    Metadata { path: PathBuf, source: TufError },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl Repository {
    /// Writes the files of a new repository.
    pub fn create(folder: &Path, files: &[Write]) -> Result<(), RepositoryError> {
        let failed = |source| RepositoryError::Write { path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        let locked = Folder::lock(folder)?;
        if fs::read_dir(folder).map_err(failed)?.next().is_some() {
            return Err(RepositoryError::NotEmpty(folder.to_owned()));
        }
        locked.write(files)
    }

    /// Reads a repository, from the first root on.
    pub fn open(path: &Path) -> Result<Self, RepositoryError> {
        if !path.join("1.root.json").exists() {
            return Err(RepositoryError::None(path.to_owned()));
        }
        let folder = Folder::lock(path)?;
        let (root, targets, snapshot, timestamp) = folder.read_all()?;
        Ok(Self { root, targets, snapshot, timestamp, folder })
    }

    /// Writes what was made of this repository.
    pub fn write(&self, files: &[Write]) -> Result<(), RepositoryError> {
        self.folder.write(files)
    }

    /// When each role's metadata end, as the folder is now.
    pub fn ends(&self) -> Result<Vec<(Role, SystemTime)>, RepositoryError> {
        let (root, targets, snapshot, timestamp) = self.folder.read_all()?;
        let end = |role: Role, end: Result<SystemTime, TufError>| -> Result<(Role, SystemTime), RepositoryError> {
            Ok((role, end.map_err(|source| self.folder.unusable(role.name(), source))?))
        };
        Ok(vec![
            end(Role::Root, root.content.end())?,
            end(Role::Targets, targets.content.end())?,
            end(Role::Snapshot, snapshot.content.end())?,
            end(Role::Timestamp, timestamp.content.end())?,
        ])
    }

    /// The versions that snapshot and timestamp get next.
    pub(super) fn next_pointers(&self) -> (u64, u64) {
        (self.snapshot.content.version() + 1, self.timestamp.content.version() + 1)
    }
}

impl Folder {
    fn lock(path: &Path) -> Result<Self, RepositoryError> {
        let failed = |source| RepositoryError::Write { path: path.to_owned(), source };
        let lock = File::open(path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(RepositoryError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// The current document of each role, from the roots on.
    #[expect(clippy::type_complexity, reason = "the four roles, taken apart at once")]
    fn read_all(
        &self,
    ) -> Result<(Signed<Root>, Signed<Targets>, Signed<Snapshot>, Signed<Timestamp>), RepositoryError> {
        let root = self.newest_root()?;
        let timestamp: Signed<Timestamp> = self.read("timestamp.json", &root, None)?;
        let snapshot = timestamp.content.current();
        let snapshot: Signed<Snapshot> = self.read(&format!("{snapshot}.snapshot.json"), &root, Some(snapshot))?;
        let targets = snapshot.content.current();
        let targets: Signed<Targets> = self.read(&format!("{targets}.targets.json"), &root, Some(targets))?;
        Ok((root, targets, snapshot, timestamp))
    }

    /// Follows the roots as a client does: each is signed by its own keys and by those of the one before.
    fn newest_root(&self) -> Result<Signed<Root>, RepositoryError> {
        let mut newest: Option<Signed<Root>> = None;
        for version in 1..=MAX_ROOTS {
            let name = format!("{version}.root.json");
            if !self.path.join(&name).exists() {
                break;
            }
            let root: Signed<Root> = self.parse(&name, Some(version))?;
            let before = newest.as_ref().unwrap_or(&root);
            for signing in [before, &root] {
                let verified = signing.content.keys_of(Role::Root).and_then(|keys| verify(&root, &keys));
                verified.map_err(|source| self.unusable(&name, source))?;
            }
            newest = Some(root);
        }
        newest.ok_or_else(|| RepositoryError::None(self.path.clone()))
    }

    fn read<T: Metadata + DeserializeOwned>(
        &self,
        name: &str,
        root: &Signed<Root>,
        version: Option<u64>,
    ) -> Result<Signed<T>, RepositoryError> {
        let document = self.parse(name, version)?;
        let verified = root.content.keys_of(T::ROLE).and_then(|keys| verify(&document, &keys));
        verified.map_err(|source| self.unusable(name, source))?;
        Ok(document)
    }

    fn parse<T: Metadata + DeserializeOwned>(
        &self,
        name: &str,
        version: Option<u64>,
    ) -> Result<Signed<T>, RepositoryError> {
        let bytes = files::read(&self.path.join(name), MAX_FILE_BYTES)?;
        let document: Signed<T> = parse(&bytes).map_err(|source| self.unusable(name, source))?;
        if version.is_some_and(|version| document.content.version() != version) {
            let problem = "are not of the version that their name says".to_owned();
            return Err(self.unusable(name, TufError::Malformed { role: T::ROLE, problem }));
        }
        Ok(document)
    }

    fn unusable(&self, name: &str, source: TufError) -> RepositoryError {
        RepositoryError::Metadata { path: self.path.join(name), source }
    }

    fn write(&self, files: &[Write]) -> Result<(), RepositoryError> {
        for Write { path, content } in files {
            let path = self.path.join(path);
            let parent = path.parent().unwrap_or(&self.path);
            let written = fs::create_dir_all(parent).and_then(|()| write_atomically(&path, content, PUBLIC));
            written.map_err(|source| RepositoryError::Write { path, source })?;
        }
        Ok(())
    }
}
