//! The audit log's file: found as an earlier process left it, appended to, moved away when it is full.
//!
//! Owns that only whole lines stand in it: what a full disk cut off is taken away again, and what the death of an earlier process cut off is
//! closed with a line feed. Knows of records only their frame.

use std::fs::{DirEntry, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{FallocateFlags, fallocate};

use super::chain::{ChainId, Digest, Frame};
use super::output::{Lines, write_all};
use crate::crypto::sha256;
use crate::files::folder_of;

/// Room that there must be before a failure counts as over.
const ROOM: u64 = 256 * 1024;
/// The longest last line that is looked for.
const LONGEST_LINE: u64 = 64 * 1024 * 1024;
/// Starts may be cut off as well, one after the other.
const MOST_TORN: usize = 8;
/// How every record begins.
const BEGIN: &[u8] = b"{\"v\":";

pub(super) struct AuditFile {
    path: PathBuf,
    file: File,
    /// The size at which it is moved away.
    most: Option<u64>,
    /// How many bytes stand behind the last whole line and could not be taken away.
    partial: u64,
}

/// The last record of an earlier process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Last {
    pub(super) chain: ChainId,
    pub(super) seq: u64,
    pub(super) hash: Digest,
}

/// How the file was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) last: Option<Last>,
    /// Bytes behind it, without a last line feed: of a record that was not written whole.
    pub(super) torn: Option<u64>,
    /// How the line that has no line feed ends.
    open: Option<OpenLine>,
}

/// A line that was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OpenLine {
    Partial,
    /// All but its line feed is there. It was not written whole all the same: nobody was told that it was.
    Complete,
}

impl Found {
    /// What makes a line of what was cut off, one that is no record.
    fn seal(&self) -> Option<&'static [u8]> {
        self.open.map(|line| match line {
            OpenLine::Partial => &b"\n"[..],
            OpenLine::Complete => b"~\n",
        })
    }

    fn new(last: Option<Last>, behind: &[u8]) -> Self {
        let open = behind
            .rsplit(|byte| *byte == b'\n')
            .next()
            .filter(|line| !line.is_empty())
            .map(|line| if Frame::parse(line).is_some() { OpenLine::Complete } else { OpenLine::Partial });
        let bytes = match open {
            None => behind.len().saturating_sub(1),
            Some(OpenLine::Partial) => behind.len(),
            Some(OpenLine::Complete) => behind.len() + 1,
        };
        Self { last, torn: (bytes > 0).then_some(bytes as u64), open }
    }
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuditFileError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} is not a file: use - for standard output", .0.display())]
    NotAFile(PathBuf),
    #[error("{} is in use: each process needs an audit log of its own", .0.display())]
    InUse(PathBuf),
    #[error("{} is not an audit log: its last line is not a record", .0.display())]
    Foreign(PathBuf),
}

impl AuditFile {
    /// Opens or makes the file, and closes an incomplete line. Nobody else may write it until this process ends.
    pub(super) fn open(path: &Path, most: Option<u64>) -> Result<(Self, Found), AuditFileError> {
        let failed = |source| AuditFileError::Io { path: path.to_owned(), source };
        let file = open(path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(AuditFileError::NotAFile(path.to_owned()));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(AuditFileError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let mut file = Self { path: path.to_owned(), file, most, partial: 0 };
        let mut found =
            find(&mut file.file).map_err(failed)?.ok_or_else(|| AuditFileError::Foreign(path.to_owned()))?;
        if let Some(seal) = found.seal() {
            write_all(&mut file.file, seal).1.map_err(failed)?;
        }
        found.last = found.last.or_else(|| newest_before(path));
        sync_parent(path).map_err(failed)?;
        Ok((file, found))
    }

    pub(super) fn write(&mut self, lines: &Lines) -> (usize, io::Result<()>) {
        if let Err(error) = self.heal() {
            return (0, Err(error));
        }
        let (taken, outcome) = write_all(&mut self.file, &lines.bytes);
        let whole = lines.whole(taken);
        self.partial = (taken - lines.begin(whole)) as u64;
        // If it cannot be taken away now, it is before the next line.
        let _ = self.heal();
        (whole, outcome)
    }

    /// Takes away what stands behind the last whole line.
    fn heal(&mut self) -> io::Result<()> {
        if self.partial > 0 {
            let length = self.file.metadata()?.len();
            self.file.set_len(length.saturating_sub(self.partial))?;
            self.partial = 0;
        }
        Ok(())
    }

    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    pub(super) fn probe(&mut self) -> io::Result<()> {
        self.heal()?;
        let length = self.file.metadata()?.len();
        match fallocate(&self.file, FallocateFlags::KEEP_SIZE, length, ROOM) {
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if self.is_there()? { Ok(()) } else { self.begin_another() }
    }

    pub(super) fn rotate_if_full(&mut self, bytes: usize) -> io::Result<()> {
        let Some(most) = self.most else { return Ok(()) };
        let length = self.file.metadata()?.len();
        if length == 0 || length.saturating_add(bytes as u64) <= most {
            return Ok(());
        }
        if self.is_there()? {
            self.heal()?;
            std::fs::rename(&self.path, moved_name(&self.path, SystemTime::now()))?;
        }
        self.begin_another()
    }

    /// Whether the path still leads to the file that is written.
    fn is_there(&self) -> io::Result<bool> {
        let own = self.file.metadata()?;
        match std::fs::metadata(&self.path) {
            Ok(other) => Ok((own.dev(), own.ino()) == (other.dev(), other.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn begin_another(&mut self) -> io::Result<()> {
        let file = open(&self.path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("the path does not lead to a file"));
        }
        file.try_lock().map_err(|_| io::Error::other("another process writes it"))?;
        self.file.sync_data()?;
        self.file = file;
        self.partial = 0;
        sync_parent(&self.path)
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // Opening a pipe would wait for its reader.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    options.read(true).append(true).create(true).mode(0o600).custom_flags(flags).open(path)
}

/// A new file's name survives a loss of power when its folder is written.
fn sync_parent(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// Whether records could be put behind what is in the file.
pub(super) fn is_audit_log(file: &mut File) -> io::Result<bool> {
    find(file).map(|found| found.is_some())
}

/// `audit.jsonl.20261128T031652.123Z`, with a number if that is taken.
fn moved_name(path: &Path, now: SystemTime) -> PathBuf {
    let time = humantime::format_rfc3339_millis(now).to_string().replace(['-', ':'], "");
    let name = |more: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{time}{more}"));
        PathBuf::from(name)
    };
    let free = |path: &PathBuf| path.symlink_metadata().is_err();
    let numbered = (1..1000).map(|number| name(&format!("-{number}")));
    std::iter::once(name("")).chain(numbered).find(free).unwrap_or_else(|| name("-more"))
}

/// Looks for the last record. `None` if the file is not an audit log.
fn find(file: &mut File) -> io::Result<Option<Found>> {
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(Some(Found::default()));
    }
    let mut size = 64 * 1024;
    loop {
        let taken = length.min(size);
        file.seek(SeekFrom::Start(length - taken))?;
        let mut tail = Vec::new();
        file.take(taken).read_to_end(&mut tail)?;
        if let Some(found) = find_in(&tail) {
            return Ok(Some(found));
        }
        if taken == length {
            // A first line that was not written whole, or something else.
            return Ok(tail.starts_with(BEGIN).then(|| Found::new(None, &tail)));
        }
        if size > LONGEST_LINE {
            return Ok(None);
        }
        size *= 4;
    }
}

/// The last record in the end of a file.
fn find_in(tail: &[u8]) -> Option<Found> {
    let mut end = tail.iter().rposition(|byte| *byte == b'\n')?;
    for _ in 0..MOST_TORN {
        let before = tail.get(..end)?;
        let begin = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if let Some(last) = last(before.get(begin..)?) {
            return Some(Found::new(Some(last), tail.get(end + 1..)?));
        }
        end = begin.checked_sub(1)?;
    }
    None
}

fn last(line: &[u8]) -> Option<Last> {
    let frame = Frame::parse(line)?;
    Some(Last { chain: frame.chain()?, seq: frame.seq, hash: sha256(line) })
}

/// The last record of the newest file that was moved away from this one: `audit.jsonl.1`, `audit.jsonl.20261128T031652.123Z`.
fn newest_before(path: &Path) -> Option<Last> {
    let prefix = format!("{}.", path.file_name()?.to_str()?);
    let entries = std::fs::read_dir(folder_of(path)).ok()?.flatten();
    let named = entries.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)));
    let time = |entry: &DirEntry| entry.metadata().ok().filter(Metadata::is_file)?.modified().ok();
    let mut files: Vec<(SystemTime, PathBuf)> = named.filter_map(|entry| Some((time(&entry)?, entry.path()))).collect();
    files.sort_unstable();
    files.iter().rev().find_map(|(_, path)| find(&mut File::open(path).ok()?).ok()??.last)
}
