//! What the operator decides: files, flags and variables become typed, validated values.
//!
//! Owns reading and checking. After loading, an illegal configuration cannot be represented.

pub mod authority_file;
pub mod bounds;
pub mod effective;
pub mod flags;
pub mod issuer_file;
pub mod issuers_location;
pub mod listeners;
pub mod settings;
mod settings_file;
pub mod signer;
pub mod slips;
