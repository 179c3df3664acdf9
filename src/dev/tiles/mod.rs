//! A tiled log: records in a journal, and the Merkle tree over them. Both logs of `sigmint dev` are one.
//!
//! Owns the order (a record is on the disk before anybody hears of it) and the bounds. What a record is, and what of it the tree hashes,
//! is each log's business; everything but the journal is derived again at each start.

mod journal;
pub(super) mod note;
pub(super) mod path;
pub(super) mod served;
mod tree;

use std::io;

use super::folder::{Folder, FolderError};
use crate::ct::read::Hash;
use journal::{Journal, JournalError};
use tree::Tree;

/// How much a log holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) entries: usize,
    pub(super) bytes: usize,
}

impl Limits {
    /// What a log of `sigmint dev` holds.
    pub(super) const DEV: Self = Self { entries: 100_000, bytes: 256 * 1024 * 1024 };
}

/// Which bound a log is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Full {
    #[error("the log is full: it holds {0} entries; start `sigmint dev` with a new folder")]
    Entries(usize),
    #[error("the log is full: it holds {0} bytes; start `sigmint dev` with a new folder")]
    Bytes(usize),
}

/// Why a record was not appended. The tree is as it was.
#[derive(Debug, thiserror::Error)]
pub(super) enum AppendError {
    #[error(transparent)]
    Full(#[from] Full),
    #[error("the entry could not be written to the log's file: {0}")]
    Write(io::Error),
}

/// A log with every record that it ever took in.
#[derive(Debug)]
pub(super) struct TileLog {
    tree: Tree,
    records: Records,
    bytes: usize,
    limits: Limits,
}

#[derive(Debug)]
enum Records {
    InMemory(Vec<Box<[u8]>>),
    OnDisk(Journal),
}

impl TileLog {
    /// The log in a folder's file, or without a folder one in memory. `leaf` is told each record with its index and answers the hash that
    /// the tree has for it, or nothing for a record that is not one of this log.
    pub(super) fn open(
        folder: Option<&Folder>,
        name: &str,
        limits: Limits,
        mut leaf: impl FnMut(usize, &[u8]) -> Option<Hash>,
    ) -> Result<Self, FolderError> {
        let (mut tree, mut bytes) = (Tree::default(), 0);
        let Some(folder) = folder else {
            return Ok(Self { tree, records: Records::InMemory(Vec::new()), bytes, limits });
        };
        let opened = Journal::open(&folder.path().join(name), |index, record| {
            let Some(hash) = leaf(index, record) else { return false };
            tree.push(hash);
            bytes += record.len();
            true
        });
        let journal = opened.map_err(|error| match error {
            JournalError::Io(source) => FolderError::Write { path: folder.path().join(name), source },
            error => folder.damaged(name, error.to_string()),
        })?;
        Ok(Self { tree, records: Records::OnDisk(journal), bytes, limits })
    }

    /// Appends a record, for which the tree has this hash. When this returns, the record survives whatever happens to the process.
    pub(super) fn append(&mut self, record: &[u8], leaf: Hash) -> Result<usize, AppendError> {
        let index = self.tree.size();
        if index >= self.limits.entries {
            return Err(Full::Entries(self.limits.entries).into());
        }
        if self.bytes.saturating_add(record.len()) > self.limits.bytes {
            return Err(Full::Bytes(self.limits.bytes).into());
        }
        match &mut self.records {
            Records::InMemory(records) => records.push(record.into()),
            Records::OnDisk(journal) => journal.append(record).map_err(AppendError::Write)?,
        }
        self.bytes += record.len();
        self.tree.push(leaf);
        Ok(index)
    }

    /// A record, counted from 0.
    pub(super) fn record(&self, index: usize) -> io::Result<Option<Vec<u8>>> {
        match &self.records {
            Records::InMemory(records) => Ok(records.get(index).map(|record| record.to_vec())),
            Records::OnDisk(journal) => journal.get(index),
        }
    }

    pub(super) const fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(super) fn size(&self) -> usize {
        self.tree.size()
    }

    /// The hash of the whole tree.
    pub(super) fn root(&self) -> Hash {
        self.tree.root(self.size()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
