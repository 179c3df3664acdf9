//! The signed tree head (RFC 6962 section 3.5), however it came.
//!
//! Owns what its signature is over.

use super::error::{Contradiction, ReadError};
use super::frontier::{Frontier, Hash};
use crate::ct::log_key::LogKey;
use crate::ct::sct::DigitallySigned;

/// `Version.v1` and `SignatureType.tree_hash`.
const SIGNED: [u8; 2] = [0, 1];

/// What a log says that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// How many entries there are.
    pub size: u64,
    pub root: Hash,
    /// Milliseconds since 1970.
    pub timestamp: u64,
}

impl TreeHead {
    /// Checks the signature.
    pub(super) fn verify(&self, key: &LogKey, signature: &DigitallySigned) -> Result<(), ReadError> {
        let (timestamp, size) = (self.timestamp.to_be_bytes(), self.size.to_be_bytes());
        let signed = [&SIGNED[..], &timestamp, &size, &self.root].concat();
        key.verify_signed(&signed, signature).map_err(|_| ReadError::HeadSignature)
    }

    /// Whether a tree of this head continues one that was read before.
    pub fn check_continues(&self, known: &Frontier) -> Result<(), Contradiction> {
        if self.size < known.size() {
            return Err(Contradiction::Shrunk { known: known.size(), found: self.size });
        }
        if self.size == known.size() && self.root != known.root() {
            return Err(Contradiction::Rewritten { size: self.size });
        }
        Ok(())
    }

    /// Whether the entries read are those that the log signed.
    ///
    /// With the subtrees of an earlier tree in `read`, this also proves that the log only appended: no other tree with another beginning
    /// has this hash. A consistency proof (section 2.1.2) would say the same.
    pub fn check_entries(&self, read: &Frontier) -> Result<(), Contradiction> {
        if read.size() == self.size && read.root() == self.root {
            return Ok(());
        }
        Err(Contradiction::OtherEntries { size: self.size })
    }
}
