//! The documents for clients that want everything in one file, or no more than certificates.

use serde_json::{Value, json};

use super::{Chain, Deployment};
use crate::text;

impl Deployment {
    /// Trusted root and signing configuration in one document: `ClientTrustConfig`, version 0.1.
    pub fn client_trust_config(&self) -> Value {
        json!({
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": self.trusted_root(),
            "signingConfig": self.signing_config(),
        })
    }

    /// The roots of all certificate authorities in PEM, each once.
    pub fn roots_pem(&self) -> String {
        distinct_pem(self.authorities.iter().map(|authority| authority.chain.root()))
    }

    /// The whole chains of all certificate authorities in PEM, each certificate once: the first authority's in order.
    pub fn chains_pem(&self) -> String {
        distinct_pem(self.authorities.iter().flat_map(|authority| authority.chain.ders()).map(Vec::as_slice))
    }
}

impl Chain {
    /// The certificates in PEM, the root last.
    pub fn to_pem(&self) -> String {
        distinct_pem(self.ders().iter().map(Vec::as_slice))
    }
}

fn distinct_pem<'a>(ders: impl Iterator<Item = &'a [u8]>) -> String {
    let mut distinct: Vec<&[u8]> = Vec::new();
    for der in ders {
        if !distinct.contains(&der) {
            distinct.push(der);
        }
    }
    distinct.into_iter().map(|der| text::pem("CERTIFICATE", der)).collect()
}
