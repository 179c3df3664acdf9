//! Owns the way from a private key in Tink's form to one that signs here.
//!
//! Refuses to know keysets.

use der::asn1::{AnyRef, OctetStringRef, UintRef};
use der::{Encode as _, Sequence};
use prost::Message;
use zeroize::Zeroizing;

use super::TinkError;
use super::messages::{CurveType, EcdsaPrivateKey, Ed25519PrivateKey, KeyData, RsaSsaPkcs1PrivateKey};
use crate::crypto::algorithm::SignatureAlgorithm;
use crate::crypto::curve::Curve;
use crate::crypto::signature_check::SignatureCheck;
use crate::crypto::spki::{self, MalformedNumbers};
use crate::signer::Signer as _;
use crate::signer::backend::TRIAL;
use crate::signer::key_file::EcPrivateKey;
use crate::signer::local::LocalSigner;

const TYPE_PREFIX: &str = "type.googleapis.com/google.crypto.tink.";
/// A PKCS#8 `PrivateKeyInfo` with an Ed25519 key (RFC 8410, section 7), up to its 32 bytes.
const ED25519_PKCS8: &[u8] = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

/// A PKCS#1 `RSAPrivateKey` of two primes (RFC 8017, appendix A.1.2).
#[derive(Sequence)]
struct RsaPrivateKey<'a> {
    version: u8,
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
    private_exponent: UintRef<'a>,
    prime1: UintRef<'a>,
    prime2: UintRef<'a>,
    exponent1: UintRef<'a>,
    exponent2: UintRef<'a>,
    coefficient: UintRef<'a>,
}

/// The signer of a key, once it has shown that its public half is the one beside it.
pub(super) async fn read(data: &KeyData) -> Result<LocalSigner, TinkError> {
    let (signer, spki) = match data.type_url.strip_prefix(TYPE_PREFIX) {
        Some("EcdsaPrivateKey") => ecdsa(&decode(data)?)?,
        Some("Ed25519PrivateKey") => ed25519(&decode(data)?)?,
        Some("RsaSsaPkcs1PrivateKey") => rsa(&decode(data)?)?,
        other => return Err(TinkError::KeyType(shown(other.unwrap_or(&data.type_url)))),
    };
    let check = SignatureCheck::from_spki_der(&spki).map_err(|_| TinkError::Malformed)?;
    let signature = signer.sign(TRIAL).await.map_err(|_| TinkError::Malformed)?;
    check.verify(TRIAL, &signature).map_err(|_| TinkError::Mismatch)?;
    Ok(signer)
}

fn ecdsa(key: &EcdsaPrivateKey) -> Result<(LocalSigner, Vec<u8>), TinkError> {
    check_version(key.version)?;
    let public = key.public_key.as_ref().ok_or(TinkError::Malformed)?;
    let params = public.params.as_ref().ok_or(TinkError::Malformed)?;
    let curve = match CurveType::try_from(params.curve) {
        Ok(CurveType::NistP256) => Curve::P256,
        Ok(CurveType::NistP384) => Curve::P384,
        Ok(CurveType::NistP521) => Curve::P521,
        _ => return Err(TinkError::Curve),
    };
    let spki = spki::of_point(curve, &public.x, &public.y)?;
    let value = spki::padded(&key.value, curve.coordinate())?;
    // Without the public key: the library computes it, and it is compared after.
    let encode = || -> der::Result<Vec<u8>> {
        let (private_key, oid) = (OctetStringRef::new(&value)?, curve.oid());
        EcPrivateKey { version: 1, private_key, parameters: Some(AnyRef::from(&oid)), public_key: None }.to_der()
    };
    let der = encode().map(Zeroizing::new).map_err(|_| TinkError::Malformed)?;
    let signer = LocalSigner::from_sec1(curve.signature_algorithm(), &der).map_err(|_| TinkError::Malformed)?;
    Ok((signer, spki))
}

fn ed25519(key: &Ed25519PrivateKey) -> Result<(LocalSigner, Vec<u8>), TinkError> {
    check_version(key.version)?;
    let public = key.public_key.as_ref().ok_or(TinkError::Malformed)?;
    let spki = spki::of_ed25519(&public.value)?;
    let mut der = Zeroizing::new(Vec::with_capacity(ED25519_PKCS8.len() + key.value.len()));
    der.extend_from_slice(ED25519_PKCS8);
    der.extend_from_slice(&key.value);
    let signer = LocalSigner::from_pkcs8(SignatureAlgorithm::Ed25519, &der).map_err(|_| TinkError::Malformed)?;
    Ok((signer, spki))
}

fn rsa(key: &RsaSsaPkcs1PrivateKey) -> Result<(LocalSigner, Vec<u8>), TinkError> {
    check_version(key.version)?;
    let public = key.public_key.as_ref().ok_or(TinkError::Malformed)?;
    let spki = spki::of_rsa(&public.modulus, &public.exponent)?;
    let encode = || -> der::Result<Vec<u8>> {
        let number = |bytes| UintRef::new(spki::trimmed(bytes));
        let key = RsaPrivateKey {
            version: 0,
            modulus: number(&public.modulus)?,
            public_exponent: number(&public.exponent)?,
            private_exponent: number(&key.d)?,
            prime1: number(&key.p)?,
            prime2: number(&key.q)?,
            exponent1: number(&key.dp)?,
            exponent2: number(&key.dq)?,
            coefficient: number(&key.coefficient)?,
        };
        key.to_der()
    };
    let der = encode().map(Zeroizing::new).map_err(|_| TinkError::Malformed)?;
    let signer = LocalSigner::from_pkcs1(&der).map_err(|_| TinkError::Malformed)?;
    Ok((signer, spki))
}

fn decode<M: Message + Default>(data: &KeyData) -> Result<M, TinkError> {
    M::decode(data.value.as_slice()).map_err(|_| TinkError::Malformed)
}

/// Every private key has had version 0 so far; a later one may mean something else.
fn check_version(version: u32) -> Result<(), TinkError> {
    if version == 0 { Ok(()) } else { Err(TinkError::Version(version)) }
}

/// A type's name as it may stand in a log.
fn shown(name: &str) -> String {
    const LONGEST: usize = 100;
    name.chars().filter(char::is_ascii_graphic).take(LONGEST).collect()
}

impl From<MalformedNumbers> for TinkError {
    fn from(_: MalformedNumbers) -> Self {
        Self::Malformed
    }
}
