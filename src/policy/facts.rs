//! What rules are evaluated on: of a request, of a record of one, or of a test case.

use std::cell::OnceCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::crypto::KeyKind;
use crate::identity::kinds::SubjectAlternativeName;
use crate::identity::{IdentityKind, Principal, VerifiedClaims};
use crate::policy::expression::parse_timestamp;
use crate::possession::ProvenKey;
use crate::text::hint;

/// What rules can look at. What a record or a test case does not have is an error where a rule looks at it.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The verified claims.
    pub claims: &'a Map<String, Value>,
    /// The token's issuer.
    pub issuer: &'a str,
    /// The audience that the issuer file names.
    pub audience: Option<&'a str>,
    pub kind: IdentityKind,
    /// The certificate's subject alternative name, without its type.
    pub san: Option<&'a str>,
    pub key: Option<KeyFacts<'a>>,
    pub now: SystemTime,
}

/// The key to be certified.
#[derive(Debug)]
pub struct KeyFacts<'a> {
    kind: KeyKind,
    hash: KeyHash<'a>,
}

#[derive(Debug)]
enum KeyHash<'a> {
    /// Computed when the first rule asks for it.
    Of {
        spki: &'a [u8],
        hash: OnceCell<String>,
    },
    Recorded(Option<&'a str>),
}

impl<'a> KeyFacts<'a> {
    pub fn new(key: &'a ProvenKey) -> Self {
        let key = key.public_key();
        Self { kind: key.kind(), hash: KeyHash::Of { spki: key.spki(), hash: OnceCell::new() } }
    }

    /// A key of which a record knows this much: the SHA-256 of its DER SubjectPublicKeyInfo in lower-case hexadecimal.
    pub const fn recorded(kind: KeyKind, sha256: Option<&'a str>) -> Self {
        Self { kind, hash: KeyHash::Recorded(sha256) }
    }

    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The SHA-256 of the DER SubjectPublicKeyInfo in lower-case hexadecimal.
    pub fn sha256(&self) -> Option<&str> {
        match &self.hash {
            KeyHash::Of { spki, hash } => Some(hash.get_or_init(|| hex::encode(Sha256::digest(spki)))),
            KeyHash::Recorded(hash) => *hash,
        }
    }
}

impl<'a> Facts<'a> {
    /// Those of a request.
    pub fn of_request(
        claims: &'a VerifiedClaims,
        principal: &'a Principal,
        key: &'a ProvenKey,
        now: SystemTime,
    ) -> Self {
        Self {
            claims: claims.claims().members(),
            issuer: claims.issuer_url(),
            audience: Some(&claims.issuer().audience),
            kind: claims.issuer().identity.kind(),
            san: Some(name(principal.name())),
            key: Some(KeyFacts::new(key)),
            now,
        }
    }
}

/// Facts that were read from a record or a test case.
#[derive(Clone, Debug)]
pub struct RecordedFacts {
    pub claims: Map<String, Value>,
    pub issuer: String,
    pub audience: Option<String>,
    pub kind: IdentityKind,
    pub san: Option<String>,
    /// The kind of the key, and the SHA-256 of its DER SubjectPublicKeyInfo in lower-case hexadecimal.
    pub key: Option<(KeyKind, Option<String>)>,
    pub now: SystemTime,
}

impl RecordedFacts {
    /// Reads `{"claims": {..}, "issuer": .., "audience": .., "principal": {"kind": .., "san": ..}, "key": {"kind": .., "sha256": ..},
    /// "now": ..}`. `claims` and `principal.kind` must be there; the issuer is else that of the claims, and the time is `now`.
    ///
    /// Errors: the member that cannot be used, in words.
    pub fn from_json(record: &Value, now: SystemTime) -> Result<Self, String> {
        let text = |at: &str| match record.pointer(at) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(format!("{} is not a string", at.trim_start_matches('/').replace('/', "."))),
        };
        let claims = record.get("claims").and_then(Value::as_object).ok_or("claims is not an object")?.clone();
        let kind = text("/principal/kind")?.ok_or("principal.kind is missing")?;
        let kind = IdentityKind::from_name(&kind).ok_or_else(|| {
            format!("principal.kind: {}", hint::for_unknown(&kind, IdentityKind::NAMES.iter().copied()))
        })?;
        let of_claims = || claims.get("iss").and_then(Value::as_str).map(str::to_owned);
        let issuer = text("/issuer")?.or_else(of_claims).ok_or("issuer is missing, and claims has no iss")?;
        let key = text("/key/kind")?.map(|kind| {
            let unknown = || format!("key.kind: {}", hint::for_unknown(&kind, KeyKind::NAMES.iter().copied()));
            KeyKind::from_name(&kind).ok_or_else(unknown)
        });
        let key = key.transpose()?.map(|kind| Ok::<_, String>((kind, text("/key/sha256")?))).transpose()?;
        let now = match record.get("now") {
            None | Some(Value::Null) => now,
            Some(time) => parse_time(time).ok_or("now is neither seconds since 1970 nor like 2026-11-28T00:00:00Z")?,
        };
        Ok(Self { issuer, audience: text("/audience")?, san: text("/principal/san")?, claims, kind, key, now })
    }

    pub fn facts(&self) -> Facts<'_> {
        Facts {
            claims: &self.claims,
            issuer: &self.issuer,
            audience: self.audience.as_deref(),
            kind: self.kind,
            san: self.san.as_deref(),
            key: self.key.as_ref().map(|(kind, hash)| KeyFacts::recorded(*kind, hash.as_deref())),
            now: self.now,
        }
    }
}

fn parse_time(time: &Value) -> Option<SystemTime> {
    match time {
        Value::String(text) => parse_moment(text),
        Value::Number(seconds) => UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds.as_f64()?).ok()?),
        _ => None,
    }
}

/// A time since 1970 as RFC 3339 writes it.
pub(super) fn parse_moment(text: &str) -> Option<SystemTime> {
    let nanos = u64::try_from(parse_timestamp(text)?).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_nanos(nanos))
}

fn name(name: &SubjectAlternativeName) -> &str {
    match name {
        SubjectAlternativeName::Email(name) | SubjectAlternativeName::OtherName(name) => name,
        SubjectAlternativeName::Uri(uri) => uri.as_str(),
    }
}
