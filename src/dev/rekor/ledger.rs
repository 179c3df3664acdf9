//! The log's entries in order, and where to find each: by what was logged, and by what it is about.
//!
//! Owns that nothing is logged twice. Tree, bounds and the file are `tiles`'. Knows not what an entry says.

use std::collections::HashMap;
use std::io;

use super::super::folder::{Folder, FolderError};
use super::super::tiles::path::Span;
use super::super::tiles::{self, Limits, TileLog};
use super::record::Record;
use crate::ct::read::{Hash, leaf_hash};

/// The longest entry, in bytes: an entry bundle has two bytes for the length.
const MAX_ENTRY: usize = u16::MAX as usize;

/// Where an entry is, and that the tree of this size has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inclusion {
    pub(super) index: usize,
    pub(super) size: usize,
    pub(super) root: Hash,
    pub(super) hashes: Vec<Hash>,
}

/// Why nothing was appended.
#[derive(Debug, thiserror::Error)]
pub(super) enum AppendError {
    #[error("an equivalent entry already exists in the transparency log with index {0}")]
    Duplicate(usize),
    #[error(transparent)]
    Log(#[from] tiles::AppendError),
    #[error("the tree has no proof for its last entry")]
    Proof,
    #[error("the entry is longer than {MAX_ENTRY} bytes, or is found by too many things")]
    TooLong,
}

#[derive(Debug)]
pub(super) struct Ledger {
    log: TileLog,
    index: Index,
}

/// What is derived from the entries.
#[derive(Debug, Default)]
struct Index {
    leaves: Vec<Hash>,
    by_leaf_hash: HashMap<Hash, usize>,
    by_key: HashMap<String, Vec<usize>>,
}

impl Index {
    /// Takes note of the next entry; answers its leaf's hash.
    fn learn(&mut self, record: &Record) -> Hash {
        let (index, leaf) = (self.leaves.len(), leaf_hash(&[&record.body]));
        self.leaves.push(leaf);
        self.by_leaf_hash.insert(leaf, index);
        for key in &record.index_keys {
            self.by_key.entry(key.clone()).or_default().push(index);
        }
        leaf
    }
}

impl Ledger {
    /// The entries of a folder's file; without a folder none, in memory.
    pub(super) fn open(folder: Option<&Folder>, file: &str, limits: Limits) -> Result<Self, FolderError> {
        let mut index = Index::default();
        let log = TileLog::open(folder, file, limits, |_, bytes| Some(index.learn(&Record::from_bytes(bytes)?)))?;
        Ok(Self { log, index })
    }

    /// Appends an entry; answers where it is in the tree that it made.
    pub(super) fn append(&mut self, record: &Record) -> Result<Inclusion, AppendError> {
        if record.body.len() > MAX_ENTRY {
            return Err(AppendError::TooLong);
        }
        let leaf = leaf_hash(&[&record.body]);
        if let Some(index) = self.index_of(&leaf) {
            return Err(AppendError::Duplicate(index));
        }
        let index = self.log.append(&record.to_bytes().ok_or(AppendError::TooLong)?, leaf)?;
        self.index.learn(record);
        self.inclusion(index).ok_or(AppendError::Proof)
    }

    /// Where an entry is in the tree of now.
    pub(super) fn inclusion(&self, index: usize) -> Option<Inclusion> {
        let size = self.log.size();
        Some(Inclusion { index, size, root: self.log.root(), hashes: self.log.tree().inclusion_proof(index, size)? })
    }

    /// An entry, counted from 0.
    pub(super) fn record(&self, index: usize) -> io::Result<Option<Record>> {
        Ok(self.log.record(index)?.and_then(|bytes| Record::from_bytes(&bytes)))
    }

    /// Where the entry with this leaf hash is.
    pub(super) fn index_of(&self, leaf: &Hash) -> Option<usize> {
        self.index.by_leaf_hash.get(leaf).copied()
    }

    /// The leaf hash of an entry.
    pub(super) fn leaf(&self, index: usize) -> Option<Hash> {
        self.index.leaves.get(index).copied()
    }

    /// The entries that are found by this, the oldest first.
    pub(super) fn found_by(&self, key: &str) -> &[usize] {
        self.index.by_key.get(key).map_or(&[], Vec::as_slice)
    }

    pub(super) fn size(&self) -> usize {
        self.log.size()
    }

    /// Size and hash of the whole tree.
    pub(super) fn head(&self) -> (usize, Hash) {
        (self.log.size(), self.log.root())
    }

    /// The hashes of a tile.
    pub(super) fn tile(&self, level: usize, span: Span) -> Option<Vec<u8>> {
        self.log.tree().tile(level, span)
    }

    /// The entries of a bundle (c2sp.org/tlog-tiles), if the log has them all: each with its length in two bytes.
    pub(super) fn bundle(&self, span: Span) -> io::Result<Option<Vec<u8>>> {
        if span.range().end > self.size() {
            return Ok(None);
        }
        let mut bundle = Vec::new();
        for index in span.range() {
            let body = self.record(index)?.ok_or(io::ErrorKind::InvalidData)?.body;
            let length = u16::try_from(body.len()).map_err(|_| io::ErrorKind::InvalidData)?;
            bundle.extend(length.to_be_bytes());
            bundle.extend(body);
        }
        Ok(Some(bundle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_as_long_as_a_bundle_can_say() {
        let mut ledger = Ledger::open(None, "", Limits::DEV).unwrap();
        let record = |length| Record { integrated: 1, index_keys: vec!["a".to_owned()], body: vec![b' '; length] };
        assert!(matches!(ledger.append(&record(MAX_ENTRY + 1)), Err(AppendError::TooLong)));
        assert_eq!((ledger.size(), ledger.found_by("a")), (0, &[][..]));
        assert_eq!(ledger.append(&record(MAX_ENTRY)).unwrap().index, 0);
        assert!(matches!(ledger.append(&record(MAX_ENTRY)), Err(AppendError::Duplicate(0))));
        assert_eq!((ledger.size(), ledger.found_by("a")), (1, &[0][..]));
        let bundle = ledger.bundle(Span::parse("000.p/1").unwrap()).unwrap().unwrap();
        assert_eq!((bundle.len(), &bundle[..2]), (MAX_ENTRY + 2, &[0xff, 0xff][..]));
    }
}
