//! A log's records in one file that only grows.
//!
//! Owns the file's form: what a process that was killed has written by half is cut off at the next start, and a file that was changed is
//! refused. A record counts when it is on the disk. Knows not what a record says.
//!
//! After eight bytes that name the form, each record is its length (4 bytes), the beginning of that length's SHA-256 (4), the beginning of
//! the content's SHA-256 (8) and the content.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::super::folder::Readers;
use crate::crypto::sha256;

const MAGIC: &[u8; 8] = b"sigmlog1";
const HEADER: usize = 16;
/// The longest record, in bytes.
pub(super) const MAX_RECORD: usize = 1024 * 1024;

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum JournalError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it is not the journal of a log")]
    Foreign,
    #[error("it was changed at byte {0}: entries that the log has promised to show are lost")]
    Changed(u64),
    #[error("record {0} is not one of this log")]
    Record(usize),
}

#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    /// Where each record ends.
    ends: Vec<u64>,
    /// A write failed, and what it left behind could not be removed.
    is_broken: bool,
}

/// What stands at one place of the file.
enum Found {
    Record(Vec<u8>),
    /// A write that was interrupted, or nothing.
    End,
}

impl Journal {
    /// Opens the file, made if it is absent, and passes each record to `each`, which says whether the record is good.
    pub(super) fn open(path: &Path, mut each: impl FnMut(usize, &[u8]) -> bool) -> Result<Self, JournalError> {
        let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).mode(Readers::Owner.mode()).custom_flags(flags);
        let file = options.open(path)?;
        let mut length = file.metadata()?.len();
        if length < MAGIC.len() as u64 {
            begin(&file, path)?;
            length = MAGIC.len() as u64;
        }
        let mut journal = Self { file, ends: Vec::new(), is_broken: false };
        let mut reader = BufReader::new(journal.file.try_clone()?);
        let mut magic = [0; MAGIC.len()];
        io::Seek::rewind(&mut reader)?;
        reader.read_exact(&mut magic)?;
        if magic != *MAGIC {
            return Err(JournalError::Foreign);
        }
        let mut at = MAGIC.len() as u64;
        while let Found::Record(record) = next(&mut reader, at, length - at)? {
            if !each(journal.ends.len(), &record) {
                return Err(JournalError::Record(journal.ends.len()));
            }
            at += (HEADER + record.len()) as u64;
            journal.ends.push(at);
        }
        if at < length {
            journal.file.set_len(at)?;
            journal.file.sync_all()?;
        }
        Ok(journal)
    }

    /// Writes a record and waits until the disk has it.
    pub(super) fn append(&mut self, record: &[u8]) -> io::Result<()> {
        if self.is_broken {
            return Err(io::Error::other("an earlier write failed; restart `sigmint dev`"));
        }
        let (begin, bytes) = (self.end(), framed(record)?);
        let written = self.file.write_all_at(&bytes, begin).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // After a failed sync nobody knows what the disk has: what is in doubt goes, and no more comes.
            self.is_broken = true;
            let _ = self.file.set_len(begin).and_then(|()| self.file.sync_all());
            return Err(error);
        }
        self.ends.push(begin + bytes.len() as u64);
        Ok(())
    }

    /// Reads a record, counted from 0.
    pub(super) fn get(&self, index: usize) -> io::Result<Option<Vec<u8>>> {
        let Some(&end) = self.ends.get(index) else { return Ok(None) };
        let before = index.checked_sub(1).and_then(|before| self.ends.get(before));
        let begin = before.map_or(MAGIC.len() as u64, |end| *end);
        let mut bytes = vec![0; usize::try_from(end - begin).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, begin)?;
        let record = bytes.get(HEADER..).unwrap_or_default();
        if framed(record)? != bytes {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the journal was changed"));
        }
        Ok(Some(record.to_vec()))
    }

    fn end(&self) -> u64 {
        self.ends.last().copied().unwrap_or(MAGIC.len() as u64)
    }
}

/// Writes the first bytes of a new file, or again those of one whose first start was interrupted.
fn begin(file: &File, path: &Path) -> Result<(), JournalError> {
    let mut there = Vec::new();
    (&mut &*file).take(MAGIC.len() as u64).read_to_end(&mut there)?;
    if !MAGIC.starts_with(&there) {
        return Err(JournalError::Foreign);
    }
    file.write_all_at(MAGIC, 0)?;
    file.sync_all()?;
    // The file's name must be on the disk, too.
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Reads what stands at `at`, with so many bytes left in the file.
fn next(reader: &mut impl io::Read, at: u64, left: u64) -> Result<Found, JournalError> {
    if left < HEADER as u64 {
        return Ok(Found::End);
    }
    let mut header = [0; HEADER];
    reader.read_exact(&mut header)?;
    let [a, b, c, d, check_a, check_b, check_c, check_d, content_check @ ..] = header;
    let length = [a, b, c, d];
    let is_length = beginning(&length) == [check_a, check_b, check_c, check_d];
    let length = u32::from_be_bytes(length) as usize;
    if !is_length || length > MAX_RECORD {
        // A file system may have made the file longer and lost what was written: zeros to the end.
        let mut rest = Vec::new();
        reader.take(MAX_RECORD as u64).read_to_end(&mut rest)?;
        let is_lost = header == [0; HEADER] && rest.iter().all(|byte| *byte == 0);
        let is_short = left <= (HEADER + MAX_RECORD) as u64;
        return if is_lost && is_short { Ok(Found::End) } else { Err(JournalError::Changed(at)) };
    }
    let whole = (HEADER + length) as u64;
    if left < whole {
        return Ok(Found::End);
    }
    let mut record = vec![0; length];
    reader.read_exact(&mut record)?;
    if beginning::<8>(&record) == content_check {
        return Ok(Found::Record(record));
    }
    // Only the last write can have been interrupted.
    if left == whole { Ok(Found::End) } else { Err(JournalError::Changed(at)) }
}

fn framed(record: &[u8]) -> io::Result<Vec<u8>> {
    let too_long = || io::Error::new(io::ErrorKind::InvalidInput, "longer than a record may be");
    let length = u32::try_from(record.len()).ok().filter(|_| record.len() <= MAX_RECORD).ok_or_else(too_long)?;
    let length = length.to_be_bytes();
    Ok([&length[..], &beginning::<4>(&length), &beginning::<8>(record), record].concat())
}

/// The first bytes of the SHA-256.
fn beginning<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut first = [0; N];
    for (byte, of_hash) in first.iter_mut().zip(sha256(bytes)) {
        *byte = of_hash;
    }
    first
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
