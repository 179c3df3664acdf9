//! Changing a file that others read and change meanwhile: readers see the old file or the new one, and no change is lost.
//!
//! Whoever changes the file holds a lock on it, so that two commands wait for each other; an editor that knows no lock is found by what
//! is in the file. A link stays a link. Knows nothing of what is in the file.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::{FileError, FileProblem};

/// How long somebody else's change is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);
/// How often a change begins again because the file was changed meanwhile.
const MAX_TRIES: usize = 100;

/// Why a file was not changed. It is as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplaceError<E> {
    #[error(transparent)]
    File(#[from] FileError),
    /// Somebody else holds the lock.
    #[error("{} is being changed by another program", .0.display())]
    Locked(PathBuf),
    #[error("{} changes all the time", .0.display())]
    Restless(PathBuf),
    /// A new file would have another owner, and perhaps other readers.
    #[error("{} belongs to another user or group, and a new one would not: {source}", path.display())]
    Owner { path: PathBuf, source: io::Error },
    #[error("cannot write beside {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// What the change itself says.
    #[error(transparent)]
    Change(E),
}

/// Replaces the content of a file of at most `cap` bytes by what `change` makes of it, if it makes anything. `change` may be asked again.
pub(crate) fn replace<T, E>(
    path: &Path,
    cap: usize,
    change: impl Fn(&[u8]) -> Result<Option<(String, T)>, E>,
) -> Result<Option<T>, ReplaceError<E>> {
    let file_error = |problem| FileError { path: path.to_owned(), problem };
    for _ in 0..MAX_TRIES {
        // A link's target: the link stays, and the new file is beside the old one.
        let real = fs::canonicalize(path).map_err(|error| file_error(error.into()))?;
        let file = super::open(&real).map_err(file_error)?;
        lock(&file, path)?;
        let metadata = file.metadata().map_err(|error| file_error(error.into()))?;
        if !is_still(&real, &metadata) {
            continue;
        }
        let content = content(&file, cap).map_err(file_error)?;
        let Some((text, outcome)) = change(&content).map_err(ReplaceError::Change)? else { return Ok(None) };
        let new = write_beside(&real, text.as_bytes(), &metadata)?;
        if !is_still(&real, &metadata) || super::read(&real, cap).ok().is_none_or(|now| *now != content) {
            continue;
        }
        new.take_the_place_of(&real).map_err(|source| ReplaceError::Write { path: path.to_owned(), source })?;
        return Ok(Some(outcome));
    }
    Err(ReplaceError::Restless(path.to_owned()))
}

fn lock<E>(file: &File, path: &Path) -> Result<(), ReplaceError<E>> {
    let begin = Instant::now();
    loop {
        match file.try_lock() {
            // Some network file systems have no such locks: the look before the file is replaced is all there is then.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(()),
            Err(TryLockError::WouldBlock) if begin.elapsed() < PATIENCE => thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => return Err(ReplaceError::Locked(path.to_owned())),
        }
    }
}

/// Whether a path still leads to the file that was opened: who held the lock before may have replaced it.
fn is_still(path: &Path, opened: &Metadata) -> bool {
    fs::metadata(path).is_ok_and(|now| (now.dev(), now.ino()) == (opened.dev(), opened.ino()))
}

fn content(file: &File, cap: usize) -> Result<Vec<u8>, FileProblem> {
    let mut content = Vec::new();
    let most = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
    let read = file.take(most).read_to_end(&mut content)?;
    if read > cap { Err(FileProblem::TooLarge(cap)) } else { Ok(content) }
}

/// A file that is removed unless it takes another one's place.
struct Beside {
    path: PathBuf,
    is_in_place: bool,
}

impl Drop for Beside {
    fn drop(&mut self) {
        if !self.is_in_place {
            // What cannot be removed either is told of by the error that led here.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Beside {
    fn take_the_place_of(mut self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        self.is_in_place = true;
        // The name is on the disk when its folder is.
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

/// A new file with this content, which nobody else can read until it has the old one's owner and mode.
fn write_beside<E>(real: &Path, content: &[u8], like: &Metadata) -> Result<Beside, ReplaceError<E>> {
    let failed = |source| ReplaceError::Write { path: real.to_owned(), source };
    let name = real.file_name().unwrap_or_default().to_string_lossy();
    let path = real.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let create = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let mut file = match create() {
        // What a process of this id left when it was killed. Nobody else writes it: the lock is ours.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::remove_file(&path).and_then(|()| create()),
        outcome => outcome,
    }
    .map_err(failed)?;
    let new = Beside { path, is_in_place: false };
    file.write_all(content).map_err(failed)?;
    let ours = file.metadata().map_err(failed)?;
    if (ours.uid(), ours.gid()) != (like.uid(), like.gid()) {
        fchown(&file, Some(like.uid()), Some(like.gid()))
            .map_err(|source| ReplaceError::Owner { path: real.to_owned(), source })?;
    }
    file.set_permissions(fs::Permissions::from_mode(like.mode() & 0o7777)).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    Ok(new)
}

#[cfg(test)]
mod tests;
