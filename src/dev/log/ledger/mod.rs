//! The log's memory: every entry in order, the Merkle tree over them, and proofs.
//!
//! Owns the bound on entries and the leaves' bytes. The tree is the crate `ct-merkle`; it panics when asked for what is not there, so
//! this is the only place that asks it. Knows neither keys nor HTTP.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::error::Unspecified;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::{Digest as _, Sha256};

use super::submission::Submission;

/// The most entries: about 300 MB.
pub(super) const MAX_ENTRIES: usize = 100_000;
/// The length of a SHA-256 hash.
const HASH: usize = 32;

/// A hash of a leaf, a node or the whole tree.
pub(super) type Hash = [u8; HASH];

/// What the log answers to a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IssuedTimestamp {
    /// Milliseconds since 1970.
    pub(super) timestamp: u64,
    /// A TLS `DigitallySigned`.
    pub(super) signature: Vec<u8>,
}

/// One entry as get-entries shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The `MerkleTreeLeaf`.
    pub(super) leaf: Arc<[u8]>,
    pub(super) extra_data: Arc<[u8]>,
}

/// Why there is no timestamp.
#[derive(Debug, thiserror::Error)]
pub(super) enum AppendError {
    /// [`MAX_ENTRIES`].
    #[error("the log is full: it holds {MAX_ENTRIES} entries; restart `sigmint dev`")]
    Full,
    #[error("the timestamp could not be signed")]
    Sign,
}

type Tree = MemoryBackedTree<Sha256, Arc<[u8]>>;

pub(super) struct Ledger {
    tree: Tree,
    extra_data: Vec<Arc<[u8]>>,
    by_leaf_hash: HashMap<Hash, usize>,
    timestamps: HashMap<[u8; 32], IssuedTimestamp>,
    limit: usize,
}

impl Ledger {
    /// Holds as many entries as `limit` says.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            tree: Tree::new(),
            extra_data: Vec::new(),
            by_leaf_hash: HashMap::new(),
            timestamps: HashMap::new(),
            limit,
        }
    }

    /// Adds an entry, and the timestamp that `sign` makes over its leaf. What was added before gets its timestamp again.
    pub(super) fn append(
        &mut self,
        submission: &Submission,
        timestamp: u64,
        sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, Unspecified>,
    ) -> Result<IssuedTimestamp, AppendError> {
        if let Some(issued) = self.timestamps.get(&submission.fingerprint) {
            return Ok(issued.clone());
        }
        if self.extra_data.len() >= self.limit {
            return Err(AppendError::Full);
        }
        // Version 1 and the leaf type `timestamped_entry`, both 0; no extensions (RFC 6962 section 3.4). The timestamp is over the same
        // bytes, where they mean version 1 and `certificate_timestamp` (section 3.2).
        let leaf: Arc<[u8]> = [&[0, 0][..], &timestamp.to_be_bytes(), &submission.entry, &[0, 0]].concat().into();
        let issued = IssuedTimestamp { timestamp, signature: sign(&leaf).map_err(|_| AppendError::Sign)? };
        self.by_leaf_hash.insert(leaf_hash(&leaf), self.extra_data.len());
        self.extra_data.push(submission.extra_data.as_slice().into());
        self.timestamps.insert(submission.fingerprint, issued.clone());
        self.tree.push(leaf);
        Ok(issued)
    }

    pub(super) fn size(&self) -> usize {
        self.extra_data.len()
    }

    pub(super) fn root_hash(&self) -> Hash {
        (*self.tree.root().as_bytes()).into()
    }

    /// An entry, counted from 0.
    pub(super) fn entry(&self, index: usize) -> Option<Entry> {
        let leaf = Arc::clone(self.tree.get(index)?);
        Some(Entry { leaf, extra_data: Arc::clone(self.extra_data.get(index)?) })
    }

    /// Where the entry with this leaf hash is.
    pub(super) fn index_of(&self, leaf_hash: &Hash) -> Option<usize> {
        self.by_leaf_hash.get(leaf_hash).copied()
    }

    /// That an entry is in the tree of the first `size` entries (RFC 6962 section 2.1.1).
    pub(super) fn inclusion_proof(&self, index: usize, size: usize) -> Option<Vec<Hash>> {
        if index >= size || size > self.size() {
            return None;
        }
        Some(hashes(self.tree_of(size)?.prove_inclusion(index).as_bytes()))
    }

    /// That the tree of the first `second` entries continues that of the first `first` (RFC 6962 section 2.1.2).
    pub(super) fn consistency_proof(&self, first: usize, second: usize) -> Option<Vec<Hash>> {
        if first > second || second > self.size() {
            return None;
        }
        if first == 0 || first == second {
            return Some(Vec::new());
        }
        Some(hashes(self.tree_of(second)?.prove_consistency(second - first).as_bytes()))
    }

    /// The tree as it was. An older one is built again: there the inner nodes differ, and nobody is in a hurry here.
    fn tree_of(&self, size: usize) -> Option<Cow<'_, Tree>> {
        if size == self.size() {
            return Some(Cow::Borrowed(&self.tree));
        }
        let mut tree = Tree::new();
        for leaf in self.tree.items().get(..size)? {
            tree.push(Arc::clone(leaf));
        }
        Some(Cow::Owned(tree))
    }
}

/// RFC 6962 section 2.1.
fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

fn hashes(bytes: &[u8]) -> Vec<Hash> {
    bytes.as_chunks::<HASH>().0.to_vec()
}

#[cfg(test)]
mod tests;
