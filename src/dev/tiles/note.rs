//! Checkpoints (c2sp.org/tlog-checkpoint): a tree's size and hash as a signed note (c2sp.org/signed-note).
//!
//! Owns the text. What signs, and what its signature is over, is each log's own business.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::ct::read::Hash;

/// How a note names a key.
pub(in crate::dev) type KeyId = [u8; 4];

/// The text that a checkpoint's signatures are for. The origin names the log.
pub(in crate::dev) fn text(origin: &str, size: usize, root: &Hash) -> String {
    format!("{origin}\n{size}\n{}\n", STANDARD.encode(root))
}

/// The text with one signature, made under this name.
pub(in crate::dev) fn signed(text: &str, name: &str, id: KeyId, signature: &[u8]) -> String {
    format!("{text}\n\u{2014} {name} {}\n", STANDARD.encode([&id[..], signature].concat()))
}
