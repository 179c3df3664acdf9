//! What Sigstore clients need to know of a deployment, as they read it: the trusted root and the signing configuration.
//!
//! Owns the JSON of `sigstore_trustroot.proto` (TrustedRoot 0.1, SigningConfig 0.2). Knows neither files nor servers.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use humantime::format_rfc3339_seconds;
use serde_json::{Value, json};

/// A deployment, as far as clients have to trust or find it.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The certificate authority's URL.
    pub authority: String,
    /// The issuer of tokens that a person would log in at.
    pub token_issuer: String,
    /// The authority's chain in DER: the issuing CA first, the root last.
    pub chain: Vec<Vec<u8>>,
    pub log: LogDescription,
    /// The log of signatures, a Rekor.
    pub rekor: LogDescription,
    /// Since when all this is in use.
    pub since: SystemTime,
}

/// A transparency log, as clients have to know it.
#[derive(Clone, Debug)]
pub struct LogDescription {
    /// Its URL.
    pub url: String,
    /// Its P-256 key, a DER `SubjectPublicKeyInfo`.
    pub spki: Vec<u8>,
    /// The SHA-256 of that.
    pub id: [u8; 32],
}

impl Deployment {
    /// Whom to believe: the authority and both logs. There is no timestamping authority.
    pub fn trusted_root(&self) -> Value {
        let valid_for = json!({"start": format_rfc3339_seconds(self.since).to_string()});
        let chain: Vec<Value> = self.chain.iter().map(|der| json!({"rawBytes": STANDARD.encode(der)})).collect();
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [{
                "baseUrl": self.rekor.url,
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": STANDARD.encode(&self.rekor.spki),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": valid_for,
                },
                "logId": {"keyId": STANDARD.encode(self.rekor.id)},
            }],
            "certificateAuthorities": [{
                "subject": {"organization": "sigmint", "commonName": "sigmint development CA"},
                "uri": self.authority,
                "certChain": {"certificates": chain},
                "validFor": valid_for,
            }],
            "ctlogs": [{
                "baseUrl": self.log.url,
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": STANDARD.encode(&self.log.spki),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": valid_for,
                },
                "logId": {"keyId": STANDARD.encode(self.log.id)},
            }],
            "timestampAuthorities": [],
        })
    }

    /// Whom to ask when signing.
    pub fn signing_config(&self) -> Value {
        let service = |url: &str, version: u32| json!({"url": url, "majorApiVersion": version, "validFor": {"start": format_rfc3339_seconds(self.since).to_string()}, "operator": "sigmint dev"});
        json!({
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [service(&self.authority, 1)],
            "oidcUrls": [service(&self.token_issuer, 1)],
            "rekorTlogUrls": [service(&self.rekor.url, 2)],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaUrls": [],
            "tsaConfig": {"selector": "ANY"},
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_in_order_and_the_log_has_its_key() {
        let deployment = Deployment {
            authority: "http://127.0.0.1:1".to_owned(),
            token_issuer: "http://127.0.0.1:2/email".to_owned(),
            chain: vec![b"ca".to_vec(), b"root".to_vec()],
            log: LogDescription { url: "http://127.0.0.1:3".to_owned(), spki: b"key".to_vec(), id: [0; 32] },
            rekor: LogDescription { url: "http://127.0.0.1:4".to_owned(), spki: b"other".to_vec(), id: [1; 32] },
            since: SystemTime::UNIX_EPOCH,
        };
        let root = deployment.trusted_root();
        let authority = &root["certificateAuthorities"][0];
        assert_eq!(authority["certChain"]["certificates"], json!([{"rawBytes": "Y2E="}, {"rawBytes": "cm9vdA=="}]));
        assert_eq!(authority["validFor"]["start"], "1970-01-01T00:00:00Z");
        let log = &root["ctlogs"][0];
        assert_eq!((&log["publicKey"]["rawBytes"], &log["baseUrl"]), (&json!("a2V5"), &json!("http://127.0.0.1:3")));
        assert_eq!(log["logId"]["keyId"], STANDARD.encode([0; 32]));
        let rekor = &root["tlogs"][0];
        assert_eq!(
            (&rekor["publicKey"]["rawBytes"], &rekor["baseUrl"]),
            (&json!("b3RoZXI="), &json!("http://127.0.0.1:4"))
        );
        assert_eq!(rekor["logId"]["keyId"], STANDARD.encode([1; 32]));
        let config = deployment.signing_config();
        let service = &config["rekorTlogUrls"][0];
        assert_eq!((&service["url"], &service["majorApiVersion"]), (&json!("http://127.0.0.1:4"), &json!(2)));
        assert_eq!(config["caUrls"][0]["url"], "http://127.0.0.1:1");
        assert_eq!(config["oidcUrls"][0]["url"], "http://127.0.0.1:2/email");
    }
}
