//! The deployment that `sigmint dev` is, for the files that clients read.
//!
//! Owns which of its services are in them. The documents are `crate::trust`'s.

use std::time::SystemTime;

use crate::trust::{
    self, CertificateAuthority, Chain, ChainProblem, CtLog, PublicKey, Purpose, RekorApi, RekorLog, Selector,
    TimestampAuthority, TokenIssuer, UnknownKeyKind, Window,
};

/// The services of one run. All of them have been in use since the same moment.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The certificate authority's URL.
    pub authority: String,
    /// The issuer of tokens that a person would log in at.
    pub token_issuer: String,
    /// The authority's chain in DER: the issuing CA first, the root last.
    pub chain: Vec<Vec<u8>>,
    pub log: LogDescription,
    /// The log of signatures.
    pub rekor: RekorDescription,
    pub timestamp_authority: TimestampDescription,
    /// Since when all this is in use.
    pub since: SystemTime,
}

/// A log of certificates, as clients have to know it.
#[derive(Clone, Debug)]
pub struct LogDescription {
    /// Its URL.
    pub url: String,
    /// Its key, a DER `SubjectPublicKeyInfo`.
    pub spki: Vec<u8>,
}

/// A log of signatures, as clients have to know it.
#[derive(Clone, Debug)]
pub struct RekorDescription {
    pub url: String,
    pub api: RekorApi,
    /// Its key, a DER `SubjectPublicKeyInfo`.
    pub spki: Vec<u8>,
}

/// A timestamp authority, as clients have to know it.
#[derive(Clone, Debug)]
pub struct TimestampDescription {
    /// Where requests go, path and all.
    pub url: String,
    /// In DER: the certificate that signs timestamps first, the root last.
    pub chain: Vec<Vec<u8>>,
    /// Since when its certificate is valid.
    pub since: SystemTime,
}

/// Why clients could not be told of a deployment.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum DeploymentProblem {
    #[error("a chain of certificates cannot be published")]
    Chain(#[from] ChainProblem),
    #[error("a log's key cannot be published")]
    Key(#[from] UnknownKeyKind),
}

impl Deployment {
    /// What the documents are made of.
    pub fn describe(&self) -> Result<trust::Deployment, DeploymentProblem> {
        let (window, purpose) = (Window::since(self.since), Purpose::SignAndVerify);
        let (rekor, stamper) = (&self.rekor, &self.timestamp_authority);
        Ok(trust::Deployment {
            operator: "sigmint dev".to_owned(),
            authorities: vec![CertificateAuthority {
                url: self.authority.clone(),
                chain: Chain::from_ders(self.chain.clone())?,
                window,
                purpose,
            }],
            ct_logs: vec![CtLog { url: self.log.url.clone(), key: PublicKey::from_spki_der(&self.log.spki)?, window }],
            rekor_logs: vec![RekorLog {
                url: rekor.url.clone(),
                api: rekor.api.clone(),
                key: PublicKey::from_spki_der(&rekor.spki)?,
                window,
                purpose,
            }],
            rekor_selector: Selector::Any,
            timestamp_authorities: vec![TimestampAuthority {
                url: stamper.url.clone(),
                chain: Chain::from_ders(stamper.chain.clone())?,
                window: Window::since(stamper.since),
                purpose,
            }],
            timestamp_selector: Selector::Any,
            token_issuers: vec![TokenIssuer { url: self.token_issuer.clone(), window }],
        })
    }
}
