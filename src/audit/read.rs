//! Reading the log's files line by line, those that a rotation compressed with gzip, too.
//!
//! Owns that a line has a longest length. Knows not what is in it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

/// The longest line that is read, in bytes.
const LONGEST: usize = 64 * 1024 * 1024;
const BUFFER: usize = 256 * 1024;
/// What gzip's files begin with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct ReadError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// A line without its line feed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    /// From 1.
    pub(crate) number: u64,
    pub(crate) bytes: &'a [u8],
    /// Whether there was a line feed.
    pub(crate) is_whole: bool,
}

/// Calls for each line of a file.
pub(crate) fn each_line(path: &Path, mut each: impl FnMut(Line<'_>)) -> Result<(), ReadError> {
    let failed = |source| ReadError { path: path.to_owned(), source };
    let mut plain = BufReader::with_capacity(BUFFER, File::open(path).map_err(failed)?);
    let is_compressed = plain.fill_buf().map_err(failed)?.starts_with(&GZIP);
    let mut reader: Box<dyn BufRead> = if is_compressed {
        Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(plain)))
    } else {
        Box::new(plain)
    };
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
