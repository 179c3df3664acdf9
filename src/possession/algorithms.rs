//! The pairs of client key and hash that the operator permits (`--client-signing-algorithms`), and proofs in the form of IEEE P1363.
//!
//! Owns the names. Knows no request.

use std::str::FromStr;

use aws_lc_rs::signature::{self, VerificationAlgorithm};

use crate::crypto::KeyKind;
use crate::crypto::algorithm::Hash;

/// The function for a proof that is the two integers side by side (IEEE P1363, what browsers' `WebCrypto` makes) instead of DER, if the
/// proof has the length for it.
pub(super) fn p1363_verification(kind: KeyKind, length: usize) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match (kind, length) {
        (KeyKind::P256, 64) => &signature::ECDSA_P256_SHA256_FIXED,
        (KeyKind::P384, 96) => &signature::ECDSA_P384_SHA384_FIXED,
        (KeyKind::P521, 132) => &signature::ECDSA_P521_SHA512_FIXED,
        _ => return None,
    })
}

/// Every name of `--client-signing-algorithms`, and the pair that it permits. The PSS names permit the same pair as the PKCS #1 names:
/// what a client later signs with its key is its own choice.
const NAMES: &[(&str, KeyKind, Hash)] = &[
    ("ecdsa-sha2-256-nistp256", KeyKind::P256, Hash::Sha256),
    ("ecdsa-sha2-384-nistp384", KeyKind::P384, Hash::Sha384),
    ("ecdsa-sha2-512-nistp521", KeyKind::P521, Hash::Sha512),
    ("rsa-sign-pkcs1-2048-sha256", KeyKind::Rsa2048, Hash::Sha256),
    ("rsa-sign-pkcs1-3072-sha256", KeyKind::Rsa3072, Hash::Sha256),
    ("rsa-sign-pkcs1-4096-sha256", KeyKind::Rsa4096, Hash::Sha256),
    ("ed25519", KeyKind::Ed25519, Hash::None),
    ("ecdsa-sha2-256-nistp384", KeyKind::P384, Hash::Sha256),
    ("ecdsa-sha2-256-nistp521", KeyKind::P521, Hash::Sha256),
    ("rsa-sign-pss-2048-sha256", KeyKind::Rsa2048, Hash::Sha256),
    ("rsa-sign-pss-3072-sha256", KeyKind::Rsa3072, Hash::Sha256),
    ("rsa-sign-pss-4096-sha256", KeyKind::Rsa4096, Hash::Sha256),
    ("ed25519-ph", KeyKind::Ed25519, Hash::Sha512),
];

/// How many of [`NAMES`] are permitted unless the operator says otherwise.
const DEFAULTS: usize = 7;

/// The pairs of key and hash that clients may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermittedAlgorithms(Vec<(KeyKind, Hash)>);

/// A name that is not a client signing algorithm.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a client signing algorithm; known are: {known}", known = NAMES.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(", "))]
pub struct UnknownAlgorithm(String);

impl PermittedAlgorithms {
    pub fn permits(&self, kind: KeyKind, hash: Hash) -> bool {
        self.0.contains(&(kind, hash))
    }

    /// The default list, comma-separated, as on the command line.
    pub fn default_names() -> String {
        NAMES.iter().take(DEFAULTS).map(|(name, ..)| *name).collect::<Vec<_>>().join(",")
    }
}

impl Default for PermittedAlgorithms {
    fn default() -> Self {
        Self(NAMES.iter().take(DEFAULTS).map(|&(_, kind, hash)| (kind, hash)).collect())
    }
}

impl FromStr for PermittedAlgorithms {
    type Err = UnknownAlgorithm;

    /// Reads a comma-separated list of names.
    fn from_str(list: &str) -> Result<Self, UnknownAlgorithm> {
        let pair = |name: &str| {
            let name = name.trim();
            let known = NAMES.iter().find(|(known, ..)| *known == name);
            known.map(|&(_, kind, hash)| (kind, hash)).ok_or_else(|| UnknownAlgorithm(name.to_owned()))
        };
        list.split(',').map(pair).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_list_round_trips() {
        assert_eq!(
            PermittedAlgorithms::default_names().parse::<PermittedAlgorithms>().unwrap(),
            PermittedAlgorithms::default()
        );
        assert!(PermittedAlgorithms::default().permits(KeyKind::P384, Hash::Sha384));
        assert!(!PermittedAlgorithms::default().permits(KeyKind::P384, Hash::Sha256));
        assert!(!PermittedAlgorithms::default().permits(KeyKind::Rsa2048, Hash::Sha512));
    }

    #[test]
    fn a_list_permits_what_it_names_and_nothing_else() {
        let only: PermittedAlgorithms = "ecdsa-sha2-256-nistp384, ed25519".parse().unwrap();
        assert!(only.permits(KeyKind::P384, Hash::Sha256) && only.permits(KeyKind::Ed25519, Hash::None));
        assert!(!only.permits(KeyKind::P256, Hash::Sha256));
        let error = "ecdsa".parse::<PermittedAlgorithms>().unwrap_err().to_string();
        assert!(error.contains("\"ecdsa\"") && error.contains("ed25519-ph"), "{error}");
        assert!("".parse::<PermittedAlgorithms>().is_err());
    }
}
