//! The kinds of key that certificates are made for and that tokens and files are given.

use super::algorithm::SignatureAlgorithm;

macro_rules! key_kinds {
    ($($variant:ident = $name:literal, $about:literal;)*) => {
        /// A kind of key, with its size.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum KeyKind { $(#[doc = $about] $variant,)* }

        impl KeyKind {
            /// Every name that [`Self::name`] gives.
            pub const NAMES: [&'static str; Self::ALL.len()] = [$($name),*];
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// A short name, for logs and metric labels.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

key_kinds! {
    P256 = "ecdsa-p256", "ECDSA on P-256";
    P384 = "ecdsa-p384", "ECDSA on P-384";
    P521 = "ecdsa-p521", "ECDSA on P-521";
    Rsa2048 = "rsa-2048", "RSA with a modulus of 2048 bits";
    Rsa3072 = "rsa-3072", "RSA with a modulus of 3072 bits";
    Rsa4096 = "rsa-4096", "RSA with a modulus of 4096 bits";
    Ed25519 = "ed25519", "Ed25519";
}

impl KeyKind {
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The size that people know the kind by: of the curve's field, or of the modulus.
    pub const fn bits(self) -> u32 {
        match self {
            Self::P256 | Self::Ed25519 => 256,
            Self::P384 => 384,
            Self::P521 => 521,
            Self::Rsa2048 => 2048,
            Self::Rsa3072 => 3072,
            Self::Rsa4096 => 4096,
        }
    }

    /// What a CA with such a key signs with.
    pub const fn signature_algorithm(self) -> SignatureAlgorithm {
        match self {
            Self::P256 => SignatureAlgorithm::EcdsaP256Sha256,
            Self::P384 => SignatureAlgorithm::EcdsaP384Sha384,
            Self::P521 => SignatureAlgorithm::EcdsaP521Sha512,
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => SignatureAlgorithm::RsaPkcs1Sha256,
            Self::Ed25519 => SignatureAlgorithm::Ed25519,
        }
    }
}
