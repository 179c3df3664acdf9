//! Whether a file could be written, found out without making or changing one.
//!
//! Owns the answer for the names that a start would open to append to. It can be out of date at once: what counts is the start.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};

/// Whether lines could be appended to this file, or to a new one of its name.
pub(crate) fn can_append(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => OpenOptions::new().append(true).open(path).map(drop),
        Ok(found) if found.is_dir() => Err(ErrorKind::IsADirectory.into()),
        // Whoever reads a pipe would take it for opened and closed.
        Ok(_) => Ok(accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS)?),
        Err(error) if error.kind() == ErrorKind::NotFound => can_make_beside(&target(path)),
        Err(error) => Err(error),
    }
}

/// Whether a file could be made in the folder of this one.
pub(crate) fn can_make_beside(path: &Path) -> io::Result<()> {
    let folder = super::folder_of(path);
    if !fs::metadata(folder)?.is_dir() {
        return Err(ErrorKind::NotADirectory.into());
    }
    Ok(accessat(CWD, folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)?)
}

/// Where a link leads that leads to nothing yet: there the file would be made.
fn target(path: &Path) -> PathBuf {
    fs::read_link(path).map_or_else(|_| path.to_owned(), |target| super::folder_of(path).join(target))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn what_could_be_appended_to_is_told_and_nothing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("old"), "kept").unwrap();
        fs::create_dir(at("folder")).unwrap();
        symlink("folder/new", at("good-link")).unwrap();
        symlink("nowhere/new", at("bad-link")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        let before = fs::read_dir(folder.path()).unwrap().count();
        for (name, expected) in [
            ("old", None),
            ("new", None),
            ("folder/new", None),
            ("good-link", None),
            ("socket", None),
            ("folder", Some(ErrorKind::IsADirectory)),
            ("nowhere/new", Some(ErrorKind::NotFound)),
            ("bad-link", Some(ErrorKind::NotFound)),
            ("old/new", Some(ErrorKind::NotADirectory)),
        ] {
            assert_eq!(can_append(&at(name)).err().map(|error| error.kind()), expected, "{name}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before);
        assert_eq!(fs::read_dir(at("folder")).unwrap().count(), 0);
        assert_eq!(fs::read_to_string(at("old")).unwrap(), "kept");
    }

    #[test]
    fn a_name_without_a_folder_is_in_the_current_one() {
        assert!(can_make_beside(Path::new("new")).is_ok());
    }
}
