//! Keys and their encodings: each question about a key is asked here, once.

pub mod algorithm;
pub mod pem;
pub mod signature_check;
pub(crate) mod spki_der;
pub(crate) mod weak_keys;
