//! The Merkle tree of RFC 6962 section 2.1 over the hashes of its leaves, with every complete subtree: 64 bytes an entry.
//!
//! Owns roots, proofs and tiles of each size that the tree has had. Knows neither entries nor signatures.

use crate::crypto::sha256;
use crate::ct::read::{Hash, node_hash};

use super::path::Span;

/// A tile has so many levels of the tree.
const TILE_HEIGHT: usize = 8;

/// Row `n` has the hashes of the complete subtrees of 2^n leaves, from the left.
#[derive(Debug, Default)]
pub(in crate::dev) struct Tree {
    rows: Vec<Vec<Hash>>,
}

impl Tree {
    /// Appends a leaf.
    pub(in crate::dev) fn push(&mut self, leaf: Hash) {
        let (mut hash, mut level) = (leaf, 0);
        loop {
            if self.rows.len() == level {
                self.rows.push(Vec::new());
            }
            let Some(row) = self.rows.get_mut(level) else { return };
            row.push(hash);
            match row.as_slice() {
                [.., left, right] if row.len().is_multiple_of(2) => hash = node_hash(left, right),
                _ => return,
            }
            level += 1;
        }
    }

    pub(in crate::dev) fn size(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }

    /// The hash of the tree of the first `size` leaves; nothing if there are not as many.
    pub(in crate::dev) fn root(&self, size: usize) -> Option<Hash> {
        if size == 0 { Some(sha256(&[])) } else { self.hash(0, size) }
    }

    /// That a leaf is in the tree of the first `size` (section 2.1.1).
    pub(in crate::dev) fn inclusion_proof(&self, index: usize, size: usize) -> Option<Vec<Hash>> {
        if index >= size || size > self.size() {
            return None;
        }
        let (mut begin, mut end, mut proof) = (0, size, Vec::new());
        while end - begin > 1 {
            let middle = begin + split(end - begin);
            if index < middle {
                proof.push(self.hash(middle, end)?);
                end = middle;
            } else {
                proof.push(self.hash(begin, middle)?);
                begin = middle;
            }
        }
        proof.reverse();
        Some(proof)
    }

    /// That the tree of the first `second` leaves continues that of the first `first` (section 2.1.2). Empty from nothing, and from a
    /// tree to itself.
    pub(in crate::dev) fn consistency_proof(&self, first: usize, second: usize) -> Option<Vec<Hash>> {
        if first > second || second > self.size() {
            return None;
        }
        if first == 0 {
            return Some(Vec::new());
        }
        let (mut begin, mut end, mut proof) = (0, second, Vec::new());
        while first < end {
            let middle = begin + split(end - begin);
            if first <= middle {
                proof.push(self.hash(middle, end)?);
                end = middle;
            } else {
                proof.push(self.hash(begin, middle)?);
                begin = middle;
            }
        }
        // A verifier knows the old tree's hash already where the old tree is a subtree of its own.
        if begin > 0 {
            proof.push(self.hash(begin, end)?);
        }
        proof.reverse();
        Some(proof)
    }

    /// The hashes of a tile (c2sp.org/tlog-tiles), one after the other.
    pub(in crate::dev) fn tile(&self, level: usize, span: Span) -> Option<Vec<u8>> {
        let row = self.rows.get(level.checked_mul(TILE_HEIGHT)?)?;
        Some(row.get(span.range())?.concat())
    }

    /// The hash of the leaves from `begin` to `end`, where `begin` is a multiple of a power of two that is not less than their number.
    fn hash(&self, begin: usize, end: usize) -> Option<Hash> {
        let count = end.checked_sub(begin)?;
        if count.is_power_of_two() {
            return self.rows.get(count.ilog2() as usize)?.get(begin / count).copied();
        }
        let middle = begin + split(count);
        Some(node_hash(&self.hash(begin, middle)?, &self.hash(middle, end)?))
    }
}

/// The largest power of two that is less than a number above 1.
fn split(count: usize) -> usize {
    1 << count.saturating_sub(1).max(1).ilog2()
}
