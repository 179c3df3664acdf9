//! What the operator decides: files, flags and variables become typed, validated values.
//!
//! Owns reading and checking. After loading, an illegal configuration cannot be represented.

pub mod audit;
pub(crate) mod authority_file;
pub mod block_file;
pub(crate) mod bounds;
pub(crate) mod document;
pub(crate) mod effective;
pub(crate) mod flags;
pub(crate) mod issuer_file;
pub(crate) mod issuers_location;
pub(crate) mod listeners;
pub mod settings;
mod settings_file;
pub(crate) mod signer;
pub(crate) mod slips;
pub(crate) mod trust_file;
