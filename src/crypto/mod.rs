//! Keys and their encodings: each question about a key is asked here, once.

pub mod algorithm;
pub(crate) mod curve;
mod kind;
pub(crate) mod oid;
pub(crate) mod pem;
pub mod signature_check;
pub(crate) mod spki;
pub(crate) mod weak_keys;

pub use kind::KeyKind;

use sha2::{Digest as _, Sha256};

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
