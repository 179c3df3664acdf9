//! The log's entries in order, and where to find each: by the hash of its leaf, by its certificate; and who issued it.
//!
//! Owns the leaves' bytes. Tree, proofs, bounds and the file are `tiles`'. Knows neither keys nor HTTP.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use aws_lc_rs::error::Unspecified;

use super::super::folder::{Folder, FolderError};
use super::super::tiles::path::Span;
use super::super::tiles::{self, Limits, TileLog};
use super::record::{Record, fingerprint};
use super::submission::Submission;
use crate::ct::read::{Hash, leaf_hash};

/// What the log answers to a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IssuedTimestamp {
    /// Milliseconds since 1970.
    pub(super) timestamp: u64,
    /// The entry's place in the log (c2sp.org/static-ct-api, section SCT Extension).
    pub(super) extensions: Vec<u8>,
    /// A TLS `DigitallySigned`.
    pub(super) signature: Vec<u8>,
}

/// Why there is no timestamp.
#[derive(Debug, thiserror::Error)]
pub(super) enum AppendError {
    #[error(transparent)]
    Log(#[from] tiles::AppendError),
    #[error("the timestamp could not be signed")]
    Sign,
    #[error("an earlier entry could not be read from the log's file")]
    Read(#[from] io::Error),
    #[error("the entry is too long")]
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
    by_leaf_hash: HashMap<Hash, usize>,
    by_fingerprint: HashMap<Hash, usize>,
    /// By the SHA-256 of the certificate, DER.
    issuers: HashMap<Hash, Arc<[u8]>>,
    /// The latest timestamp of an entry.
    latest: u64,
}

impl Index {
    /// Takes note of an entry; answers its leaf's hash, or nothing if it is not one of a log of certificates.
    fn learn(&mut self, index: usize, record: &Record) -> Option<Hash> {
        let entry = record.entry(index)?;
        self.by_fingerprint.insert(fingerprint(&entry)?, index);
        for (hash, der) in entry.chain.iter().zip(record.chain(&entry)?) {
            self.issuers.entry(*hash).or_insert_with(|| der.into());
        }
        self.by_leaf_hash.insert(entry.leaf_hash, index);
        self.latest = self.latest.max(entry.timestamp);
        Some(entry.leaf_hash)
    }
}

impl Ledger {
    /// The entries of a folder's file; without a folder none, in memory.
    pub(super) fn open(folder: Option<&Folder>, file: &str, limits: Limits) -> Result<Self, FolderError> {
        let mut index = Index::default();
        let log = TileLog::open(folder, file, limits, |number, bytes| {
            let record = Record::from_bytes(bytes)?;
            index.learn(number, &record)
        })?;
        Ok(Self { log, index })
    }

    /// Adds an entry, and the timestamp that `sign` makes over its leaf. What was added before gets its timestamp again.
    pub(super) fn append(
        &mut self,
        submission: &Submission,
        timestamp: u64,
        sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, Unspecified>,
    ) -> Result<IssuedTimestamp, AppendError> {
        if let Some(&index) = self.index.by_fingerprint.get(&submission.fingerprint) {
            return Ok(self.issued(index)?);
        }
        let extensions = leaf_index(self.log.size()).ok_or(AppendError::TooLong)?;
        let length = u16::try_from(extensions.len()).map_err(|_| AppendError::TooLong)?.to_be_bytes();
        // Version 1 and the leaf type `timestamped_entry`, both 0 (RFC 6962 section 3.4). The timestamp is over the same bytes, where they
        // mean version 1 and `certificate_timestamp` (section 3.2).
        let leaf = [&[0, 0][..], &timestamp.to_be_bytes(), &submission.entry, &length, &extensions].concat();
        let signature = sign(&leaf).map_err(|_| AppendError::Sign)?;
        let record = Record { signature, leaf, extra_data: submission.extra_data.clone() };
        let bytes = record.to_bytes().ok_or(AppendError::TooLong)?;
        let index = self.log.append(&bytes, leaf_hash(&[&record.leaf]))?;
        self.index.learn(index, &record).ok_or(AppendError::TooLong)?;
        Ok(IssuedTimestamp { timestamp, extensions, signature: record.signature })
    }

    /// The promise that was made for an entry.
    fn issued(&self, index: usize) -> io::Result<IssuedTimestamp> {
        let damaged = || io::Error::from(io::ErrorKind::InvalidData);
        let record = self.record(index)?.ok_or_else(damaged)?;
        let timestamp = record.entry(index).ok_or_else(damaged)?.timestamp;
        let extensions = leaf_index(index).ok_or_else(damaged)?;
        Ok(IssuedTimestamp { timestamp, extensions, signature: record.signature })
    }

    pub(super) fn size(&self) -> usize {
        self.log.size()
    }

    pub(super) fn root(&self) -> Hash {
        self.log.root()
    }

    /// The latest timestamp of an entry, in milliseconds since 1970.
    pub(super) const fn latest(&self) -> u64 {
        self.index.latest
    }

    /// An entry, counted from 0.
    pub(super) fn record(&self, index: usize) -> io::Result<Option<Record>> {
        Ok(self.log.record(index)?.and_then(|bytes| Record::from_bytes(&bytes)))
    }

    /// Where the entry with this leaf hash is.
    pub(super) fn index_of(&self, leaf_hash: &Hash) -> Option<usize> {
        self.index.by_leaf_hash.get(leaf_hash).copied()
    }

    /// The certificate above an entry's that has this SHA-256, DER.
    pub(super) fn issuer(&self, hash: &Hash) -> Option<Arc<[u8]>> {
        self.index.issuers.get(hash).cloned()
    }

    /// That an entry is in the tree of the first `size` entries (RFC 6962 section 2.1.1).
    pub(super) fn inclusion_proof(&self, index: usize, size: usize) -> Option<Vec<Hash>> {
        self.log.tree().inclusion_proof(index, size)
    }

    /// That the tree of the first `second` entries continues that of the first `first` (section 2.1.2).
    pub(super) fn consistency_proof(&self, first: usize, second: usize) -> Option<Vec<Hash>> {
        self.log.tree().consistency_proof(first, second)
    }

    /// The hashes of a tile.
    pub(super) fn tile(&self, level: usize, span: Span) -> Option<Vec<u8>> {
        self.log.tree().tile(level, span)
    }

    /// The entries of a data tile, if the log has them all.
    pub(super) fn data_tile(&self, span: Span) -> io::Result<Option<Vec<u8>>> {
        if span.range().end > self.size() {
            return Ok(None);
        }
        let mut tile = Vec::new();
        for index in span.range() {
            let leaf = self.record(index)?.and_then(|record| record.tile_leaf(&record.entry(index)?));
            tile.extend(leaf.ok_or(io::ErrorKind::InvalidData)?);
        }
        Ok(Some(tile))
    }
}

/// The one extension that a timestamp has: type 0, five bytes long, big-endian.
fn leaf_index(index: usize) -> Option<Vec<u8>> {
    let [0, 0, 0, index @ ..] = u64::try_from(index).ok()?.to_be_bytes() else { return None };
    Some([&[0, 0, 5][..], &index].concat())
}

#[cfg(test)]
mod tests;
