//! One JWK as providers write it (RFC 7517, RFC 7518 section 6, RFC 8037): which key it is, and what it is for.
//!
//! Owns the reading, with the freedoms that providers take, and the reasons for which a key is left out. Leaves the cryptography to
//! `material`. Knows no issuer and no claims.

use std::fmt;
use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::material::Numbers;
use crate::crypto::curve::Curve;
use crate::crypto::spki::{self, bit_length, trimmed};
use crate::identity::token::TokenAlgorithm;

/// The longest number of a key, in characters as written: an RSA modulus of 4096 bits takes 683.
const MAX_NUMBER: usize = 1024;
/// How large an RSA key may be: above, a verification costs an attacker less than it costs us.
const MODULUS_BITS: RangeInclusive<usize> = 2048..=4096;
/// 65537, the one exponent that issuers use. A larger one makes every verification dearer, a smaller one forgeries easier.
pub(super) const EXPONENT: [u8; 3] = [1, 0, 1];
/// What `use` says of keys that sign tokens. SPIFFE's bundles say `jwt-svid`; hand-made sets say it in words.
const SIGNING_USES: [&str; 6] = ["", "sig", "sign", "signing", "signature", "jwt-svid"];

/// Base64url with or without padding, whatever its unused last bits are.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Why a key of an issuer's set verifies no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum LeftOut {
    /// Not a JSON object, or a member of it is of another type than it should be.
    #[error("it is not a JWK")]
    NotJwk,
    #[error("its type or curve (kty, crv) is not one that tokens are verified with")]
    Type,
    #[error("a number of its key is missing (n and e, or x and y)")]
    Incomplete,
    #[error("a number of its key is not base64url, or longer than any such key's")]
    Number,
    #[error("it is not for signatures (use, key_ops)")]
    Use,
    #[error("its alg is not accepted here, or not one of its type and curve")]
    Algorithm,
    #[error("its private part is published with it (d): anybody can sign with it")]
    Private,
    #[error("its RSA modulus does not have 2048 to 4096 bits")]
    ModulusLength,
    #[error("its RSA exponent is not 65537")]
    Exponent,
    /// An RSA modulus that can be factored.
    #[error("{0}")]
    WeakModulus(&'static str),
    #[error("its coordinates are not a usable point of its curve")]
    Point,
    #[error("its set holds more keys than are kept")]
    Beyond,
}

/// A key that can verify tokens, as far as its members say.
pub(super) struct Read {
    pub(super) id: Option<String>,
    /// The one algorithm that it is for; any of RSA if there is none.
    pub(super) algorithm: Option<TokenAlgorithm>,
    pub(super) numbers: Numbers,
}

/// A key that is left out, by its id if it has one.
#[derive(Debug)]
pub(super) struct Skipped {
    pub(super) id: Option<String>,
    pub(super) reason: LeftOut,
}

/// Reads one member of a set's list.
pub(super) fn read(text: &str) -> Result<Read, Skipped> {
    let mut jwk: Jwk = serde_json::from_str(text).map_err(|_| Skipped { id: None, reason: LeftOut::NotJwk })?;
    let id = jwk.kid.take().filter(|id| !id.is_empty());
    match jwk.key() {
        Ok((algorithm, numbers)) => Ok(Read { id, algorithm, numbers }),
        Err(reason) => Err(Skipped { id, reason }),
    }
}

/// The members of a JWK that matter. Null is absent; of duplicates the last one counts.
#[derive(Default)]
struct Jwk {
    kty: Option<String>,
    kid: Option<String>,
    usage: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<String>,
    operations: Option<Vec<String>>,
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(JwkVisitor)
    }
}

struct JwkVisitor;

impl<'de> Visitor<'de> for JwkVisitor {
    type Value = Jwk;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JWK")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Jwk, A::Error> {
        let mut jwk = Jwk::default();
        while let Some(name) = members.next_key::<String>()? {
            if name == "key_ops" {
                jwk.operations = operations(&members.next_value()?);
            } else if let Some(member) = jwk.member(&name) {
                *member = members.next_value()?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(jwk)
    }
}

/// The operations of a list; a list without any says nothing, and neither does anything else.
fn operations(value: &Value) -> Option<Vec<String>> {
    let listed: Vec<String> = value.as_array()?.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    Some(listed).filter(|listed| !listed.is_empty())
}

impl Jwk {
    fn member(&mut self, name: &str) -> Option<&mut Option<String>> {
        Some(match name {
            "kty" => &mut self.kty,
            "kid" => &mut self.kid,
            "use" => &mut self.usage,
            "alg" => &mut self.alg,
            "crv" => &mut self.crv,
            "n" => &mut self.n,
            "e" => &mut self.e,
            "x" => &mut self.x,
            "y" => &mut self.y,
            "d" => &mut self.d,
            _ => return None,
        })
    }

    fn key(&self) -> Result<(Option<TokenAlgorithm>, Numbers), LeftOut> {
        if !self.is_for_signatures() {
            return Err(LeftOut::Use);
        }
        let meant = self.meant()?;
        let numbers = self.numbers()?;
        if self.d.as_ref().is_some_and(|private| !private.is_empty()) {
            return Err(LeftOut::Private);
        }
        // A key that is meant for an algorithm which is not its own is not ours to use for another.
        let algorithm = match (numbers.algorithm(), meant) {
            (Some(own), None) => Some(own),
            (Some(own), Some(meant)) if own == meant.scheme() => Some(meant),
            (None, meant) if meant.is_none_or(TokenAlgorithm::is_rsa) => meant,
            _ => return Err(LeftOut::Algorithm),
        };
        Ok((algorithm, numbers))
    }

    fn is_for_signatures(&self) -> bool {
        let usage = self.usage.as_deref().unwrap_or_default().trim().to_ascii_lowercase();
        let is_listed = |listed: &Vec<String>| listed.iter().any(|one| matches!(one.as_str(), "verify" | "sign"));
        SIGNING_USES.contains(&usage.as_str()) && self.operations.as_ref().is_none_or(is_listed)
    }

    /// The algorithm that the key is meant for, if it says one. Some repeat the key's type there, which says nothing.
    fn meant(&self) -> Result<Option<TokenAlgorithm>, LeftOut> {
        let alg = self.alg.as_deref().unwrap_or_default().trim();
        if alg.is_empty() || self.kty.as_deref() == Some(alg) {
            return Ok(None);
        }
        let known = TokenAlgorithm::from_name(alg).or_else(|| TokenAlgorithm::from_name(&alg.to_ascii_uppercase()));
        known.map(Some).ok_or(LeftOut::Algorithm)
    }

    fn numbers(&self) -> Result<Numbers, LeftOut> {
        let curve = match (self.kty.as_deref(), self.crv.as_deref()) {
            (Some("RSA"), _) => return self.rsa(),
            (Some("OKP"), Some("Ed25519")) => {
                let point = number(self.x.as_deref())?;
                return point.try_into().map(Numbers::Ed25519).map_err(|_| LeftOut::Point);
            }
            (Some("EC"), Some("P-256")) => Curve::P256,
            (Some("EC"), Some("P-384")) => Curve::P384,
            (Some("EC"), Some("P-521")) => Curve::P521,
            _ => return Err(LeftOut::Type),
        };
        let (x, y) = (number(self.x.as_deref())?, number(self.y.as_deref())?);
        spki::point(curve, &x, &y).map(|point| Numbers::Ec { curve, point }).map_err(|_| LeftOut::Point)
    }

    fn rsa(&self) -> Result<Numbers, LeftOut> {
        let (modulus, exponent) = (integer(self.n.as_deref())?, integer(self.e.as_deref())?);
        if !MODULUS_BITS.contains(&bit_length(&modulus)) {
            return Err(LeftOut::ModulusLength);
        }
        if exponent != EXPONENT {
            return Err(LeftOut::Exponent);
        }
        Ok(Numbers::Rsa { modulus })
    }
}

/// The bytes of a number. Padding, line breaks and the other alphabet of base64 change nothing of what it says.
fn number(text: Option<&str>) -> Result<Vec<u8>, LeftOut> {
    let text = text.filter(|text| !text.is_empty()).ok_or(LeftOut::Incomplete)?;
    if text.len() > MAX_NUMBER {
        return Err(LeftOut::Number);
    }
    let standard = |byte: u8| match byte {
        b'+' => b'-',
        b'/' => b'_',
        other => other,
    };
    let bytes: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).map(standard).collect();
    LENIENT.decode(bytes).map_err(|_| LeftOut::Number)
}

/// An unsigned integer without leading zeros: Java writes one ahead of a high bit, as two's complement would have it.
fn integer(text: Option<&str>) -> Result<Vec<u8>, LeftOut> {
    Ok(trimmed(&number(text)?).to_vec())
}

#[cfg(test)]
mod tests;
