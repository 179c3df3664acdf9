//! Owns what a vault says about a key: whether it may sign for us, with what, and its public half.
//!
//! Refuses to know how it was asked.

use azure_security_keyvault_keys::models::{CurveName, JsonWebKey, Key, KeyType, SignatureAlgorithm as VaultAlgorithm};

use crate::crypto::algorithm::SignatureAlgorithm;
use crate::crypto::curve::Curve;
use crate::crypto::spki;
use crate::signer::remote::{RemoteError, RemotePublicKey};

/// What is wrong with a key, and what to do about it.
#[derive(Debug)]
pub(super) struct Unfit {
    pub(super) problem: RemoteError,
    pub(super) hint: Hint,
}

/// What the operator has to do to a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hint {
    Enable,
    AllowSigning,
    MakeAnother,
    Report,
}

/// The public half of a key that may sign.
pub(super) fn read(key: &Key) -> Result<RemotePublicKey, Unfit> {
    let unfit = |problem: &str, hint| Unfit { problem: RemoteError::Refused(problem.into()), hint };
    let enabled = key.attributes.as_ref().and_then(|attributes| attributes.enabled);
    if enabled == Some(false) {
        return Err(unfit("the key is disabled", Hint::Enable));
    }
    let Some(jwk) = &key.key else { return Err(unusable("the vault's answer has no key")) };
    if let Some(operations) = &jwk.key_ops
        && !operations.iter().any(|operation| operation == "sign")
    {
        return Err(unfit("`sign` is not among the key's permitted operations", Hint::AllowSigning));
    }
    let spki = match &jwk.kty {
        Some(KeyType::Ec | KeyType::EcHsm) => match curve(jwk) {
            Some(curve) => spki::of_point(curve, number(jwk.x.as_ref()), number(jwk.y.as_ref())),
            None => return Err(unfit(&format!("its curve is {}", word(jwk.crv.as_ref())), Hint::MakeAnother)),
        },
        Some(KeyType::Rsa | KeyType::RsaHsm) => spki::of_rsa(number(jwk.n.as_ref()), number(jwk.e.as_ref())),
        other => return Err(unfit(&format!("its type is {}", word(other.as_ref())), Hint::MakeAnother)),
    };
    let spki = spki.map_err(|error| unusable(&error.to_string()))?;
    RemotePublicKey::from_spki_der(spki).map_err(|error| unfit(&error.to_string(), Hint::MakeAnother))
}

/// What the vault calls our algorithm; it has none for Ed25519.
pub(super) fn vault_algorithm(algorithm: SignatureAlgorithm) -> Option<VaultAlgorithm> {
    Some(match algorithm {
        SignatureAlgorithm::EcdsaP256Sha256 => VaultAlgorithm::Es256,
        SignatureAlgorithm::EcdsaP384Sha384 => VaultAlgorithm::Es384,
        SignatureAlgorithm::EcdsaP521Sha512 => VaultAlgorithm::Es512,
        SignatureAlgorithm::RsaPkcs1Sha256 => VaultAlgorithm::Rs256,
        SignatureAlgorithm::Ed25519 => return None,
    })
}

fn unusable(problem: &str) -> Unfit {
    Unfit { problem: RemoteError::Unusable(problem.into()), hint: Hint::Report }
}

fn curve(jwk: &JsonWebKey) -> Option<Curve> {
    match jwk.crv {
        Some(CurveName::P256) => Some(Curve::P256),
        Some(CurveName::P384) => Some(Curve::P384),
        Some(CurveName::P521) => Some(Curve::P521),
        _ => None,
    }
}

fn word(name: Option<&impl ToString>) -> String {
    name.map_or_else(|| "not given".to_owned(), ToString::to_string)
}

fn number(bytes: Option<&Vec<u8>>) -> &[u8] {
    bytes.map(Vec::as_slice).unwrap_or_default()
}
