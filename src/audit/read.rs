//! Reading the log's files line by line.
//!
//! Owns that a line has a longest length. Knows not what is in it.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

/// The longest line that is read, in bytes.
const LONGEST: usize = 64 * 1024 * 1024;

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct ReadError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// A line without its line feed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// From 1.
    pub(super) number: u64,
    pub(super) bytes: &'a [u8],
    /// Whether there was a line feed.
    pub(super) is_whole: bool,
}

/// Calls for each line of a file.
pub(super) fn each_line(path: &Path, mut each: impl FnMut(Line<'_>)) -> Result<(), ReadError> {
    let failed = |source| ReadError { path: path.to_owned(), source };
    let mut reader = BufReader::with_capacity(256 * 1024, File::open(path).map_err(failed)?);
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        let read = reader.by_ref().take(LONGEST as u64).read_until(b'\n', &mut line).map_err(failed)?;
        if read == 0 {
            return Ok(());
        }
        let is_whole = line.last() == Some(&b'\n');
        if !is_whole && read == LONGEST {
            return Err(failed(io::Error::other("a line is longer than 64 MiB")));
        }
        if is_whole {
            line.pop();
        }
        number += 1;
        each(Line { number, bytes: &line, is_whole });
    }
}
