//! The kinds of key that commands make, as they are named on the command line.

use clap::ValueEnum;

use crate::crypto::KeyKind;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum NewKeyKind {
    /// ECDSA on P-256
    P256,
    /// ECDSA on P-384
    P384,
    /// ECDSA on P-521
    P521,
    /// RSA with 3072 bits
    Rsa3072,
    /// Ed25519; few hardware tokens have it
    Ed25519,
}

impl From<NewKeyKind> for KeyKind {
    fn from(kind: NewKeyKind) -> Self {
        match kind {
            NewKeyKind::P256 => Self::P256,
            NewKeyKind::P384 => Self::P384,
            NewKeyKind::P521 => Self::P521,
            NewKeyKind::Rsa3072 => Self::Rsa3072,
            NewKeyKind::Ed25519 => Self::Ed25519,
        }
    }
}
