//! Whom to believe: `TrustedRoot` of `sigstore_trustroot.proto`, version 0.1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{
    CertificateAuthority, Chain, CtLog, Deployment, PublicKey, RekorApi, RekorLog, TimestampAuthority, Window,
};

impl Deployment {
    /// The document that verifiers read, by cosign's name `trusted_root.json`.
    pub fn trusted_root(&self) -> Value {
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": oldest_first(&self.rekor_logs, |log| log.window, RekorLog::to_json),
            "certificateAuthorities": oldest_first(&self.authorities, |one| one.window, CertificateAuthority::to_json),
            "ctlogs": oldest_first(&self.ct_logs, |log| log.window, CtLog::to_json),
            "timestampAuthorities": oldest_first(&self.timestamp_authorities, |one| one.window, TimestampAuthority::to_json),
        })
    }
}

/// The order that the protocol wants.
fn oldest_first<T>(entries: &[T], window: fn(&T) -> Window, to_json: fn(&T) -> Value) -> Vec<Value> {
    let mut entries: Vec<&T> = entries.iter().collect();
    entries.sort_by_key(|entry| window(entry).start());
    entries.into_iter().map(to_json).collect()
}

impl CertificateAuthority {
    fn to_json(&self) -> Value {
        authority(&self.url, &self.chain, self.window)
    }
}

impl TimestampAuthority {
    fn to_json(&self) -> Value {
        authority(&self.url, &self.chain, self.window)
    }
}

impl CtLog {
    fn to_json(&self) -> Value {
        log(&self.url, &self.key, &self.key.sha256(), self.window)
    }
}

impl RekorLog {
    fn to_json(&self) -> Value {
        log(&self.url, &self.key, &self.id(), self.window)
    }

    fn id(&self) -> [u8; 32] {
        match &self.api {
            RekorApi::V1 => self.key.sha256(),
            RekorApi::V2 { origin } => self.key.checkpoint_id(origin),
        }
    }
}

/// `CertificateAuthority`, which timestamp authorities are as well.
fn authority(url: &str, chain: &Chain, window: Window) -> Value {
    let certificates: Vec<Value> = chain.ders().iter().map(|der| json!({"rawBytes": STANDARD.encode(der)})).collect();
    json!({
        "subject": {"organization": chain.organization(), "commonName": chain.common_name()},
        "uri": url,
        "certChain": {"certificates": certificates},
        "validFor": window.to_json(),
    })
}

/// `TransparencyLogInstance`.
fn log(url: &str, key: &PublicKey, id: &[u8], window: Window) -> Value {
    json!({
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": STANDARD.encode(key.spki_der()),
            "keyDetails": key.details(),
            "validFor": window.to_json(),
        },
        "logId": {"keyId": STANDARD.encode(id)},
    })
}
