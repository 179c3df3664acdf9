//! Public keys that look like any other and that others than their owner can sign with.
//!
//! Owns the tests for them, kind by kind. Knows neither whose a key is nor what it is for.

pub(crate) mod ed25519;
pub(crate) mod rsa;
