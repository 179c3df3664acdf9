//! Whether a log could be opened, found out without writing, for those who check settings beside a running server.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use super::file::{AuditFileError, is_audit_log};
use super::options::{AuditSetupError, Destination};
use super::syslog::Syslog;
use super::unverified::SamplesOptions;
use crate::files::writable::{can_append, can_make_beside};

/// How the place of a log is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A start could write there.
    Free,
    /// A process holds the file's lock, as a running server does.
    InUse,
}

/// Whether records could be written there.
pub(crate) fn look(destination: &Destination) -> Result<Found, AuditSetupError> {
    match destination {
        Destination::File { path, most_bytes } => Ok(file(path, most_bytes.is_some())?),
        Destination::Stdout => Ok(Found::Free),
        Destination::Syslog(path) => match Syslog::connect(path) {
            Ok(_) => Ok(Found::Free),
            Err(source) => Err(AuditSetupError::Syslog { path: path.clone(), source }),
        },
    }
}

/// Whether single records of requests whose token did not verify could be written.
pub(crate) fn look_at_samples(options: &SamplesOptions) -> Result<(), AuditSetupError> {
    let path = &options.path;
    let is_file = !path.exists() || path.is_file();
    let looked = if is_file { can_append(path) } else { Err(io::Error::other("not a file")) };
    // It is moved away when it is full.
    looked
        .and_then(|()| can_make_beside(path))
        .map_err(|source| AuditSetupError::Samples { path: path.clone(), source })
}

fn file(path: &Path, is_moved: bool) -> Result<Found, AuditFileError> {
    let failed = |source| AuditFileError::Io { path: path.to_owned(), source };
    if path.exists() && !path.is_file() {
        return Err(AuditFileError::NotAFile(path.to_owned()));
    }
    can_append(path).map_err(failed)?;
    if is_moved {
        can_make_beside(path).map_err(failed)?;
    }
    if !path.exists() {
        return Ok(Found::Free);
    }
    let mut file = OpenOptions::new().read(true).open(path).map_err(failed)?;
    if is_locked(&file).map_err(failed)? {
        return Ok(Found::InUse);
    }
    if is_audit_log(&mut file).map_err(failed)? {
        Ok(Found::Free)
    } else {
        Err(AuditFileError::Foreign(path.to_owned()))
    }
}

/// Takes the lock for a moment: a server that starts in it would find the file in use, and no longer than that.
fn is_locked(file: &File) -> io::Result<bool> {
    match file.try_lock_shared() {
        Ok(()) => file.unlock().map(|()| false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn at(path: &Path) -> Destination {
        Destination::File { path: path.to_owned(), most_bytes: None }
    }

    #[test]
    fn a_file_is_free_or_in_use_or_not_usable_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        assert_eq!(look(&at(&path)).unwrap(), Found::Free);
        assert!(!path.exists(), "a file is left behind");
        fs::write(&path, "{\"v\":1,\"type\"").unwrap();
        assert_eq!(look(&at(&path)).unwrap(), Found::Free, "a first record that was cut off");
        let held = File::open(&path).unwrap();
        held.try_lock().unwrap();
        assert_eq!(look(&at(&path)).unwrap(), Found::InUse);
        drop(held);
        assert_eq!(look(&at(&path)).unwrap(), Found::Free);
        fs::write(&path, "something else\n").unwrap();
        let error = look(&at(&path)).unwrap_err().to_string();
        assert!(error.contains("is not an audit log"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "something else\n");
        let error = look(&at(folder.path())).unwrap_err().to_string();
        assert!(error.contains("is not a file"), "{error}");
        assert!(look(&at(&folder.path().join("nowhere/audit.jsonl"))).is_err());
    }
}
