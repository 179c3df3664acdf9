//! What is said of a request: where it came from, what the policy says, which claims are recorded.
//!
//! Owns the words of records. docs/audit.schema.json has their form.

use std::net::IpAddr;

use serde_json::Value;

use super::json::Members;
use super::redact::Redaction;
use crate::certificate::Serial;
use crate::crypto::{KeyKind, sha256};
use crate::identity::kinds::SubjectAlternativeName;
use crate::identity::{Principal, VerifiedClaims};
use crate::possession::ProvenKey;

/// By which way a request came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    RestV1,
    RestV2,
    Grpc,
    /// From this process: a test, a benchmark.
    #[default]
    Local,
}

impl Transport {
    pub(crate) const ALL: [Self; 4] = [Self::RestV1, Self::RestV2, Self::Grpc, Self::Local];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RestV1 => "rest-v1",
            Self::RestV2 => "rest-v2",
            Self::Grpc => "grpc",
            Self::Local => "local",
        }
    }
}

/// Where a request came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    pub transport: Transport,
    pub request_id: Option<String>,
    pub address: Option<IpAddr>,
}

impl Origin {
    pub(super) fn write(&self, members: &mut Members, redaction: Option<&Redaction>) {
        // A client chooses its id.
        members.add_some("request_id", self.request_id.as_deref().map(|id| redacted(id, redaction)).as_deref());
        members.add("transport", self.transport.name());
        members.add_some("client", self.address.map(|address| address.to_canonical()).as_ref());
    }
}

/// What the issuance policy said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyOutcome {
    Allow,
    Deny,
    /// No rule applied, and the default allows.
    DefaultAllow,
    DefaultDeny,
    /// There is no policy, or it was not reached.
    None,
}

impl PolicyOutcome {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::DefaultAllow => "default-allow",
            Self::DefaultDeny => "default-deny",
            Self::None => "none",
        }
    }
}

/// Which verified claims are recorded (`--audit-claims`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordedClaims {
    /// Those that the loaded policy names.
    Policy,
    All,
    None,
}

/// Issuer, audience and claims. `policy` has the names for [`RecordedClaims::Policy`].
pub(super) fn write_claims(
    members: &mut Members,
    verified: &VerifiedClaims,
    recorded: RecordedClaims,
    policy: &[String],
    redaction: Option<&Redaction>,
) {
    members.add("issuer", verified.issuer_url());
    match verified.claims().get("aud") {
        Some(Value::String(one)) => members.add("audience", &[one]),
        Some(list) => members.add("audience", list),
        None => members.add("audience", &[""; 0]),
    }
    members.add_object("claims", |members| {
        let mut add = |name: &str| {
            let Some(value) = verified.claims().get(name) else { return };
            match redaction {
                Some(redaction) => members.add_any(&redaction.redact(name), &redaction.redact_value(value)),
                None => members.add_any(name, value),
            }
        };
        match recorded {
            RecordedClaims::None => {}
            RecordedClaims::All => verified.claims().names().for_each(add),
            RecordedClaims::Policy => policy.iter().for_each(|name| add(name)),
        }
    });
}

/// Who the certificate is for.
pub(super) fn write_principal(members: &mut Members, kind: &str, principal: &Principal, redaction: Option<&Redaction>) {
    let (form, name) = match principal.name() {
        SubjectAlternativeName::Email(address) => ("email", address.as_str()),
        SubjectAlternativeName::Uri(uri) => ("uri", uri.as_str()),
        SubjectAlternativeName::OtherName(name) => ("other-name", name.as_str()),
    };
    members.add("identity", kind);
    members.add_object("san", |members| {
        members.add("type", form);
        match redaction {
            // Whatever it looks like: it is one.
            Some(redaction) if form == "email" => members.add("value", &redaction.hash(name)),
            _ => members.add("value", redacted(name, redaction).as_ref()),
        }
    });
    members.add_object("extensions", |members| {
        for (id, value) in principal.extensions() {
            members.add(id.yaml_name(), redacted(value, redaction).as_ref());
        }
    });
}

pub(super) fn write_key(members: &mut Members, key: &ProvenKey) {
    let key = key.public_key();
    let (kind, bits) = match key.kind() {
        KeyKind::P256 => ("ecdsa", 256),
        KeyKind::P384 => ("ecdsa", 384),
        KeyKind::P521 => ("ecdsa", 521),
        KeyKind::Rsa2048 => ("rsa", 2048),
        KeyKind::Rsa3072 => ("rsa", 3072),
        KeyKind::Rsa4096 => ("rsa", 4096),
        KeyKind::Ed25519 => ("ed25519", 256),
    };
    members.add_object("key", |members| {
        members.add("kind", kind);
        members.add("bits", &bits);
        members.add_hex("sha256", &sha256(key.spki()));
    });
}

pub(super) fn write_policy(members: &mut Members, outcome: PolicyOutcome, rule: Option<&str>) {
    members.add_object("policy", |members| {
        members.add("outcome", outcome.name());
        members.add_some("rule", rule);
    });
}

/// What is to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ToBeSigned {
    pub(super) serial: String,
    pub(super) tbs: super::chain::Digest,
}

impl ToBeSigned {
    pub(super) fn new(serial: &Serial, tbs: &[u8]) -> Self {
        Self { serial: serial.to_hex(), tbs: sha256(tbs) }
    }

    pub(super) fn write(&self, members: &mut Members) {
        members.add("serial", &self.serial);
        members.add_hex("tbs_sha256", &self.tbs);
    }
}

fn redacted<'t>(text: &'t str, redaction: Option<&Redaction>) -> std::borrow::Cow<'t, str> {
    redaction.map_or(std::borrow::Cow::Borrowed(text), |redaction| redaction.redact(text))
}
