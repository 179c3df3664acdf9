//! The Merkle tree over the entries read so far (RFC 6962 section 2.1), as the few hashes that its continuation needs.
//!
//! Owns the hashing. A log's entries go through it one by one and are not kept; `ct-merkle` has trees that keep every leaf.

use sha2::{Digest as _, Sha256};

use crate::crypto::sha256;

/// A hash of a leaf, a node or the whole tree.
pub type Hash = [u8; 32];

const LEAF: u8 = 0;
const NODE: u8 = 1;

/// A tree of `size` leaves: the hashes of its complete subtrees, the largest first. At most 64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// One that was written down; nothing if a tree of this size has another number of subtrees.
    pub fn from_parts(size: u64, subtrees: Vec<Hash>) -> Option<Self> {
        (usize::try_from(size.count_ones()).ok()? == subtrees.len()).then_some(Self { size, subtrees })
    }

    pub const fn size(&self) -> u64 {
        self.size
    }

    pub fn subtrees(&self) -> &[Hash] {
        &self.subtrees
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf_hash: Hash) {
        let mut hash = leaf_hash;
        // Each complete subtree of the same size to the left becomes one with it.
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.subtrees.pop() else { break };
            hash = node_hash(&left, &hash);
        }
        self.subtrees.push(hash);
        self.size += 1;
    }

    /// The hash of the whole tree.
    pub fn root(&self) -> Hash {
        let mut subtrees = self.subtrees.iter().rev();
        let Some(last) = subtrees.next() else { return sha256(&[]) };
        subtrees.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// The hash of a leaf that is given in parts.
pub(crate) fn leaf_hash(parts: &[&[u8]]) -> Hash {
    hash_of(LEAF, parts)
}

/// The hash of an inner node.
pub(crate) fn node_hash(left: &Hash, right: &Hash) -> Hash {
    hash_of(NODE, &[left, right])
}

fn hash_of(kind: u8, parts: &[&[u8]]) -> Hash {
    let mut hash = Sha256::new_with_prefix([kind]);
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use sha2::Sha256;

    #[test]
    fn the_root_is_that_of_a_tree_that_keeps_its_leaves() {
        let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        let mut frontier = Frontier::default();
        for number in 0..600_u32 {
            assert_eq!(frontier.root().as_slice(), tree.root().as_bytes().as_slice(), "{number}");
            assert_eq!(frontier.size(), u64::from(number));
            // Written down and read again, it goes on as before.
            frontier = Frontier::from_parts(frontier.size(), frontier.subtrees().to_vec()).unwrap();
            let leaf = number.to_be_bytes();
            frontier.push(leaf_hash(&[&leaf[..1], &leaf[1..]]));
            tree.push(leaf.to_vec());
        }
    }

    #[test]
    fn hashes_of_another_number_are_no_tree() {
        for (size, hashes) in [(0, 1), (1, 0), (2, 2), (3, 1), (u64::MAX, 63)] {
            assert_eq!(Frontier::from_parts(size, vec![[0; 32]; hashes]), None, "{size}");
        }
        assert!(Frontier::from_parts(u64::MAX, vec![[0; 32]; 64]).is_some());
    }
}
