//! A folder with files for clients.
//!
//! Owns whose folder it may be: a new one, an empty one, or one that an earlier run made. Knows no file's content.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// In every folder of ours: what stands beside it may be written anew.
const MARK: &str = ".sigmint-dev";

/// Why there is no folder, or no file in it.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It holds somebody else's files.
    #[error("{} is not empty, and was not made by `sigmint dev`", .0.display())]
    Foreign(PathBuf),
    /// The system refused.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// No name for a new folder.
    #[error("no randomness is to be had")]
    Random,
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Everybody.
    All,
    /// The owner.
    Owner,
}

impl Readers {
    /// The permissions of a new file.
    pub(crate) const fn mode(self) -> u32 {
        match self {
            Self::All => 0o644,
            Self::Owner => 0o600,
        }
    }
}

/// A folder that files can be put into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new folder among the system's temporary files.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn temporary() -> Result<Self, FolderError> {
        let mut octets = [0; 8];
        aws_lc_rs::rand::fill(&mut octets).map_err(|_| FolderError::Random)?;
        let path = std::env::temp_dir().join(format!("sigmint-dev-{:016x}", u64::from_be_bytes(octets)));
        // A folder that is there already, whoever put it there, is an error here.
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|source| FolderError::Write { path: path.clone(), source })?;
        Self(path).marked()
    }

    /// The folder at `path`: made if it is absent, taken if it is empty or was made here earlier.
    ///
    /// # Errors
    /// When it holds other files, or cannot be written.
    pub fn at(path: &Path) -> Result<Self, FolderError> {
        let refused = |source| FolderError::Write { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(refused)?;
        let path = fs::canonicalize(path).map_err(refused)?;
        let is_empty = fs::read_dir(&path).map_err(refused)?.next().is_none();
        let is_ours = path.join(MARK).symlink_metadata().is_ok_and(|mark| mark.is_file());
        if is_empty || is_ours { Self(path).marked() } else { Err(FolderError::Foreign(path)) }
    }

    fn marked(self) -> Result<Self, FolderError> {
        self.put(MARK, b"Written by `sigmint dev`; files in this folder are written anew by it.\n", Readers::All)?;
        Ok(self)
    }

    /// Where it is: an absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file anew. A link in its place is replaced, not followed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, name: &str, content: &[u8], readers: Readers) -> Result<(), FolderError> {
        let path = self.0.join(name);
        let write = || {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            OpenOptions::new().write(true).create_new(true).mode(readers.mode()).open(&path)?.write_all(content)
        };
        write().map_err(|source| FolderError::Write { path: path.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn a_folder_of_others_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("thesis.txt"), "years").unwrap();
        assert!(matches!(Folder::at(place.path()), Err(FolderError::Foreign(_))));
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
        let file = place.path().join("thesis.txt");
        assert!(matches!(Folder::at(&file), Err(FolderError::Write { .. })));
    }

    #[test]
    fn an_own_folder_is_written_anew_and_links_are_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let (inside, victim) = (place.path().join("a/b"), place.path().join("victim"));
        fs::write(&victim, "old").unwrap();
        Folder::at(&inside).unwrap().put("token", b"1", Readers::All).unwrap();
        fs::remove_file(inside.join("token")).unwrap();
        symlink(&victim, inside.join("token")).unwrap();
        let folder = Folder::at(&inside).unwrap();
        folder.put("token", b"2", Readers::Owner).unwrap();
        assert_eq!(fs::read(inside.join("token")).unwrap(), b"2");
        assert_eq!(fs::symlink_metadata(inside.join("token")).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read(&victim).unwrap(), b"old");
    }

    #[test]
    fn temporary_folders_are_new_and_private() {
        let (one, other) = (Folder::temporary().unwrap(), Folder::temporary().unwrap());
        assert_ne!(one, other);
        assert_eq!(fs::metadata(one.path()).unwrap().permissions().mode() & 0o777, 0o700);
        for folder in [one, other] {
            fs::remove_dir_all(folder.path()).unwrap();
        }
    }
}
