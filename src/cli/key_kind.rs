//! The kinds of key that commands make, as they are named on the command line.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::crypto::KeyKind;

impl ValueEnum for KeyKind {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::P256, Self::P384, Self::P521, Self::Rsa3072, Self::Ed25519]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            Self::P256 => ("p256", "ECDSA on P-256"),
            Self::P384 => ("p384", "ECDSA on P-384"),
            Self::P521 => ("p521", "ECDSA on P-521"),
            Self::Rsa3072 => ("rsa3072", "RSA with 3072 bits"),
            Self::Ed25519 => ("ed25519", "Ed25519; few hardware tokens have it"),
            Self::Rsa2048 | Self::Rsa4096 => return None,
        };
        Some(PossibleValue::new(name).help(help))
    }
}
