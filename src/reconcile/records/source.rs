//! The audit files: those that are named and those of a folder, whole or rotated and compressed with gzip.
//!
//! Owns their lines. Files are read as a stream, as often as it takes.

use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::files::{self, FileError, FileProblem, KIB};

/// The longest line, in bytes, its line feed included.
const MAX_LINE: usize = 1024 * KIB;
const BUFFER: usize = 256 * KIB;
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Why records were not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordsError {
    #[error("the audit file {0}")]
    File(#[from] FileError),
    #[error("the folder {} has no audit file in it", .0.display())]
    Empty(PathBuf),
    /// Counted from 1.
    #[error("{}: line {line} is longer than {MAX_LINE} bytes: this is not an audit file", path.display())]
    Line { path: PathBuf, line: u64 },
}

#[derive(Debug)]
pub(in crate::reconcile) struct SourceFiles(Vec<PathBuf>);

impl SourceFiles {
    /// The files named, and those of the folders named.
    pub(in crate::reconcile) fn find(named: &[PathBuf]) -> Result<Self, RecordsError> {
        let mut files = Vec::new();
        for path in named {
            if path.is_dir() {
                let before = files.len();
                files.extend(files_in(path).map_err(|error| file_error(path, error.into()))?);
                if files.len() == before {
                    return Err(RecordsError::Empty(path.clone()));
                }
            } else {
                files.push(path.clone());
            }
        }
        files.sort_unstable();
        files.dedup();
        Ok(Self(files))
    }

    pub(super) fn len(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }

    /// Hands out every line without its line feed, and whether it is the last one of its file and has none.
    pub(super) fn each_line(&self, take: &mut dyn FnMut(&[u8], bool)) -> Result<(), RecordsError> {
        for path in &self.0 {
            let file = files::open(path).map_err(|problem| file_error(path, problem))?;
            let mut reader = BufReader::with_capacity(BUFFER, file);
            let start = reader.fill_buf().map_err(|error| file_error(path, error.into()))?;
            if start.starts_with(GZIP) {
                lines(path, &mut BufReader::with_capacity(BUFFER, MultiGzDecoder::new(reader)), take)?;
            } else {
                lines(path, &mut reader, take)?;
            }
        }
        Ok(())
    }
}

fn lines(path: &Path, reader: &mut dyn BufRead, take: &mut dyn FnMut(&[u8], bool)) -> Result<(), RecordsError> {
    let most = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        number += 1;
        let read = reader.take(most).read_until(b'\n', &mut line);
        if read.map_err(|error| file_error(path, error.into()))? == 0 {
            return Ok(());
        }
        match line.strip_suffix(b"\n") {
            Some(line) if line.trim_ascii().is_empty() => {}
            Some(line) => take(line, false),
            None if line.len() == MAX_LINE => return Err(RecordsError::Line { path: path.to_owned(), line: number }),
            None => take(&line, true),
        }
    }
}

/// Regular files whose names do not begin with a dot, and not those of folders below.
fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden && std::fs::metadata(entry.path())?.is_file() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn file_error(path: &Path, problem: FileProblem) -> RecordsError {
    FileError { path: path.to_owned(), problem }.into()
}
