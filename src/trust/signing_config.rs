//! Whom to ask when signing: `SigningConfig` of `sigstore_trustroot.proto`, version 0.2.

use std::num::NonZeroU32;

use serde_json::{Value, json};

use super::{Deployment, Purpose, RekorApi, Window};

/// How many of several services a signer has to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Selector {
    /// One, whichever.
    #[default]
    Any,
    All,
    Exactly(NonZeroU32),
}

/// `Service`, before it is put in order.
struct Service<'a> {
    url: &'a str,
    major_api_version: u32,
    window: Window,
}

impl Deployment {
    /// The document that signers read, by its name in TUF `signing_config.v0.2.json`.
    pub fn signing_config(&self) -> Value {
        let authorities = self.authorities.iter().filter(|one| one.purpose == Purpose::SignAndVerify);
        let logs = self.rekor_logs.iter().filter(|log| log.purpose == Purpose::SignAndVerify);
        let timestamps = self.timestamp_authorities.iter().filter(|one| one.purpose == Purpose::SignAndVerify);
        let service = |url, major_api_version, window| Service { url, major_api_version, window };
        json!({
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": self.newest_first(authorities.map(|one| service(&one.url, 1, one.window))),
            "oidcUrls": self.newest_first(self.token_issuers.iter().map(|one| service(&one.url, 1, one.window))),
            "rekorTlogUrls": self.newest_first(logs.map(|log| service(&log.url, log.api.major_version(), log.window))),
            "rekorTlogConfig": self.rekor_selector.to_json(),
            "tsaUrls": self.newest_first(timestamps.map(|one| service(&one.url, 1, one.window))),
            "tsaConfig": self.timestamp_selector.to_json(),
        })
    }

    /// The order that the protocol wants. Two chains of one authority are one service, of the longest window.
    fn newest_first<'a>(&self, services: impl Iterator<Item = Service<'a>>) -> Vec<Value> {
        let mut services: Vec<Service<'_>> = services.collect();
        services.sort_by_key(|service| std::cmp::Reverse(service.window.start()));
        let mut distinct: Vec<Service<'_>> = Vec::new();
        for service in services {
            let is_same = |other: &&mut Service<'_>| {
                (other.url, other.major_api_version) == (service.url, service.major_api_version)
            };
            match distinct.iter_mut().find(is_same) {
                Some(other) => other.window = other.window.joined(service.window),
                None => distinct.push(service),
            }
        }
        distinct.iter().map(|service| service.to_json(&self.operator)).collect()
    }
}

impl RekorApi {
    const fn major_version(&self) -> u32 {
        match self {
            Self::V1 => 1,
            Self::V2 { .. } => 2,
        }
    }
}

impl Selector {
    /// `ServiceConfiguration`.
    fn to_json(self) -> Value {
        match self {
            Self::Any => json!({"selector": "ANY"}),
            Self::All => json!({"selector": "ALL"}),
            Self::Exactly(count) => json!({"selector": "EXACT", "count": count}),
        }
    }
}

impl Service<'_> {
    fn to_json(&self, operator: &str) -> Value {
        json!({
            "url": self.url,
            "majorApiVersion": self.major_api_version,
            "validFor": self.window.to_json(),
            "operator": operator,
        })
    }
}
