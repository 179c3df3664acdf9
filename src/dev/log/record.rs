//! One entry as the log's journal has it, and the forms that readers get of it.
//!
//! Owns the bytes. What they say is parsed by `ct::read`, as in any other log.

use crate::crypto::sha256;
use crate::ct::TlsReader;
use crate::ct::read::{Entry, EntryContent, Hash};

/// An entry with the log's promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The promise's signature, a TLS `DigitallySigned`.
    pub(super) signature: Vec<u8>,
    /// The `MerkleTreeLeaf` (RFC 6962 section 3.4).
    pub(super) leaf: Vec<u8>,
    /// As get-entries shows it (section 4.6).
    pub(super) extra_data: Vec<u8>,
}

impl Record {
    pub(super) fn to_bytes(&self) -> Option<Vec<u8>> {
        let signature = u16::try_from(self.signature.len()).ok()?.to_be_bytes();
        let leaf = u32::try_from(self.leaf.len()).ok()?.to_be_bytes();
        let [0, leaf @ ..] = leaf else { return None };
        Some([&signature[..], &self.signature, &leaf, &self.leaf, &self.extra_data].concat())
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = TlsReader(bytes);
        let signature = reader.opaque_16()?.to_vec();
        let leaf = reader.opaque_24()?.to_vec();
        Some(Self { signature, leaf, extra_data: reader.0.to_vec() })
    }

    /// What the entry says.
    pub(super) fn entry(&self, index: usize) -> Option<Entry> {
        Entry::of_leaf(index as u64, &self.leaf, &self.extra_data)
    }

    /// The certificates that were submitted above the first, DER.
    pub(super) fn chain(&self, entry: &Entry) -> Option<Vec<&[u8]>> {
        let mut extra = TlsReader(&self.extra_data);
        if matches!(entry.content, EntryContent::Precertificate { .. }) {
            extra.opaque_24()?;
        }
        let mut certificates = TlsReader(extra.opaque_24()?);
        Some(std::iter::from_fn(|| certificates.opaque_24()).collect())
    }

    /// The `TileLeaf` of a data tile (c2sp.org/static-ct-api).
    pub(super) fn tile_leaf(&self, entry: &Entry) -> Option<Vec<u8>> {
        // Without version and leaf type, which a `TimestampedEntry` has not.
        let timestamped = self.leaf.get(2..)?;
        let precertificate = match &entry.content {
            EntryContent::Precertificate { precertificate, .. } => {
                let length = u32::try_from(precertificate.len()).ok()?.to_be_bytes();
                [length.get(1..)?, precertificate].concat()
            }
            EntryContent::X509 { .. } => Vec::new(),
            EntryContent::Other => return None,
        };
        let chain = entry.chain.concat();
        let length = u16::try_from(chain.len()).ok()?.to_be_bytes();
        Some([timestamped, &precertificate, &length, &chain].concat())
    }
}

/// Which submissions are the same: the SHA-256 of the certificate as it was sent.
pub(super) fn fingerprint(entry: &Entry) -> Option<Hash> {
    match &entry.content {
        EntryContent::X509 { certificate } => Some(sha256(certificate)),
        EntryContent::Precertificate { precertificate, .. } => Some(sha256(precertificate)),
        EntryContent::Other => None,
    }
}
