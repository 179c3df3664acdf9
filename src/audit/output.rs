//! Where the lines go: a file, standard output, or syslog.
//!
//! Owns how many of the lines were taken whole when something fails. Knows no record.

use std::io::{self, ErrorKind, Write};
use std::thread;
use std::time::Duration;

use super::file::AuditFile;
use super::syslog::Syslog;

/// The pause before a stream that is not ready is tried again.
const RETRY: Duration = Duration::from_millis(20);

/// Lines one after the other.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) bytes: Vec<u8>,
    /// Where each ends, its line feed included.
    pub(super) ends: Vec<usize>,
}

impl Lines {
    pub(super) fn clear(&mut self, kept: usize) {
        self.bytes.clear();
        self.ends.clear();
        self.bytes.shrink_to(kept);
    }

    /// How many lines end within so many bytes.
    pub(super) fn whole(&self, bytes: usize) -> usize {
        self.ends.partition_point(|end| *end <= bytes)
    }

    /// Where the line before this one ends.
    pub(super) fn begin(&self, line: usize) -> usize {
        line.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default()
    }

    /// Each line without its line feed.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.ends.iter().enumerate().map(|(line, end)| self.bytes.get(self.begin(line)..end - 1).unwrap_or_default())
    }
}

pub(super) enum Output {
    File(AuditFile),
    /// Standard output.
    Stream(Box<dyn Write + Send>),
    Syslog(Syslog),
}

impl Output {
    /// Writes lines, and says how many of them were taken whole. Blocks for as long as what is written to does.
    pub(super) fn write(&mut self, lines: &Lines) -> (usize, io::Result<()>) {
        match self {
            Self::File(file) => file.write(lines),
            Self::Stream(stream) => {
                let (taken, outcome) = write_all(stream, &lines.bytes);
                (lines.whole(taken), outcome)
            }
            Self::Syslog(syslog) => syslog.write(lines),
        }
    }

    /// Has what was written survive a loss of power.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.sync(),
            Self::Stream(_) | Self::Syslog(_) => Ok(()),
        }
    }

    /// After a failure: whether there is room for more than one line again.
    pub(super) fn probe(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.probe(),
            Self::Stream(_) | Self::Syslog(_) => Ok(()),
        }
    }

    /// Goes on in a new file if the old one was moved away.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.reopen(),
            Self::Stream(_) | Self::Syslog(_) => Ok(()),
        }
    }

    /// Goes on in a new file if the old one has become too large for so many bytes more.
    pub(super) fn make_room(&mut self, bytes: usize) -> io::Result<()> {
        match self {
            Self::File(file) => file.rotate_if_full(bytes),
            Self::Stream(_) | Self::Syslog(_) => Ok(()),
        }
    }
}

/// How many bytes were taken until something failed.
pub(super) fn write_all(output: &mut impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut taken = 0;
    while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
        match output.write(rest) {
            Ok(0) => return (taken, Err(ErrorKind::WriteZero.into())),
            Ok(count) => taken += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Somebody who shares the pipe made it non-blocking.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
            Err(error) => return (taken, Err(error)),
        }
    }
    (taken, Ok(()))
}
