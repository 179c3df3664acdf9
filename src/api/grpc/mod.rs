//! gRPC: `dev.sigstore.fulcio.v2.CA`, health and reflection.
//!
//! Owns reading and writing the messages of `proto/fulcio.proto`. Calls the core in this process; knows no socket.

mod arrival;
mod compressed;
mod counted;
mod health;
mod routes;
mod status;

use std::sync::Arc;

use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use super::answer::{chain_texts, log_issued};
use super::request_id::RequestId;
use crate::certificate::chain::{ChainCertificate, IssuingChain};
use crate::identity::issuers::{Issuer, IssuerAddress};
use crate::issuance::{self, Issuance, Issued, SctDelivery};
use crate::networks::Networks;
use crate::possession::KeyRequest;

pub(super) use routes::is_grpc;
pub use routes::{Caller, Routes, RoutesError};

/// The messages and the service, generated from `proto/fulcio.proto`.
#[allow(clippy::pedantic, missing_docs, reason = "generated; the documentation is in the .proto file")]
pub mod proto {
    tonic::include_proto!("dev.sigstore.fulcio.v2");
    /// The descriptors of the .proto file, for reflection.
    pub(super) const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/fulcio.bin"));
}

use proto::ca_server::Ca;
use proto::create_signing_certificate_request::Key;
use proto::credentials::Credentials as Credential;
use proto::oidc_issuer::Issuer as IssuerLocation;
use proto::signing_certificate::Certificate;

/// The metadata that carries the token when the message does not.
const TOKEN_METADATA: &str = "oidcidentitytoken";

struct CertificateAuthority {
    issuance: Arc<Issuance>,
}

#[tonic::async_trait]
impl Ca for CertificateAuthority {
    async fn create_signing_certificate(
        &self,
        request: Request<proto::CreateSigningCertificateRequest>,
    ) -> Result<Response<proto::SigningCertificate>, Status> {
        let (metadata, extensions, message) = request.into_parts();
        let client = extensions.get::<Networks>().copied();
        match self.issuance.issue(issuance::Request { client, ..read_request(message, &metadata) }).await {
            Ok(issued) => Ok(Response::new(answer(&issued))),
            Err(failure) => {
                let request_id = extensions.get::<RequestId>();
                Err(status::of_failure(&failure, "CA/CreateSigningCertificate", request_id, &self.issuance.metrics))
            }
        }
    }

    async fn get_trust_bundle(
        &self,
        _: Request<proto::GetTrustBundleRequest>,
    ) -> Result<Response<proto::TrustBundle>, Status> {
        let chains = self.issuance.authority.all().chains().iter().map(|chain| chain_message(chain)).collect();
        Ok(Response::new(proto::TrustBundle { chains }))
    }

    async fn get_configuration(
        &self,
        _: Request<proto::GetConfigurationRequest>,
    ) -> Result<Response<proto::Configuration>, Status> {
        let issuers = self.issuance.issuers.load();
        let issuers = issuers.iter().map(|issuer| issuer.as_ref().into()).collect();
        Ok(Response::new(proto::Configuration { issuers }))
    }
}

/// The token from the message, or else from the metadata if it is there exactly once.
fn read_request(message: proto::CreateSigningCertificateRequest, metadata: &MetadataMap) -> issuance::Request {
    let sent = message.credentials.and_then(|credentials| credentials.credentials);
    let token = sent.map(|Credential::OidcIdentityToken(token)| token).filter(|token| !token.is_empty());
    let key = match message.key {
        Some(Key::CertificateSigningRequest(text)) if !text.is_empty() => KeyRequest::SigningRequest(text),
        Some(Key::PublicKeyRequest(request)) => KeyRequest::PublicKey {
            content: request.public_key.unwrap_or_default().content.into_bytes(),
            proof: request.proof_of_possession,
        },
        // Neither: refused as a key that cannot be read, once the token has been looked at.
        Some(Key::CertificateSigningRequest(_)) | None => {
            KeyRequest::PublicKey { content: Vec::new(), proof: Vec::new() }
        }
    };
    issuance::Request { token: token.unwrap_or_else(|| metadata_token(metadata).to_owned()), key, client: None }
}

fn metadata_token(metadata: &MetadataMap) -> &str {
    let mut values = metadata.get_all(TOKEN_METADATA).iter();
    match (values.next(), values.next()) {
        (Some(token), None) => token.to_str().unwrap_or_default(),
        _ => "",
    }
}

fn answer(issued: &Issued) -> proto::SigningCertificate {
    log_issued(&issued.record);
    let chain = Some(proto::CertificateChain { certificates: chain_texts(issued) });
    let detached = |timestamp: &[u8]| proto::SigningCertificateDetachedSct {
        chain: chain.clone(),
        signed_certificate_timestamp: timestamp.to_vec(),
    };
    let certificate = match &issued.timestamps {
        SctDelivery::Embedded => {
            Certificate::SignedCertificateEmbeddedSct(proto::SigningCertificateEmbeddedSct { chain })
        }
        SctDelivery::Detached(timestamp) => Certificate::SignedCertificateDetachedSct(detached(timestamp)),
        SctDelivery::None => Certificate::SignedCertificateDetachedSct(detached(&[])),
    };
    proto::SigningCertificate { certificate: Some(certificate) }
}

impl From<&Issuer> for proto::OidcIssuer {
    fn from(issuer: &Issuer) -> Self {
        let location = match &issuer.address {
            IssuerAddress::Url(url) => IssuerLocation::IssuerUrl(url.as_str().to_owned()),
            IssuerAddress::Pattern(pattern) => IssuerLocation::WildcardIssuerUrl(pattern.as_str().to_owned()),
        };
        Self {
            issuer: Some(location),
            audience: issuer.audience.clone(),
            challenge_claim: issuer.challenge_claim.clone(),
            spiffe_trust_domain: issuer.spiffe_trust_domain.clone(),
            issuer_type: issuer.identity.name().to_owned(),
            subject_domain: issuer.subject_domain.clone(),
            skip_email_verification: issuer.skip_email_verification,
        }
    }
}

fn chain_message(chain: &IssuingChain) -> proto::CertificateChain {
    proto::CertificateChain {
        certificates: chain.certificates().iter().map(ChainCertificate::pem).map(ToOwned::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests;
