//! One entry of a log: the bytes of a `MerkleTreeLeaf` (RFC 6962 section 3.4) and of a static log's `TileLeaf`.
//!
//! Owns both encodings, which hash to the same leaf. What an entry's certificate says is not known here.

use super::frontier::{Hash, leaf_hash};
use crate::crypto::sha256;
use crate::ct::tls::Reader;

/// `Version.v1` and `MerkleLeafType.timestamped_entry`.
const LEAF: [u8; 2] = [0, 0];
const X509_ENTRY: u16 = 0;
const PRECERT_ENTRY: u16 = 1;

/// An entry as the log shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Counted from 0.
    pub index: u64,
    /// Milliseconds since 1970.
    pub timestamp: u64,
    pub content: EntryContent,
    pub leaf_hash: Hash,
    /// The SHA-256 of each certificate of the chain that was submitted, the issuer's first. The tree's hash does not cover it; empty when the
    /// log does not tell.
    pub chain: Vec<Hash>,
}

/// What was logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryContent {
    /// A certificate, DER.
    X509 { certificate: Vec<u8> },
    Precertificate {
        /// The SHA-256 of the issuer's `SubjectPublicKeyInfo`.
        issuer_key_hash: [u8; 32],
        /// The `TBSCertificate` without the poison, DER.
        tbs: Vec<u8>,
        /// As it was submitted, DER. The tree's hash does not cover it; empty when the log does not tell.
        precertificate: Vec<u8>,
    },
    /// Of a type that RFC 6962 does not have.
    Other,
}

impl Entry {
    /// From `leaf_input` and `extra_data` of get-entries (section 4.6).
    pub(crate) fn of_leaf(index: u64, leaf: &[u8], extra_data: &[u8]) -> Option<Self> {
        let mut bytes = Reader(leaf);
        if bytes.array::<2>()? != LEAF {
            return None;
        }
        let (timestamp, mut content) = timestamped(&mut bytes)?;
        let mut extra = Reader(extra_data);
        if let EntryContent::Precertificate { precertificate, .. } = &mut content {
            *precertificate = extra.opaque_24().unwrap_or_default().to_vec();
        }
        let mut certificates = Reader(extra.opaque_24().unwrap_or_default());
        let chain = std::iter::from_fn(|| certificates.opaque_24()).map(sha256).collect();
        let is_whole = bytes.0.is_empty() || content == EntryContent::Other;
        is_whole.then(|| Self { index, timestamp, content, leaf_hash: leaf_hash(&[leaf]), chain })
    }

    /// From a data tile, whose next entry begins where `bytes` do.
    pub(super) fn of_tile(index: u64, bytes: &mut Reader<'_>) -> Option<Self> {
        let begin = bytes.0;
        let (timestamp, mut content) = timestamped(bytes)?;
        let leaf = begin.get(..begin.len() - bytes.0.len())?;
        match &mut content {
            // How long it is cannot be known.
            EntryContent::Other => return None,
            EntryContent::Precertificate { precertificate, .. } => *precertificate = bytes.opaque_24()?.to_vec(),
            EntryContent::X509 { .. } => {}
        }
        let (chain, rest) = bytes.opaque_16()?.as_chunks();
        rest.is_empty().then(|| Self {
            index,
            timestamp,
            content,
            leaf_hash: leaf_hash(&[&LEAF, leaf]),
            chain: chain.to_vec(),
        })
    }
}

/// A `TimestampedEntry`.
fn timestamped(bytes: &mut Reader<'_>) -> Option<(u64, EntryContent)> {
    let timestamp = u64::from_be_bytes(bytes.array()?);
    let content = match u16::from_be_bytes(bytes.array()?) {
        X509_ENTRY => EntryContent::X509 { certificate: bytes.opaque_24()?.to_vec() },
        PRECERT_ENTRY => EntryContent::Precertificate {
            issuer_key_hash: bytes.array()?,
            tbs: bytes.opaque_24()?.to_vec(),
            precertificate: Vec::new(),
        },
        _ => return Some((timestamp, EntryContent::Other)),
    };
    // CtExtensions: a static log's leaf index.
    bytes.opaque_16()?;
    Some((timestamp, content))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate's entry in a tile, and the same as a leaf.
    const X509: &[u8] = &[0, 0, 0, 0, 0, 0, 3, 232, 0, 0, 0, 0, 2, 7, 8, 0, 1, 5];
    const PRECERT_HEAD: &[u8] = &[0, 0, 0, 0, 0, 0, 3, 233, 0, 1];

    fn precert() -> Vec<u8> {
        [PRECERT_HEAD, &[9; 32], &[0, 0, 1, 4, 0, 0]].concat()
    }

    #[test]
    fn an_entry_is_the_same_from_a_tile_and_from_get_entries() {
        let precert = precert();
        let (issuer, root) = (sha256(b"issuer"), sha256(b"root"));
        let tile = [X509, &[0, 32], &root, &precert, &[0, 0, 3, 1, 2, 3, 0, 64], &issuer, &root].concat();
        let mut bytes = Reader(&tile);
        let of_tile = [5, 6].map(|index| Entry::of_tile(index, &mut bytes).unwrap());
        assert!(bytes.0.is_empty() && Entry::of_tile(7, &mut bytes).is_none());
        let leaf = |entry: &[u8]| [&LEAF, entry].concat();
        let of_leaf = [
            Entry::of_leaf(5, &leaf(X509), b"\0\0\x07\0\0\x04root").unwrap(),
            Entry::of_leaf(6, &leaf(&precert), b"\0\0\x03\x01\x02\x03\0\0\x10\0\0\x06issuer\0\0\x04root").unwrap(),
        ];
        assert_eq!(of_tile, of_leaf);
        assert_eq!(of_leaf[0].content, EntryContent::X509 { certificate: vec![7, 8] });
        assert_eq!((of_leaf[0].timestamp, of_leaf[1].timestamp), (1000, 1001));
        let content =
            EntryContent::Precertificate { issuer_key_hash: [9; 32], tbs: vec![4], precertificate: vec![1, 2, 3] };
        assert_eq!(of_leaf[1].content, content);
    }

    #[test]
    fn what_ends_early_or_late_is_no_entry() {
        let tile = [&precert()[..], &[0, 0, 3, 1, 2, 3, 0, 32], &[6; 32]].concat();
        assert!(Entry::of_tile(0, &mut Reader(&tile)).is_some());
        for length in 0..tile.len() {
            assert_eq!(Entry::of_tile(0, &mut Reader(&tile[..length])), None, "{length}");
        }
        let leaf = [&LEAF, X509].concat();
        for length in 0..leaf.len() {
            assert_eq!(Entry::of_leaf(0, &leaf[..length], &[]), None, "{length}");
        }
        assert_eq!(Entry::of_tile(0, &mut Reader(&[X509, &[0, 2, 6, 6]].concat())), None);
        assert_eq!(Entry::of_leaf(0, &[&leaf[..], &[0]].concat(), &[]), None);
        assert_eq!(Entry::of_leaf(0, &[&[1, 0], X509].concat(), &[]), None);
    }

    #[test]
    fn an_unknown_type_counts_in_the_tree_of_rfc_6962_alone() {
        let entry = [0, 0, 0, 0, 0, 0, 0, 1, 0x80, 0, 1, 2, 3];
        let leaf = [&LEAF[..], &entry].concat();
        assert_eq!(Entry::of_leaf(0, &leaf, &[]).unwrap().content, EntryContent::Other);
        assert_eq!(Entry::of_tile(0, &mut Reader(&entry)), None);
    }
}
